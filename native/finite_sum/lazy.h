// Exact lazy updates: a coordinate that no sampled row touches is moved by the same map T again and again; K applications
// of T in O(1).
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "native/problem/regularizers.h"

namespace meanfield {

/// q^0 … q^max by table, above by pow.
class Powers {
 public:
  Powers() = default;
  Powers(double q, int64_t max) : q_(q) {
    double power = 1;
    for (int64_t i = 0; i <= max; ++i, power *= q) table_.push_back(power);
  }
  double operator()(int64_t k) const {
    return k < static_cast<int64_t>(table_.size()) ? table_[k] : std::pow(q_, static_cast<double>(k));
  }
  double q() const { return q_; }

 private:
  double q_ = 1;
  std::vector<double> table_;
};

/// T(w) = q S(w + C, P), the proximal step with constant drift: C = −η G_j, P = η λ1, q = 1/(1 + η λ2); with w ≥ 0 the
/// negative branch is cut off. T is nondecreasing, so that iterates are monotone: each sign is left at most once and zero
/// absorbs when |C| ≤ P. In the branch of sign s the recursion is w ← q (w + D), D = C − sP, with fixed point
/// f = q D/(1 − q).
inline double skip_steps(double w, double C, double P, const Powers& powers, int64_t K, bool nonNegative) {
  const double q = powers.q();
  const auto once = [&](double v) {
    const double t = soft_threshold(v + C, P);
    return nonNegative && t < 0 ? 0 : q * t;
  };
  while (K > 0) {
    if (w == 0) {
      w = once(w);
      --K;
      if (w == 0) return 0;
      continue;
    }
    const double s = w > 0 ? 1 : -1, D = C - s * P;
    int64_t stay = K;  // steps after which s·w_k is still positive
    if (q == 1) {
      if (s * D < 0) {
        const double steps = std::ceil(std::fabs(w / D)) - 1;
        if (steps < static_cast<double>(K)) stay = static_cast<int64_t>(steps);
      }
    } else {
      const double f = q * D / (1 - q);
      if (s * f < 0) {
        const double steps = std::ceil(std::log(-s * f / (s * (w - f))) / std::log(q)) - 1;
        if (steps < static_cast<double>(K)) stay = static_cast<int64_t>(std::max(steps, 0.0));
      }
    }
    const auto jump = [&](int64_t k) {
      if (q == 1) return w + static_cast<double>(k) * D;
      const double f = q * D / (1 - q), power = powers(k);
      return power * w + f * (1 - power);
    };
    // Round-off at the exit: the point before it must still be inside.
    double next = jump(stay);
    while (stay > 0 && s * next <= 0) next = jump(--stay);
    w = next;
    K -= stay;
    if (K > 0) {
      w = once(w);
      --K;
    }
  }
  return w;
}

}  // namespace meanfield
