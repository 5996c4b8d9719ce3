#include "native/driver/driver.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "native/core/clock.h"

namespace meanfield {

namespace {

constexpr size_t kMaxTraceRows = 512;
// Steps between the first trace points at most: a budget that is meant to be cut short must not keep a run silent.
constexpr int64_t kLargestInterval = 64;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Passes between trace points where a step sees only a part of the rows: a point costs a look at all of them, half a pass
// of gradients. Closer in the beginning; not a matter of the budget, which a continued run may change.
constexpr double kPassesApart = 0.5, kFirstPassesApart = 1.0 / 16, kApartOfPassesDone = 0.25;
// A step that took longer than this may be interrupted in its middle, at the price of a copy of the state before it;
// shorter ones are simply finished, well within the 50 ms that an abort may take.
constexpr double kGuardedSeconds = 0.01;
// The copy has to be worth its time: where particles live on a device, bringing them here may take longer than the step.
constexpr double kGuardedCopies = 4;
// An objective this many times above its start has left every descent argument behind.
constexpr double kExplosion = 1e3;
// Passes are sums of parts such as B/n: ten times 0.1 is below 1, and still a pass.
constexpr double kWholePass = 1 - 1e-9;

/// The trace, thinned evenly so that it never holds more than kMaxTraceRows rows: every second row is dropped and the
/// interval doubled when it is full. Which steps are kept depends on the method alone, not on its speed. Rows that were
/// asked for by name, those of certificates, are kept beside the others.
class Trace {
 public:
  explicit Trace(size_t columns) : columns_(columns) {}
  std::vector<double> values;
  int64_t every = 1;
  int64_t wanted = 0;  // multiples of this, too; 0: none
  bool thinning = true;

  bool due(int64_t step) const { return step % every == 0 || is_wanted(step); }
  size_t columns() const { return columns_; }
  size_t rows() const { return values.size() / columns(); }
  const double* row(size_t index) const { return values.data() + index * columns(); }
  double step_at(size_t index) const { return row(index)[0]; }

  void add(const std::vector<double>& row) {
    values.insert(values.end(), row.begin(), row.end());
    if (!thinning || others() < kMaxTraceRows) return;
    every *= 2;
    std::vector<double> kept;
    for (size_t i = 0; i < rows(); ++i)
      if (due(static_cast<int64_t>(step_at(i)))) kept.insert(kept.end(), this->row(i), this->row(i) + columns());
    values = std::move(kept);
  }

  /// Makes the interval a multiple of what it is, of at least this many steps.
  void widen(int64_t least) {
    if (thinning && least > every) every *= (least + every - 1) / every;
  }

 private:
  bool is_wanted(int64_t step) const { return wanted > 0 && step % wanted == 0; }
  /// Rows that are only due.
  size_t others() const {
    size_t count = 0;
    for (size_t i = 0; i < rows(); ++i) count += !is_wanted(static_cast<int64_t>(step_at(i)));
    return count;
  }

  size_t columns_;
};

template <class M>
auto numbers(M& m) {
  return std::vector<decltype(&m.loss)>{&m.objective,       &m.loss, &m.secondMoment, &m.score,  &m.validationLoss,
                                        &m.validationScore, &m.dual, &m.gap,          &m.primal, &m.gapError};
}

class Loop {
 public:
  Loop(Method& method, const RunPlan& plan, const CancelToken& cancel,
       const std::function<void(const double*)>& onPoint)
      : method_(method), plan_(plan), options_(plan.options), cancel_(cancel), onPoint_(onPoint),
        trace_(method.columns().size()) {
    const bool otherBudget = options_.passes || options_.seconds;
    for (double* value : numbers(last_)) *value = Measurement::kNone;  // nothing has been measured
    maxSteps_ = options_.steps ? *options_.steps
                : otherBudget  ? std::numeric_limits<int64_t>::max()
                               : method.default_steps();
    trace_.wanted = options_.certificateEvery.value_or(0);
    if (options_.traceEvery) {
      trace_.every = *options_.traceEvery;
      trace_.thinning = false;
    } else if (maxSteps_ < std::numeric_limits<int64_t>::max()) {
      trace_.every = std::clamp<int64_t>(maxSteps_ / 256, 1, kLargestInterval);
    }
  }

