// J. Kim, K. Yamamoto, K. Oko, Z. Yang, T. Suzuki, "Symmetric mean-field Langevin dynamics for distributional minimax problems", ICLR
// 2024, arXiv 2312.01127, for bilinear games on the line:
//
//     min_µ max_ν  ∬ Q(x, y) dµ(x) dν(y) + λ KL(µ‖ρ) − λ KL(ν‖ρ),      ρ = N(0, 1/curvature).
//
//   da   descent-ascent:  each player's drift from the other's present particles
//   ag   averaged gradient (MFL-AG): from a reservoir of the other's past, weights β_k = k^r; the outputs are the reservoirs
//   abr  anchored best response (MFL-ABR): K Langevin steps towards the best response to the present measures, of which a
//        share β then replaces as many particles
//
// Every particle moves by X ← X − η [∂_x ∫Q dν + λ·curvature·X] + √(2λη) ξ, Y with the opposite sign of Q. A step costs
// O(N²) evaluations of ∂Q.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "native/core/cancel.h"
#include "native/core/thread_pool.h"

namespace meanfield {

enum class MinimaxMethod { DescentAscent, AveragedGradient, AnchoredBestResponse };

/// Q with its two partial derivatives.
struct Game {
  std::function<double(double, double)> value, byX, byY;
};
/// Q(x, y) = 1/(1 + exp(−(x−y)²)), the game of the paper's experiment.
Game sigmoid_game();

struct MinimaxOptions {
  MinimaxMethod method = MinimaxMethod::AveragedGradient;
  int64_t particles = 1000;  // N of each player
  int64_t steps = 500;       // outer
  double step = 0.3;         // η
  double entropy = 0.01;     // λ
  double curvature = 1;      // of −log ρ
  double weightPower = 1;    // r of averaged gradient
  double mixing = 0.15;      // β of anchored best response
  int64_t innerSteps = 10;   // K of anchored best response
  uint64_t seed = 0;
};

struct MinimaxResult {
  std::vector<double> x, y;  // N particles of µ and ν
  std::vector<double> moved; // W1(µ_k, µ_{k+1}) + W1(ν_k, ν_{k+1}) of every step
};

/// Throws InvalidOption, Cancelled.
MinimaxResult play(const Game& game, const MinimaxOptions& options, ThreadPool& pool, const CancelToken* cancel);

/// Wasserstein-1 distance of two samples of the same size on the line.
double wasserstein(std::vector<double> a, std::vector<double> b);

/// Nikaido-Isoda gap max_ν' L(µ, ν') − min_µ' L(µ', ν) = λ KL(µ‖µ̂) + λ KL(ν‖ν̂), µ̂ ∝ ρ exp(−∫Q dν/λ) and ν̂ ∝ ρ exp(∫Q dµ/λ) the best responses:
/// how far the pair is from the equilibrium. Entropies by ten nearest neighbours, partition functions by quadrature.
struct MinimaxGap {
  double gap, standardError;
};
MinimaxGap nikaido_isoda(const Game& game, const std::vector<double>& x, const std::vector<double>& y, double entropy,
                         double curvature, ThreadPool& pool, const CancelToken* cancel);

}  // namespace meanfield
