// A. Nitanda, D. Wu, T. Suzuki, AISTATS 2022, Theorem 3: for any q, with g_i = ℓ_z(h_q(x_i), y_i),
//
//     L(q) − D(g) = λ KL(q ‖ p_q) ≥ L(q) − L(q*),      D(g) = −(1/n) Σ_i ℓ*(g_i, y_i) − λ log ∫ q_g(θ) dθ,
//     q_g(θ) = exp{ −(1/λ) [ (1/n) Σ_i g_i h_θ(x_i) + λ' ‖θ‖² ] }.
//
// So primal minus dual bounds the distance to the optimum without knowing it. Two quantities have to be estimated from
// particles, and each estimator says what it is good for:
//
//   entropy of q    nearest neighbours   p ≤ 10 and some hundred particles; biased beyond
//                   mixture              any p: certifies the Gaussian mixture that the particles are after one more Langevin
//                                        step, centres θ − η∇V(θ), covariance 2ηλI, whose density is known; an upper bound,
//                                        loose when p is large
//                   two-sample           needs neither density nor log Z, but samples of p_q (MALA)
//   log Z           quadrature           p ≤ 2, the reference for the others
//                   importance sampling  while its effective sample is at least 5 % of the draws
//                   annealed importance sampling, then thermodynamic integration, otherwise
//
// The Gibbs response p_q has a gap of its own that needs neither: L(p_q) − D(g) = (1/n) Σ_i [ℓ(a_i) + ℓ*(g_i) − g_i a_i], a_i = E_{p_q} h(x_i),
// the Fenchel-Young gap between g and the outputs of p_q. It holds in any dimension, as far as MALA has mixed.
#pragma once
#include <functional>
#include <limits>
#include <string>

#include "native/core/thread_pool.h"
#include "native/driver/run_options.h"
#include "native/mean_field/gibbs.h"
#include "native/mean_field/problem.h"

namespace meanfield {

struct Certificate {
  double primal = 0;         // L(q)
  double dual = 0;           // D(g(q))
  double gap = 0;            // primal − dual
  double standardError = 0;  // of the gap
  double biasBound = 0;      // of the estimates, times λ; infinite when unknown
  std::string entropyEstimator, partitionEstimator;
  double effectiveSampleSize = 0;                                 // (Σ w)²/Σ w² of the importance weights
  double effectiveFraction = 0;                                   // the same over the number of draws
  double responseGap = std::numeric_limits<double>::quiet_NaN();  // of p_q; NaN where it was not asked for
  bool trusted = false;
  std::string words;
};

struct CertificateOptions {
  GapEstimator estimator = GapEstimator::Auto;
  int64_t draws = 20000;  // from the prior, and at most for other samples
  double step = 0;        // η of the mixture; above 0
  double work = 0;        // flops that the annealed chains may take, and those of the response; 0: as many as they need
  bool response = false;  // also estimate the gap of the Gibbs response
};

/// What is certified: a convex objective F + λ Ent at a measure q given by particles.
struct Subject {
  const Network* network = nullptr;  // holds the particles; matrix 0 the training inputs
  Potential potential;               // V = δF/δq at q
  double objective = 0;              // F(q)
  double pluginBias = 0;             // E F(particles) − F(q), to be subtracted
  uint64_t seed = 0;
  NetworkFactory another;
  std::function<double(Network&)> objectiveOf;  // F of other particles
  std::function<double(Network&)>
      fenchelYoung;  // (1/n) Σ [ℓ(a_i) + ℓ*(g_i) − g_i a_i] at other particles; may be empty
};

/// The measure of the particles in `network` for the objective of `problem`.
Subject network_subject(Problem& problem, const Network& network);

/// Plug-in bias of the mean loss: F(q_M) exceeds F(q) by (1/2n) Σ_i tr(ℓ''_i Cov_q h(x_i))/M; U-statistic over at most 64 rows.
double plugin_bias(const Problem& problem, const Network& network);

/// Throws Cancelled.
Certificate certify(const Subject& subject, const CertificateOptions& options, ThreadPool& pool,
                    const CancelToken* cancel);

}  // namespace meanfield
