// The CUDA backend on the emulated device, for the tests.
#pragma once
#include "native/kernels/kernels.h"
#include "native/kernels/linear_backend.h"

namespace meanfield {

const Backend* emulated();
const LinearBackend* emulated_linear();
/// Fails the test when a block has raced in shared memory, read what nobody wrote or left its bounds since the last call.
void require_no_faults();

}  // namespace meanfield
