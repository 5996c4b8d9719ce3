// The CUDA kernels as ordinary C++ (native/kernels/cuda/block.h), compiled once for the native tests and for the library that the
// addon's tests open in the place of libmeanfield_cuda (emulated_library.cpp).
#include "test/native/emulated.h"

#include <utility>

#include "native/kernels/cuda/cuda_sum.inl"
#include "native/kernels/cuda/table.inl"

namespace meanfield {

const Backend* emulated() {
  static const Backend backend = cuda::table_of("emulated");
  return &backend;
}

const LinearBackend* emulated_linear() {
  static const LinearBackend backend = cuda::linear_table_of("emulated");
  return &backend;
}

std::string take_faults() { return std::exchange(cuda::emulation_faults(), {}); }

}  // namespace meanfield
