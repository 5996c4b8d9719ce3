#include "native/finite_sum/fit.h"

#include <algorithm>
#include <cmath>

#include "native/core/clock.h"
#include "native/finite_sum/placement.h"

namespace meanfield {

namespace {

const LinearKernels& kernels_of(const std::string& isa) {
  if (isa.empty()) return linear_kernels();
  if (const LinearKernels* kernels = linear_kernels(isa.c_str())) return *kernels;
  throw Error(ErrorCode::InvalidOption, "isa is '" + isa + "', which this machine does not run.");
}

// Gaps fall by about the same factor a step; a measurement waits for this part of the steps that are still missing at this rate, and for no more
// than kFarthest.
constexpr double kForesight = 0.7, kFarthest = 20;

/// Weights with mean 1, in place.
std::vector<double> normalised(const double* weights, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (!(weights[i] >= 0 && std::isfinite(weights[i])))
      throw Error(ErrorCode::InvalidData, "sample weight of row " + std::to_string(i) + " is " +
                                              number_text(weights[i]) + "; expected a finite number of at least 0.");
    total += weights[i];
  }
  if (!(total > 0)) throw Error(ErrorCode::InvalidData, "all sample weights are 0; expected at least one above 0.");
  std::vector<double> scaled(weights, weights + n);
  for (double& weight : scaled) weight *= static_cast<double>(n) / total;
  return scaled;
}

}  // namespace

DataRows data_rows(const LinearData& data, const LinearKernels& kernels) {
  return std::visit([&](const auto& view) { return DataRows(view, kernels); }, data);
}

const std::vector<TraceColumn>& linear_trace_columns() {
  static const std::vector<TraceColumn> columns = {
      {"step", "Steps of the algorithm done."},
      {"passes", "Data passes: example gradients evaluated divided by n, certificates not counted."},
      {"seconds", "Seconds of solving, certificates included."},
      {"objective", "P(w): mean loss + l1 |w|₁ + l2/2 |w|²."},
      {"queries", "Minibatches asked for; a full gradient counts n/b."},
      {"dual", "The best dual value so far, a lower bound on min P."},
      {"gap", "objective − dual, an upper bound on P(w) − min P."},
  };
  return columns;
}

// ---- the driver's view

LinearMethod::LinearMethod(FiniteSum& f, std::unique_ptr<Solver> solver, double tolerance, double absoluteGap)
    : f_(f), solver_(std::move(solver)), anchors_(dual_anchors(f)), tolerance_(tolerance), absoluteGap_(absoluteGap) {}

void LinearMethod::step() {
  solver_->step();
  lastLoss_ = 0;
  for (double w : solver_->weights()) lastLoss_ += w * 0;  // not a number as soon as one weight is not finite
}

Measurement LinearMethod::measure() {
  const Vector& w = solver_->weights();
  const Pass* pass = solver_->pass();
  bool bounded = false;
  if (!pass) {
    const CancelToken* cancel = std::exchange(f_.cancel, nullptr);  // a measurement is finished, whatever comes
    const double dual = solver_->dual();
    bounded = std::isfinite(dual) && !f_.device;
    if (bounded)
      f_.losses(w.data(), own_);
    else
      f_.pass(w.data(), own_);
    bestDual_ = std::max(bestDual_, dual);
    f_.cancel = cancel;
    pass = &own_;
  }
  Measurement m;
  m.objective = f_.objective(*pass, w.data());
  if (!bounded) bestDual_ = std::max(bestDual_, dual_bound(f_, anchors_, *pass, w.data()).dual);
  m.loss = pass->sums.value / static_cast<double>(f_.n);
  m.dual = bestDual_;
  m.gap = m.objective - bestDual_;
  if (m.gap < 0.99 * bestGap_) {
    bestGap_ = m.gap;
    sinceBest_ = 0;
  } else {
    ++sinceBest_;
  }
  foresee(m);
  return m;
}

