// A. Nitanda, T. Suzuki, ICLR 2021, arXiv 2006.12297, Eq. (4): the tangent kernel of the network at its start,
//
//     k(x, x') = (2/M) Σ_{r ≤ M/2} [ σ(b_r·x) σ(b_r·x') + R² (x·x' + γ²) σ'(b_r·x) σ'(b_r·x') ],
//
// the first term that of the output weights, the second that of the input weights and biases; and the feature map behind it,
// ψ(x) = (2/M)^{1/2} (σ(b_r·x), R σ'(b_r·x) (x, γ))_r, of M/2 · (d + 2) numbers.
//
// In the limit of width, for ReLU and b uniform on the sphere, with φ the angle between x and x' (arc-cosine kernels of Cho and Saul,
// NeurIPS 2009; 1/d because |b| = 1),
//
//     E σσ' = |x||x'| (sin φ + (π − φ) cos φ)/(2πd),      E σ'σ' = (π − φ)/(2π).
#pragma once
#include <vector>

#include "native/kernel_regime/tangent_network.h"

namespace meanfield {

enum class KernelWidth { Finite, Infinite };

class TangentKernel {
 public:
  /// Of the layers named, not of those that the network trains. Throws InvalidOption for an infinite width of other
  /// activations than ReLU.
  TangentKernel(const TangentNetwork& network, Layers layers, KernelWidth width = KernelWidth::Finite);

  /// k(x_i, x_i). Throws Cancelled, as all that follows does.
  std::vector<double> diagonal(const MatrixView<const float>& rows, ThreadPool& pool, const CancelToken* cancel) const;
  /// k(x_i, z_j), rows of `x` by rows of `z`, row-major. Rows of one are rows of the other where both are the same memory.
  std::vector<double> gram(const MatrixView<const float>& x, const MatrixView<const float>& z, ThreadPool& pool,
                           const CancelToken* cancel) const;

  /// Numbers of ψ: M/2 · (1 + (d + 1)) as far as the layers are there.
  int64_t features() const { return network_.half * ((output_ ? 1 : 0) + (input_ ? network_.inputs : 0)); }
  /// Σ_i v_io ψ(x_i) for v of n × k: features() × k, column after column; finite width.
  std::vector<double> transposed(const MatrixView<const float>& rows, const double* v, int64_t k, ThreadPool& pool,
                                 const CancelToken* cancel) const;
  /// ⟨ψ(x_i), w_o⟩, n × k.
  std::vector<double> product(const MatrixView<const float>& rows, const std::vector<double>& w, int64_t k,
                              ThreadPool& pool, const CancelToken* cancel) const;
  /// The part of a displacement of the network's parameters that its linearization sees: w with ⟨ψ(x), w_o⟩ = ⟨∇g_o(x), D⟩.
  std::vector<double> visible(const double* theta) const;

 private:
  double infinite(const double* x, const double* z) const;

  const TangentNetwork& network_;
  bool output_, input_, infinite_;
};

}  // namespace meanfield
