// Where a linear model is fitted: on the CPU, or on a CUDA device that holds the data.
#pragma once
#include <string>

#include "native/finite_sum/fit.h"

namespace meanfield {

/// Throws InvalidOption for a name that is none, Device where it cannot be used.
LinearPlace choose_linear_place(const LinearFitRequest& request);

/// Moves the sum to its place when the method runs there, and says why not where it does not. Throws when the device was asked for.
std::string move_to_place(FiniteSum& f, const LinearPlace& place, const std::string& algorithm,
                          const OptionValues& options, double tolerance);

}  // namespace meanfield
