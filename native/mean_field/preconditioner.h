// A. Nitanda, K. Oko, T. Suzuki, D. Wu, "Improved statistical and computational complexity of the mean-field Langevin dynamics under
// structured data", ICLR 2024: on data whose directions differ, a linear map of the inputs chosen from the data or
// from the first gradients makes the task as easy as if they did not.
//
// With A = P^(1/2) on the weights of the features (biases and tails are left as they are) there are two ways to use it:
//
//     transformed prior   train on A x. For the weights on x this is
//                         w ← w − η P ∇_w E − 2ηλ' w + √(2λη) A ξ, with the prior N(0, λ/(2λ') P): another optimum.
//     same prior          w ← w − η P (∇_w E + 2λ' w) + √(2λη) A ξ: P is constant, so that the stationary law, the
//                         objective and the certificate stay what they are; only the way there changes.
#pragma once
#include <cstdint>
#include <vector>

#include "native/core/cancel.h"
#include "native/core/views.h"
#include "native/kernels/kernels.h"

namespace meanfield {

/// P of trace d, symmetric and positive definite; A = P^(1/2) and its inverse, d × d.
struct Preconditioner {
  int64_t d = 0;
  std::vector<float> metric, root, inverseRoot;
  double largest = 1;  // eigenvalue of P

  /// x A, row by row.
  std::vector<float> transform(const MatrixView<const float>& x) const;
  /// The feature weights of each particle times A (or its inverse); M × p, in place.
  void map(std::vector<float>& particles, int64_t p, bool inverse) const;
  /// θ ← θ − D((1 − keep) θ + rate G) + noise D^(1/2) ξ with D = P on the feature weights and I elsewhere. Arrays M × p; ξ
  /// may be null.
  void move(float* theta, const float* gradient, const float* xi, int64_t count, int64_t p, const Update& update) const;
};

/// P ∝ (S + 0.001 tr(S)/d I)⁻¹, S the second moment of the features: directions of little variance move as fast as the others.
Preconditioner whitening(const MatrixView<const float>& features, const CancelToken& cancel);
/// P ∝ S + 0.001 tr(S)/d I, S = (1/M) Σ_r g_r g_rᵀ of the particles' gradients in their feature weights (M × p): directions that the
/// targets depend on move faster.
Preconditioner gradient_covariance(const std::vector<float>& gradients, int64_t p, int64_t d);

}  // namespace meanfield
