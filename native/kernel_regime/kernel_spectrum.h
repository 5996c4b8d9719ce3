// A. Nitanda, T. Suzuki, ICLR 2021, arXiv 2006.12297, Sections 3 and 4: the integral operator (Σf)(x) = E k(x, X) f(X) of the tangent
// kernel, estimated as in the paper from n points: the eigenvalues of K/n, and with unit eigenvectors v the eigenfunctions √n v_i at the
// points, φ(x) = (1/(nλ)) Σ_j k(x, x_j) √n v_j elsewhere (Nyström).
//
// From them the effective dimension Tr Σ(Σ + ρ)^{-1} and the norms ‖Σ^{-r} f‖ of the source condition, f ∈ Σ^r(L²): the sum of
// λ_i^{-2r} ⟨f, φ_i⟩² over the eigenvalues above rounding.
//
// All eigenvalues up to kDenseRows points, or up to kAllRows where many are asked for; else the largest ones by block Krylov iterations with complete
// reorthogonalization (Golub and Van Loan, Matrix Computations, §10.3), until each is within 1e-10 λ_1 by its residual. A block finds
// eigenvalues that occur more than once, as on the circle. The effective dimension is then an interval: what is known of the
// other eigenvalues is their sum and that none is above the last one found.
#pragma once
#include <vector>

#include "native/kernel_regime/tangent_kernel.h"

namespace meanfield {

struct SpectrumQuestion {
  int64_t components = 50;            // the most that are asked for; n at most
  std::vector<double> ridges;         // ρ of the effective dimensions
  std::vector<double> powers;         // r of the source norms
  const double* functions = nullptr;  // n × f, values at the points; may be null
  int64_t functionCount = 0;
};

struct KernelSpectrum {
  std::vector<double> eigenvalues;   // of K/n, the largest first
  std::vector<double> eigenvectors;  // n × components, column after column, unit length, largest entry positive
  double trace = 0;                  // Tr K/n
  struct Interval {
    double least, most;
  };
  std::vector<Interval> dimensions;  // of each ridge
  std::vector<double> coefficients;  // f × components: ⟨f, φ_i⟩ = √n mean of f v_i
  std::vector<double> norms;         // f × powers: ‖Σ^{-r} f‖ over the eigenvalues above rounding
  std::vector<double> captured;      // f: part of mean f² in the span of these eigenfunctions
  bool complete = false;             // all n eigenvalues
};

constexpr int64_t kDenseRows = 400, kAllRows = 1500, kSpectrumRows = 20000;

/// Throws InvalidOption, InvalidData, Cancelled.
KernelSpectrum kernel_spectrum(const TangentKernel& kernel, const MatrixView<const float>& rows,
                               const SpectrumQuestion& question, uint64_t seed, ThreadPool& pool,
                               const CancelToken* cancel);

/// φ_i(x), rows of `at` × components, row-major.
std::vector<double> extend_eigenfunctions(const TangentKernel& kernel, const MatrixView<const float>& rows,
                                          const double* eigenvalues, const double* eigenvectors, int64_t components,
                                          const MatrixView<const float>& at, ThreadPool& pool,
                                          const CancelToken* cancel);

}  // namespace meanfield
