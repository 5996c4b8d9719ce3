// What the shared library libmeanfield_cuda exports: one function, meanfield_cuda_library, that returns this table.
#pragma once
#include <cstdint>

#include "native/kernels/kernels.h"
#include "native/kernels/linear_backend.h"

namespace meanfield {
namespace cuda {

struct DeviceDescription {
  char name[256];
  int32_t major, minor;  // compute capability
  int32_t processors;    // SMs
  int64_t memoryBytes, freeBytes;
  char image[128];  // which of the compiled images it runs, for example "sm_90" or "compute_90, compiled by the driver"
  char trouble[512];  // why it cannot be used and what to do; "" when it can
};

struct Library {
  uint32_t version;    // kBackendVersion
  int32_t runtime;     // CUDA version it was built with, 13000 for 13.0
  const char* images;  // "sm_75 sm_80 … compute_90"

  /// Number of devices, and the driver's CUDA version (0: none). Otherwise −1, and `reason` says why and what to do; valid
  /// until the thread's next call.
  int32_t (*devices)(int32_t* driver, const char** reason);
  void (*describe)(int32_t device, DeviceDescription* description);
  /// The backend for networks on this device; shape.device must be the same. nullptr for a number that is none.
  const Backend* (*backend)(int32_t device);
  /// The same for the finite sums of linear models.
  const LinearBackend* (*linear)(int32_t device);
  /// Operations a second of multiply-adds of this precision that never leave the registers; 0 where there are none.
  double (*peak)(int32_t device, Precision precision);
  /// Version of the NCCL that moves numbers between devices, as ncclGetVersion gives it; 0 where there is none that can be used.
  int32_t (*nccl)();
};

constexpr const char* kLibrarySymbol = "meanfield_cuda_library";
using LibraryFunction = const Library* (*)();

}  // namespace cuda
}  // namespace meanfield
