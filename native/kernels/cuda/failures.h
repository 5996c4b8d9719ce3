// What an error of the CUDA runtime means and what to do about it. By name, so that it needs no CUDA to be tested.
#pragma once
#include <string>

#include "native/kernels/kernels.h"

namespace meanfield {
namespace cuda {

/// Never leaves the table: becomes its status, and its words those of Backend::message.
struct Failure {
  Status status;
  std::string message;
};

/// `name` as cudaGetErrorName gives it, `words` as cudaGetErrorString does, `doing` what was being done, `runtime` the CUDA
/// version that the kernels were built with (13000 for 13.0).
inline Failure failure_of(const std::string& name, const std::string& words, const std::string& doing, int runtime) {
  struct Kind {
    const char* names;  // between spaces
    Status status;
    const char* seen;
    std::string remedy;
  };
  const Kind kinds[] = {
      {" cudaErrorMemoryAllocation ", Status::OutOfMemory, "the GPU is out of memory",
       "Use fewer particles or rows, end other processes on it ('nvidia-smi' lists them), or use device 'cpu'."},
      {" cudaErrorInsufficientDriver cudaErrorSystemDriverMismatch cudaErrorCompatNotSupportedOnDevice ",
       Status::DeviceFailure, "the NVIDIA driver is too old",
       "Install a driver for CUDA " + std::to_string(runtime / 1000) + " or newer, or use device 'cpu'."},
      {" cudaErrorNoDevice ", Status::DeviceFailure, "no CUDA device is visible",
       "Check 'nvidia-smi' and CUDA_VISIBLE_DEVICES, or use device 'cpu'."},
      {" cudaErrorNoKernelImageForDevice cudaErrorInvalidKernelImage cudaErrorUnsupportedPtxVersion ",
       Status::DeviceFailure, "this build has no kernels for the GPU",
       "Supported are compute capabilities from 7.5 on; rebuild with its number in MEANFIELD_CUDA_ARCHITECTURES, "
       "install a "
       "newer driver, or use device 'cpu'."},
      {" cudaErrorDevicesUnavailable ", Status::DeviceFailure, "the GPU is taken by another process in exclusive mode",
       "End that process, choose another device, or use device 'cpu'."},
      {" cudaErrorInitializationError cudaErrorCudartUnloading ", Status::DeviceFailure,
       "CUDA cannot be used in this process",
       "A process that was forked from one that had used the GPU cannot use it, nor can one that is ending: start "
       "workers "
       "as new processes, as the process executor does, or use device 'cpu'."},
  };
  for (const Kind& kind : kinds)
    if (std::string(kind.names).find(" " + name + " ") != std::string::npos)
      return {kind.status,
              std::string(kind.seen) + ": " + name + " (" + words + ") while " + doing + ". " + kind.remedy};
  return {Status::DeviceFailure, "the GPU failed: " + name + " (" + words + ") while " + doing +
                                     ". The context is lost: start a new process, resume from the last checkpoint, and "
                                     "look into 'nvidia-smi' and 'dmesg' for hardware errors."};
}

}  // namespace cuda
}  // namespace meanfield
