// The constants of the theory, measured or bounded for the problem at hand, and the 'auto' values computed from them.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "native/mean_field/network_options.h"

namespace meanfield {

/// Measured on the training inputs x̃ (with the constant 1 of the bias when there is one).
struct DataConstants {
  double meanSquare = 0;    // (1/n) Σ ‖x̃_i‖², the trace of the second moment
  double largestEigen = 0;  // λ_max((1/n) Σ x̃_i x̃_iᵀ)
};

/// Value with the formula that gave it.
struct Choice {
  double value;
  std::string why;
};

inline std::string text(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4g", value);
  return buffer;
}

/// R: the squared and Huber losses see standardized targets, which a network bounded by 3 covers (99.7 % of a normal);
/// margins and logits need room to be certain: 10 separates probabilities of e⁻²⁰.
inline Choice auto_output_scale(const NetworkOptions& options) {
  const bool regression = options.loss == LossKind::Squared || options.loss == LossKind::Huber;
  return regression ? Choice{3, "R = 3: three standard deviations of a standardized target"}
                    : Choice{10, "R = 10: logits between -10 and 10"};
}

/// λ' such that s = wᵀx + b has variance 4 under the prior N(0, v* I), v* = λ/(2λ'): E s² = v* E‖x̃‖².
inline Choice auto_ridge(const NetworkOptions& options, const DataConstants& data) {
  const double variance = 4 / std::max(data.meanSquare, 1e-12);
  return {options.entropy / (2 * variance), "λ' = λ E‖x̃‖²/8: pre-activations of variance 4 under the prior; E‖x̃‖² = " +
                                                text(data.meanSquare) + ", λ = " + text(options.entropy)};
}

/// M such that particles drawn from any q have E F(q_M) − F(q) ≤ (β/2M) Σ_j max_i Var_q h_j(x_i) ≤ ε (A. Nitanda, NeurIPS 2024, arXiv
/// 2405.15767), the variance of a number in [−C, C] being at most C². Throws InvalidOption for unbounded neurons.
inline Choice auto_particles(const Neuron& neuron, const Loss& loss, double accuracy) {
  const double bound = neuron.scale * activation_bounds(neuron.activation).value;
  if (!std::isfinite(bound))
    throw Error(
        ErrorCode::InvalidOption,
        "mean-field: particles 'auto' needs bounded neurons; use the activation 'tanh' or 'sigmoid', or a number.");
  const double variance = neuron.outputs * bound * bound;
  return {std::max(1.0, std::ceil(loss.smoothness() * variance / (2 * accuracy))),
          "⌈β k C²/(2ε)⌉: E F of M particles exceeds F by at most β Σ_j Var h_j/(2M); β = " + text(loss.smoothness()) +
              ", C = " + text(bound) + ", k = " + std::to_string(neuron.outputs) + ", ε = " + text(accuracy)};
}

/// E f(t) for t ~ N(0, variance), by the midpoint rule over ±8 standard deviations: spectrally accurate for smooth f, and
/// no node at 0, where the ReLU jumps.
template <class F>
double gaussian_mean(double variance, F f) {
  constexpr int kPoints = 256;
  constexpr double kReach = 8;
  const double spacing = 2 * kReach / kPoints, deviation = std::sqrt(variance);
  double sum = 0;
  for (int i = 0; i < kPoints; ++i) {
    const double t = -kReach + (i + 0.5) * spacing;
    sum += f(deviation * t) * std::exp(-t * t / 2) * spacing / std::sqrt(2 * 3.14159265358979323846);
  }
  return sum;
}

/// Smoothness of the drift θ ↦ ∇δF/δq: the interaction of all particles through the outputs (Gauss-Newton term of the
/// tangent kernel) and the curvature of a single neuron,
///
///     L = β E[c²] E[σ'²] λ_x + β₁ E[(∂c)²] E[σ²] + G max{√E[c²] sup|σ''| λ_x, sup|e''|} + 2λ' ,
///
/// β the loss's curvature along neurons bounded coordinate by coordinate and β₁ along one output, G a bound of mean
/// Σ_j |ℓ_z|, c the output weight, ∂c its derivative in the tail, e the parity neuron's own term in u (of which σ does not
/// depend: the Hessian of a neuron has two blocks), λ_x the largest eigenvalue of the inputs' second moment.
/// Expectations are over N(0, 4·initialVariance), twice as far out as the start: the suprema would count every neuron
/// as saturated and linear at once, and be some hundred times too careful. The step is 1/L.
inline Choice auto_step(const Neuron& neuron, const Loss& loss, const DataConstants& data, double ridge,
                        double initialVariance, double measuredGradient) {
  const double spread = 4 * initialVariance;
  const auto square = [](double t) { return t * t; };
  const auto tanhSquare = [](double t) { return std::tanh(t) * std::tanh(t); };
  const double slope = gaussian_mean(spread * data.meanSquare,
                                     [&](double s) { return square(activation_derivative(neuron.activation, s)); });
  const double value =
      gaussian_mean(spread * data.meanSquare, [&](double s) { return square(activation_value(neuron.activation, s)); });
  const double tailSlope = gaussian_mean(spread, [&](double r) { return square(1 - tanhSquare(r)); });
  const double R = neuron.scale;
  double weight = R * R, tail = 0, bend = 0;  // E[c²]; E[(∂c)²] E[σ²]; sup|e''|
  if (neuron.secondLayer == SecondLayer::Bounded) {
    weight = R * R * gaussian_mean(spread, tanhSquare);
    tail = R * R * tailSlope * value;
  } else if (neuron.secondLayer == SecondLayer::Parity) {
    weight = R * R / 9;
    tail = 4 * R * R / 9 * tailSlope;
    bend = 2 * R / 3 * activation_bounds(Activation::Tanh).curvature;
  }
  // Fixed output weights with k > 1 feed one output a particle, so that the k outputs do not add up.
  const bool oneOutput = neuron.secondLayer != SecondLayer::Bounded;
  const double beta = oneOutput ? loss.smoothness() : loss.box_curvature(neuron.outputs);
  const double bound = loss.gradient_bound(neuron.outputs);
  const double gradient = std::isfinite(bound) ? std::min(bound, 1.0) : measuredGradient;
  const double curvature = activation_bounds(neuron.activation).curvature;
  const double L = beta * weight * slope * data.largestEigen + loss.smoothness() * tail +
                   gradient * std::max(std::sqrt(weight) * curvature * data.largestEigen, bend) + 2 * ridge;
  return {1 / L,
          "1/L, L = β E[c²] E[σ'²] λ_x + β₁ E[(∂c)²] E[σ²] + G max{√E[c²] sup|σ''| λ_x, sup|e''|} + 2λ' with β = " +
              text(beta) + ", E[c²] = " + text(weight) + ", E[σ'²] = " + text(slope) +
              ", λ_x = " + text(data.largestEigen) + ", β₁ = " + text(loss.smoothness()) +
              ", E[(∂c)²] E[σ²] = " + text(tail) + ", G = " + text(gradient) + ", sup|σ''| = " + text(curvature) +
              (bend > 0 ? ", sup|e''| = " + text(bend) : "")};
}

/// Fills in what an algorithm's options leave to 'auto', from the constants of the problem, and keeps the formulas.
class Resolver {
 public:
  int64_t rows = 0;        // n
  int64_t particles = 0;   // M
  int64_t parameters = 0;  // p
  Loss loss;
  Neuron neuron;
  double ridge = 0;                              // λ'
  double entropy = 0;                            // λ
  std::function<Choice()> gradientStep;          // 1/L
  std::function<Choice(const Neuron&)> stepFor;  // 1/L of another neuron
  double resolved = 0;                           // η that the method runs with
  std::vector<Chosen> chosen;

