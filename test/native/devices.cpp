#include "native/kernels/devices.h"

#include <doctest/doctest.h>

#include "native/core/errors.h"
#include "native/kernels/cuda/failures.h"

using namespace meanfield;

TEST_CASE("devices: names") {
  CHECK(cuda_device_set("cuda") == 1);
  CHECK(cuda_device_set("cuda:0") == 1);
  CHECK(cuda_device_set("cuda:17") == uint64_t{1} << 17);
  CHECK(cuda_device_set("cuda:0,3,1") == 0b1011);
  for (const char* name : {"", "cpu", "cuda:", "cuda:x", "cuda:-1", "cuda:64", "cuda:1234567890123", "cuda0", "CUDA",
                           "cuda:1,", "cuda:,1", "cuda:1,1", "cuda:0 1"})
    CHECK(cuda_device_set(name) == 0);
}

TEST_CASE("devices: a report always says why there is none") {
  const CudaReport report = cuda_report();
  bool usable = false;
  for (const CudaDevice& device : report.devices) usable = usable || device.trouble.empty();
  CHECK(report.reason.empty() == usable);
}

TEST_CASE("devices: a file that is no library, or another library, is refused by name") {
  const CudaReport absent = cuda_report("/nowhere/libmeanfield_cuda.so");
  CHECK(absent.library.empty());
  CHECK(absent.reason.find("/nowhere/libmeanfield_cuda.so") != std::string::npos);
  const CudaReport foreign = cuda_report("libm.so.6");
  CHECK(foreign.reason.find("speaks version ?") != std::string::npos);
}

TEST_CASE("devices: a number beyond the last device is an error of the device") {
  try {
    cuda_backend(63);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::Device);
    CHECK(std::string(error.what()).find("cuda:63") != std::string::npos);
  }
}

TEST_CASE("devices: every failure of the runtime has a status and a remedy") {
  const auto failure = [](const char* name) { return cuda::failure_of(name, "in words", "copying to the GPU", 13000); };
  const auto says = [&](const char* name, const char* seen, const char* remedy) {
    const std::string message = failure(name).message;
    CHECK(message.find(seen) == 0);
    CHECK(message.find(std::string(name) + " (in words) while copying to the GPU.") != std::string::npos);
    CHECK(message.find(remedy) != std::string::npos);
  };
  CHECK(failure("cudaErrorMemoryAllocation").status == Status::OutOfMemory);
  CHECK(failure("cudaErrorInsufficientDriver").status == Status::DeviceFailure);
  says("cudaErrorMemoryAllocation", "the GPU is out of memory", "Use fewer particles or rows");
  says("cudaErrorInsufficientDriver", "the NVIDIA driver is too old", "Install a driver for CUDA 13");
  says("cudaErrorNoDevice", "no CUDA device is visible", "CUDA_VISIBLE_DEVICES");
  says("cudaErrorNoKernelImageForDevice", "this build has no kernels", "MEANFIELD_CUDA_ARCHITECTURES");
  says("cudaErrorUnsupportedPtxVersion", "this build has no kernels", "newer driver");
  says("cudaErrorDevicesUnavailable", "the GPU is taken", "choose another device");
  says("cudaErrorInitializationError", "CUDA cannot be used in this process", "forked");
  for (const char* lost : {"cudaErrorECCUncorrectable", "cudaErrorIllegalAddress", "cudaErrorUnknown", "cudaError"})
    says(lost, "the GPU failed", "resume from the last checkpoint");
}
