// Second moments and spectra of tall matrices, in double.
#pragma once
#include <vector>

#include "native/core/cancel.h"
#include "native/core/views.h"

namespace meanfield {

/// (1/n) XᵀX, cols × cols and symmetric. Throws Cancelled once `cancel` is raised.
std::vector<double> second_moment(const MatrixView<const float>& matrix, const CancelToken* cancel = nullptr);

/// Leading `count` right singular vectors (count × cols, row by row, each of unit length) and singular values, largest
/// first, of a rows × cols matrix that is not centred. Throws InvalidData on numbers that are not finite.
struct RightSingular {
  std::vector<double> vectors;
  std::vector<double> values;
};
RightSingular right_singular_vectors(const MatrixView<const float>& matrix, int64_t count);

/// Largest eigenvalue of (1/n) [X 1]ᵀ[X 1] (without the column of ones when `bias` is false), by power iteration to a
/// relative change of 1e-6, started from the vector of ones; never above the trace, never below the Rayleigh quotient.
/// Throws Cancelled once `cancel` is raised.
double second_moment_norm(const MatrixView<const float>& matrix, bool bias, const CancelToken* cancel = nullptr);

}  // namespace meanfield
