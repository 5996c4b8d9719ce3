#include "native/kernel_regime/tangent_network.h"

#include <algorithm>
#include <cmath>

#include "native/core/errors.h"
#include "native/core/philox.h"

namespace meanfield {

TangentNetwork::TangentNetwork(const KernelRegimeOptions& options, int64_t features_, int64_t outputs_)
    : width(options.width), half(options.width / 2), features(features_), inputs(features_ + 1), outputs(outputs_),
      R(options.outputScale), gamma(options.biasScale), scale(1 / std::sqrt(static_cast<double>(options.width))),
      activation(options.shape()), trainsOutput(options.layers != Layers::Input),
      trainsInput(options.layers != Layers::Output) {
  copies = trainsInput ? outputs : 1;
}

TangentNetwork::TangentNetwork(const KernelRegimeOptions& options, int64_t features_, int64_t outputs_, uint64_t seed)
    : TangentNetwork(options, features_, outputs_) {
  directions.resize(static_cast<size_t>(features * half));
  const RandomField field{seed, Stream::Init};
  std::vector<double> b(static_cast<size_t>(features));
  for (int64_t r = 0; r < half; ++r) {
    double norm = 0;
    for (int64_t j = 0; j < features; ++j) {
      b[j] = field.normal(0, static_cast<uint32_t>(r), static_cast<uint32_t>(j));
      norm += b[j] * b[j];
    }
    for (int64_t j = 0; j < features; ++j) directions[j * half + r] = b[j] / std::sqrt(norm);
  }
}

TangentNetwork::TangentNetwork(const KernelRegimeOptions& options, int64_t features_, int64_t outputs_,
                               std::vector<double> directions_)
    : TangentNetwork(options, features_, outputs_) {
  directions = std::move(directions_);
}

void TangentNetwork::start_preactivations(int64_t first, int64_t count, const double* x, double* u) const {
  std::fill(u, u + count, 0.0);
  for (int64_t j = 0; j < features; ++j) {
    const double* b = directions.data() + j * half + first;
    const double xj = x[j];
    for (int64_t r = 0; r < count; ++r) u[r] += b[r] * xj;
  }
}

void TangentNetwork::activate(const double* theta, int64_t copy, int64_t first, int64_t count, const double* x,
                              double* values, double* slopes) const {
  double start[kPairs], u[kPairs];
  start_preactivations(first, count, x, start);
  if (!trainsInput) {
    activation(start, count, values, slopes);
    std::copy(values, values + count, values + kPairs);
    return;
  }
  const double* weights = input_weights(theta, copy);
  for (int64_t side = 0; side < 2; ++side) {
    std::copy(start, start + count, u);
    for (int64_t j = 0; j < inputs; ++j) {
      const double* b = weights + j * width + side * half + first;
      const double xj = x[j];
      for (int64_t r = 0; r < count; ++r) u[r] += b[r] * xj;
    }
    activation(u, count, values + side * kPairs, slopes ? slopes + side * kPairs : nullptr);
  }
}

double TangentNetwork::pair_sum(const double* theta, int64_t output, int64_t first, int64_t count,
                                const double* values) const {
  double sum = 0;
  for (int64_t r = 0; r < count; ++r) sum += R * (values[r] - values[kPairs + r]);
  if (!trainsOutput) return sum;
  const double *plus = output_weights(theta, output) + first, *minus = plus + half;
  for (int64_t r = 0; r < count; ++r) sum += plus[r] * values[r] + minus[r] * values[kPairs + r];
  return sum;
}

void TangentNetwork::evaluate(const double* theta, const MatrixView<const float>& rows, ThreadPool& pool,
                              const CancelToken* cancel, double* out) const {
  constexpr int64_t kRows = 16;
  const bool done =
      pool.run((rows.rows + kRows - 1) / kRows,
               [&](int64_t chunk, int) {
                 const int64_t begin = chunk * kRows, many = std::min(kRows, rows.rows - begin);
                 std::vector<double> x(static_cast<size_t>(many * inputs));
                 for (int64_t i = 0; i < many; ++i) augment(rows.row(begin + i), &x[i * inputs]);
                 double values[2 * kPairs];
                 double* to = out + begin * outputs;
                 std::fill(to, to + many * outputs, 0.0);
                 for (int64_t copy = 0; copy < copies; ++copy) {
                   const int64_t o0 = trainsInput ? copy : 0, o1 = trainsInput ? copy + 1 : outputs;
                   for (int64_t block = 0; block < blocks() && !(cancel && cancel->cancelled()); ++block)
                     for (int64_t i = 0; i < many; ++i) {
                       activate(theta, copy, block * kPairs, block_size(block), &x[i * inputs], values, nullptr);
                       for (int64_t o = o0; o < o1; ++o)
                         to[i * outputs + o] += scale * pair_sum(theta, o, block * kPairs, block_size(block), values);
                     }
                 }
               },
               cancel);
  if (!done || (cancel && cancel->cancelled())) throw Error(ErrorCode::Cancelled, "the run was cancelled.");
}

}  // namespace meanfield
