// From a request to a fitted network of the kernel regime: checks, what is left to 'auto', the driver, the certificate.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "native/driver/driver.h"
#include "native/kernel_regime/averaged_sgd.h"
#include "native/kernel_regime/kernel_spectrum.h"
#include "native/kernel_regime/linearized.h"

namespace meanfield {

struct KernelRegimeAlgorithm {
  std::string name, title, source;
  std::vector<OptionField> fields;
};
/// The methods of this model, the default first.
const std::vector<KernelRegimeAlgorithm>& kernel_regime_algorithms();
const std::vector<TraceColumn>& kernel_regime_trace_columns();

/// Rows and their targets, n × k. Memory belongs to the caller.
struct KernelRegimeTable {
  MatrixView<const float> rows;
  const double* targets = nullptr;
  int64_t targetCount = 0;
};

struct KernelRegimeRequest {
  KernelRegimeTable train, validation;  // validation without memory: none
  int64_t outputs = 1;                  // k
  OptionValues model;
  std::string algorithm = AveragedSgd::kName;
  OptionValues algorithmOptions;
  OptionValues run;
  std::vector<int64_t> snapshots;  // steps, increasing
  std::string checkpoint, resume;
};

/// Parameters of a network: everything that a prediction needs beside the options.
struct KernelRegimeParameters {
  std::vector<double> directions;    // d × M/2
  std::vector<double> displacement;  // see TangentNetwork::size
};

struct KernelRegimeResult {
  KernelRegimeParameters parameters;  // of the averaged iterate
  std::vector<Snapshot> snapshots;    // displacements of averaged iterates, in float32
  std::vector<double> trace;
  double objective = 0, loss = 0, distance = 0;
  bool hasCertificate = false;
  KernelCertificate certificate;
  int64_t steps = 0;
  double passes = 0;
  double setupSeconds = 0, solveSeconds = 0, certificateSeconds = 0;
  std::string stop;  // budget, target, cancelled
  std::vector<Chosen> chosen;
  int threads = 1;
  int64_t resumedFrom = -1;
};

class KernelRegimeFit {
 public:
  /// Throws InvalidOption or InvalidData at once.
  explicit KernelRegimeFit(const KernelRegimeRequest& request);
  KernelRegimeResult run(const CancelToken& cancel, const std::function<void(const double* row)>& onPoint);

 private:
  void check_table(const KernelRegimeTable& table, const std::string& name) const;
  std::string identity() const;

  KernelRegimeRequest request_;
  KernelRegimeOptions model_;
  AveragedSgd::Options algorithm_;
  KernelRegimeRunOptions options_;
};

/// n × k outputs.
struct KernelRegimePrediction {
  MatrixView<const float> rows;
  int64_t outputs = 1;
  OptionValues model;
  const double *directions = nullptr, *displacement = nullptr;
  int64_t directionCount = 0, displacementCount = 0;
  int threads = 1;
};
/// Throws InvalidOption, InvalidData, Cancelled.
std::vector<float> predict_kernel_regime(const KernelRegimePrediction& request, const CancelToken& cancel);

}  // namespace meanfield