void LinearMethod::foresee(const Measurement& m) {
  const double goal = std::max(tolerance_ * std::fabs(m.objective), absoluteGap_);
  const double since = static_cast<double>(steps() - measuredAt_), fall = std::log(lastGap_ / m.gap);
  int64_t wait = 1;
  if (std::isfinite(fall) && fall > 0 && goal > 0 && m.gap > goal)
    wait = static_cast<int64_t>(std::clamp(kForesight * std::log(m.gap / goal) / fall * since, 1.0, kFarthest));
  lastGap_ = m.gap;
  measuredAt_ = steps();
  nextMeasure_ = steps() + wait;
}

bool LinearMethod::worth_measuring() const { return solver_->pass() || steps() >= nextMeasure_; }

std::vector<double> LinearMethod::trace_row(double seconds, const Measurement& m) const {
  return {static_cast<double>(steps()), passes(), seconds, m.objective, f_.queries, m.dual, m.gap};
}

std::string LinearMethod::finished(const Measurement& m) const {
  if (tolerance_ > 0 && m.gap <= tolerance_ * std::fabs(m.objective)) return "gap";
  if (absoluteGap_ > 0 && m.gap <= absoluteGap_) return "gap";
  // Rounding of sums of n numbers: a gap this small that has stopped falling will not fall any more.
  if (sinceBest_ >= 30 && bestGap_ <= 1e-9 * (std::fabs(m.objective) + 1e-300)) return "precision";
  return "";
}

void LinearMethod::save(Writer& writer) const {
  solver_->save(writer);
  writer(bestDual_);
  writer(bestGap_);
  writer(sinceBest_);
  writer(measuredAt_);
  writer(nextMeasure_);
  writer(lastGap_);
  writer(f_.examples);
  writer(f_.queries);
}

void LinearMethod::load(Reader& reader) {
  solver_->load(reader);
  reader(bestDual_);
  reader(bestGap_);
  reader(sinceBest_);
  reader(measuredAt_);
  reader(nextMeasure_);
  reader(lastGap_);
  reader(f_.examples);
  reader(f_.queries);
}

std::string LinearMethod::remedy() const { return "the step is too large; use a smaller one, or step: 'auto'."; }

// ---- the fit

LinearFit::LinearFit(const LinearFitRequest& request) : request_(request) {
  model_ = LinearOptions::table().parse("linear", request.model);
  model_.refuse_idle();
  options_ = LinearRunOptions::table().parse("run", request.run);
  loss_ = {model_.loss, model_.lossWidth};
  rows_ = data_rows(request.data, kernels_of(request.isa));
  const int k = static_cast<int>(model_.outputs);
  if (model_.loss == LossKind::Softmax && k < 2)
    throw Error(ErrorCode::InvalidOption,
                "linear: softmax with outputs = 1; expected at least 2 classes. Use the logistic loss for "
                "two classes and one output.");
  if (rows_.n < 1 || rows_.d < 1)
    throw Error(ErrorCode::InvalidData, "training features are " + std::to_string(rows_.n) + " x " +
                                            std::to_string(rows_.d) + "; expected at least one row and one column.");
  // Class indices for a margin loss of several outputs: one-vs-rest.
  classes_ = loss_.classifies() && model_.loss != LossKind::Softmax && k > 1 && request.targetCount == rows_.n;
  const int64_t expected = classes_ ? rows_.n : rows_.n * loss_.target_width(k);
  if (request.targetCount != expected)
    throw Error(ErrorCode::InvalidData, "training targets hold " + std::to_string(request.targetCount) +
                                            " numbers; expected " + std::to_string(expected) + " for " +
                                            std::to_string(rows_.n) + " rows.");
  if (request.sampleWeights && request.sampleWeightCount != rows_.n)
    throw Error(ErrorCode::InvalidData, "sample weights hold " + std::to_string(request.sampleWeightCount) +
                                            " numbers; expected " + std::to_string(rows_.n) + ", one a row.");
  const int64_t size = k * (rows_.d + (model_.intercept ? 1 : 0));
  if (request.initial && request.initialCount != size)
    throw Error(ErrorCode::InvalidData, "initial weights hold " + std::to_string(request.initialCount) +
                                            " numbers; expected " + std::to_string(size) + ".");
  if (request.path > 0 && !(model_.l1 > 0))
    throw Error(ErrorCode::InvalidOption,
                "a path runs down from the largest l1 that leaves any weight, but l1 is 0; give l1 above 0 (with "
                "l2 for its share in an elastic net).");
  if (request.path > 0 && !(request.pathRatio > 0 && request.pathRatio < 1))
    throw Error(ErrorCode::InvalidOption,
                "pathRatio is " + number_text(request.pathRatio) + "; expected a number between 0 and 1.");
  if (request.path > 0 && (!request.checkpoint.empty() || !request.resume.empty()))
    throw Error(ErrorCode::InvalidOption, "checkpoints belong to single fits; a path keeps none.");
  if (request.algorithm != kAutoAlgorithm)
    find_linear_algorithm(request.algorithm).bind(request.algorithmOptions);
  else if (!request.algorithmOptions.empty())
    throw Error(ErrorCode::InvalidOption, "algorithm 'auto' has no options; name an algorithm to set '" +
                                              request.algorithmOptions.front().first + "'.");
  place_ = choose_linear_place(request);
}