  RunRecord run() {
    start_ = Clock::now();
    if (!plan_.resume.empty()) resume();
    // At once, so that a place that cannot be written to is found before the work and not after it.
    if (!plan_.checkpoint.empty()) save();
    // The row that closes the trace, and what the method learns from it, are not in the checkpoint: continued with a larger budget, the
    // run has no such row.
    std::vector<double> closing;
    Writer state;
    try {
      stop_ = advance();
      if (!plan_.checkpoint.empty()) pack(state);
      if (plan_.measured && stop_ != "cancelled" && lastRecorded_ != method_.steps()) closing = measured_row();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::Cancelled) throw;
      stop_ = "cancelled";
      if (!plan_.checkpoint.empty()) pack(state = Writer());
    }
    method_.interrupt_with(nullptr);
    if (!plan_.checkpoint.empty()) write_checkpoint(plan_.checkpoint, plan_.identity, state.buffer);
    trace_.values.insert(trace_.values.end(), closing.begin(), closing.end());
    RunRecord result;
    result.seconds = elapsed();
    result.trace = std::move(trace_.values);
    result.snapshots = std::move(snapshots_);
    result.stop = stop_;
    result.resumedFrom = resumedFrom_;
    result.last = last_;
    return result;
  }

 private:
  double elapsed() const { return secondsBefore_ + seconds_since(start_); }

  std::string advance() {
    bool slow = true;  // how long the first step takes is not known
    for (;;) {
      if (cancel_.cancelled()) return "cancelled";
      method_.interrupt_with(&cancel_);
      if (lastVisited_ != method_.steps()) {
        snapshot_if_due();
        if (plan_.measured && trace_.due(method_.steps()) && (every_point() || method_.worth_measuring())) {
          if (lastRecorded_ != method_.steps()) record();
          if (options_.targetObjective && last_.objective <= *options_.targetObjective) return "target";
          const std::string finished = method_.finished(last_);
          if (!finished.empty()) return finished;
          if (stalled()) return "tolerance";
        }
        lastVisited_ = method_.steps();  // last, so that an interrupted visit is made again after resuming
      }
      if (method_.steps() >= maxSteps_ || (options_.passes && method_.passes() >= *options_.passes * kWholePass) ||
          (options_.seconds && elapsed() >= *options_.seconds))
        return "budget";
      if (!plan_.checkpoint.empty() && seconds_since(lastCheckpoint_) >= options_.checkpointSeconds) save();
      const Clock::time_point before = Clock::now();
      const bool guarded = slow || method_.long_step();
      step(guarded);
      const double took = seconds_since(before) - (guarded ? copySeconds_ : 0);
      slow = took > std::max(kGuardedSeconds, kGuardedCopies * copySeconds_);
    }
  }

  void step(bool guarded) {
    if (!guarded || method_.keeps_state()) {
      if (!method_.keeps_state()) method_.interrupt_with(nullptr);
      method_.step();
    } else {
      Writer copy;
      const Clock::time_point start = Clock::now();
      method_.save(copy);
      copySeconds_ = seconds_since(start);
      try {
        method_.step();
      } catch (const Error& error) {
        if (error.code() == ErrorCode::Cancelled) {
          Reader reader(std::move(copy.buffer));
          method_.load(reader);
        }
        throw;
      }
    }
    if (!std::isfinite(method_.last_loss())) diverged("the loss is not finite");
  }

  void record() {
    const std::vector<double> row = measured_row();
    lastRecorded_ = method_.steps();
    trace_.add(row);
    if (method_.steps() > 0) trace_.widen(steps_apart());
  }

  /// Steps that see enough rows for a look at all of them to be worth its price.
  int64_t steps_apart() const {
    const double steps = static_cast<double>(method_.steps()), passes = method_.passes();
    if (passes <= 0) return 1;
    const double apart = std::clamp(kApartOfPassesDone * passes, kFirstPassesApart, kPassesApart);
    return static_cast<int64_t>(std::ceil(std::min(apart * steps / passes, 1e9)));
  }

  /// Whether a rule that looks at each trace point, or the caller, asks for all of them.
  bool every_point() const {
    return lastRecorded_ == method_.steps() || !trace_.thinning || options_.targetObjective || options_.tolerance > 0;
  }

  /// Measures the present iterate and passes its row on.
  std::vector<double> measured_row() {
    last_ = method_.measure();
    if (!std::isfinite(last_.objective)) diverged("the objective is not finite");
    if (lastRecorded_ < 0) firstObjective_ = last_.objective;
    if (last_.objective > kExplosion * (std::fabs(firstObjective_) + 1))
      diverged("the objective rose from " + format_option(firstObjective_) + " to " + format_option(last_.objective));
    const std::vector<double> row = method_.trace_row(elapsed(), last_);
    if (onPoint_) onPoint_(row.data());
    return row;
  }

  /// The objective has not fallen by the fraction `tolerance` over the last `patience` trace points.
  bool stalled() const {
    const size_t patience = static_cast<size_t>(options_.patience);
    if (options_.tolerance <= 0 || trace_.rows() <= patience) return false;
    constexpr size_t kObjective = 3;
    const double before = trace_.row(trace_.rows() - 1 - patience)[kObjective];
    return before - last_.objective < options_.tolerance * std::fabs(before);
  }

