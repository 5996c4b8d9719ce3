// What the native core offers to the layer above: the list of models and algorithms with their options, and the entry
// points that run them. Knows nothing of Node.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "native/core/cancel.h"
#include "native/core/option_fields.h"
#include "native/core/views.h"

namespace meanfield {

/// The catalogue as JSON: models with their options and algorithms, run options, trace columns.
std::string catalogue_json();

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
  std::vector<int64_t> snapshots;
  std::string checkpoint;
  std::string resume;
  std::string backend = "cpu";
  std::string isa;
};

struct Chosen {
  std::string name;
  OptionValue value;
  std::string why;
};

struct Snapshot {
  int64_t step;
  std::vector<float> particles;
};

struct Certificate {
  double primal = 0, dual = 0, gap = 0, standardError = 0, biasBound = 0;
  std::string entropyEstimator, partitionEstimator;
  double effectiveSampleSize = 0, effectiveFraction = 0;
  bool trusted = false;
  std::string words;
};

struct FitResult {
  std::vector<float> particles;
  int64_t parameters = 0;
  std::vector<double> trace;  // rows of kTraceColumns numbers
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

/// Columns of a trace row, in order.
struct TraceColumn {
  const char* name;
  const char* doc;
};
const std::vector<TraceColumn>& trace_columns();

/// A fit whose request has been checked and whose data has been looked at; run() does the work on the calling thread and
/// on threads of its own. prepare throws InvalidOption or InvalidData before any work starts.
class MeanFieldFit {
 public:
  virtual ~MeanFieldFit() = default;
  /// Blocks until done. `onPoint` gets each new trace row, called on this same thread. Cancelling ends with
  /// stop = "cancelled" and the particles of the last completed step.
  virtual FitResult run(const CancelToken& cancel, const std::function<void(const double* row)>& onPoint) = 0;
};
std::unique_ptr<MeanFieldFit> prepare_mean_field(const FitRequest& request);

/// n × k outputs into `out` (rows × k floats). Throws Cancelled when cancelled.
struct PredictRequest {
  MatrixView<const float> features;
  const float* particles = nullptr;
  int64_t particleCount = 0;  // numbers in `particles`, must be M·p
  OptionValues model;
  int threads = 0;  // 0: all that are available
  std::string backend = "cpu";
  std::string isa;
};
/// k, after checking the options.
int64_t predict_outputs(const PredictRequest& request);
void predict_mean_field(const PredictRequest& request, const CancelToken& cancel, float* out);

}  // namespace meanfield
