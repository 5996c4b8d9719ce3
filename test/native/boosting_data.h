// Generated classes for the tests of boosting, and the pieces of a method at work on them.
#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "native/boosting/fit.h"

namespace boosting_test {

using namespace meanfield;

struct Classes {
  int64_t n, d;
  std::vector<float> x;         // n × d
  std::vector<double> targets;  // class indices
  MatrixView<const float> view() const { return {x.data(), n, d}; }
  BoostingData data() const { return {view(), targets.data(), n}; }
  BoostingTable table() const { return {view(), std::vector<int32_t>(targets.begin(), targets.end())}; }
};

/// Rings around 0 in d dimensions, one a class: no linear model tells them apart.
inline Classes rings(int64_t n, int64_t d, int64_t classes, uint64_t seed) {
  Classes made{n, d, {}, {}};
  const RandomField field{seed, Stream::Init};
  for (int64_t i = 0; i < n; ++i) {
    const int64_t y = i % classes;
    double square = 0;
    std::vector<double> row;
    for (int64_t j = 0; j < d; ++j) {
      row.push_back(field.normal(static_cast<uint64_t>(i), 0, static_cast<uint32_t>(j)));
      square += row.back() * row.back();
    }
    const double radius = 0.5 + static_cast<double>(y) + 0.1 * field.normal(static_cast<uint64_t>(i), 1, 0);
    for (double value : row) made.x.push_back(static_cast<float>(radius * value / std::sqrt(square)));
    made.targets.push_back(static_cast<double>(y));
  }
  return made;
}

inline std::vector<float> uniforms(int64_t count, uint64_t step, double reach) {
  WordStream words(11, Stream::Init, step);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(reach * (2 * words.uniform() - 1));
  return values;
}

inline MatrixView<const float> view_of(const std::vector<float>& values, int64_t columns) {
  return {values.data(), static_cast<int64_t>(values.size()) / columns, columns};
}

/// Small enough for a test, in the options of a request.
inline OptionValues small(double rounds) {
  return {{"outputs", 3.0},       {"rounds", rounds},        {"width", 24.0},     {"depth", 1.0},
          {"linearEpochs", 10.0}, {"embeddingEpochs", 10.0}, {"minibatch", 32.0}, {"searchSteps", 40.0}};
}

inline BoostingFitRequest request(const Classes& train, const char* algorithm, OptionValues model,
                                  OptionValues run = {}) {
  BoostingFitRequest made;
  made.train = train.data();
  made.algorithm = algorithm;
  made.model = std::move(model);
  made.run = std::move(run);
  return made;
}

inline BoostingFitResult fitted(const BoostingFitRequest& request) {
  return BoostingFit(request).run(CancelToken(), {});
}

/// Column `name` of a trace.
inline std::vector<double> column(const std::vector<double>& trace, const std::string& name) {
  const std::vector<TraceColumn>& columns = boosting_trace_columns();
  std::vector<double> values;
  for (size_t j = 0; j < columns.size(); ++j)
    if (name == columns[j].name)
      for (size_t at = j; at < trace.size(); at += columns.size()) values.push_back(trace[at]);
  return values;
}

/// The model of a fit with its first layers, as predictions take it.
struct Flat {
  std::vector<float> parameters, matrices, mixes, linear;
  BoostingPredictRequest request;
};
inline std::unique_ptr<Flat> flat(const BoostingFitRequest& from, const BoostingModel& model, size_t layers,
                                  MatrixView<const float> features) {
  auto made = std::make_unique<Flat>();
  for (size_t t = 0; t < layers; ++t) {
    const Layer& layer = model.layers[t];
    made->parameters.insert(made->parameters.end(), layer.parameters.begin(), layer.parameters.end());
    made->matrices.insert(made->matrices.end(), layer.matrices.begin(), layer.matrices.end());
    made->mixes.insert(made->mixes.end(), {layer.keep, layer.scale});
  }
  made->linear = model.linears[layers];
  const auto count = [](const std::vector<float>& values) { return static_cast<int64_t>(values.size()); };
  made->request = {features,
                   from.model,
                   from.algorithm,
                   from.algorithmOptions,
                   made->parameters.data(),
                   made->matrices.data(),
                   made->mixes.data(),
                   made->linear.data(),
                   count(made->parameters),
                   count(made->matrices),
                   count(made->mixes),
                   count(made->linear),
                   static_cast<int64_t>(layers),
                   1};
  return made;
}

}  // namespace boosting_test
