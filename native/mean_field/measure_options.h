// What the runs of measures that are no networks (particle measure, minimax game) have in common.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "native/core/option_fields.h"

namespace meanfield {

struct MeasureRunOptions {
  int64_t steps = 1000;
  int64_t traceEvery = 10;
  int64_t seed = 0;
  Auto<int64_t> threads;

  static const OptionTable<MeasureRunOptions>& table() {
    static const OptionTable<MeasureRunOptions> table =
        OptionTable<MeasureRunOptions>()
            .integer("steps", "T", &MeasureRunOptions::steps, at_least(0), "Steps of the method.")
            .integer("traceEvery", "", &MeasureRunOptions::traceEvery, at_least(1), "Steps between trace points.")
            .integer("seed", "", &MeasureRunOptions::seed, at_least(0),
                     "Seed of the counter-based generator; the result is a function of data, options and seed.")
            .integer("threads", "", &MeasureRunOptions::threads, between(1, 1024),
                     "Threads of this run; auto: the processors available. Does not change the result.");
    return table;
  }
};

/// How far the measure can be from the optimum: see particle_measure.h and minimax.h.
struct MeasureCertificate {
  double primal = 0, dual = 0, gap = 0;
  double standardError = 0;
  bool trusted = true;
  std::string words;
};

/// Gets each trace row as it is recorded.
using OnRow = std::function<void(const double* row)>;

}  // namespace meanfield
