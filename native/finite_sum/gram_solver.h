// Minimises  linear·δ + ½ δᵀQδ + R(w + δ)  with Q as a matrix: cyclic coordinate descent finds the signs, Newton's step at those signs,
// by a Cholesky factor of Q on the support, does the rest (H. Lee et al., "Efficient sparse coding algorithms", NIPS 2006).
#pragma once
#include "native/finite_sum/quadratic_sweeps.h"

namespace meanfield {

/// The factor U of A = UᵀU for the upper triangle of A, m × m in rows of ld = gram_padded(m), in place. False when A is not
/// positive definite. All but m²·64 operations run in the Gram kernel.
bool cholesky(double* A, int64_t m, int64_t ld, const LinearKernels& kernels);
/// x ← A⁻¹ x.
void cholesky_solve(const double* U, int64_t m, int64_t ld, double* x, const LinearKernels& kernels);

/// Q with both triangles, rows of ld. Ends at a sweep that moves no coordinate by more than max(absolute, relative × first) / curvature.
/// Returns the largest curvature × move of the first sweep.
double solve_gram(const Sweeps& sweeps, const double* Q, int64_t ld, const Vector& linear, Vector& delta,
                  SweepGoal goal, const LinearKernels& kernels);

}  // namespace meanfield
