// What fits and predictions make of a request.
#pragma once
#include <cmath>
#include <string>

#include "native/core/cancel.h"
#include "native/core/views.h"
#include "native/mean_field/constants.h"
#include "native/mean_field/network_options.h"

namespace meanfield {

/// R, chosen by the loss where it is left to 'auto'.
inline Choice output_scale(const NetworkOptions& model) {
  return model.outputScale ? Choice{*model.outputScale, ""} : auto_output_scale(model);
}

inline NetworkShape network_shape(const NetworkOptions& model, int64_t features, double scale, int threads) {
  return {model.particles.value_or(0), features + (model.bias ? 1 : 0), model.neuron(scale), threads};
}

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
