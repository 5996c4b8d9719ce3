// From a request to a fitted linear model: checks, the choice of the method, the driver, the certificate.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "native/driver/driver.h"
#include "native/finite_sum/linear_options.h"
#include "native/finite_sum/method.h"

namespace meanfield {

using LinearData = std::variant<MatrixView<const double>, MatrixView<const float>, CsrView<double, int32_t>,
                                CsrView<double, int64_t>, CsrView<float, int32_t>, CsrView<float, int64_t>>;

/// Memory belongs to the caller and must live until the fit has returned.
struct LinearFitRequest {
  LinearData data;
  const double* targets = nullptr;
  int64_t targetCount = 0;
  const double* sampleWeights = nullptr;  // n, at least 0; null: ones
  int64_t sampleWeightCount = 0;
  const double* initial = nullptr;  // k × p
  int64_t initialCount = 0;
  OptionValues model;
  std::string algorithm = "auto";
  OptionValues algorithmOptions;
  OptionValues run;
  std::string checkpoint, resume;
  int64_t path = 0;         // points of a regularization path, 0: a single fit
  double pathRatio = 1e-2;  // smallest λ of the path as a part of λ_max
  std::string isa;
  std::string backend = "cpu";        // cpu, cuda, cuda:N, cuda:N,N
  bool fallBack = false;              // to the CPU where the method, the data or the device asks for it
  const LinearBackend* on = nullptr;  // the device's table, in the place of the one that `backend` names: for tests
};

struct PathPoint {
  double l1, l2, objective, dual, gap, passes, seconds;
  int64_t nonZeros;
  std::vector<double> weights;
};

struct LinearFitResult {
  std::vector<double> weights;     // k × d
  std::vector<double> intercepts;  // k, zeros without an intercept
  std::vector<double> trace;
  double objective = 0, dual = 0, gap = 0, loss = 0;
  int64_t steps = 0, nonZeros = 0;
  double passes = 0, queries = 0;
  double setupSeconds = 0, solveSeconds = 0;
  std::string stop;  // gap, precision, budget, target, cancelled
  std::string algorithm;
  LinearChoices chosen;
  std::string isa;
  std::string device = "cpu", deviceReason;  // why it is not the one that `fallBack` came from
  int threads = 1;
  int64_t resumedFrom = -1;
  std::vector<PathPoint> path;
};

/// Columns of the trace of a linear model.
const std::vector<TraceColumn>& linear_trace_columns();

/// The methods of the family, and the name that leaves the choice to us.
const std::vector<LinearAlgorithm>& linear_algorithms();
constexpr const char* kAutoAlgorithm = "auto";

/// The method that `auto` takes for this problem, with its options and the reason.
struct AutoChoice {
  std::string algorithm;
  OptionValues options;
  std::string why;
};
AutoChoice choose_linear_algorithm(FiniteSum& f, double tolerance);
/// Throws InvalidOption, with the names there are.
const LinearAlgorithm& find_linear_algorithm(const std::string& name);

/// Where the data of a fit are (placement.h).
struct LinearPlace {
  const LinearBackend* backend = nullptr;  // null: the CPU
  uint64_t devices = 0;                    // bit i for device i
  std::string name = "cpu";
  bool asked = false;  // for this device, not for whatever is best
};

/// What the driver sees of a solver: certificate at every trace point.
class LinearMethod : public Method {
 public:
  LinearMethod(FiniteSum& f, std::unique_ptr<Solver> solver, double tolerance, double absoluteGap);
  void step() override;
  int64_t steps() const override { return solver_->steps(); }
  double passes() const override { return f_.passes(); }
  double last_loss() const override { return lastLoss_; }
  Measurement measure() override;
  bool worth_measuring() const override;
  const std::vector<TraceColumn>& columns() const override { return linear_trace_columns(); }
  std::vector<double> trace_row(double seconds, const Measurement& m) const override;
  std::string finished(const Measurement& m) const override;
  void interrupt_with(const CancelToken* cancel) override { f_.cancel = cancel; }
  void save(Writer& writer) const override;
  void load(Reader& reader) override;
  std::string remedy() const override;
  int64_t default_steps() const override { return std::numeric_limits<int64_t>::max(); }
  const Solver& solver() const { return *solver_; }
  /// Whether the present weights have been.
  bool measured() const { return measuredAt_ == steps(); }

 private:
  /// Sets when the next measurement is worth its pass over the data.
  void foresee(const Measurement& m);

  FiniteSum& f_;
  std::unique_ptr<Solver> solver_;
  DualAnchors anchors_;
  double tolerance_, absoluteGap_;
  double lastLoss_ = 0;
  double bestDual_ = -std::numeric_limits<double>::infinity();
  double bestGap_ = std::numeric_limits<double>::infinity();
  int64_t sinceBest_ = 0;
  int64_t measuredAt_ = -1, nextMeasure_ = 0;  // steps
  double lastGap_ = std::numeric_limits<double>::infinity();
  Pass own_;
};

class LinearFit {
 public:
  /// Throws InvalidOption, InvalidData or Device at once.
  explicit LinearFit(const LinearFitRequest& request);
  LinearFitResult run(const CancelToken& cancel, const std::function<void(const double* row)>& onPoint);

 private:
  std::string identity(const std::string& algorithm, const std::string& options) const;
  void check_targets() const;

  LinearFitRequest request_;
  LinearOptions model_;
  LinearRunOptions options_;
  DataRows rows_;
  Loss loss_;
  bool classes_ = false;
  LinearPlace place_;
};

/// n × k margins X w + b into `out`. Throws InvalidData, Cancelled.
struct LinearPredictRequest {
  LinearData data;
  const double* weights = nullptr;     // k × d
  const double* intercepts = nullptr;  // k
  int64_t weightCount = 0, outputs = 1;
  int threads = 0;
};
void predict_linear(const LinearPredictRequest& request, const CancelToken& cancel, double* out);
DataRows data_rows(const LinearData& data, const LinearKernels& kernels);

}  // namespace meanfield
