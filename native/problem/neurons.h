// Neurons h_θ(x) ∈ R^k of a mean-field network, all of the form
//
//     h_θ(x) = c(θ) σ(wᵀx + b) + e(θ),      θ = (w, b, tail),
//
// where σ is the activation and only the tail decides c and e:
//
//   second layer   c_j                          e_j                         tail      source
//   fixed          R a_j                        0                           –         PDA 2021: only the first layer is trained
//   bounded        R tanh(r_j)                  0                           r ∈ R^k   Nitanda, Wu, Suzuki 2022
//   parity         (R/3) a_j                    (2R/3) a_j tanh(u)          u ∈ R     Suzuki, Wu, Oko, Nitanda 2023 (k = 1: R[σ + 2 tanh(u)]/3)
//
// a ∈ R^k is fixed for each particle: with k = 1 and signs = same, a = 1 always; with balanced signs particle r has
// (−1)^r; with k > 1 particle r serves output j = r mod k only, a = ±e_j, sign (−1)^⌊r/k⌋ when balanced.
#pragma once
#include <cstdint>
#include <string>

#include "native/core/host_device.h"

namespace meanfield {

enum class Activation : int32_t { Tanh, Sigmoid, Relu, Softplus, Silu };
inline const char* const kActivationNames[] = {"tanh", "sigmoid", "relu", "softplus", "silu"};
enum class SecondLayer : int32_t { Fixed, Bounded, Parity };
inline const char* const kSecondLayerNames[] = {"fixed", "bounded", "parity"};
enum class Signs : int32_t { Same, Balanced };
inline const char* const kSignsNames[] = {"same", "balanced"};

struct Neuron {
  Activation activation = Activation::Tanh;
  SecondLayer secondLayer = SecondLayer::Bounded;
  Signs signs = Signs::Same;
  int32_t outputs = 1;  // k
  float scale = 1;      // R

  /// Numbers of the tail: 0, k or 1.
  MEANFIELD_HOST_DEVICE int32_t tail() const {
    return secondLayer == SecondLayer::Fixed ? 0 : secondLayer == SecondLayer::Bounded ? outputs : 1;
  }
  /// a_j of particle r: −1, 0 or 1.
  MEANFIELD_HOST_DEVICE int sign(int64_t particle, int output) const {
    if (outputs > 1 && particle % outputs != output) return 0;
    return signs == Signs::Balanced && (particle / outputs) % 2 == 1 ? -1 : 1;
  }
  /// c_j and e_j for the tail of particle r (double, reference precision).
  void output_weights(int64_t particle, const float* tail, double* c, double* e) const;
  /// h_θ(x) into h[0..k): `inputs` numbers of x (bias column included when the network has one), then the tail.
  void value(int64_t particle, const float* theta, const float* x, int64_t inputs, double* h) const;
  /// gradient[0..inputs + tail) += Σ_j weight_j ∂h_j/∂θ.
  void add_gradient(int64_t particle, const float* theta, const float* x, int64_t inputs, const double* weight,
                    double* gradient) const;
};

/// σ(s), σ'(s) in double; ReLU' (0) = 0.
double activation_value(Activation activation, double s);
double activation_derivative(Activation activation, double s);

/// Constants of σ used by the 'auto' step: sup|σ|, sup|σ'|, sup|σ''| (infinite where unbounded; ReLU'' counts as 0
/// almost everywhere).
struct ActivationBounds {
  double value, slope, curvature;
};
ActivationBounds activation_bounds(Activation activation);

}  // namespace meanfield
