#include "native/kernel_regime/fit.h"

#include <algorithm>
#include <cmath>

#include "native/core/clock.h"
#include "native/core/finite.h"
#include "native/kernel_regime/tangent_kernel.h"

namespace meanfield {

namespace {

/// What the driver sees: measurements and results are of the averaged iterate.
class AveragedMethod : public Method {
 public:
  AveragedMethod(KernelRegimeProblem& problem, const KernelRegimeTable& validation, double step, int64_t minibatch)
      : problem_(problem), validation_(validation), state_(AveragedSgd::init(problem, step, minibatch)) {}

  void step() override { AveragedSgd::step(state_, problem_); }
  int64_t steps() const override { return state_.steps; }
  double passes() const override {
    return static_cast<double>(state_.epoch) + static_cast<double>(state_.at) / static_cast<double>(problem_.rows.rows);
  }
  double last_loss() const override { return state_.lastLoss; }

  Measurement measure() override {
    const std::vector<double> mean = state_.average();
    Measurement m;
    m.loss = mean_loss(mean, problem_.rows, problem_.targets);
    for (const double value : mean) m.secondMoment += value * value;
    m.objective = m.loss + problem_.ridge / 2 * m.secondMoment;
    m.validationLoss =
        validation_.rows.data ? mean_loss(mean, validation_.rows, validation_.targets) : Measurement::kNone;
    return m;
  }
  const std::vector<TraceColumn>& columns() const override { return kernel_regime_trace_columns(); }
  std::vector<double> trace_row(double seconds, const Measurement& m) const override {
    return {static_cast<double>(steps()), passes(), seconds, m.objective, m.loss, m.secondMoment, m.validationLoss};
  }
  std::vector<float> particles() const override {
    const std::vector<double> mean = state_.average();
    return {mean.begin(), mean.end()};
  }
  void interrupt_with(const CancelToken* cancel) override { problem_.cancel = cancel; }
  void save(Writer& writer) const override {
    const_cast<AveragedSgd::State&>(state_).visit(writer);  // one visit serves both directions; the writer only reads
  }
  void load(Reader& reader) override {
    state_.visit(reader);
    state_.order.clear();
    if (state_.theta.size() != static_cast<size_t>(problem_.network.size()) || state_.sum.size() != state_.theta.size())
      throw Error(ErrorCode::Checkpoint, "the checkpoint does not hold as many parameters as the network has.");
  }
  std::string remedy() const override {
    return "the step " + format_option(state_.step) + " is too large; use a smaller one, or step: 'auto'.";
  }
  int64_t default_steps() const override {
    constexpr int64_t kFewest = 10000;
    const int64_t n = problem_.rows.rows;
    return std::max((n + state_.minibatch - 1) / state_.minibatch, kFewest);
  }

  std::vector<double> average() const { return state_.average(); }
  /// Outputs at a displacement; those of the start are 0 without any work.
  std::vector<double> outputs(const std::vector<double>& theta, const MatrixView<const float>& rows) const {
    std::vector<double> out(static_cast<size_t>(rows.rows * problem_.network.outputs), 0.0);
    if (state_.steps > 0) problem_.network.evaluate(theta.data(), rows, problem_.pool, problem_.cancel, out.data());
    return out;
  }

 private:
  double mean_loss(const std::vector<double>& theta, const MatrixView<const float>& rows, const double* targets) const {
    const std::vector<double> out = outputs(theta, rows);
    double sum = 0;
    for (size_t i = 0; i < out.size(); ++i) sum += (out[i] - targets[i]) * (out[i] - targets[i]) / 2;
    return sum / static_cast<double>(rows.rows);
  }