void LinearFit::check_targets() const {
  if (!classes_) return loss_.check_targets(request_.targets, rows_.n, static_cast<int>(model_.outputs));
  const Loss labels{LossKind::Softmax, 1};  // for its check of class indices
  labels.check_targets(request_.targets, rows_.n, static_cast<int>(model_.outputs));
}

std::string LinearFit::identity(const std::string& algorithm, const std::string& options) const {
  std::string lines = options + LinearOptions::table().canonical(model_);
  std::replace(lines.begin(), lines.end(), ';', '\n');
  uint64_t hash = 0xcbf29ce484222325ull;
  for (int64_t i = 0; i < rows_.n; ++i) {
    const size_t many = static_cast<size_t>(rows_.count(i));
    hash =
        rows_.single ? fingerprint(rows_.values32(i), many * 4, hash) : fingerprint(rows_.values64(i), many * 8, hash);
    if (rows_.sparse) hash = fingerprint(rows_.columns(i), many * 4, hash);
  }
  hash = fingerprint(request_.targets, static_cast<size_t>(request_.targetCount) * 8, hash);
  if (request_.sampleWeights) hash = fingerprint(request_.sampleWeights, static_cast<size_t>(rows_.n) * 8, hash);
  if (request_.initial) hash = fingerprint(request_.initial, static_cast<size_t>(request_.initialCount) * 8, hash);
  return "algorithm=" + algorithm + "\n" + lines + "seed=" + std::to_string(options_.seed) +
         "\ndata=" + std::to_string(rows_.n) + " x " + std::to_string(rows_.d) + " fingerprint " +
         std::to_string(hash) + "\n";
}

