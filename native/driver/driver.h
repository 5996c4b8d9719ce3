// The one loop around every algorithm: budget, stopping, trace, checkpoint, cancellation, divergence.
#pragma once
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "native/core/cancel.h"
#include "native/driver/checkpoint.h"
#include "native/driver/run_options.h"

namespace meanfield {

/// What is recorded of the present iterate. Every number in double; NaN where there is none.
struct Measurement {
  double objective = 0, loss = 0, secondMoment = 0, score = 0, validationLoss = 0, validationScore = 0;
  double dual = kNone, gap = kNone;         // where there is a certificate
  double primal = kNone, gapError = kNone;  // where it is estimated
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
};

/// Columns of a trace row, in order. Every model begins with step, passes, seconds, objective.
struct TraceColumn {
  const char* name;
  const char* doc;
};
/// Of the mean-field family; kept in step with Method::trace_row in driver.cpp.
const std::vector<TraceColumn>& trace_columns();

/// An algorithm with its state, ready to be stepped.
class Method {
 public:
  virtual ~Method() = default;
  /// One step. May throw Cancelled half-way when interruptible; the state is then restored by load().
  virtual void step() = 0;
  /// True when the next step may take far longer than the last one did, as where a full gradient is due between
  /// stochastic ones: the driver then prepares for an interruption in its middle.
  virtual bool long_step() const { return false; }
  /// True when a step that throws leaves the state as it was before: the driver then need not keep a copy of it.
  virtual bool keeps_state() const { return false; }
  virtual int64_t steps() const = 0;
  virtual double passes() const = 0;
  /// Mean loss that the last step started from; not finite once the iterate has exploded.
  virtual double last_loss() const = 0;
  virtual Measurement measure() = 0;
  /// False where a measurement now would only tell what can be foreseen; asked where nothing but finished() waits for one.
  virtual bool worth_measuring() const { return true; }
  /// The trace of this model, the columns of the mean-field family unless it says otherwise.
  virtual const std::vector<TraceColumn>& columns() const { return trace_columns(); }
  virtual std::vector<double> trace_row(double seconds, const Measurement& m) const;
  /// Why the run may end at this measurement, for example "gap" when a certificate is small enough; empty: go on.
  virtual std::string finished(const Measurement&) const { return ""; }
  /// The present particles, M × p; none for models that are not made of particles.
  virtual std::vector<float> particles() const { return {}; }
  /// The particles that the algorithm returns; the present ones unless its output rule says otherwise.
  virtual std::vector<float> result() const { return particles(); }
  virtual void interrupt_with(const CancelToken* cancel) = 0;
  /// The whole state, particles included: load(save()) continues bit for bit.
  virtual void save(Writer& writer) const = 0;
  virtual void load(Reader& reader) = 0;
  /// For the divergence message: step size and what to change, a clause such as "the step 0.1 is too large; …".
  virtual std::string remedy() const = 0;
  virtual int64_t default_steps() const = 0;
};

struct Snapshot {
  int64_t step;
  std::vector<float> particles;
};

struct RunPlan {
  RunOptions options;
  std::vector<int64_t> snapshots;  // steps, increasing
  std::string checkpoint;          // file, empty: none
  std::string resume;              // file, empty: start anew
  std::string identity;            // of data, options, seed; see checkpoint.h
  bool measured = true;            // false: no trace, and no stop rule that needs one
};

struct RunRecord {
  std::vector<double> trace;
  std::vector<Snapshot> snapshots;
  std::string stop;
  double seconds = 0;
  int64_t resumedFrom = -1;
  Measurement last;  // of the final iterate; on cancellation of the last trace point, NaN when there is none
};

/// Steps `method` until a budget is used up, a stop rule holds or `cancel` is raised. Throws Diverged, Checkpoint.
RunRecord drive(Method& method, const RunPlan& plan, const CancelToken& cancel,
                const std::function<void(const double* row)>& onPoint);

}  // namespace meanfield
