// CUDA devices, through a shared library that is opened when a device is first asked for and not before.
#pragma once
#include <string>
#include <vector>

#include "native/kernels/kernels.h"
#include "native/kernels/linear_backend.h"

namespace meanfield {

struct CudaDevice {
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int processors = 0;        // SMs
  int64_t memoryBytes = 0, freeBytes = 0;
  std::string image;    // compiled code that it runs
  std::string trouble;  // why it cannot be used and what to do; "" when it can
};

struct CudaReport {
  std::string library;  // its file; "" when it could not be opened
  std::string images;   // architectures it holds code for
  int runtime = 0;      // CUDA version it was built with, 13000 for 13.0
  int driver = 0;       // newest CUDA version the driver knows; 0: no driver
  std::vector<CudaDevice> devices;
  std::string reason;  // why there is no device that can be used, and what to do; "" when there is one
};

/// Never throws. Without a driver it costs one failed look-up and opens nothing of ours. `libraryFile` "": the file
/// that MEANFIELD_CUDA_LIBRARY names, else the one beside this binary.
CudaReport cuda_report(const std::string& libraryFile = "");

/// Version of the NCCL that moves numbers between devices, 22304 for 2.23.4; 0 where there is none that can be used. Opens it.
int nccl_version();

/// The backend of a device. Throws Error (Device) with what was seen and what to do.
const Backend* cuda_backend(int device);

/// The same for the finite sums of linear models.
const LinearBackend* linear_cuda_backend(int device);

/// Operations a second of a device's multiply-adds of this precision in registers; 0 where it has none or cannot be used.
double cuda_peak(int device, Precision precision);

/// Bit N for "cuda" (N = 0) and "cuda:N", several for "cuda:0,2"; 0 for any other text, and where a number comes twice or is
/// above 63.
uint64_t cuda_device_set(const std::string& name);
/// The backend over several devices (sharded.h). Throws as cuda_backend does, for the first that cannot be used.
const Backend* sharded_cuda_backend(uint64_t devices);
/// The same for the finite sums of linear models (sharded_linear.h).
const LinearBackend* sharded_linear_cuda_backend(uint64_t devices);

}  // namespace meanfield
