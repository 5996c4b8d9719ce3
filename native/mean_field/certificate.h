// A. Nitanda, D. Wu, T. Suzuki, AISTATS 2022, Theorem 3: for any q, with g_i = ℓ_z(h_q(x_i), y_i),
//
//     L(q) − D(g) = λ KL(q ‖ p_q) ≥ L(q) − L(q*),      D(g) = −(1/n) Σ_i ℓ*(g_i, y_i) − λ log ∫ q_g(θ) dθ,
//     q_g(θ) = exp{ −(1/λ) [ (1/n) Σ_i g_i h_θ(x_i) + λ' ‖θ‖² ] }.
//
// So primal minus dual bounds the distance to the optimum without knowing it. Two quantities have to be estimated from
// particles: the entropy of q (k nearest neighbours) and the log-partition function (importance sampling from the prior).
// Both fail in high dimension; the certificate then says so instead of pretending.
#pragma once
#include <string>

#include "native/core/thread_pool.h"
#include "native/mean_field/problem.h"

namespace meanfield {

struct Certificate {
  double primal = 0;         // L(q)
  double dual = 0;           // D(g(q))
  double gap = 0;            // primal − dual
  double standardError = 0;  // of the gap
  double biasBound = 0;      // of the entropy estimate, times λ; NaN when unknown
  std::string entropyEstimator, partitionEstimator;
  double effectiveSampleSize = 0;  // (Σ w)²/Σ w² of the importance weights
  double effectiveFraction = 0;    // the same over the number of draws
  bool trusted = false;
  std::string words;
};

/// Differential entropy H = −E log q of M points in R^p by Kozachenko and Leonenko (1987) with the k-th neighbour:
/// Ĥ = ψ(M) − ψ(k) + log c_p + (p/M) Σ_r log ρ_k(r), the sum over at most `queries` of the points, evenly spread.
struct EntropyEstimate {
  double entropy;
  double standardError;
  int64_t duplicates;  // query points with a k-th neighbour at distance 0, left out of the sum
};
EntropyEstimate nearest_neighbour_entropy(const float* points, int64_t count, int64_t dimension, int neighbours,
                                          int64_t queries, ThreadPool& pool, const CancelToken* cancel);

/// Certificate of the problem's present particles. `sampler` is a network on the same backend with `draws` particles,
/// to be filled from the prior, that knows the training inputs as matrix 0. Throws Cancelled.
Certificate certify(Problem& problem, Network& sampler, ThreadPool& pool, const CancelToken* cancel);

}  // namespace meanfield
