// The linearized problem of the kernel regime and how far the averaged iterate is from its minimum, in float64.
//
// With g_lin(x) = ⟨ψ(x), w⟩ the network's first-order expansion at Θ(0), which is 0 there, the regularized problem of a network is
// kernel ridge regression with the tangent kernel K (n × n),
//
//     P(D) = |g_lin − y|²/(2n) + λ/2 |D|²   ≥   D(α) = λ ( ⟨α, y⟩ − ⟨α, (K + nλ) α⟩/2 )   for every α,
//
// with equality at α = (K + nλ)^{-1} y. Conjugate gradients climb D(α) from α = (y − g_lin)/(nλ): wherever they stop its value is a
// lower bound, and min P − D(α) ≤ |y − (K + nλ) α|²/(2n). K is kept up to kKernelRows rows; beyond, products go by its features, and the
// work is bounded.
//
// A network whose output weights alone are trained is its own linearization. For the others the difference is measured.
#pragma once
#include "native/kernel_regime/averaged_sgd.h"

namespace meanfield {

struct KernelCertificate {
  double primal = 0;     // P at Θ̄ − Θ(0)
  double dual = 0;       // a lower bound of min P
  double gap = 0;        // primal − dual ≥ primal − min P
  double least = 0;      // an upper bound of min P − dual
  double departure = 0;  // root mean square of g − g_lin at Θ̄ over rows and outputs
  int iterations = 0;
};

constexpr int64_t kKernelRows = 4096;

/// `theta` is Θ̄ − Θ(0), `outputs` are those of the network there, n × k. Throws Cancelled. `gramRows` is for tests.
KernelCertificate certify_linearized(const KernelRegimeProblem& problem, const std::vector<double>& theta,
                                     const std::vector<double>& outputs, int64_t gramRows = kKernelRows);

}  // namespace meanfield
