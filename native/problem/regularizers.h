// Regularizers R(w) = Σ_j r(w_j), r(w) = λ1 |w| + (λ2/2) w², optionally with w ≥ 0: value, proximal operator, conjugate.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>

namespace meanfield {

/// S(v, a) = sign(v) max(|v| − a, 0)
inline double soft_threshold(double v, double a) { return v > a ? v - a : v < -a ? v + a : 0; }

struct Regularizer {
  double l1 = 0;             // λ1
  double l2 = 0;             // λ2
  bool nonNegative = false;  // w ≥ 0

  double value(double w) const {
    if (nonNegative && w < 0) return std::numeric_limits<double>::infinity();
    return l1 * std::fabs(w) + 0.5 * l2 * w * w;
  }
  /// argmin_w (w − v)²/2 + t r(w) = S(v, t λ1)/(1 + t λ2)
  double prox(double v, double t) const {
    const double shrunk = soft_threshold(v, t * l1);
    return (nonNegative && shrunk < 0 ? 0 : shrunk) / (1 + t * l2);
  }
  /// r*(v) = (|v| − λ1)₊²/(2 λ2), one-sided with w ≥ 0; for λ2 = 0 the indicator of |v| ≤ λ1.
  double conjugate(double v) const {
    const double over = (nonNegative ? v : std::fabs(v)) - l1;
    if (over <= 0) return 0;
    return l2 > 0 ? over * over / (2 * l2) : std::numeric_limits<double>::infinity();
  }
  /// Distance of −g from the subdifferential of r at w: how far w is from being stationary.
  double violation(double w, double g) const {
    if (w != 0) return std::fabs(g + l2 * w + (w > 0 ? l1 : -l1));
    return nonNegative ? std::max(-g - l1, 0.0) : std::max(std::fabs(g) - l1, 0.0);
  }
};

}  // namespace meanfield
