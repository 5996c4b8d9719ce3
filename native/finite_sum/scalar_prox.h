// The scalar equation under every dual step and every stochastic proximal point:
//
//     t + s ℓ'(t, y) = t0,   s > 0,     that is t = prox_{sℓ}(t0).
#pragma once
#include <algorithm>
#include <cmath>

#include "native/problem/losses.h"

namespace meanfield {

/// The root t, and ℓ'(t): the new dual number.
struct ScalarProx {
  double t, slope;
};

/// The logistic loss, by Halley's method inside a bracket: an exponential is most of what a round costs, and gives all derivatives.
/// With q = σ(−y t): ℓ' = −y q, ℓ'' = q(1 − q), ℓ''' = −y(1 − 2q) ℓ''.
inline ScalarProx logistic_prox(double y, double s, double t0, double guess, double last) {
  // ℓ' lies between 0 and −y.
  double low = std::min(t0, t0 + s * y), high = std::max(t0, t0 + s * y), before = high - low;
  double t = guess > low && guess < high ? guess : t0;
  for (int round = 0;; ++round) {
    const double e = std::exp(-std::fabs(t)), q = (y * t > 0 ? e : 1) / (1 + e), slope = -y * q,
                 curvature = e / ((1 + e) * (1 + e)), third = -y * (1 - 2 * q) * curvature;
    const double residual = t + s * slope - t0, rise = 1 + s * curvature;
    // Nothing is left but the rounding of t and of the three terms.
    if (round == 200 || std::fabs(residual) <= 4e-16 * (rise * std::fabs(t) + s * q + std::fabs(t0))) return {t, slope};
    (residual > 0 ? high : low) = t;
    const double newton = residual / rise, move = -newton / (1 - 0.5 * newton * s * third / rise);
    // All derivatives of sℓ' are at most `rise`, so that this step leaves an error of at most |move|³/2, and Taylor's formula one of at most
    // q|move|³/6 in the slope.
    if (std::fabs(move) < last) return {t + move, slope + move * (curvature + 0.5 * move * third)};
    double next = t + move;
    // Where a step is not half of the one before, as in a cycle around the root, the bracket is halved.
    if (!(next > low && next < high) || std::fabs(move) > 0.5 * before) next = 0.5 * (low + high);
    before = std::fabs(next - t);
    t = next;
  }
}

/// `guess`: where an iteration begins; the margin itself is a good one in dual ascent, where t and z meet at the optimum. `last`: a move of the
/// logistic loss's iteration below this is the last, kToRounding when nothing but rounding is to be left.
constexpr double kToRounding = 0x1p-18;
inline ScalarProx scalar_prox(const Loss& loss, double y, double s, double t0, double guess,
                              double last = kToRounding) {
  const auto at = [&](double t) { return ScalarProx{t, loss.derivative(t, y)}; };
  switch (loss.kind) {
    case LossKind::Squared: return at((t0 + s * y) / (1 + s));
    case LossKind::SquaredHinge: return at(y * t0 >= 1 ? t0 : (t0 + s * y) / (1 + s));
    case LossKind::Huber: return at(t0 - s * std::clamp((t0 - y) / (1 + s), -loss.width, loss.width));
    case LossKind::SmoothHinge: {
      const double m = y * t0;
      return at(m >= 1 ? t0 : t0 + s * y * std::min((1 - m) / (loss.width + s), 1.0));
    }
    case LossKind::Logistic: return logistic_prox(y, s, t0, guess, last);
    default: break;
  }
  // Poisson. ℓ' is increasing, so that the root lies between t0 and t0 − s ℓ'(t0).
  double low = t0, high = t0 - s * loss.derivative(t0, y);
  if (low > high) std::swap(low, high);
  double t = guess > low && guess < high ? guess : t0;
  // Newton inside the bracket, halved as above.
  double before = high - low;
  for (int round = 0; round < 200; ++round) {
    const double slope = loss.derivative(t, y), residual = t + s * slope - t0, rise = 1 + s * (slope + y);
    if (std::fabs(residual) <= 4e-16 * (rise * std::fabs(t) + s * std::fabs(slope) + std::fabs(t0))) break;
    (residual > 0 ? high : low) = t;
    double next = t - residual / rise;
    if (!(next > low && next < high) || std::fabs(next - t) > 0.5 * before) next = 0.5 * (low + high);
    if (next == t) break;
    before = std::fabs(next - t);
    t = next;
  }
  return at(t);
}

}  // namespace meanfield
