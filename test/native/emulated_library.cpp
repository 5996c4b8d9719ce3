// libmeanfield_cuda with three emulated devices: what MEANFIELD_CUDA_LIBRARY names when the addon is tested on a machine without a GPU.
// Faults of the blocks are told on standard error when the process ends.
#include <cstdio>

#include "native/kernels/cuda/library.h"
#include "test/native/emulated.h"

namespace meanfield {
namespace cuda {

namespace {

constexpr int32_t kDevices = 3;

struct Teller {
  ~Teller() {
    const std::string faults = take_faults();
    if (!faults.empty()) std::fprintf(stderr, "emulation faults: %s\n", faults.c_str());
  }
};

int32_t devices(int32_t* driver, const char** reason) {
  *driver = 13000;
  *reason = "";
  return kDevices;
}

void describe(int32_t device, DeviceDescription* out) {
  *out = {};
  std::snprintf(out->name, sizeof out->name, "emulated device %d", device);
  std::snprintf(out->image, sizeof out->image, "emulated");
  out->major = 9;
  out->processors = 1;
  out->memoryBytes = out->freeBytes = int64_t{1} << 34;
}

bool known(int32_t device) { return device >= 0 && device < kDevices; }

}  // namespace

}  // namespace cuda
}  // namespace meanfield

extern "C" __attribute__((visibility("default"))) const meanfield::cuda::Library* meanfield_cuda_library() {
  using namespace meanfield;
  using namespace meanfield::cuda;
  static const Teller teller;
  static const Library library = {kBackendVersion,
                                  13000,
                                  "emulated",
                                  devices,
                                  describe,
                                  [](int32_t device) { return known(device) ? emulated() : nullptr; },
                                  [](int32_t device) { return known(device) ? emulated_linear() : nullptr; },
                                  [](int32_t, Precision) { return 0.0; },
                                  [] { return int32_t{0}; }};
  return &library;
}
