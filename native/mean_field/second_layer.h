// The second layer of a two-layer network as a ridge regression on its first: with H_ij = h(x_i; w_j) for n rows and M neurons,
//
//     min_a (1/2n) ‖Ha/M − y‖² + (λ̄/2M) ‖a‖²  is reached at  a = Hᵀu,   u = (HHᵀ/M + nλ̄ I)⁻¹ y,  with value (λ̄/2) yᵀu .
#pragma once
#include <memory>
#include <vector>

#include "native/kernels/network.h"

namespace meanfield {

/// Holds H and the Cholesky factor of HHᵀ/M + nλ̄ I, in double: n·M + n² numbers.
class SecondLayerSolver {
 public:
  /// `features` has one output and fixed unit weights; its matrix 0 has `rows` rows.
  SecondLayerSolver(const Network& features, int64_t rows, double ridge);
  std::vector<double> solve(const double* y) const;                       // u; n
  std::vector<double> weights(const std::vector<double>& u) const;        // a = Hᵀu; M
  double objective(const std::vector<double>& u, const double* y) const;  // (λ̄/2) yᵀu
  double loss(const std::vector<double>& u) const;                        // (1/2n) ‖f − y‖², f = y − nλ̄u
  /// What the objective of M neurons drawn from a measure exceeds that of the measure by, in the mean: with K = HHᵀ/M + nλ̄ I
  /// and f = HHᵀu/M, to second order (λ̄/2M) [E a² hᵀK⁻¹h − fᵀK⁻¹f]; U-statistic over at most 1000 neurons.
  double plugin_bias(const std::vector<double>& u) const;

 private:
  struct Factor;
  std::shared_ptr<const Factor> factor_;
};

}  // namespace meanfield
