// The kernel of ParticleMeasure, a product of cosine series on the torus,
//
//     k(a, b) = Π_c κ(a_c − b_c),   κ(t) = 1 + Σ_{j ≤ J} 2/(1 + j) cos(j t),
//
// and its sums over a set of points. cos j(a − b) = cos ja cos jb + sin ja sin jb, so that a pair of points costs a few
// multiply-adds and no trigonometric function.
#pragma once
#include <cstdint>
#include <vector>

namespace meanfield {

/// κ(t).
double torus_factor(double t, int64_t frequencies);

class TorusPoints {
 public:
  /// `points`: count × dimension, row-major. Keeps their waves, count · dimension · 2J numbers.
  TorusPoints(const std::vector<double>& points, int64_t dimension, int64_t frequencies);

  /// (1/count) Σ_j k(a, y_j); adds weight · its gradient in a to `gradient`, dimension numbers, unless that is null.
  double mean(const double* a, double weight = 0, double* gradient = nullptr) const;

 private:
  int64_t count_, dimension_, frequencies_;
  std::vector<double> waves_;  // coordinate, frequency, (cos, sin), point
};

/// (1/(n m)) Σ_i Σ_j k(x_i, y_j), x: n × dimension.
double mean_kernel(const std::vector<double>& x, const TorusPoints& y, int64_t dimension);

}  // namespace meanfield