  KernelRegimeProblem& problem_;
  const KernelRegimeTable& validation_;
  AveragedSgd::State state_;
};

}  // namespace

const std::vector<KernelRegimeAlgorithm>& kernel_regime_algorithms() {
  static const std::vector<KernelRegimeAlgorithm> algorithms = {
      {AveragedSgd::kName, AveragedSgd::kTitle, AveragedSgd::kSource, AveragedSgd::Options::table().describe()}};
  return algorithms;
}

const std::vector<TraceColumn>& kernel_regime_trace_columns() {
  static const std::vector<TraceColumn> columns = {
      {"step", "Steps of the algorithm done."},
      {"passes", "Rows looked at divided by n."},
      {"seconds", "Seconds of solving, evaluations of the trace included."},
      {"objective", "Mean loss + ridge/2 · distance, at the averaged parameters."},
      {"loss", "Mean over the rows of half the squared error, summed over outputs."},
      {"distance", "|Θ̄ − Θ(0)|²."},
      {"validationLoss", "The same mean on the validation data; NaN without."},
  };
  return columns;
}

KernelRegimeFit::KernelRegimeFit(const KernelRegimeRequest& request) : request_(request) {
  model_ = KernelRegimeOptions::table().parse("kernel-regime", request.model);
  model_.check();
  options_ = KernelRegimeRunOptions::table().parse("run", request.run);
  if (request.algorithm != AveragedSgd::kName)
    throw Error(ErrorCode::InvalidOption,
                "algorithm is '" + request.algorithm + "'; expected '" + AveragedSgd::kName + "'.");
  algorithm_ = AveragedSgd::Options::table().parse(AveragedSgd::kName, request.algorithmOptions);
  check_table(request.train, "training");
  if (request.validation.rows.data) {
    check_table(request.validation, "validation");
    if (request.validation.rows.cols != request.train.rows.cols)
      throw Error(ErrorCode::InvalidData, "validation features have " + std::to_string(request.validation.rows.cols) +
                                              " columns; expected " + std::to_string(request.train.rows.cols) +
                                              " as in the training data.");
  }
  const int64_t n = request.train.rows.rows;
  if (algorithm_.minibatch > n)
    throw Error(ErrorCode::InvalidOption, "minibatch is " + std::to_string(algorithm_.minibatch) +
                                              " but the data have " + std::to_string(n) + " rows; use at most that.");
  for (size_t i = 0; i < request.snapshots.size(); ++i)
    if (request.snapshots[i] < 0 || (i > 0 && request.snapshots[i] <= request.snapshots[i - 1]))
      throw Error(ErrorCode::InvalidOption, "snapshots: step " + std::to_string(request.snapshots[i]) +
                                                " is out of order; expected increasing steps of at least 0.");
}

void KernelRegimeFit::check_table(const KernelRegimeTable& table, const std::string& name) const {
  const int64_t n = table.rows.rows, k = request_.outputs;
  if (n < 1 || table.rows.cols < 1 || k < 1)
    throw Error(ErrorCode::InvalidData, name + " data are " + std::to_string(n) + " x " +
                                            std::to_string(table.rows.cols) + " with " + std::to_string(k) +
                                            " outputs; expected at least one row, column and output.");
  if (table.targetCount != n * k)
    throw Error(ErrorCode::InvalidData, name + " targets hold " + std::to_string(table.targetCount) +
                                            " numbers; expected " + std::to_string(n * k) + ", rows times outputs.");
  for (int64_t i = 0; i < n * k; ++i)
    if (!std::isfinite(table.targets[i]))
      throw Error(ErrorCode::InvalidData, name + " targets: row " + std::to_string(i / k) + " is " +
                                              format_option(table.targets[i]) +
                                              "; expected finite numbers. Drop the row first.");
}

std::string KernelRegimeFit::identity() const {
  std::string lines =
      AveragedSgd::Options::table().canonical(algorithm_) + KernelRegimeOptions::table().canonical(model_);
  std::replace(lines.begin(), lines.end(), ';', '\n');
  const MatrixView<const float>& x = request_.train.rows;
  uint64_t hash = 0xcbf29ce484222325ull;
  for (int64_t i = 0; i < x.rows; ++i) hash = fingerprint(x.row(i), static_cast<size_t>(x.cols) * 4, hash);
  hash = fingerprint(request_.train.targets, static_cast<size_t>(request_.train.targetCount) * 8, hash);
  return "algorithm=" + request_.algorithm + "\n" + lines + "seed=" + std::to_string(options_.seed) +
         "\ndata=" + std::to_string(x.rows) + " x " + std::to_string(x.cols) + " fingerprint " + std::to_string(hash) +
         "\n";
}

KernelRegimeResult KernelRegimeFit::run(const CancelToken& cancel, const std::function<void(const double*)>& onPoint) {
  const Clock::time_point start = Clock::now();
  const MatrixView<const float>& x = request_.train.rows;
  check_finite(x, "training", cancel);
  if (request_.validation.rows.data) check_finite(request_.validation.rows, "validation", cancel);
  KernelRegimeResult result;
  result.threads = thread_count(options_.threads);
  ThreadPool pool(result.threads);
  const TangentNetwork network(model_, x.cols, request_.outputs, static_cast<uint64_t>(options_.seed));

  const auto choose = [&](const char* name, double value, const std::string& why) {
    result.chosen.push_back({name, OptionValue(value), why});
    return value;
  };
  double largest = 0, trace = 0;
  if (!model_.ridge || !algorithm_.step) {
    for (const double k : TangentKernel(network, model_.layers).diagonal(x, pool, &cancel)) {
      largest = std::max(largest, k);
      trace += k / static_cast<double>(x.rows);
    }
    if (!(largest > 0))
      throw Error(
          ErrorCode::InvalidData,
          "the tangent kernel is 0 on all rows, so that nothing can be learned; give features that are not all 0, "
          "or biasScale above 0.");
  }
  if (model_.sharpness == std::nullopt && model_.activation != ActivationShape::Relu)
    choose("sharpness", network.activation.sharpness, "the default of this activation");
  const double d = static_cast<double>(x.cols), n = static_cast<double>(x.rows);
  const double ridge =
      model_.ridge ? *model_.ridge
                   : choose("ridge", trace * std::pow(n, -d / (2 * d - 1)),
                            "Tr(Σ) n^(-d/(2d-1)) with Tr(Σ) = " + format_option(trace) + ", Corollary 2 with r = 1/2");
  const double step = algorithm_.step ? *algorithm_.step
                                      : choose("step", 1 / (4 * (largest + ridge)),
                                               "1/(4 (κ + λ)) with κ = " + format_option(largest) +
                                                   ", the largest k(x, x) over the training rows, Theorem 1");
  KernelRegimeProblem problem{network, x, request_.train.targets, ridge, pool, static_cast<uint64_t>(options_.seed),
                              &cancel};
  AveragedMethod method(problem, request_.validation, step, algorithm_.minibatch);
  result.setupSeconds = seconds_since(start);

  RunPlan plan{options_.plan(), request_.snapshots, request_.checkpoint, request_.resume, ""};
  if (!plan.checkpoint.empty() || !plan.resume.empty()) plan.identity = identity();
  RunRecord record = drive(method, plan, cancel, onPoint);
  result.parameters = {network.directions, method.average()};
  result.snapshots = std::move(record.snapshots);
  result.trace = std::move(record.trace);
  result.objective = record.last.objective;
  result.loss = record.last.loss;
  result.distance = record.last.secondMoment;
  result.steps = method.steps();
  result.passes = method.passes();
  result.solveSeconds = record.seconds;
  result.stop = record.stop;
  result.resumedFrom = record.resumedFrom;

  if (options_.certificate && result.stop != "cancelled") {
    const Clock::time_point before = Clock::now();
    problem.cancel = &cancel;
    try {
      const std::vector<double>& theta = result.parameters.displacement;
      result.certificate = certify_linearized(problem, theta, method.outputs(theta, x));
      result.hasCertificate = true;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::Cancelled) throw;
      result.stop = "cancelled";
    }
    result.certificateSeconds = seconds_since(before);
  }
  return result;
}

std::vector<float> predict_kernel_regime(const KernelRegimePrediction& request, const CancelToken& cancel) {
  const KernelRegimeOptions model = KernelRegimeOptions::table().parse("kernel-regime", request.model);
  model.check();
  const int64_t expected = request.rows.cols * (model.width / 2);
  if (request.directionCount != expected)
    throw Error(ErrorCode::InvalidData, "directions hold " + std::to_string(request.directionCount) +
                                            " numbers; expected " + std::to_string(expected) +
                                            ", features times half the width.");
  check_finite(request.rows, "prediction", cancel);
  const TangentNetwork network(model, request.rows.cols, request.outputs,
                               {request.directions, request.directions + request.directionCount});
  if (request.displacementCount != network.size())
    throw Error(ErrorCode::InvalidData, "parameters hold " + std::to_string(request.displacementCount) +
                                            " numbers; expected " + std::to_string(network.size()) + ".");
  ThreadPool pool(request.threads);
  std::vector<double> out(static_cast<size_t>(request.rows.rows * request.outputs));
  network.evaluate(request.displacement, request.rows, pool, &cancel, out.data());
  return {out.begin(), out.end()};
}

}  // namespace meanfield
