// L. Chizat, "Mean-field Langevin dynamics: exponential convergence and annealing", TMLR 2022, arXiv 2202.01009; the same objective in
// T. Suzuki, D. Wu, A. Nitanda, NeurIPS 2023, arXiv 2306.07221.
//
// A measure µ of M particles on the torus [0, 2π)^p fitted to a target ν of N points by the squared maximum mean discrepancy,
//
//     G(µ) = ∬ k d(µ−ν) d(µ−ν),      k(x) = Π_c (1 + 2 Σ_{j=1}^J cos(j x_c)/(1 + j)),
//     X_i ← X_i − η [ (1/M) Σ_j ∇k(X_i − X_j) − (1/N) Σ_j ∇k(X_i − Y_j) ] + √(2ητ_t) ξ_i ,
//
// the drift that of δG/2 as in the paper's code. With τ_t = τ/(t + 1) the noise is annealed and the unregularized minimum is
// reached that plain descent (τ = 0) misses. A step costs O(M (M + N) p J).
//
// The certificate is of the objective that the last step descended, L(µ) = G(µ)/2 + τ ∫µ log µ with its τ. G is convex, so that with
// V = δ(G/2)/δµ = ∫k(· − x) d(µ−ν)(x), as for networks,
//
//     L(µ) − D = τ KL(µ‖p) ≥ L(µ) − min L,   p ∝ exp(−V/τ),   D = G/2 − ∫V dµ − τ log ∫exp(−V/τ) = (∬k dν dν − ∬k dµ dµ)/2 − τ log Z.
//
// D holds for whatever µ the potential comes from, so that only the primal is estimated: its entropy by nearest neighbours on the torus,
// G by the U-statistic. Without noise in the last step min G = 0, at ν itself, and G/2 is the gap, exactly.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "native/core/cancel.h"
#include "native/core/thread_pool.h"
#include "native/mean_field/annealing.h"
#include "native/mean_field/measure_options.h"

namespace meanfield {

struct MeasureOptions {
  int64_t particles = 50;    // M
  double step = 0.08;        // η
  double temperature = 0.1;  // τ; 0: plain descent
  Annealing annealing = Annealing::Constant;
  double quietFraction = 0.2;  // last part of the run without noise
  int64_t frequencies = 5;     // J

  static const OptionTable<MeasureOptions>& table() {
    static const OptionTable<MeasureOptions> table =
        OptionTable<MeasureOptions>()
            .integer("particles", "M", &MeasureOptions::particles, between(1, 1e7), "Number of particles.")
            .number("step", "η", &MeasureOptions::step, above(0), "Step size.")
            .number("temperature", "τ", &MeasureOptions::temperature, at_least(0),
                    "Weight of the entropy at the start; 0 is plain gradient descent.")
            .choice("annealing", &MeasureOptions::annealing, {"constant", "geometric", "logarithmic", "harmonic"},
                    "Temperature at step t: τ times 1, 2^-⌊t/100⌋, 1/log(e + t) or 1/(1 + t).")
            .number("quietFraction", "", &MeasureOptions::quietFraction, between(0, 1),
                    "Fraction of the steps, the last ones, without noise.")
            .integer("frequencies", "J", &MeasureOptions::frequencies, between(1, 1000),
                     "Frequencies of the kernel along each coordinate.");
    return table;
  }
};

struct MeasureResult {
  static constexpr int kColumns = 3;
  std::vector<double> particles;  // M × p, in [0, 2π)
  std::vector<double> trace;      // rows of step, G, and ∫µ log µ by the nearest neighbour on the torus, an estimate
  int64_t steps = 0;
  bool cancelled = false;
  MeasureCertificate certificate;
};

/// Starts from uniform draws when `initial` is empty, else from it (M × p). `target` is N × p. When cancelled it ends with
/// the particles of the last completed step and without a certificate. Throws InvalidOption, InvalidData.
MeasureResult fit_measure(const std::vector<double>& target, int64_t dimension, const std::vector<double>& initial,
                          const MeasureOptions& options, const MeasureRunOptions& run, ThreadPool& pool,
                          const CancelToken* cancel, const OnRow& onRow = {});
/// What fit_measure refuses, at once.
void check_measure(const std::vector<double>& target, int64_t dimension, const std::vector<double>& initial,
                   const MeasureOptions& options);

/// G of two sets of points.
double discrepancy(const std::vector<double>& x, const std::vector<double>& y, int64_t dimension, int64_t frequencies);

/// The certificate at `temperature` of particles x for the target y. Throws Cancelled.
MeasureCertificate certify_measure(const std::vector<double>& x, const std::vector<double>& y, int64_t dimension,
                                   int64_t frequencies, double temperature, uint64_t seed, ThreadPool& pool,
                                   const CancelToken* cancel);

}  // namespace meanfield