  void snapshot_if_due() {
    const std::vector<int64_t>& due = plan_.snapshots;
    if (std::binary_search(due.begin(), due.end(), method_.steps()) &&
        (snapshots_.empty() || snapshots_.back().step < method_.steps()))
      snapshots_.push_back({method_.steps(), method_.particles()});
  }

  [[noreturn]] void diverged(const std::string& what) const {
    throw Error(ErrorCode::Diverged,
                "diverged at step " + std::to_string(method_.steps()) + ": " + what + "; " + method_.remedy());
  }

  void save() {
    Writer writer;
    pack(writer);
    write_checkpoint(plan_.checkpoint, plan_.identity, writer.buffer);
    lastCheckpoint_ = Clock::now();
  }

  void pack(Writer& writer) const {
    writer(elapsed());
    writer(firstObjective_);
    writer(lastRecorded_);
    writer(lastVisited_);
    writer(trace_.every);
    writer(trace_.values);
    for (const double* value : numbers(last_)) writer(*value);
    writer(static_cast<uint64_t>(snapshots_.size()));
    for (const Snapshot& snapshot : snapshots_) {
      writer(snapshot.step);
      writer(snapshot.particles);
    }
    method_.save(writer);
  }

  void resume() {
    Reader reader = read_checkpoint(plan_.resume, plan_.identity);
    reader(secondsBefore_);
    reader(firstObjective_);
    reader(lastRecorded_);
    reader(lastVisited_);
    reader(trace_.every);
    reader(trace_.values);
    for (double* value : numbers(last_)) reader(*value);
    uint64_t count = 0;
    reader(count);
    for (uint64_t i = 0; i < count; ++i) {
      Snapshot snapshot;
      reader(snapshot.step);
      reader(snapshot.particles);
      snapshots_.push_back(std::move(snapshot));
    }
    method_.load(reader);
    if (!reader.finished() || trace_.values.size() % trace_.columns() != 0 || trace_.every < 1)
      throw Error(ErrorCode::Checkpoint, "checkpoint '" + plan_.resume + "' does not hold what its header promises.");
    resumedFrom_ = method_.steps();
  }

  Method& method_;
  const RunPlan& plan_;
  const RunOptions& options_;
  const CancelToken& cancel_;
  const std::function<void(const double*)>& onPoint_;
  int64_t maxSteps_ = 0;
  Trace trace_;
  std::vector<Snapshot> snapshots_;
  Measurement last_;
  double firstObjective_ = 0;
  double copySeconds_ = 0;
  double secondsBefore_ = 0;
  int64_t lastRecorded_ = -1;
  int64_t lastVisited_ = -1;
  int64_t resumedFrom_ = -1;
  Clock::time_point start_, lastCheckpoint_;
  std::string stop_;
};

}  // namespace

const std::vector<TraceColumn>& trace_columns() {
  static const std::vector<TraceColumn> columns = {
      {"step", "Steps of the algorithm done."},
      {"passes", "Data passes: gradient evaluations per particle divided by n."},
      {"seconds", "Seconds of solving, evaluations of the trace included."},
      {"objective", "F(q): mean training loss + ridge · E‖θ‖², without the entropy."},
      {"loss", "Mean training loss."},
      {"secondMoment", "E‖θ‖² over the particles."},
      {"score", "Training accuracy, or R² for the squared and Huber losses."},
      {"validationLoss", "Mean loss on the validation data; NaN without."},
      {"validationScore", "Accuracy or R² on the validation data; NaN without."},
      {"primal", "L(q) = F(q) + entropy term, estimated; NaN where certificateEvery asks for none."},
      {"dual", "D(g(q)), a lower bound of the optimum, estimated; NaN likewise."},
      {"gap", "primal − dual = λ KL(q‖p_q); NaN likewise."},
      {"gapError", "Standard error of the gap; NaN likewise."},
  };
  return columns;
}

std::vector<double> Method::trace_row(double seconds, const Measurement& m) const {
  return {static_cast<double>(steps()),
          passes(),
          seconds,
          m.objective,
          m.loss,
          m.secondMoment,
          m.score,
          m.validationLoss,
          m.validationScore,
          m.primal,
          m.dual,
          m.gap,
          m.gapError};
}

RunRecord drive(Method& method, const RunPlan& plan, const CancelToken& cancel,
                const std::function<void(const double*)>& onPoint) {
  return Loop(method, plan, cancel, onPoint).run();
}

}  // namespace meanfield
