// What coordinate descent on  linear·δ + ½ δᵀQδ + R(w + δ)  shares, Q a matrix or sparse columns with curvatures.
#pragma once
#include <cmath>
#include <vector>

#include "native/finite_sum/problem.h"

namespace meanfield {

/// The regularizer at w + δ over the working set; `free` coordinates are not penalised.
struct Sweeps {
  const Regularizer& regularizer;
  const Vector& w;
  const std::vector<char>& free;

  /// The new δ_a for slope `slope` (of the smooth part at the present δ, without λ2) and curvature `a` of the smooth part.
  double minimiser(int64_t index, double delta, double slope, double curvature) const {
    const double here = w[index] + delta;
    if (free[index]) return delta - slope / curvature;
    const double l2 = regularizer.l2,
                 next = soft_threshold(curvature * here - slope, regularizer.l1) / (curvature + l2);
    return (regularizer.nonNegative && next < 0 ? 0 : next) - w[index];
  }
  /// Distance of coordinate `index` from stationarity at δ_a, for the slope there.
  double violation(int64_t index, double delta, double slope) const {
    return free[index] ? std::fabs(slope) : regularizer.violation(w[index] + delta, slope);
  }
  double penalty(const Vector& delta) const {
    double sum = 0;
    for (size_t a = 0; a < w.size(); ++a)
      if (!free[a]) sum += regularizer.value(w[a] + delta[a]);
    return sum;
  }
};

/// When sweeps end: at a violation of optimality (largest curvature × move of a sweep) of `absolute`, or `relative` times that of the first.
struct SweepGoal {
  double absolute, relative;
  int most;
};

}  // namespace meanfield
