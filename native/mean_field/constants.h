// The constants of the theory, measured or bounded for the problem at hand, and the 'auto' values computed from them.
#pragma once
#include <cmath>
#include <cstdio>
#include <string>

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

/// Smoothness of the drift θ ↦ ∇δF/δq along the flow: the interaction through the outputs (Gauss-Newton) and the
/// curvature of a single neuron,
///
///     L = β (R² slope² λ_x + R² tail²) + G R curv λ_x + 2λ',
///
/// β the loss's curvature along bounded neurons, G a bound of mean Σ_j |ℓ_z|, slope and curv the suprema of |σ'| and |σ''|,
/// tail the derivative of the output weight times sup |σ|. The step is 1/L.
inline Choice auto_step(const Neuron& neuron, const Loss& loss, const DataConstants& data, double ridge,
                        double initialVariance, double measuredGradient) {
  const ActivationBounds bounds = activation_bounds(neuron.activation);
  const double scale = neuron.secondLayer == SecondLayer::Parity ? neuron.scale / 3 : neuron.scale;
  const double spread = initialVariance * data.meanSquare;  // E s² at the start, where σ is not bounded
  const double value = std::isfinite(bounds.value) ? bounds.value : std::sqrt(spread);
  const double tail = neuron.secondLayer == SecondLayer::Fixed ? 0 : neuron.secondLayer == SecondLayer::Parity ? 2 : value;
  // A fixed second layer with k > 1 feeds one output a particle, so that the k outputs do not add up.
  const bool oneOutput = neuron.secondLayer != SecondLayer::Bounded;
  const double curvature = oneOutput ? loss.smoothness() : loss.box_curvature(neuron.outputs);
  const double bounded = loss.gradient_bound(oneOutput && loss.kind != LossKind::Softmax ? 1 : neuron.outputs);
  const double gradient = std::isfinite(bounded) ? std::min(bounded, 1.0) : measuredGradient;
  const double slope = bounds.slope * bounds.slope * data.largestEigen;
  const double L = curvature * scale * scale * (slope + tail * tail) +
                   gradient * scale * bounds.curvature * data.largestEigen + 2 * ridge;
  return {1 / L, "1/L, L = β R² (slope² λ_x + tail²) + G R curv λ_x + 2λ' with β = " + text(curvature) + ", R = " +
                     text(scale) + ", slope = " + text(bounds.slope) + ", λ_x = " + text(data.largestEigen) +
                     ", tail = " + text(tail) + ", G = " + text(gradient) + ", curv = " + text(bounds.curvature)};
}

}  // namespace meanfield
