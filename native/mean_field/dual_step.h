// One coordinate of the dual of the mean-field objective, in closed form or by bisection:
//
//     g⁺ = argmax_g { −ℓ*(g, y) + a (g − ḡ) − (c/2) (g − ḡ)² } .
//
// Every objective is concave in one variable, so that a domain is respected by clipping.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "native/problem/losses.h"

namespace meanfield {

/// For the losses that act on each output by itself.
inline double dual_step(const Loss& loss, double a, double current, double c, double y) {
  const double s = -y * current;  // in [0, 1] for the margin losses
  switch (loss.kind) {
    case LossKind::Squared: return (a - y + c * current) / (1 + c);
    case LossKind::Huber: return std::clamp((a - y + c * current) / (1 + c), -loss.width, loss.width);
    case LossKind::SmoothHinge: return -y * std::clamp((1 - a * y + c * s) / (loss.width + c), 0.0, 1.0);
    case LossKind::Logistic: {
      // The derivative in t = logit(s), −t − ay − c(σ(t) − s̄), falls from +∞ to −∞.
      double low = -40, high = 40;
      for (int i = 0; i < 60; ++i) {
        const double t = (low + high) / 2;
        (-t - a * y - c * (1 / (1 + std::exp(-t)) - s) > 0 ? low : high) = t;
      }
      return -y / (1 + std::exp(-(low + high) / 2));
    }
    default: break;  // softmax below; the others do not train mean-field networks
  }
  return current;
}

/// For the softmax, whose k coordinates live on a simplex: the best point of the segment from ḡ to ∇ℓ(a), which is the maximizer
/// for c = 0 (S. Shalev-Shwartz, T. Zhang, 2013); `c` multiplies the squared l1 length of the move. By golden section.
inline std::vector<double> softmax_dual_step(const Loss& loss, const std::vector<double>& a, const double* current,
                                             double c, const double* y) {
  const int k = static_cast<int>(a.size());
  std::vector<double> direction(a.size()), g(a.size());
  loss.gradient(a.data(), y, k, direction.data());
  double linear = 0, length = 0;
  for (size_t j = 0; j < a.size(); ++j) {
    direction[j] -= current[j];
    linear += a[j] * direction[j];
    length += std::fabs(direction[j]);
  }
  const auto value = [&](double s) {
    for (size_t j = 0; j < a.size(); ++j) g[j] = current[j] + s * direction[j];
    return -loss.conjugate(g.data(), y, k) + s * linear - c / 2 * s * s * length * length;
  };
  const double golden = (std::sqrt(5.0) - 1) / 2;
  double low = 0, high = 1;
  double left = high - golden, right = low + golden, atLeft = value(left), atRight = value(right);
  for (int i = 0; i < 50; ++i) {
    if (atLeft > atRight) {
      high = right;
      right = left;
      atRight = atLeft;
      left = high - golden * (high - low);
      atLeft = value(left);
    } else {
      low = left;
      left = right;
      atLeft = atRight;
      right = low + golden * (high - low);
      atRight = value(right);
    }
  }
  const double s = (low + high) / 2;
  for (size_t j = 0; j < a.size(); ++j) g[j] = current[j] + s * direction[j];
  return g;
}

}  // namespace meanfield
