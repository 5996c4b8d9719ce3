// What the native core offers to the layer above: the list of models and algorithms with their options, and the entry
// points that run them. Knows nothing of Node.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "native/boosting/fit.h"
#include "native/finite_sum/fit.h"
#include "native/kernel_regime/fit.h"
#include "native/mean_field/fit.h"

namespace meanfield {

/// The algorithms of the mean-field family, the default first.
const std::vector<MeanFieldAlgorithm>& mean_field_algorithms();

/// The catalogue as JSON: models with their options and algorithms, measures that are no networks, run options, trace columns.
std::string catalogue_json();

/// A fit ready to run; an empty algorithm name means the default. Throws InvalidOption or InvalidData.
std::unique_ptr<MeanFieldFit> prepare_mean_field(const FitRequest& request);

}  // namespace meanfield
