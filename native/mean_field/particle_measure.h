// L. Chizat, "Mean-field Langevin dynamics: exponential convergence and annealing", TMLR 2022, arXiv 2202.01009; the same objective in
// T. Suzuki, D. Wu, A. Nitanda, NeurIPS 2023, arXiv 2306.07221.
//
// A measure µ of M particles on the torus [0, 2π)^p fitted to a target ν by the squared maximum mean discrepancy,
//
//     G(µ) = ∬ k d(µ−ν) d(µ−ν),      k(x) = Π_c (1 + 2 Σ_{j=1}^J cos(j x_c)/(1 + j)),
//     X_i ← X_i − η [ (1/M) Σ_j ∇k(X_i − X_j) − (1/N) Σ_j ∇k(X_i − Y_j) ] + √(2ητ_t) ξ_i ,
//
// the drift that of δG/2 as in the paper's code. With τ_t = τ/(t + 1) the noise is annealed and the unregularized minimum is
// reached that plain descent (τ = 0) misses. A step costs O(M (M + N) p J).
#pragma once
#include <cstdint>
#include <vector>

#include "native/core/cancel.h"
#include "native/core/thread_pool.h"

namespace meanfield {

struct MeasureOptions {
  int64_t steps = 1000;
  double step = 0.08;          // η
  double temperature = 0.1;    // τ; 0: plain descent
  bool harmonic = false;       // τ_t = τ/(t + 1)
  double quietFraction = 0.2;  // last part of the run without noise
  int64_t frequencies = 5;     // J
  uint64_t seed = 0;
  int64_t traceEvery = 10;
};

struct MeasureResult {
  std::vector<double> particles;   // M × p, in [0, 2π)
  std::vector<int64_t> steps;      // of the trace
  std::vector<double> discrepancy; // G
  std::vector<double> negentropy;  // ∫ρ log ρ by the nearest neighbour on the torus, an estimate
};

/// Starts from `particles` uniform draws when `initial` is empty, else from it. `target` is N × p. Throws InvalidOption,
/// InvalidData, Cancelled.
MeasureResult fit_measure(const std::vector<double>& target, int64_t dimension, int64_t particles,
                          const std::vector<double>& initial, const MeasureOptions& options, ThreadPool& pool,
                          const CancelToken* cancel);

/// G of two sets of points.
double discrepancy(const std::vector<double>& x, const std::vector<double>& y, int64_t dimension, int64_t frequencies);

}  // namespace meanfield
