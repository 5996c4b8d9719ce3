#include "native/boosting/boosting.h"

#include <cmath>
#include <numeric>

#include "native/boosting/chunks.h"
#include "native/core/spectrum.h"

namespace meanfield {

const std::vector<TraceColumn>& boosting_trace_columns() {
  static const std::vector<TraceColumn> columns = {
      {"step", "Layers."},
      {"passes", "Rows that minibatches of the inner problems have looked at, searches included, divided by n."},
      {"seconds", "Seconds of solving, evaluations of the trace included."},
      {"objective", "Mean training loss + l2/2 ‖W‖² of the linear model on the features after these layers."},
      {"loss", "Mean training loss."},
      {"score", "Training accuracy."},
      {"validationLoss", "Mean loss on the validation data; NaN without."},
      {"validationScore", "Accuracy on the validation data; NaN without."},
      {"gradientL1",
       "Σ ‖G_i‖ of the functional gradient, the derivative of the mean loss in the features of each row."},
      {"gradientL2", "√(n Σ ‖G_i‖²), at least gradientL1: the norm in the space of functions of the training rows."},
      {"frankWolfeGap",
       "⟨G, Z⟩ + ‖e1ᵀ G‖: the largest ⟨G, Z − s⟩ over the unit ball of the last input embedding; below 0 only where Z "
       "lies outside of "
       "it. NaN for other methods, and without layers."},
      {"layerStep", "Step of the last layer; NaN without."},
      {"embeddingObjective", "What the embedding of the last layer was fitted to: its mean plus penalty; NaN without."},
      {"margin05", "Margin z_y − max z_k, the 5 % quantile over the training rows."},
      {"margin25", "25 % quantile."},
      {"margin50", "50 % quantile."},
      {"margin75", "75 % quantile."},
      {"margin95", "95 % quantile."},
  };
  return columns;
}

std::vector<Perceptron> embedding_networks(const BoostingOptions& options, const Rule& rule, int64_t features) {
  std::vector<int64_t> sizes(static_cast<size_t>(options.depth + 2), options.width);
  sizes.front() = sizes.back() = features;
  return std::vector<Perceptron>(rule.branches(), Perceptron(sizes, rule.output()));
}

namespace {

void draw(std::vector<float>& parameters, int64_t at, const Perceptron& network, const Auto<double>& reach,
          WordStream& words) {
  const std::vector<int64_t>& sizes = network.sizes();
  for (size_t l = 0; l + 1 < sizes.size(); ++l) {
    const double bound = reach ? *reach : std::sqrt(6 / static_cast<double>(sizes[l]));
    for (int64_t i = 0; i < sizes[l] * sizes[l + 1]; ++i)
      parameters[static_cast<size_t>(at++)] = static_cast<float>(bound * (2 * words.uniform() - 1));
  }
}

MatrixView<const float> matrix(const std::vector<float>& values, int64_t columns) {
  return {values.data(), static_cast<int64_t>(values.size()) / columns, columns};
}

std::vector<float> gathered(MatrixView<const float> from, const std::vector<int32_t>& rows) {
  std::vector<float> to;
  to.reserve(rows.size() * static_cast<size_t>(from.cols));
  for (int32_t row : rows) to.insert(to.end(), from.row(row), from.row(row) + from.cols);
  return to;
}

std::vector<float> copy_of(const MatrixView<const float>& from) {
  return {from.data, from.data + from.rows * from.cols};
}

/// ‖W‖, the largest singular value.
double operator_norm(const LinearClassifier& linear) {
  return right_singular_vectors({linear.weights, linear.inputs, linear.classes}, 1).values[0];
}

}  // namespace

BoostingMethod::BoostingMethod(const BoostingOptions& options, std::shared_ptr<const Rule> rule,
                               const BoostingTable& train, const BoostingTable* validation, uint64_t seed,
                               ThreadPool& pool)
    : options_(options), rule_(std::move(rule)), train_(train), validation_(validation), seed_(seed), multiply_(pool),
      embeddings_(multiply_, embedding_networks(options, *rule_, train.features.cols)), z_(copy_of(train.features)),
      linearRate_(options.linearRate.value_or(0)), embeddingRate_(options.embeddingRate.value_or(0)) {
  if (validation) validationZ_ = copy_of(validation->features);
}

LinearClassifier BoostingMethod::classifier(const std::vector<float>& parameters) const {
  const int64_t d = train_.features.cols;
  return {parameters.data(), parameters.data() + d * options_.outputs, d, options_.outputs};
}

Shuffles BoostingMethod::shuffles(Inner problem, uint64_t round) const {
  return [=, seed = seed_](uint32_t attempt, uint32_t epoch) {
    const uint64_t step = round << 40 | static_cast<uint64_t>(problem) << 38 | uint64_t{attempt} << 30 | epoch;
    return WordStream(seed, Stream::Minibatch, step);
  };
}

double BoostingMethod::minimise(InnerProblem& problem, Inner which, int64_t round, const NesterovOptions& options,
                                double& rate, std::vector<float>& parameters) {
  if (!(rate > 0)) {
    const Inner searched = which == Inner::Linear ? Inner::LinearSearch : Inner::EmbeddingSearch;
    Nesterov search(problem, options, shuffles(searched, static_cast<uint64_t>(round)));
    rate = search.search(parameters);
    rowsSeen_ += search.rows_seen();
  }
  Nesterov nesterov(problem, options, shuffles(which, static_cast<uint64_t>(round)));
  const double objective = nesterov.fit(parameters, rate);
  rowsSeen_ += nesterov.rows_seen();
  return objective;
}

double BoostingMethod::fit_linear(MatrixView<const float> z, std::vector<float>& parameters, double& rate,
                                  int64_t round) {
  const RowLoss loss = [&](int64_t row, const float* output, float* slope) {
    return class_loss(options_.loss, output, options_.outputs, train_.classes[static_cast<size_t>(row)], slope);
  };
  InnerProblem problem(multiply_, {{Perceptron({z.cols, options_.outputs}, Ending::Identity), z}}, loss, *options_.l2,
                       cancel_);
  const NesterovOptions nesterov{options_.momentum, options_.minibatch, options_.linearEpochs, options_.linearPatience,
                                 options_.searchSteps};
  // A layer may change the features so much that the model of the round before is worse than none.
  const std::vector<float> none(parameters.size(), 0.0f);
  if (problem.objective(parameters.data()) > problem.objective(none.data())) parameters = none;
  return minimise(problem, Inner::Linear, round, nesterov, rate, parameters);
}

void BoostingMethod::begin(const CancelToken& cancel) {
  cancel_ = &cancel;
  const int64_t d = train_.features.cols, classes = options_.outputs;
  std::vector<float> parameters(static_cast<size_t>((d + 1) * classes), 0.0f);
  WordStream words(seed_, Stream::Init, 0);
  draw(parameters, 0, Perceptron({d, classes}, Ending::Identity), 0.05, words);
  objective_ = fit_linear(train_.features, parameters, linearRate_, 0);
  model_.linears.push_back(std::move(parameters));
}

/// Rows of round t of T when each has its own: the t-th part of one shuffle of all.
std::vector<int32_t> BoostingMethod::part(int64_t round) const {
  const int64_t n = train_.features.rows;
  std::vector<int32_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  WordStream words(seed_, Stream::Restart, 0);
  for (int64_t i = n - 1; i > 0; --i) std::swap(order[i], order[words.below(i + 1)]);
  return {order.begin() + round * n / options_.rounds, order.begin() + (round + 1) * n / options_.rounds};
}

Layer BoostingMethod::make_layer(MatrixView<const float> all, double& rate) {
  const int64_t d = all.cols, round = steps();
  const LinearClassifier linear = classifier(model_.linears.back());
  MatrixView<const float> z = all, x = train_.features;
  std::vector<int32_t> classes, rows;
  std::vector<float> zPart, xPart;
  if (options_.sampleSplitting) {
    rows = part(round);
    zPart = gathered(all, rows);
    xPart = gathered(train_.features, rows);
    for (int32_t row : rows) classes.push_back(train_.classes[static_cast<size_t>(row)]);
    z = matrix(zPart, d);
    x = matrix(xPart, d);
  }
  const int32_t* labels = options_.sampleSplitting ? classes.data() : train_.classes.data();
  std::vector<float> gradient(static_cast<size_t>(z.rows * d));
  class_pass(multiply_, options_.loss, linear, z, labels, gradient.data(), cancel_);

  const std::vector<Perceptron>& networks = embeddings_.networks();
  std::vector<float> parameters;
  if (model_.layers.empty()) {
    parameters.assign(static_cast<size_t>(embeddings_.parameters()), 0.0f);
    WordStream words(seed_, Stream::Init, 1);
    int64_t at = 0;
    for (const Perceptron& network : networks) {
      draw(parameters, at, network, options_.initialWeights, words);
      at += network.weights();
    }
  } else {
    parameters = model_.layers.back().parameters;
  }
  std::vector<Branch> branches;
  for (size_t b = 0; b < networks.size(); ++b) branches.push_back({networks[b], b == 0 ? z : x});
  InnerProblem problem(multiply_, std::move(branches), rule_->loss(matrix(gradient, d)), *options_.embeddingL2,
                       cancel_);
  const NesterovOptions nesterov{options_.momentum, options_.minibatch, options_.embeddingEpochs,
                                 options_.embeddingPatience, options_.searchSteps};
  alignment_ = minimise(problem, Inner::Embedding, round, nesterov, rate, parameters);
  const auto products = embeddings_.products(parameters, z, x, matrix(gradient, d), cancel_);
  return rule_->layer(round, std::move(parameters), products);
}

void BoostingMethod::settle(Layer& layer, const std::vector<float>& direction, double squares) const {
  const int64_t n = train_.features.rows, d = train_.features.cols, classes = options_.outputs;
  const LinearClassifier linear = classifier(model_.linears.back());
  ProductScratch scratch;
  std::vector<float> from(static_cast<size_t>(n * classes)), along(from.size());
  logits(multiply_, linear, z_.data(), n, from.data(), scratch);
  multiply_({n, classes, d, direction.data(), d, 1, linear.weights, classes, 1, along.data(), classes}, scratch);
  const auto loss = [&](double h) {
    std::vector<double> parts(static_cast<size_t>(chunk_count(n)));
    over_chunks(multiply_.pool(), n, cancel_, [&](int64_t chunk, int64_t first, int64_t rows, int) {
      std::vector<float> z(static_cast<size_t>(classes));
      for (int64_t i = first; i < first + rows; ++i) {
        for (int64_t k = 0; k < classes; ++k)
          z[k] = from[i * classes + k] + static_cast<float>(h) * along[i * classes + k];
        parts[static_cast<size_t>(chunk)] +=
            class_loss(options_.loss, z.data(), classes, train_.classes[static_cast<size_t>(i)], nullptr);
      }
    });
    double sum = 0;
    for (double part : parts) sum += part;
    return sum / static_cast<double>(n);
  };
  double slope = 0;  // ⟨G, direction⟩ of the rows that G is of: ‖M‖², since direction = ι M and M = ιᵀ G
  for (float value : layer.matrices) slope += static_cast<double>(value) * value;
  const double norm = operator_norm(linear);
  const double smoothness = norm * norm * class_curvature(options_.loss, classes);
  rule_->measured(layer, {slope, squares * smoothness / static_cast<double>(n), loss});
}

void BoostingMethod::step() {
  const int64_t n = train_.features.rows, d = train_.features.cols;
  const double rowsBefore = rowsSeen_, alignmentBefore = alignment_;
  try {
    double linearRate = linearRate_, embeddingRate = embeddingRate_;
    std::vector<float> z = z_, validationZ = validationZ_;
    Layer layer = make_layer(matrix(z_, d), embeddingRate);
    std::vector<float> direction(z.size());
    const double squares = embeddings_.directions(layer, matrix(z_, d), train_.features, direction.data(), cancel_);
    settle(layer, direction, squares);
    mix(layer, direction.data(), n * d, z.data());
    if (validation_) embeddings_.apply(layer, validation_->features, validationZ.data(), cancel_);
    std::vector<float> linear = model_.linears.back();
    const double objective = fit_linear(matrix(z, d), linear, linearRate, steps() + 1);

    z_ = std::move(z);
    validationZ_ = std::move(validationZ);
    model_.layers.push_back(std::move(layer));
    model_.linears.push_back(std::move(linear));
    linearRate_ = linearRate;
    embeddingRate_ = embeddingRate;
    objective_ = objective;
  } catch (...) {
    rowsSeen_ = rowsBefore;
    alignment_ = alignmentBefore;
    throw;
  }
}

Measurement BoostingMethod::measure() {
  const int64_t d = train_.features.cols;
  const LinearClassifier linear = classifier(model_.linears.back());
  const bool gap = !model_.layers.empty() && embeddings_.networks().size() > 1;
  std::vector<float> gradient(gap ? z_.size() : 0);
  BoostingState found;
  found.train = class_pass(multiply_, options_.loss, linear, matrix(z_, d), train_.classes.data(),
                           gap ? gradient.data() : nullptr, cancel_);
  if (validation_) {
    const ClassSums sums = class_pass(multiply_, options_.loss, linear, matrix(validationZ_, d),
                                      validation_->classes.data(), nullptr, cancel_);
    found.validationLoss = sums.loss;
    found.validationScore = sums.accuracy;
  }
  if (gap) {
    double along = 0;
    for (size_t at = 0; at < z_.size(); ++at) along += static_cast<double>(gradient[at]) * z_[at];
    found.gap = rule_->gap(along, embeddings_.products(model_.layers.back().parameters, matrix(z_, d), train_.features,
                                                       matrix(gradient, d), cancel_));
  }
  if (!model_.layers.empty()) {
    found.layerStep = std::fabs(static_cast<double>(model_.layers.back().scale));
    found.alignment = alignment_;
  }
  state_ = found;
  double squares = 0;
  for (int64_t i = 0; i < d * options_.outputs; ++i)
    squares += static_cast<double>(linear.weights[i]) * linear.weights[i];
  Measurement m;
  m.loss = found.train.loss;
  m.objective = found.train.loss + 0.5 * *options_.l2 * squares;
  m.score = found.train.accuracy;
  m.validationLoss = found.validationLoss;
  m.validationScore = found.validationScore;
  return m;
}

std::vector<double> BoostingMethod::trace_row(double seconds, const Measurement& m) const {
  const BoostingState& s = state_;
  std::vector<double> row = {static_cast<double>(steps()),
                             passes(),
                             seconds,
                             m.objective,
                             m.loss,
                             m.score,
                             s.validationLoss,
                             s.validationScore,
                             s.train.l1,
                             s.train.l2,
                             s.gap,
                             s.layerStep,
                             s.alignment};
  row.insert(row.end(), s.train.margins.begin(), s.train.margins.end());
  return row;
}

void BoostingMethod::save(Writer& writer) const {
  writer(static_cast<uint64_t>(model_.layers.size()));
  for (const Layer& layer : model_.layers) {
    writer(layer.parameters);
    writer(layer.matrices);
    writer(layer.keep);
    writer(layer.scale);
  }
  for (const std::vector<float>& linear : model_.linears) writer(linear);
  writer(linearRate_);
  writer(embeddingRate_);
  writer(objective_);
  writer(alignment_);
  writer(rowsSeen_);
}

void BoostingMethod::load(Reader& reader) {
  uint64_t count = 0;
  reader(count);
  model_ = {};
  z_ = copy_of(train_.features);
  if (validation_) validationZ_ = copy_of(validation_->features);
  for (uint64_t t = 0; t < count; ++t) {
    Layer layer;
    reader(layer.parameters);
    reader(layer.matrices);
    reader(layer.keep);
    reader(layer.scale);
    if (static_cast<int64_t>(layer.parameters.size()) != embeddings_.parameters() ||
        static_cast<int64_t>(layer.matrices.size()) != embeddings_.matrices())
      throw Error(ErrorCode::Checkpoint, "the checkpoint holds a layer of another shape.");
    // What the features are after it is computed again: the same numbers, and nothing that takes n × d in the file.
    embeddings_.apply(layer, train_.features, z_.data(), cancel_);
    if (validation_) embeddings_.apply(layer, validation_->features, validationZ_.data(), cancel_);
    model_.layers.push_back(std::move(layer));
  }
  model_.linears.resize(count + 1);
  for (std::vector<float>& linear : model_.linears) reader(linear);
  reader(linearRate_);
  reader(embeddingRate_);
  reader(objective_);
  reader(alignment_);
  reader(rowsSeen_);
}

}  // namespace meanfield
