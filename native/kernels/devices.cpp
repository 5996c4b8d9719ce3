#include "native/kernels/devices.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "native/core/errors.h"
#include "native/kernels/cuda/library.h"
#include "native/kernels/sharded.h"
#include "native/kernels/sharded_linear.h"

namespace meanfield {

namespace {

/// The folder of the binary that this code is in.
std::string own_folder() {
  Dl_info info{};
  static const char anchor = 0;
  if (!dladdr(&anchor, &info) || !info.dli_fname) return ".";
  const std::string file = info.dli_fname;
  const size_t slash = file.rfind('/');
  return slash == std::string::npos ? "." : file.substr(0, slash);
}

struct Opened {
  const cuda::Library* library = nullptr;
  std::string file, reason;
};

Opened open_library(const std::string& asked) {
  Opened opened;
  const char* named = std::getenv("MEANFIELD_CUDA_LIBRARY");
  const std::string file = !asked.empty() ? asked : named && *named ? named : own_folder() + "/libmeanfield_cuda.so";
  if (asked.empty() && !(named && *named)) {  // a file that somebody named is opened in any case
    void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (!driver) {
      opened.reason =
          "there is no NVIDIA driver (libcuda.so.1 cannot be opened). Install one, or run the container with GPU "
          "access.";
      return opened;
    }
    dlclose(driver);
  }
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    opened.reason = "the CUDA kernels cannot be opened: " + std::string(dlerror()) +
                    ". Install the package again, or build it on a machine with the CUDA compiler.";
    return opened;
  }
  const auto function = reinterpret_cast<cuda::LibraryFunction>(dlsym(handle, cuda::kLibrarySymbol));
  const cuda::Library* library = function ? function() : nullptr;
  if (!library || library->version != kBackendVersion) {
    opened.reason = file + " speaks version " + (library ? std::to_string(library->version) : "?") +
                    " of the kernel interface, expected " + std::to_string(kBackendVersion) +
                    ". Install the package again, without files of another version.";
    dlclose(handle);
    return opened;
  }
  opened.library = library;  // open until the process ends: its threads may be at work
  opened.file = file;
  return opened;
}

const Opened& opened_library() {
  static const Opened opened = open_library("");
  return opened;
}

CudaReport report_of(const Opened& opened) {
  CudaReport report;
  report.library = opened.file;
  report.reason = opened.reason;
  if (!opened.library) return report;
  report.images = opened.library->images;
  report.runtime = opened.library->runtime;
  int32_t driver = 0;
  const char* reason = "";
  const int32_t count = opened.library->devices(&driver, &reason);
  report.driver = driver;
  if (count < 0) report.reason = reason;
  bool usable = false;
  for (int32_t i = 0; i < count; ++i) {
    cuda::DeviceDescription text;
    opened.library->describe(i, &text);
    report.devices.push_back({text.name, text.major, text.minor, text.processors, text.memoryBytes, text.freeBytes,
                              text.image, text.trouble});
    usable = usable || report.devices.back().trouble.empty();
    if (report.reason.empty()) report.reason = text.trouble;
  }
  if (usable) report.reason.clear();
  if (!usable && report.reason.empty())
    report.reason = "no CUDA device is visible. Check 'nvidia-smi' and CUDA_VISIBLE_DEVICES.";
  return report;
}

}  // namespace

CudaReport cuda_report(const std::string& libraryFile) {
  return report_of(libraryFile.empty() ? opened_library() : open_library(libraryFile));
}

namespace {

/// Throws with what is wrong with this device, or why there is none.
[[noreturn]] void refuse_device(const Opened& opened, int device) {
  const std::string name = "device 'cuda:" + std::to_string(device) + "' cannot be used: ";
  if (!opened.library) throw Error(ErrorCode::Device, name + opened.reason);
  const CudaReport report = report_of(opened);
  const size_t count = report.devices.size();
  throw Error(
      ErrorCode::Device,
      name + (count == 0
                  ? report.reason
                  : "there " + std::string(count == 1 ? "is 1 device" : "are " + std::to_string(count) + " devices") +
                        ", numbered from 0. Use a smaller number."));
}

}  // namespace

const Backend* cuda_backend(int device) {
  const Opened& opened = opened_library();
  const Backend* backend = opened.library ? opened.library->backend(device) : nullptr;
  if (!backend) refuse_device(opened, device);
  return backend;
}

const LinearBackend* linear_cuda_backend(int device) {
  const Opened& opened = opened_library();
  const LinearBackend* backend = opened.library ? opened.library->linear(device) : nullptr;
  if (!backend) refuse_device(opened, device);
  return backend;
}

double cuda_peak(int device, Precision precision) {
  const Opened& opened = opened_library();
  return opened.library ? opened.library->peak(device, precision) : 0;
}

int nccl_version() {
  const Opened& opened = opened_library();
  return opened.library ? opened.library->nccl() : 0;
}

uint64_t cuda_device_set(const std::string& name) {
  if (name == "cuda") return 1;
  if (name.rfind("cuda:", 0) != 0) return 0;
  uint64_t devices = 0;
  int number = -1;
  for (char c : name.substr(5) + ",") {
    if (c >= '0' && c <= '9') {
      number = 10 * std::max(number, 0) + (c - '0');
      if (number > 63) return 0;
    } else {
      if (c != ',' || number < 0 || (devices >> number & 1)) return 0;
      devices |= uint64_t{1} << number;
      number = -1;
    }
  }
  return devices;
}

const Backend* sharded_cuda_backend(uint64_t devices) {
  for (int device : shards::devices_of(devices)) cuda_backend(device);
  return Sharded<cuda_backend>::backend();
}

const LinearBackend* sharded_linear_cuda_backend(uint64_t devices) {
  for (int device : shards::devices_of(devices)) linear_cuda_backend(device);
  return ShardedLinear<linear_cuda_backend>::backend();
}

}  // namespace meanfield
