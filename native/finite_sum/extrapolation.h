// The limit of a sequence x_0, x_1, …, x_K that an affine map drives to a fixed point, guessed as Σ_k c_k x_k with Σ_k c_k = 1 and least
// ‖Σ_k c_k (x_k − x_{k−1})‖ (D. G. Anderson, J. ACM 1965; D. Scieur, A. d'Aspremont, F. Bach, NIPS 2016). Sweeps of coordinate descent are
// such a map once signs have settled, and gain what conjugate gradients would (Q. Bertrand, M. Massias, AISTATS 2021).
#pragma once
#include <array>
#include <cmath>
#include <vector>

namespace meanfield {

/// Keeps the last points.
class Extrapolation {
 public:
  using Vector = std::vector<double>;
  static constexpr int kSteps = 5;  // K

  void clear() { count_ = 0; }
  void add(const Vector& x) { points_[static_cast<size_t>(count_++)] = x; }
  bool full() const { return count_ > kSteps; }

  /// The guess; false when the steps do not tell one, as where they are all zero.
  bool guess(Vector& x) const {
    std::array<Vector, kSteps> steps;
    for (size_t k = 0; k < kSteps; ++k) {
      steps[k].resize(x.size());
      for (size_t j = 0; j < x.size(); ++j) steps[k][j] = points_[k + 1][j] - points_[k][j];
    }
    // (UᵀU + ε I) c ∝ 1, by elimination without pivots: the matrix is positive definite.
    double A[kSteps][kSteps], c[kSteps], trace = 0;
    for (size_t a = 0; a < kSteps; ++a)
      for (size_t b = 0; b <= a; ++b) {
        double sum = 0;
        for (size_t j = 0; j < x.size(); ++j) sum += steps[a][j] * steps[b][j];
        A[a][b] = A[b][a] = sum;
      }
    for (size_t a = 0; a < kSteps; ++a) trace += A[a][a];
    if (!(trace > 0)) return false;
    for (size_t a = 0; a < kSteps; ++a) {
      A[a][a] += 1e-12 * trace;
      c[a] = 1;
    }
    for (size_t a = 0; a < kSteps; ++a)
      for (size_t b = a + 1; b < kSteps; ++b) {
        const double factor = A[b][a] / A[a][a];
        for (size_t e = a; e < kSteps; ++e) A[b][e] -= factor * A[a][e];
        c[b] -= factor * c[a];
      }
    double sum = 0;
    for (size_t a = kSteps; a-- > 0;) {
      for (size_t b = a + 1; b < kSteps; ++b) c[a] -= A[a][b] * c[b];
      c[a] /= A[a][a];
    }
    for (double value : c) sum += value;
    if (!std::isfinite(sum) || sum == 0) return false;
    for (size_t j = 0; j < x.size(); ++j) {
      double total = 0;
      for (size_t k = 0; k < kSteps; ++k) total += c[k] / sum * points_[k + 1][j];
      x[j] = total;
    }
    return true;
  }

 private:
  int count_ = 0;
  std::array<Vector, kSteps + 1> points_;
};

}  // namespace meanfield
