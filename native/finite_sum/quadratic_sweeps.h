// Cyclic coordinate descent on  linear·δ + ½ δᵀQδ + R(w + δ), Q held as a matrix or as sparse columns with curvatures, with Anderson
// extrapolation of the sweeps (Bertrand, Massias, AISTATS 2021).
#pragma once
#include <Eigen/Dense>
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
  double penalty(const Vector& delta) const {
    double sum = 0;
    for (size_t a = 0; a < w.size(); ++a)
      if (!free[a]) sum += regularizer.value(w[a] + delta[a]);
    return sum;
  }
};

/// Last points of a fixed-point iteration and their extrapolation Σ c_k x_k, c = (UᵀU)⁻¹1 normalised, U the differences.
class Anderson {
 public:
  static constexpr int kMemory = 5;
  /// True when there are enough points; `out` is then the extrapolated one.
  bool add(const Vector& x, Vector& out) {
    points_.push_back(x);
    if (static_cast<int>(points_.size()) <= kMemory) return false;
    Eigen::Matrix<double, kMemory, kMemory> U;
    const size_t n = x.size();
    for (int a = 0; a < kMemory; ++a)
      for (int b = a; b < kMemory; ++b) {
        double sum = 0;
        for (size_t j = 0; j < n; ++j) sum += (points_[a + 1][j] - points_[a][j]) * (points_[b + 1][j] - points_[b][j]);
        U(a, b) = U(b, a) = sum;
      }
    U += 1e-12 * U.trace() * Eigen::Matrix<double, kMemory, kMemory>::Identity();
    Eigen::Matrix<double, kMemory, 1> c = U.ldlt().solve(Eigen::Matrix<double, kMemory, 1>::Ones());
    const double total = c.sum();
    bool usable = std::isfinite(total) && total != 0;
    if (usable) {
      out.assign(n, 0);
      for (int a = 0; a < kMemory; ++a)
        for (size_t j = 0; j < n; ++j) out[j] += c(a) / total * points_[a + 1][j];
    }
    points_.clear();
    return usable;
  }

 private:
  std::vector<Vector> points_;
};

/// When sweeps end: at a violation of optimality (largest curvature × move of a sweep) of `absolute`, or `relative` times that of the first.
struct SweepGoal {
  double absolute, relative;
  int most;
};

/// Q as a matrix with both triangles, rows of `ld`. Returns the violation of the first sweep.
inline double gram_sweeps(const Sweeps& sweeps, const double* Q, int64_t ld, const Vector& linear, Vector& delta,
                          SweepGoal goal, const LinearKernels& kernels) {
  const int64_t count = static_cast<int64_t>(linear.size());
  Vector slope = linear, trial, trialSlope;
  const auto value = [&](const Vector& x, const Vector& s) {
    double sum = 0;
    for (int64_t a = 0; a < count; ++a) sum += 0.5 * x[a] * (linear[a] + s[a]);
    return sum + sweeps.penalty(x);
  };
  Anderson anderson;
  double first = 0;
  for (int sweep = 0; sweep < goal.most; ++sweep) {
    double violation = 0;
    for (int64_t a = 0; a < count; ++a) {
      const double curvature = Q[a * ld + a];
      if (!(curvature > 0)) continue;
      const double next = sweeps.minimiser(a, delta[a], slope[a], curvature), move = next - delta[a];
      if (move == 0) continue;
      violation = std::max(violation, curvature * std::fabs(move));
      delta[a] = next;
      kernels.f64.axpy(move, Q + a * ld, slope.data(), count);
    }
    if (sweep == 0) first = violation;
    if (violation <= std::max(goal.absolute, goal.relative * first)) break;
    if (anderson.add(delta, trial)) {
      trialSlope = linear;
      for (int64_t a = 0; a < count; ++a)
        if (trial[a] != 0) kernels.f64.axpy(trial[a], Q + a * ld, trialSlope.data(), count);
      if (value(trial, trialSlope) < value(delta, slope)) {
        delta = trial;
        slope = trialSlope;
      }
    }
  }
  return first;
}

/// Q = (1/n) X_Wᵀ diag(h) X_W by columns, linear = X_Wᵀ t/n at δ = 0; t = g + h (X δ) is kept up to date. Returns the violation
/// of the first sweep.
inline double sparse_sweeps(const Sweeps& sweeps, const std::vector<int64_t>& start, const std::vector<int32_t>& rows,
                            const std::vector<double>& values, const Vector& h, Vector& t, Vector& delta,
                            SweepGoal goal, int64_t n) {
  const int64_t count = static_cast<int64_t>(delta.size());
  const double scale = 1 / static_cast<double>(n);
  Vector curvature(static_cast<size_t>(count), 0.0);
  for (int64_t a = 0; a < count; ++a) {
    double sum = 0;
    for (int64_t e = start[a]; e < start[a + 1]; ++e) sum += h[rows[e]] * values[e] * values[e];
    curvature[a] = sum * scale;
  }
  double first = 0;
  for (int sweep = 0; sweep < goal.most; ++sweep) {
    double violation = 0;
    for (int64_t a = 0; a < count; ++a) {
      if (!(curvature[a] > 0)) continue;
      double slope = 0;
      for (int64_t e = start[a]; e < start[a + 1]; ++e) slope += values[e] * t[rows[e]];
      const double next = sweeps.minimiser(a, delta[a], slope * scale, curvature[a]), move = next - delta[a];
      if (move == 0) continue;
      violation = std::max(violation, curvature[a] * std::fabs(move));
      delta[a] = next;
      for (int64_t e = start[a]; e < start[a + 1]; ++e) t[rows[e]] += move * h[rows[e]] * values[e];
    }
    if (sweep == 0) first = violation;
    if (violation <= std::max(goal.absolute, goal.relative * first)) break;
  }
  return first;
}

}  // namespace meanfield
