// J. Kim, K. Yamamoto, K. Oko, Z. Yang, T. Suzuki, "Symmetric mean-field Langevin dynamics for distributional minimax problems", ICLR
// 2024, arXiv 2312.01127, for bilinear games on the line:
//
//     min_µ max_ν  ∬ Q(x, y) dµ(x) dν(y) + λ KL(µ‖ρ) − λ KL(ν‖ρ),      ρ = N(0, 1/curvature).
//
//   descent-ascent     each player's drift from the other's present particles
//   averaged-gradient  (MFL-AG) from a reservoir of the other's past, weights β_k = k^r; the outputs are the reservoirs
//   best-response      (MFL-ABR) K Langevin steps towards the best response to the present measures, of which a share β then
//                      replaces as many particles
//
// Every particle moves by X ← X − η [∂_x ∫Q dν + λ·curvature·X] + √(2λη) ξ, Y with the opposite sign of Q. A step costs
// O(N²) evaluations of ∂Q, K times that for best-response.
//
// The certificate is the Nikaido-Isoda gap max_ν' L(µ, ν') − min_µ' L(µ', ν) = λ KL(µ‖µ̂) + λ KL(ν‖ν̂) ≥ 0, µ̂ ∝ ρ exp(−∫Q dν/λ) and
// ν̂ ∝ ρ exp(∫Q dµ/λ) the best responses: 0 at the equilibrium and nowhere else. Entropies by ten nearest neighbours, partition
// functions by quadrature.
#pragma once
#include <cstdint>
#include <vector>

#include "native/core/cancel.h"
#include "native/core/thread_pool.h"
#include "native/mean_field/measure_options.h"

namespace meanfield {

/// Q(x, y) = 1/(1 + exp(−(x−y)²)), the game of the paper's experiment; exp(−(x−y)²/2); x·y, whose equilibrium is ρ.
enum class Game { Sigmoid, Gaussian, Product };
enum class MinimaxMethod { DescentAscent, AveragedGradient, BestResponse };

struct MinimaxOptions {
  Game game = Game::Sigmoid;
  MinimaxMethod method = MinimaxMethod::AveragedGradient;
  int64_t particles = 1000;  // N of each player
  double step = 0.3;         // η
  double entropy = 0.01;     // λ
  double curvature = 1;      // of −log ρ
  double weightPower = 1;    // r of averaged gradient
  double mixing = 0.15;      // β of best response
  int64_t innerSteps = 10;   // K of best response

  static const OptionTable<MinimaxOptions>& table() {
    static const OptionTable<MinimaxOptions> table =
        OptionTable<MinimaxOptions>()
            .choice("game", &MinimaxOptions::game, {"sigmoid", "gaussian", "product"},
                    "Payoff Q(x, y): 1/(1 + exp(-(x-y)²)), exp(-(x-y)²/2), or xy.")
            .choice("method", &MinimaxOptions::method, {"descent-ascent", "averaged-gradient", "best-response"},
                    "How the players move: against each other's present, averaged past, or towards best responses.")
            .integer("particles", "N", &MinimaxOptions::particles, between(2, 1e6), "Particles of each player.")
            .number("step", "η", &MinimaxOptions::step, above(0), "Step size.")
            .number("entropy", "λ", &MinimaxOptions::entropy, above(0), "Weight of the divergences from the prior.")
            .remedy("The best responses divide by it: use a small one.")
            .number("curvature", "", &MinimaxOptions::curvature, above(0), "Inverse variance of the prior ρ.")
            .number("weightPower", "r", &MinimaxOptions::weightPower, between(0, 8),
                    "Step k has weight k^r in the averages of averaged-gradient.")
            .number("mixing", "β", &MinimaxOptions::mixing, {0, 1, true},
                    "Share of the best response mixed in at each step of best-response.")
            .integer("innerSteps", "K", &MinimaxOptions::innerSteps, between(1, 1e9),
                     "Langevin steps towards each best response of best-response.");
    return table;
  }
};

struct MinimaxResult {
  static constexpr int kColumns = 2;
  std::vector<double> x, y;   // N particles of µ and ν
  std::vector<double> trace;  // rows of step and W1(µ_k−1, µ_k) + W1(ν_k−1, ν_k), the latter 0 at the start
  int64_t steps = 0;
  bool cancelled = false;
  MeasureCertificate certificate;  // primal max_ν' L(µ, ν'), dual min_µ' L(µ', ν)
};

/// Cancelled, it ends with the particles of the last completed step and without a certificate. `initial`: both players', 2N
/// numbers, or empty: draws from ρ. Throws InvalidData.
MinimaxResult play(const MinimaxOptions& options, const MeasureRunOptions& run, const std::vector<double>& initial,
                   ThreadPool& pool, const CancelToken* cancel, const OnRow& onRow = {});
void check_minimax(const MinimaxOptions& options, const std::vector<double>& initial);

struct Slopes {
  double value, byX, byY;  // Q, ∂Q/∂x, ∂Q/∂y
};
Slopes payoff(Game game, double x, double y);

/// Wasserstein-1 distance of two samples of the same size on the line.
double wasserstein(std::vector<double> a, std::vector<double> b);

/// The certificate of a pair of samples. Throws Cancelled.
MeasureCertificate nikaido_isoda(Game game, const std::vector<double>& x, const std::vector<double>& y, double entropy,
                                 double curvature, ThreadPool& pool, const CancelToken* cancel);

}  // namespace meanfield
