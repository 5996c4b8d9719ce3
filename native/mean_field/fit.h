// From a request to a fitted network: checks, constants, 'auto' values, the driver, the certificate.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "native/driver/driver.h"
#include "native/mean_field/certificate.h"
#include "native/mean_field/method.h"
#include "native/mean_field/network_options.h"

namespace meanfield {

/// Rows with targets; memory belongs to the caller and must live until the fit has returned.
struct Table {
  MatrixView<const float> features;
  const double* targets = nullptr;
  int64_t targetCount = 0;
};

struct FitRequest {
  Table train;
  bool hasValidation = false;
  Table validation;
  OptionValues model;
  std::string algorithm;
  OptionValues algorithmOptions;
  OptionValues run;
  const float* initial = nullptr;  // M × p
  int64_t initialCount = 0;
  /// Steps that the initial particles have behind them: the rows are the next ones of a stream, and are not measured (the
  /// objective is NaN, `loss` the mean over the rows, each before it was learned from). Absent: a fit of its own.
  std::optional<int64_t> firstStep;
  std::vector<int64_t> snapshots;
  std::string checkpoint;
  std::string resume;
  std::string backend = "cpu";  // cpu, cuda, cuda:N, cuda:N,N…, reference
  std::string isa;
  std::string precision = "float32";  // of the products on a CUDA device: float32, tf32, bf16
};

struct FitResult {
  std::vector<float> particles;
  int64_t parameters = 0;
  std::vector<double> trace;  // rows of trace_columns().size() numbers
  std::vector<Snapshot> snapshots;
  double objective = 0, loss = 0;
  int64_t steps = 0;
  double passes = 0;
  double setupSeconds = 0, solveSeconds = 0, certificateSeconds = 0;
  std::string stop;  // budget, target, tolerance, cancelled
  std::vector<Chosen> chosen;
  bool hasCertificate = false;
  Certificate certificate;
  std::string isa;
  int threads = 1;
  int64_t resumedFrom = -1;
};

/// An algorithm of the mean-field family as the catalogue lists it. `prepare` parses the options, throwing InvalidOption.
struct MeanFieldAlgorithm {
  /// The algorithm with its options bound, before there is a problem to work on.
  struct Bound {
    bool samples;
    /// Sets or checks options of the model, given the training targets. Throws InvalidOption.
    std::function<void(NetworkOptions&, const double* targets, int64_t count)> adapt;
    std::string canonical;  // options as text, for the identity of a checkpoint
    /// Fills in the 'auto' values, which go to resolver.chosen, and makes the method.
    std::function<std::unique_ptr<ParticleMethod>(Problem&, std::optional<Targets>, Resolver& resolver)> start;
  };
  std::string name, title, source;
  std::vector<OptionField> fields;
  std::function<Bound(const OptionValues&)> bind;
};

template <class A>
MeanFieldAlgorithm mean_field_algorithm() {
  return {A::kName, A::kTitle, A::kSource, A::Options::table().describe(), [](const OptionValues& values) {
            const typename A::Options options = A::Options::table().parse(A::kName, values);
            return MeanFieldAlgorithm::Bound{
                A::samples(options),
                [options](NetworkOptions& model, const double* targets, int64_t count) {
                  A::adapt(options, model, targets, count);
                },
                A::Options::table().canonical(options),
                [options](Problem& problem, std::optional<Targets> validation, Resolver& resolver) {
                  typename A::Options resolved = options;
                  const double step = resolver.resolved = A::resolve(resolved, resolver);
                  return std::make_unique<MeanFieldMethod<A>>(problem, validation, resolved, step);
                }};
          }};
}

/// A fit whose options and shapes have been checked. run() looks at the data and does the work, on the calling thread and
/// on threads of its own; it throws InvalidData before any step is taken.
class MeanFieldFit {
 public:
  /// Throws InvalidOption or InvalidData at once. `algorithm` must outlive the fit.
  MeanFieldFit(const FitRequest& request, const MeanFieldAlgorithm& algorithm);
  /// Blocks until done. `onPoint` gets each new trace row, on this same thread. Cancelling ends with stop = "cancelled" and
  /// the particles of the last completed step, the objective NaN when not even the start had been measured; throws
  /// Cancelled while the data are still being looked at.
  FitResult run(const CancelToken& cancel, const std::function<void(const double* row)>& onPoint);
  /// Where it computes: the backend, and the device's number there.
  std::pair<const Backend*, int> place() const;

 private:
  DataConstants measure_data(const CancelToken& cancel) const;
  std::string identity() const;
  /// Whether there is a density to certify: samples of a proper law in the whole space, more than one.
  bool certifiable() const;
  /// Puts the particles where the fit starts.
  void place(Problem& problem) const;
  /// From the inputs, or from the gradients at the start, of a network that is gone afterwards.
  Preconditioner find_preconditioner(const Backend* backend, const NetworkShape& shape, double initialVariance,
                                     const CancelToken& cancel) const;
  /// The fit on the inputs times A, in whose coordinates everything is as usual; its particles are brought back.
  FitResult run_on(const Preconditioner& map, const CancelToken& cancel,
                   const std::function<void(const double* row)>& onPoint) const;

  FitRequest request_;
  NetworkOptions model_;
  RunOptions options_;
  std::string algorithmName_;
  MeanFieldAlgorithm::Bound algorithm_;
  bool scaleFromAlgorithm_ = false;
  Choice particleChoice_{0, ""};  // empty why: a number was given
  std::string identity_;          // of the fit that this one does the work of; empty: its own
  Loss loss_;
};

/// n × k outputs of given particles. Throws InvalidOption, InvalidData, Cancelled.
struct PredictRequest {
  MatrixView<const float> features;
  const float* particles = nullptr;
  int64_t particleCount = 0;  // numbers in `particles`, must be M·p
  OptionValues model;
  int threads = 0;              // 0: all that are available
  std::string backend = "cpu";  // cpu, cuda, cuda:N, cuda:N,N…, reference
  std::string isa;
  std::string precision = "float32";  // of the products on a CUDA device: float32, tf32, bf16
};
/// k, after checking the request.
int64_t predict_outputs(const PredictRequest& request);
void predict_mean_field(const PredictRequest& request, const CancelToken& cancel, float* out);

}  // namespace meanfield
