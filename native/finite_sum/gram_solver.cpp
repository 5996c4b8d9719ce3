#include "native/finite_sum/gram_solver.h"

#include <algorithm>
#include <cmath>

namespace meanfield {

bool cholesky(double* A, int64_t m, int64_t ld, const LinearKernels& kernels) {
  constexpr int64_t kPanel = 64;
  const RowKernels<double>& k = kernels.f64;
  Vector scratch(static_cast<size_t>(gram_scratch(m))), minus(static_cast<size_t>(kPanel), -1.0);
  for (int64_t j = 0; j < m; j += kPanel) {
    const int64_t end = std::min(m, j + kPanel);
    for (int64_t a = j; a < end; ++a) {
      // Row a is complete once the rows of its panel before it have been taken off.
      for (int64_t b = j; b < a; ++b) k.axpy(-A[b * ld + a], A + b * ld + a, A + a * ld + a, m - a);
      const double pivot = A[a * ld + a];
      if (!(pivot > 0)) return false;
      const double scale = 1 / std::sqrt(pivot);
      for (int64_t e = a; e < m; ++e) A[a * ld + e] *= scale;
    }
    if (end < m)
      k.gram(A + j * ld + end, end - j, m - end, ld, minus.data(), A + end * ld + end, ld, 0, scratch.data());
  }
  return true;
}

void cholesky_solve(const double* U, int64_t m, int64_t ld, double* x, const LinearKernels& kernels) {
  for (int64_t a = 0; a < m; ++a) {
    x[a] /= U[a * ld + a];
    kernels.f64.axpy(-x[a], U + a * ld + a + 1, x + a + 1, m - a - 1);
  }
  for (int64_t a = m - 1; a >= 0; --a)
    x[a] = (x[a] - kernels.f64.dot(U + a * ld + a + 1, x + a + 1, m - a - 1)) / U[a * ld + a];
}

namespace {

class GramSolver {
 public:
  GramSolver(const Sweeps& sweeps, const double* Q, int64_t ld, const Vector& linear, Vector& delta,
             const LinearKernels& kernels)
      : sweeps_(sweeps), Q_(Q), ld_(ld), linear_(linear), delta_(delta), kernels_(kernels),
        count_(static_cast<int64_t>(linear.size())) {
    slope_ = slope_of(delta);
  }

  double sweep() {
    double violation = 0;
    for (int64_t a = 0; a < count_; ++a) {
      const double curvature = Q_[a * ld_ + a];
      if (!(curvature > 0)) continue;
      const double next = sweeps_.minimiser(a, delta_[a], slope_[a], curvature), move = next - delta_[a];
      if (move == 0) continue;
      violation = std::max(violation, curvature * std::fabs(move));
      delta_[a] = next;
      kernels_.f64.axpy(move, Q_ + a * ld_, slope_.data(), count_);
    }
    return violation;
  }

  /// The minimiser at the present signs, cut to zero where it would cross; the nearest crossing when that does not go down.
  void newton() {
    support_.clear();
    for (int64_t a = 0; a < count_; ++a)
      if (Q_[a * ld_ + a] > 0 && (sweeps_.free[a] || sweeps_.w[a] + delta_[a] != 0)) support_.push_back(a);
    const int64_t m = static_cast<int64_t>(support_.size()), ld = gram_padded(m);
    if (m < 2) return;
    const Regularizer& r = sweeps_.regularizer;
    if (support_ != factored_) {
      factor_.assign(static_cast<size_t>(ld * ld), 0);
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = i; j < m; ++j) factor_[i * ld + j] = Q_[support_[i] * ld_ + support_[j]];
      for (int64_t i = 0; i < m; ++i)
        factor_[i * ld + i] += (sweeps_.free[support_[i]] ? 0 : r.l2) + 1e-12 * factor_[i * ld + i];
      factored_ = support_;
      positive_ = cholesky(factor_.data(), m, ld, kernels_);
    }
    if (!positive_) return;
    Vector step(static_cast<size_t>(m));
    for (int64_t i = 0; i < m; ++i) {
      const int64_t a = support_[i];
      const double here = sweeps_.w[a] + delta_[a];
      step[i] = -(slope_[a] + (sweeps_.free[a] ? 0 : r.l2 * here + (here > 0 ? r.l1 : -r.l1)));
    }
    cholesky_solve(factor_.data(), m, ld, step.data(), kernels_);
    Vector trial = delta_;
    double nearest = 1;
    for (int64_t i = 0; i < m; ++i) {
      const int64_t a = support_[i];
      const double here = sweeps_.w[a] + delta_[a];
      trial[a] += step[i];
      if (!sweeps_.free[a] && (sweeps_.w[a] + trial[a]) * here < 0) {
        nearest = std::min(nearest, -here / step[i]);
        trial[a] = -sweeps_.w[a];
      }
    }
    Vector slope = slope_of(trial);
    if (nearest < 1 && !(value(trial, slope) < value(delta_, slope_))) {
      trial = delta_;
      for (int64_t i = 0; i < m; ++i) {
        const int64_t a = support_[i];
        trial[a] += nearest * step[i];
        if (!sweeps_.free[a] && (sweeps_.w[a] + trial[a]) * (sweeps_.w[a] + delta_[a]) <= 0) trial[a] = -sweeps_.w[a];
      }
      slope = slope_of(trial);
    }
    delta_.swap(trial);
    slope_.swap(slope);
  }

 private:
  Vector slope_of(const Vector& delta) const {
    Vector slope = linear_;
    for (int64_t a = 0; a < count_; ++a)
      if (delta[a] != 0) kernels_.f64.axpy(delta[a], Q_ + a * ld_, slope.data(), count_);
    return slope;
  }
  double value(const Vector& delta, const Vector& slope) const {
    double sum = 0;
    for (int64_t a = 0; a < count_; ++a) sum += 0.5 * delta[a] * (linear_[a] + slope[a]);
    return sum + sweeps_.penalty(delta);
  }

  const Sweeps& sweeps_;
  const double* Q_;
  int64_t ld_;
  const Vector& linear_;
  Vector& delta_;
  const LinearKernels& kernels_;
  int64_t count_;
  Vector slope_, factor_;
  std::vector<int64_t> support_, factored_;
  bool positive_ = false;
};

}  // namespace

double solve_gram(const Sweeps& sweeps, const double* Q, int64_t ld, const Vector& linear, Vector& delta,
                  SweepGoal goal, const LinearKernels& kernels) {
  constexpr int kSweeps = 5;  // before Newton's step
  GramSolver solver(sweeps, Q, ld, linear, delta, kernels);
  double first = 0;
  for (int sweep = 0; sweep < goal.most; ++sweep) {
    const double violation = solver.sweep();
    if (sweep == 0) first = violation;
    if (violation <= std::max(goal.absolute, goal.relative * first)) break;
    if (sweep % kSweeps == kSweeps - 1) solver.newton();
  }
  return first;
}

}  // namespace meanfield
