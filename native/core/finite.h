// Numbers that are refused before any work.
#pragma once
#include <cmath>
#include <string>

#include "native/core/cancel.h"
#include "native/core/option_fields.h"
#include "native/core/views.h"

namespace meanfield {

/// Throws InvalidData, naming row and column, for a number that is not finite.
inline void check_finite(const MatrixView<const float>& x, const std::string& name, const CancelToken& cancel) {
  for (int64_t i = 0; i < x.rows; ++i) {
    cancel.check();
    for (int64_t j = 0; j < x.cols; ++j)
      if (!std::isfinite(x(i, j)))
        throw Error(ErrorCode::InvalidData, name + " features: row " + std::to_string(i) + ", column " +
                                                std::to_string(j) + " is " +
                                                format_option(static_cast<double>(x(i, j))) +
                                                "; expected finite numbers. Drop or impute the row first.");
  }
}

}  // namespace meanfield
