#include "native/boosting/fit.h"

#include <algorithm>
#include <cmath>

#include "native/core/clock.h"
#include "native/problem/losses.h"

namespace meanfield {

namespace {

std::string counted(int64_t number) { return std::to_string(number); }

void check_shape(const BoostingData& data, const char* what, int64_t columns) {
  const std::string name(what);
  if (data.features.rows < 1 || data.features.cols < 1)
    throw Error(ErrorCode::InvalidData, name + " features are " + counted(data.features.rows) + " x " +
                                            counted(data.features.cols) +
                                            "; expected at least one row and one column.");
  if (data.features.cols != columns)
    throw Error(ErrorCode::InvalidData, name + " features have " + counted(data.features.cols) + " columns; expected " +
                                            counted(columns) + ", as the training data.");
  if (data.targetCount != data.features.rows)
    throw Error(ErrorCode::InvalidData, name + " targets hold " + counted(data.targetCount) + " numbers; expected " +
                                            counted(data.features.rows) + ", a class index for each row.");
}

void check_features(const MatrixView<const float>& features, const std::string& what) {
  for (int64_t i = 0; i < features.rows; ++i)
    for (int64_t j = 0; j < features.cols; ++j)
      if (!std::isfinite(features(i, j)))
        throw Error(ErrorCode::InvalidData, what + " features: row " + counted(i) + ", column " + counted(j) + " is " +
                                                format_option(static_cast<double>(features(i, j))) +
                                                "; expected a finite number. Drop the row or impute the value.");
}

BoostingTable table(const BoostingData& data, int64_t classes, const char* what) {
  check_features(data.features, what);
  const Loss labels{LossKind::Softmax, 1};  // for its check of class indices
  labels.check_targets(data.targets, data.features.rows, static_cast<int>(classes));
  return {data.features, std::vector<int32_t>(data.targets, data.targets + data.targetCount)};
}

}  // namespace

BoostingFit::BoostingFit(const BoostingFitRequest& request) : request_(request) {
  model_ = BoostingOptions::table().parse("boosting", request.model);
  options_ = BoostingRunOptions::table().parse("run", request.run);
  bound_ = find_boosting_algorithm(request.algorithm).bind(request.algorithmOptions);
  check_shape(request.train, "training", request.train.features.cols);
  if (request.hasValidation) check_shape(request.validation, "validation", request.train.features.cols);
  if (model_.sampleSplitting && model_.rounds > request.train.features.rows)
    throw Error(ErrorCode::InvalidOption, "boosting: sampleSplitting gives each of " + counted(model_.rounds) +
                                              " rounds rows of its own, but there are " +
                                              counted(request.train.features.rows) + "; use fewer rounds.");
}

std::string BoostingFit::identity() const {
  BoostingOptions same = model_;
  same.rounds = model_.sampleSplitting ? model_.rounds : 0;  // a run may be continued with more of them
  std::string lines = bound_.canonical + BoostingOptions::table().canonical(same);
  std::replace(lines.begin(), lines.end(), ';', '\n');
  uint64_t hash = 0xcbf29ce484222325ull;
  const auto mark = [&](const BoostingData& data) {
    hash = fingerprint(data.features.data, static_cast<size_t>(data.features.rows * data.features.cols) * 4, hash);
    hash = fingerprint(data.targets, static_cast<size_t>(data.targetCount) * 8, hash);
  };
  mark(request_.train);
  if (request_.hasValidation) mark(request_.validation);
  return "algorithm=" + request_.algorithm + "\n" + lines + "seed=" + counted(options_.seed) +
         "\ndata=" + counted(request_.train.features.rows) + " x " + counted(request_.train.features.cols) +
         " fingerprint " + std::to_string(hash) + "\n";
}

BoostingFitResult BoostingFit::run(const CancelToken& cancel, const std::function<void(const double*)>& onPoint) {
  const Clock::time_point begin = Clock::now();
  BoostingFitResult result;
  const BoostingTable train = table(request_.train, model_.outputs, "training");
  BoostingTable validation;
  if (request_.hasValidation) validation = table(request_.validation, model_.outputs, "validation");
  result.threads = thread_count(options_.threads);
  ThreadPool pool(result.threads);
  BoostingOptions options = model_;
  const double share = 1 / static_cast<double>(train.features.rows);
  for (auto [name, field] : {std::pair{"l2", &options.l2}, std::pair{"embeddingL2", &options.embeddingL2}})
    if (!*field) {
      *field = share;
      result.chosen.push_back({name, OptionValue(share), "1/n"});
    }
  RunPlan plan;
  static_cast<RunLimits&>(plan.options) = options_;
  plan.options.steps = options.rounds;
  plan.options.traceEvery = 1;
  plan.checkpoint = request_.checkpoint;
  plan.resume = request_.resume;
  if (!plan.checkpoint.empty() || !plan.resume.empty()) plan.identity = identity();
  BoostingMethod method(options, bound_.rule, train, request_.hasValidation ? &validation : nullptr,
                        static_cast<uint64_t>(options_.seed), pool);
  result.setupSeconds = seconds_since(begin);
  const Clock::time_point solving = Clock::now();
  if (plan.resume.empty()) method.begin(cancel);
  const double before = seconds_since(solving);
  RunRecord record = drive(method, plan, cancel, onPoint);
  result.model = method.model();
  result.trace = std::move(record.trace);
  result.state = method.state();
  result.objective = record.last.objective;
  result.steps = method.steps();
  result.passes = method.passes();
  result.solveSeconds = before + record.seconds;
  result.stop = record.stop;
  result.resumedFrom = record.resumedFrom;
  result.isa = product_tiles().isa;
  const std::string searched =
      "the best of 0.01 · 2^k after " + counted(options.searchSteps) + " minibatches, halved where a fit diverged";
  if (!model_.linearRate) result.chosen.push_back({"linearRate", OptionValue(method.linear_rate()), searched});
  if (!model_.embeddingRate && method.embedding_rate() > 0)
    result.chosen.push_back({"embeddingRate", OptionValue(method.embedding_rate()), searched});
  return result;
}

namespace {

/// Calls visit(features after t layers) for t = 0 … layers.
template <class Visit>
MatrixView<const float> walk(const BoostingPredictRequest& request, const CancelToken& cancel, ThreadPool& pool,
                             std::vector<float>& z, const Visit& visit) {
  const BoostingOptions options = BoostingOptions::table().parse("boosting", request.model);
  const std::shared_ptr<const Rule> rule =
      find_boosting_algorithm(request.algorithm).bind(request.algorithmOptions).rule;
  const MatrixView<const float> x = request.features;
  if (x.cols < 1) throw Error(ErrorCode::InvalidData, "the features have 0 columns; expected at least one.");
  const Embeddings embeddings(Multiplier(pool), embedding_networks(options, *rule, x.cols));
  const int64_t layers = request.layers;
  if (request.parameterCount != layers * embeddings.parameters() ||
      request.matrixCount != layers * embeddings.matrices() || request.mixCount != 2 * layers ||
      request.linearCount != (x.cols + 1) * options.outputs)
    throw Error(ErrorCode::InvalidData, "the model does not fit " + counted(x.cols) +
                                            " columns; predict on the columns that it was fitted on.");
  check_features(x, "prediction");
  z.assign(x.data, x.data + x.rows * x.cols);
  visit();
  for (int64_t t = 0; t < layers; ++t) {
    const float* p = request.parameters + t * embeddings.parameters();
    const float* m = request.matrices + t * embeddings.matrices();
    const Layer layer{{p, p + embeddings.parameters()},
                      {m, m + embeddings.matrices()},
                      request.mixes[2 * t],
                      request.mixes[2 * t + 1]};
    embeddings.apply(layer, x, z.data(), &cancel);
    visit();
  }
  return {z.data(), x.rows, x.cols};
}

int threads_of(const BoostingPredictRequest& request) {
  return request.threads > 0 ? request.threads : available_parallelism();
}

}  // namespace

std::vector<float> predict_boosting(const BoostingPredictRequest& request, const CancelToken& cancel) {
  ThreadPool pool(threads_of(request));
  std::vector<float> z;
  const MatrixView<const float> last = walk(request, cancel, pool, z, [] {});
  const int64_t d = last.cols, classes = request.linearCount / (d + 1);
  std::vector<float> out(static_cast<size_t>(last.rows * classes));
  ProductScratch scratch;
  logits(Multiplier(pool), {request.linear, request.linear + d * classes, d, classes}, last.data, last.rows, out.data(),
         scratch);
  return out;
}

std::vector<float> represent_boosting(const BoostingPredictRequest& request, const CancelToken& cancel) {
  ThreadPool pool(threads_of(request));
  std::vector<float> z, all;
  walk(request, cancel, pool, z, [&] { all.insert(all.end(), z.begin(), z.end()); });
  return all;
}

}  // namespace meanfield
