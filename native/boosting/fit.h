// From a request to a boosted residual classifier: checks, the driver, what is told of the model; and its predictions.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "native/boosting/boosting.h"

namespace meanfield {

/// Memory belongs to the caller and must live until the fit has returned. Targets are class indices.
struct BoostingData {
  MatrixView<const float> features;
  const double* targets = nullptr;
  int64_t targetCount = 0;
};

struct BoostingFitRequest {
  BoostingData train, validation;
  bool hasValidation = false;
  OptionValues model;
  std::string algorithm;
  OptionValues algorithmOptions;
  OptionValues run;
  std::string checkpoint, resume;
};

struct BoostingFitResult {
  BoostingModel model;
  std::vector<double> trace;
  BoostingState state;
  double objective = 0;
  int64_t steps = 0;
  double passes = 0, setupSeconds = 0, solveSeconds = 0;
  std::string stop;  // budget, target, cancelled
  std::vector<Chosen> chosen;
  std::string isa;
  int threads = 1;
  int64_t resumedFrom = -1;
};

class BoostingFit {
 public:
  /// Throws InvalidOption or InvalidData at once.
  explicit BoostingFit(const BoostingFitRequest& request);
  /// Throws Cancelled when it was stopped before there was a first linear model.
  BoostingFitResult run(const CancelToken& cancel, const std::function<void(const double* row)>& onPoint);

 private:
  std::string identity() const;

  BoostingFitRequest request_;
  BoostingOptions model_;
  BoostingRunOptions options_;
  BoostingAlgorithm::Bound bound_;
};

struct BoostingPredictRequest {
  MatrixView<const float> features;
  OptionValues model;
  std::string algorithm;
  OptionValues algorithmOptions;
  const float* parameters = nullptr;  // layers × numbers of the embeddings
  const float* matrices = nullptr;    // layers × numbers of all M_b
  const float* mixes = nullptr;       // layers × (keep, scale)
  const float* linear = nullptr;      // (d + 1) × K: the linear model on top of these layers
  int64_t parameterCount = 0, matrixCount = 0, mixCount = 0, linearCount = 0;
  int64_t layers = 0;
  int threads = 0;
};
/// n × K logits. Throws InvalidData, Cancelled.
std::vector<float> predict_boosting(const BoostingPredictRequest& request, const CancelToken& cancel);
/// The features after 0, 1, …, all layers: (layers + 1) × n × d; the linear model is not looked at.
std::vector<float> represent_boosting(const BoostingPredictRequest& request, const CancelToken& cancel);

}  // namespace meanfield
