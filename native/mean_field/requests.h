// What fits and predictions make of a request.
#pragma once
#include <string>

#include "native/core/cancel.h"
#include "native/core/finite.h"
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

}  // namespace meanfield
