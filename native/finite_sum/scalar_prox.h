// The scalar equation under every dual step and every stochastic proximal point:
//
//     t + s ℓ'(t, y) = t0,   s > 0,     that is t = prox_{sℓ}(t0).
#pragma once
#include <algorithm>
#include <cmath>

#include "native/problem/losses.h"

namespace meanfield {

/// `guess`: where Newton's method begins; the margin itself is a good one in dual ascent, where t and z meet at the optimum.
inline double scalar_prox(const Loss& loss, double y, double s, double t0, double guess) {
  switch (loss.kind) {
    case LossKind::Squared: return (t0 + s * y) / (1 + s);
    case LossKind::SquaredHinge: return y * t0 >= 1 ? t0 : (t0 + s * y) / (1 + s);
    case LossKind::Huber: return t0 - s * std::clamp((t0 - y) / (1 + s), -loss.width, loss.width);
    case LossKind::SmoothHinge: {
      const double m = y * t0;
      if (m >= 1) return t0;
      return t0 + s * y * std::min((1 - m) / (loss.width + s), 1.0);
    }
    default: break;
  }
  // ℓ' is increasing, so that the root lies between t0 and t0 − s ℓ'(t0); the derivative of the logistic loss between 0 and −y.
  const bool logistic = loss.kind == LossKind::Logistic;
  double low = t0, high = logistic ? t0 + s * y : t0 - s * loss.derivative(t0, y);
  if (low > high) std::swap(low, high);
  double t = guess > low && guess < high ? guess : t0;
  // Newton inside the bracket; where a step is not half of the one before, as in a cycle around the root, the bracket is halved.
  double before = high - low;
  for (int iteration = 0; iteration < 200; ++iteration) {
    const double slope = loss.derivative(t, y), residual = t + s * slope - t0;
    // ℓ'' = −yℓ' (1 + yℓ') of the logistic loss, ℓ' + y of Poisson's.
    const double rise = 1 + s * (logistic ? -slope * (y + slope) : slope + y);
    // Nothing is left but the rounding of t and of the three terms.
    if (std::fabs(residual) <= 4e-16 * (rise * std::fabs(t) + s * std::fabs(slope) + std::fabs(t0))) break;
    if (residual > 0)
      high = t;
    else
      low = t;
    double next = t - residual / rise;
    if (!(next > low && next < high) || std::fabs(next - t) > 0.5 * before) next = 0.5 * (low + high);
    if (next == t) break;
    before = std::fabs(next - t);
    t = next;
  }
  return t;
}

}  // namespace meanfield