  /// The loss may have to be evaluated for 1/L, so only where it is wanted.
  double step(Auto<double>& option) { return option ? *option : number("step", option, gradientStep()); }
  double number(const char* name, Auto<double>& option, const Choice& choice) {
    if (!option) {
      option = choice.value;
      chosen.push_back({name, choice.value, choice.why});
    }
    return *option;
  }
  int64_t integer(const char* name, Auto<int64_t>& option, const Choice& choice) {
    if (!option) {
      option = static_cast<int64_t>(choice.value);
      chosen.push_back({name, choice.value, choice.why});
    }
    return *option;
  }
  /// K of a loop that follows a Gibbs density with step η. Its directions relax within 1 step (curvature L = 1/η) to 1/(2λ'η) steps
  /// (the prior's curvature 2λ'); where each loop goes on from the last, the geometric mean of the two balances them.
  int64_t inner_steps(Auto<int64_t>& option, double step) {
    constexpr double kMost = 1000;
    const double slowest = 1 / (2 * ridge * step);
    return integer("innerSteps", option,
                   {std::clamp(std::ceil(std::sqrt(slowest)), 1.0, kMost),
                    "⌈√(1/(2λ'η))⌉, the geometric mean of the relaxation times 1 and 1/(2λ'η) = " + text(slowest) +
                        " of the inner chain, at most 1000"});
  }
  /// B rows of n, ⌈√n⌉ when left open. Throws InvalidOption when there are more than rows.
  int64_t minibatch(const char* algorithm, Auto<int64_t>& option) {
    if (option && *option > rows)
      throw Error(ErrorCode::InvalidOption, std::string(algorithm) + ": minibatch is " + std::to_string(*option) +
                                                " but the training data have " + std::to_string(rows) +
                                                " rows; expected at most as many. Use 'auto' or a smaller number.");
    const double root = std::ceil(std::sqrt(static_cast<double>(rows)));
    return integer("minibatch", option, {root, "⌈√n⌉, n = " + std::to_string(rows)});
  }
};

}  // namespace meanfield