LinearFitResult LinearFit::run(const CancelToken& cancel, const std::function<void(const double*)>& onPoint) {
  const Clock::time_point begin = Clock::now();
  LinearFitResult result;
  check_targets();
  result.threads = thread_count(options_.threads);
  ThreadPool pool(result.threads);
  const double nn = static_cast<double>(rows_.n);
  Regularizer regularizer{model_.l1, model_.l2.value_or(model_.l1 > 0 ? 0 : 1 / nn), model_.nonNegative};
  if (!model_.l2) result.chosen.push_back({"l2", OptionValue(regularizer.l2), model_.l1 > 0 ? "0 beside l1" : "1/n"});
  FiniteSum f(rows_, {request_.targets, classes_}, loss_, static_cast<int>(model_.outputs), model_.intercept,
              regularizer, &pool);
  std::vector<double> weights;
  if (request_.sampleWeights) {
    weights = normalised(request_.sampleWeights, rows_.n);
    f.weights = weights.data();
  }
  f.seed = static_cast<uint64_t>(options_.seed);
  f.cancel = &cancel;
  f.tolerance = options_.tolerance;
  f.checked = false;
  Vector start(static_cast<size_t>(f.size), 0.0);
  if (request_.initial) start.assign(request_.initial, request_.initial + f.size);
  if (model_.nonNegative)
    for (int64_t j = 0; j < f.size; ++j)
      if (f.penalised(j)) start[j] = std::max(start[j], 0.0);
  result.deviceReason = move_to_place(f, place_, request_.algorithm, request_.algorithmOptions, options_.tolerance);
  if (f.device) result.device = place_.name;
  result.setupSeconds = seconds_since(begin);

  const auto solve = [&](const Vector& from, const std::function<void(const double*)>& onRow) {
    const Clock::time_point solving = Clock::now();
    std::string name = request_.algorithm;
    OptionValues own = request_.algorithmOptions;
    LinearChoices chosen;
    if (name == kAutoAlgorithm) {
      AutoChoice choice = choose_linear_algorithm(f, options_.tolerance);
      name = choice.algorithm;
      own = choice.options;
      chosen.push_back({"algorithm", OptionValue(name), choice.why});
    }
    if (name == "coordinate-descent" && request_.path > 0 &&
        std::none_of(own.begin(), own.end(), [](const auto& o) { return o.first == "screening"; }))
      own.push_back({"screening", OptionValue(true)});
    const LinearAlgorithm::Bound bound = find_linear_algorithm(name).bind(own);
    const std::string refusal = bound.refuse(f);
    if (!refusal.empty())
      throw Error(ErrorCode::InvalidOption, "algorithm '" + name + "' cannot solve this problem: " + refusal + ".");
    f.examples = 0;
    f.queries = 0;
    RunPlan plan{options_.plan(), {}, request_.checkpoint, request_.resume, ""};
    if (!plan.checkpoint.empty() || !plan.resume.empty()) plan.identity = identity(name, bound.canonical);
    if (!bound.startsWithPass) f.check_rows();
    LinearMethod method(f, bound.start(f, from, chosen), options_.tolerance, options_.gap);
    const double before = seconds_since(solving);
    RunRecord record = drive(method, plan, cancel, onRow);
    // The certificate is that of the weights that are handed back.
    if (record.stop == "cancelled" && !method.measured()) record.last = method.measure();
    f.cancel = &cancel;
    const Vector& w = method.solver().weights();
    result.weights.clear();
    result.intercepts.assign(static_cast<size_t>(f.k), 0);
    result.nonZeros = 0;
    for (int c = 0; c < f.k; ++c) {
      result.weights.insert(result.weights.end(), w.begin() + c * f.p, w.begin() + c * f.p + f.d);
      if (f.intercept) result.intercepts[c] = w[c * f.p + f.d];
    }
    for (double value : result.weights) result.nonZeros += value != 0;
    result.trace = std::move(record.trace);
    result.objective = record.last.objective;
    result.loss = record.last.loss;
    result.dual = record.last.dual;
    result.gap = record.last.gap;
    result.steps = method.steps();
    result.passes = f.passes();
    result.queries = f.queries;
    result.solveSeconds = before + record.seconds;
    result.stop = record.stop;
    result.algorithm = name;
    result.resumedFrom = record.resumedFrom;
    if (result.path.empty()) result.chosen.insert(result.chosen.end(), chosen.begin(), chosen.end());
    return w;
  };

  try {
    if (request_.path == 0) {
      solve(start, onPoint);
    } else {
      // λ_max: the smallest l1 at which only the intercept is left, from the gradient at the best intercept.
      Pass pass;
      Vector constant(static_cast<size_t>(f.size), 0.0);
      for (int iteration = 0; iteration < (f.intercept ? 50 : 1); ++iteration) {
        f.pass(constant.data(), pass, !f.coupled());
        pass.bring();
        if (!f.intercept) break;
        double largest = 0;
        for (int c = 0; c < f.k; ++c) {
          double curvature = 0;
          for (int64_t i = 0; i < f.n && !f.coupled(); ++i) curvature += pass.curvatures[i * f.k + c] / nn;
          if (!(curvature > 0)) curvature = 1;
          const double g = pass.gradient[c * f.p + f.d];
          constant[c * f.p + f.d] -= g / curvature;
          largest = std::max(largest, std::fabs(g));
        }
        if (largest < 1e-12) break;
      }
      double top = 0;
      for (int64_t j = 0; j < f.size; ++j)
        if (f.penalised(j)) top = std::max(top, model_.nonNegative ? -pass.gradient[j] : std::fabs(pass.gradient[j]));
      const double share = regularizer.l2 / regularizer.l1;
      Vector from = constant;
      for (int64_t point = 0; point < request_.path; ++point) {
        const double part =
            request_.path == 1 ? 0 : static_cast<double>(point) / static_cast<double>(request_.path - 1);
        f.regularizer.l1 = top * std::pow(request_.pathRatio, part);
        f.regularizer.l2 = share * f.regularizer.l1;
        from = solve(from, {});
        result.path.push_back({f.regularizer.l1, f.regularizer.l2, result.objective, result.dual, result.gap,
                               result.passes, result.solveSeconds, result.nonZeros, from});
        if (result.stop == "cancelled") break;
      }
      result.solveSeconds = result.passes = 0;
      for (const PathPoint& point : result.path) {
        result.solveSeconds += point.seconds;
        result.passes += point.passes;
      }
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::Cancelled || !result.stop.empty()) throw;
    // Cancelled before there was any iterate to measure: the start is the model.
    f.cancel = nullptr;
    Pass pass;
    f.pass(start.data(), pass);
    result.objective = f.objective(pass, start.data());
    result.loss = pass.sums.value / nn;
    result.dual = -std::numeric_limits<double>::infinity();
    result.gap = std::numeric_limits<double>::infinity();
    result.intercepts.assign(static_cast<size_t>(f.k), 0);
    for (int c = 0; c < f.k; ++c) {
      result.weights.insert(result.weights.end(), start.begin() + c * f.p, start.begin() + c * f.p + f.d);
      if (f.intercept) result.intercepts[c] = start[c * f.p + f.d];
    }
    result.stop = "cancelled";
    result.algorithm = request_.algorithm;
  }
  result.isa = f.device ? f.device->isa() : rows_.kernels().isa;
  return result;
}

void predict_linear(const LinearPredictRequest& request, const CancelToken& cancel, double* out) {
  const DataRows x = data_rows(request.data, linear_kernels());
  if (request.weightCount != request.outputs * x.d)
    throw Error(ErrorCode::InvalidData,
                "the features have " + std::to_string(x.d) + " columns; the model was fitted on " +
                    std::to_string(request.weightCount / std::max<int64_t>(request.outputs, 1)) +
                    ". Predict on the columns that it was fitted on.");
  x.check("prediction");
  ThreadPool pool(request.threads > 0 ? request.threads : available_parallelism());
  constexpr int64_t kRows = 1024;
  const bool done = pool.run((x.n + kRows - 1) / kRows,
                             [&](int64_t block, int) {
                               for (int64_t i = block * kRows; i < std::min(x.n, (block + 1) * kRows); ++i)
                                 for (int64_t c = 0; c < request.outputs; ++c)
                                   out[i * request.outputs + c] =
                                       x.dot(i, request.weights + c * x.d) + request.intercepts[c];
                             },
                             &cancel);
  if (!done) throw Error(ErrorCode::Cancelled, "the prediction was cancelled.");
}

}  // namespace meanfield
