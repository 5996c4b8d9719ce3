// Activations of the kernel regime: the smooth ReLUs of Nitanda and Suzuki, ICLR 2021, arXiv 2006.12297, Assumption 1, their limit
// and tanh. Assumption 1 asks for |σ''| bounded, |σ'| ≤ 2 and |σ(u)| ≤ 1 + |u|; ReLU alone has no σ''.
#pragma once
#include <cmath>
#include <cstdint>

namespace meanfield {

enum class ActivationShape { Swish, Relu, Softplus, Tanh };

struct SmoothActivation {
  ActivationShape shape = ActivationShape::Swish;
  double sharpness = 10;

  /// σ(u) and σ'(u) of `count` numbers; σ' is not written where `slopes` is null. ReLU'(0) = 0.
  void operator()(const double* u, int64_t count, double* values, double* slopes) const {
    switch (shape) {
      case ActivationShape::Relu:
        for (int64_t i = 0; i < count; ++i) values[i] = u[i] > 0 ? u[i] : 0;
        if (slopes)
          for (int64_t i = 0; i < count; ++i) slopes[i] = u[i] > 0 ? 1 : 0;
        return;
      case ActivationShape::Swish:  // u S, S + s u S (1 − S), with S = 1/(1 + exp(−s u))
        for (int64_t i = 0; i < count; ++i) {
          const double S = 1 / (1 + std::exp(-sharpness * u[i])), value = u[i] * S;
          values[i] = value;
          if (slopes) slopes[i] = S + sharpness * value * (1 - S);
        }
        return;
      case ActivationShape::Softplus:  // log(1 + exp(s u))/s, S
        for (int64_t i = 0; i < count; ++i) {
          const double t = sharpness * u[i], e = std::exp(-std::fabs(t));
          values[i] = ((t > 0 ? t : 0) + std::log1p(e)) / sharpness;
          if (slopes) slopes[i] = t > 0 ? 1 / (1 + e) : e / (1 + e);
        }
        return;
      case ActivationShape::Tanh:  // tanh(s u)/s, 1 − tanh²
        for (int64_t i = 0; i < count; ++i) {
          const double t = std::tanh(sharpness * u[i]);
          values[i] = t / sharpness;
          if (slopes) slopes[i] = 1 - t * t;
        }
        return;
    }
  }
};

}  // namespace meanfield
