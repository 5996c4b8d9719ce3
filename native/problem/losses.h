// Losses ℓ(z, y): value, derivative in z, Fenchel conjugate and smoothness constant, each in double.
//
// Targets: squared and Huber any finite y; the logistic loss and the hinges y ∈ {−1, +1}; softmax y ∈ {0, …, k−1};
// Poisson y ≥ 0, with e^z its mean and ℓ = e^z − y z.
// The scalar losses act on each of k outputs separately and are summed; softmax couples its k outputs.
#pragma once
#include <cstdint>
#include <string>

#include "native/core/errors.h"

namespace meanfield {

enum class LossKind { Squared, Logistic, SmoothHinge, Huber, Softmax, SquaredHinge, Poisson };
inline const char* const kLossNames[] = {"squared", "logistic",      "smooth-hinge", "huber",
                                         "softmax", "squared-hinge", "poisson"};

struct Loss {
  LossKind kind = LossKind::Squared;
  double width = 1;  // δ of Huber, γ of the smooth hinge; unused by the others

  /// ℓ(z, y) for `outputs` numbers z. Scalar losses read y[0..outputs), softmax the class y[0].
  double value(const double* z, const double* y, int outputs) const;
  /// gradient[j] = ∂ℓ/∂z_j. Returns the value, so that both come from one evaluation.
  double gradient(const double* z, const double* y, int outputs, double* gradient) const;
  /// ∂ℓ/∂z and ∂²ℓ/∂z² (one of its values where it jumps) of a scalar loss at one output.
  double derivative(double z, double y) const;
  double curvature(double z, double y) const;
  /// ℓ*(g, y) = sup_z ⟨g, z⟩ − ℓ(z, y); +infinity outside its domain.
  double conjugate(const double* g, const double* y, int outputs) const;
  /// Smoothness: the largest eigenvalue of ∂²ℓ/∂z² over z. squared 1, logistic 1/4, smooth hinge 1/γ, Huber 1,
  /// softmax 1/2, squared hinge 1; Poisson has none, infinity.
  double smoothness() const;
  /// sup of uᵀ ∂²ℓ/∂z² u over |u_j| ≤ 1, for `outputs` outputs: the curvature seen by neurons bounded coordinate by
  /// coordinate. Softmax: the variance of numbers in [−1, 1], at most 1; the others outputs · smoothness().
  double box_curvature(int outputs) const;
  /// sup over z of Σ_j |∂ℓ/∂z_j|, infinite for squared, squared hinge and Poisson. logistic 1, smooth hinge 1, Huber δ, softmax 2
  /// (scalar losses: times outputs).
  double gradient_bound(int outputs) const;
  /// True where y is a class or a sign and `accuracy` makes sense.
  bool classifies() const { return kind != LossKind::Squared && kind != LossKind::Huber && kind != LossKind::Poisson; }
  /// Throws InvalidData naming the first row whose target the loss does not accept; targets is n × width of a row.
  void check_targets(const double* targets, int64_t n, int outputs) const;
  /// Numbers of a target row: 1 for softmax, `outputs` for the others.
  int target_width(int outputs) const { return kind == LossKind::Softmax ? 1 : outputs; }
};

}  // namespace meanfield
