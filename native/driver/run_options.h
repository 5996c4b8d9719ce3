// Options of a run: how long, when to stop, what to record. None of them changes what a step computes.
#pragma once
#include "native/core/option_fields.h"

namespace meanfield {

/// How the entropy of the certificate is estimated; see mean_field/certificate.h.
enum class GapEstimator { Auto, Neighbours, Mixture, TwoSample };

/// What every run has, and how the tables of all models say it.
struct RunLimits {
  Auto<double> seconds;
  Auto<double> targetObjective;
  int64_t seed = 0;
  Auto<int64_t> threads;
  double checkpointSeconds = 30;

  template <class O>
  static void stops(OptionTable<O>& table) {
    table.number("seconds", "", &O::seconds, above(0), "Budget in seconds of solving; auto: none.")
        .number("targetObjective", "", &O::targetObjective, {},
                "Stop once the objective is at or below this; auto: never.");
  }
  template <class O>
  static void means(OptionTable<O>& table) {
    table
        .integer("threads", "", &O::threads, between(1, 1024),
                 "Threads of this run; auto: the processors available. Does not change the result.")
        .number("checkpointSeconds", "", &O::checkpointSeconds, above(0),
                "Seconds between checkpoints when a checkpoint file is named.");
  }
};

struct RunOptions : RunLimits {
  Auto<int64_t> steps;
  Auto<double> passes;
  double tolerance = 0;
  int64_t patience = 10;
  Auto<int64_t> traceEvery;
  bool certificate = true;
  Auto<int64_t> certificateDraws;
  GapEstimator certificateEstimator = GapEstimator::Auto;
  Auto<int64_t> certificateEvery;

  static const OptionTable<RunOptions>& table() {
    static const OptionTable<RunOptions> table =
        OptionTable<RunOptions>()
            .integer("steps", "T", &RunOptions::steps, at_least(0),
                     "Budget in steps of the algorithm; auto: none when passes or seconds is given, else the "
                     "algorithm's own number.")
            .number("passes", "", &RunOptions::passes, above(0),
                    "Budget in data passes: gradient evaluations per particle divided by n; auto: none.")
            .with(stops<RunOptions>)
            .number("tolerance", "", &RunOptions::tolerance, at_least(0),
                    "Stop once the objective has not fallen by this fraction of itself over `patience` trace points; "
                    "0: never.")
            .integer("patience", "", &RunOptions::patience, at_least(1), "Trace points that `tolerance` looks back on.")
            .integer(
                "traceEvery", "", &RunOptions::traceEvery, at_least(1),
                "Steps between trace points; auto: at most 512 points, thinned evenly as the run gets longer, and half "
                "a pass apart where a step sees only a part of the rows, since a point looks at all of them.")
            .integer("seed", "", &RunOptions::seed, at_least(0),
                     "Seed of the counter-based generator; the result is a function of data, options and seed.")
            .with(means<RunOptions>)
            .boolean("certificate", &RunOptions::certificate,
                     "Estimate primal, dual and gap at the end (needs noise and ridge above 0).")
            .integer("certificateDraws", "S", &RunOptions::certificateDraws, at_least(100),
                     "Draws from the prior for the log-partition function; auto: 20000, fewer where data are large. A "
                     "number lifts the "
                     "bound on the work of the certificate.")
            .choice(
                "certificateEstimator", &RunOptions::certificateEstimator,
                {"auto", "nearest-neighbours", "mixture", "two-sample"},
                "Entropy of the certificate; auto: nearest neighbours up to 10 numbers a particle, else the mixture.")
            .integer("certificateEvery", "", &RunOptions::certificateEvery, at_least(1),
                     "Steps between certificates along the run, each a trace point; auto: only one at the end.");
    return table;
  }
};

}  // namespace meanfield
