// The CUDA backend on the emulated device, for the tests.
#pragma once
#include <string>

#include "native/kernels/kernels.h"
#include "native/kernels/linear_backend.h"

namespace meanfield {

const Backend* emulated();
const LinearBackend* emulated_linear();
/// What blocks did wrong since the last call: races in shared memory, reads of what nobody wrote, indices out of bounds. "": nothing.
std::string take_faults();
/// Fails the test when there is any.
void require_no_faults();

}  // namespace meanfield
