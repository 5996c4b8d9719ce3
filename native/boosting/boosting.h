// The rounds that both methods share: linear model, functional gradient, embedding, layer, linear model again.
#pragma once
#include <memory>
#include <vector>

#include "native/boosting/nesterov.h"
#include "native/boosting/options.h"
#include "native/boosting/rules.h"
#include "native/driver/driver.h"

namespace meanfield {

/// Rows as the method reads them: features n × d, classes n.
struct BoostingTable {
  MatrixView<const float> features;
  std::vector<int32_t> classes;
};

/// What a boosted model is: T layers and T + 1 linear models (d × K weights, K intercepts), one for each number of layers.
struct BoostingModel {
  std::vector<Layer> layers;
  std::vector<std::vector<float>> linears;
};

/// What is known of the model with so many layers.
struct BoostingState {
  ClassSums train;
  double validationLoss = Measurement::kNone, validationScore = Measurement::kNone;
  double gap = Measurement::kNone;        // of Frank and Wolfe, over the ball of the last input embedding
  double layerStep = Measurement::kNone;  // η, or s_l
  double alignment = Measurement::kNone;  // objective that the last embedding was left at
};

const std::vector<TraceColumn>& boosting_trace_columns();

/// A step adds a layer; it works on copies, so that an interrupted one leaves nothing behind.
class BoostingMethod : public Method {
 public:
  /// Options with nothing left to 'auto' that does not follow from the first round.
  BoostingMethod(const BoostingOptions& options, std::shared_ptr<const Rule> rule, const BoostingTable& train,
                 const BoostingTable* validation, uint64_t seed, ThreadPool& pool);

  /// The linear model on the features as they are; before the first step of a run that is not resumed. Throws Cancelled.
  void begin(const CancelToken& cancel);

  void step() override;
  bool keeps_state() const override { return true; }
  int64_t steps() const override { return static_cast<int64_t>(model_.layers.size()); }
  double passes() const override { return rowsSeen_ / static_cast<double>(train_.features.rows); }
  double last_loss() const override { return objective_; }
  Measurement measure() override;
  const std::vector<TraceColumn>& columns() const override { return boosting_trace_columns(); }
  std::vector<double> trace_row(double seconds, const Measurement& m) const override;
  void interrupt_with(const CancelToken* cancel) override { cancel_ = cancel; }
  void save(Writer& writer) const override;
  void load(Reader& reader) override;
  std::string remedy() const override { return rule_->remedy(); }
  int64_t default_steps() const override { return options_.rounds; }

  const BoostingModel& model() const { return model_; }
  const BoostingState& state() const { return state_; }
  const Embeddings& embeddings() const { return embeddings_; }
  double linear_rate() const { return linearRate_; }
  double embedding_rate() const { return embeddingRate_; }

 private:
  enum class Inner : uint32_t { Linear, Embedding, LinearSearch, EmbeddingSearch };
  Shuffles shuffles(Inner problem, uint64_t round) const;
  double minimise(InnerProblem& problem, Inner which, int64_t round, const NesterovOptions& options, double& rate,
                  std::vector<float>& parameters);
  double fit_linear(MatrixView<const float> z, std::vector<float>& parameters, double& rate, int64_t round);
  Layer make_layer(MatrixView<const float> z, double& rate);
  void settle(Layer& layer, const std::vector<float>& direction, double squares) const;
  LinearClassifier classifier(const std::vector<float>& parameters) const;
  std::vector<int32_t> part(int64_t round) const;

  BoostingOptions options_;
  std::shared_ptr<const Rule> rule_;
  const BoostingTable& train_;
  const BoostingTable* validation_;
  uint64_t seed_;
  Multiplier multiply_;
  Embeddings embeddings_;
  const CancelToken* cancel_ = nullptr;

  BoostingModel model_;
  std::vector<float> z_, validationZ_;         // features after all layers, n × d
  double linearRate_ = 0, embeddingRate_ = 0;  // 0: not searched for yet
  double objective_ = 0, alignment_ = Measurement::kNone, rowsSeen_ = 0;
  BoostingState state_;
};

/// The networks of a method on d features.
std::vector<Perceptron> embedding_networks(const BoostingOptions& options, const Rule& rule, int64_t features);

}  // namespace meanfield
