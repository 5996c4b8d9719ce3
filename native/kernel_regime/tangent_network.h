// A. Nitanda, T. Suzuki, "Optimal rates for averaged stochastic gradient descent under neural tangent kernel regime", ICLR 2021,
// arXiv 2006.12297. The two-layer network of Eq. (2) with its symmetric start:
//
//     g(x) = M^{-1/2} Σ_r a_r σ(b_r·x + γ c_r),      a_r = +R for r ≤ M/2 and −R after, b_{r+M/2} = b_r on the sphere, c_r = 0.
//
// With x̃ = (x, γ) the bias c is one more input weight. Parameters are kept as their displacement from the start, Θ − Θ(0): a
// ridge around the start is then a contraction, and small displacements lose no digits beside the start. Both halves are summed
// pair by pair, R (s_r − s_{r+M/2}) apart from the displacement's part, so that g = 0 exactly at the start.
//
// k outputs are k networks from the same directions (one-vs-rest for classes): k problems of the paper that share their rows. Where
// only output weights are trained the input weights of all of them stay the same, and are one copy.
#pragma once
#include <cstdint>
#include <vector>

#include "native/core/thread_pool.h"
#include "native/core/views.h"
#include "native/kernel_regime/options.h"

namespace meanfield {

class TangentNetwork {
 public:
  /// Draws M/2 directions uniformly from the sphere of R^features.
  TangentNetwork(const KernelRegimeOptions& options, int64_t features, int64_t outputs, uint64_t seed);
  /// With directions that are known, features × M/2.
  TangentNetwork(const KernelRegimeOptions& options, int64_t features, int64_t outputs, std::vector<double> directions);

  int64_t width, half, features, inputs, outputs;  // M, M/2, d, d + 1, k
  int64_t copies;                                  // of the input weights: k where they are trained, else 1
  double R, gamma, scale;                          // scale = M^{-1/2}
  SmoothActivation activation;
  bool trainsOutput, trainsInput;
  std::vector<double> directions;  // d × M/2: coordinate j of all directions is contiguous

  /// Numbers of a displacement: k × M output weights, then k × (d + 1) × M input weights, as far as they are trained.
  int64_t size() const { return (trainsOutput ? outputs * width : 0) + (trainsInput ? copies * inputs * width : 0); }
  const double* output_weights(const double* theta, int64_t output) const { return theta + output * width; }
  const double* input_weights(const double* theta, int64_t copy) const {
    return theta + (trainsOutput ? outputs * width : 0) + copy * inputs * width;
  }

  /// (x, γ) of a row.
  void augment(const float* row, double* x) const {
    for (int64_t j = 0; j < features; ++j) x[j] = row[j];
    x[features] = gamma;
  }
  /// b_r·x at the start for r in [first, first + count).
  void start_preactivations(int64_t first, int64_t count, const double* x, double* u) const;
  /// σ and σ' of pairs [first, first + count): of their first members in [0, count), of their second in [kPairs, kPairs + count).
  void activate(const double* theta, int64_t copy, int64_t first, int64_t count, const double* x, double* values,
                double* slopes) const;
  /// M^{1/2} times the part of output o that pairs [first, first + count) make, from their activations.
  double pair_sum(const double* theta, int64_t output, int64_t first, int64_t count, const double* values) const;

  /// n × k outputs of the rows. Throws Cancelled.
  void evaluate(const double* theta, const MatrixView<const float>& rows, ThreadPool& pool, const CancelToken* cancel,
                double* out) const;

  /// Pairs that are worked on together.
  static constexpr int64_t kPairs = 256;
  int64_t blocks() const { return (half + kPairs - 1) / kPairs; }
  int64_t block_size(int64_t block) const { return half - block * kPairs < kPairs ? half - block * kPairs : kPairs; }

 private:
  TangentNetwork(const KernelRegimeOptions& options, int64_t features, int64_t outputs);
};

}  // namespace meanfield
