// libmeanfield_cuda: the backend on real devices, and what there is to say about them.
#include "native/kernels/cuda/cuda_sum.inl"
#include "native/kernels/cuda/library.h"
#include "native/kernels/cuda/peak_kernels.h"
#include "native/kernels/cuda/table.inl"

namespace meanfield {
namespace cuda {

namespace {

constexpr int kMostDevices = 64;

/// Does nothing; asking for its attributes tells which image the device runs.
struct Probe {
  static constexpr int kThreads = 32, kBlocks = 1;
  MEANFIELD_DEVICE void operator()(Block&) const {}
};

void write_text(char* to, size_t size, const std::string& text) { std::snprintf(to, size, "%s", text.c_str()); }

int32_t devices(int32_t* driver, const char** reason) {
  int version = 0, count = 0;
  const Status status = guarded([&] {
    check(cudaDriverGetVersion(&version), "asking for the driver");
    if (version == 0)
      throw Failure{Status::DeviceFailure, "there is no NVIDIA driver. Install one, or use device 'cpu'."};
    check(cudaGetDeviceCount(&count), "counting the devices");
    return Status::Ok;
  });
  *driver = version;
  *reason = last_message().c_str();
  return status == Status::Ok ? std::min(count, kMostDevices) : -1;
}

void describe(int32_t device, DeviceDescription* out) {
  *out = {};
  const Status status = guarded([&] {
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, device), "asking for the device's properties");
    write_text(out->name, sizeof out->name, properties.name);
    out->major = properties.major;
    out->minor = properties.minor;
    out->processors = properties.multiProcessorCount;
    out->memoryBytes = static_cast<int64_t>(properties.totalGlobalMem);
    check(cudaSetDevice(device), "choosing the device");
    size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "asking for free memory");
    out->freeBytes = static_cast<int64_t>(free);
    cudaFuncAttributes attributes;
    check(cudaFuncGetAttributes(&attributes, run_kernel<Probe>), "looking for a kernel image");
    // binaryVersion is that of the code the device runs, ptxVersion that of the text it came from: an image compiled ahead
    // of time has the one of its architecture in both.
    const std::string image = std::to_string(attributes.binaryVersion);
    const bool ahead = (" " + std::string(MEANFIELD_CUDA_IMAGES) + " ").find(" sm_" + image + " ") != std::string::npos;
    write_text(out->image, sizeof out->image,
               ahead ? "sm_" + image
                     : "compute_" + std::to_string(attributes.ptxVersion) + ", compiled by the driver for sm_" + image);
    return Status::Ok;
  });
  if (status != Status::Ok) write_text(out->trouble, sizeof out->trouble, last_message());
}

struct Tables {
  char name[16];
  Backend networks;
  LinearBackend sums;
};

/// nullptr for a number that is none.
const Tables* tables_of(int32_t device) {
  static Tables tables[kMostDevices];
  int32_t driver = 0;
  const char* reason = nullptr;
  if (device < 0 || device >= devices(&driver, &reason)) return nullptr;
  static const bool filled = [] {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess) count = 0;
    for (int i = 0; i < std::min(count, kMostDevices); ++i) {
      int major = 0, minor = 0;
      cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, i);
      cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, i);
      write_text(tables[i].name, sizeof tables[i].name, "sm_" + std::to_string(10 * major + minor));
      tables[i].networks = table_of(tables[i].name);
      tables[i].sums = linear_table_of(tables[i].name);
    }
    return true;
  }();
  return filled ? &tables[device] : nullptr;
}

const Backend* backend(int32_t device) {
  const Tables* tables = tables_of(device);
  return tables ? &tables->networks : nullptr;
}

const LinearBackend* linear(int32_t device) {
  const Tables* tables = tables_of(device);
  return tables ? &tables->sums : nullptr;
}

/// Best of five launches of some ten milliseconds.
template <class Kernel>
double measured_peak(Device& device, int processors) {
  constexpr int64_t kRounds = 1 << 16;
  Array<float> out(device);
  const int64_t blocks = int64_t{processors} * Kernel::kBlocks;
  const Kernel kernel{kRounds, out.resize(blocks * Kernel::kThreads)};
  double best = 0;
  for (int attempt = 0; attempt < 6; ++attempt) {  // the first one warms up
    const auto start = std::chrono::steady_clock::now();
    device.launch(kernel, blocks);
    device.wait(nullptr);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (attempt > 0) best = std::max(best, Kernel::kFlops * static_cast<double>(kRounds * blocks) / seconds);
  }
  return best;
}

double peak(int32_t device, Precision precision) {
  double best = 0;
  guarded([&] {
    Device at(device);
    int processors = 0;
    check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), "counting processors");
    if (precision == Precision::Float32) best = measured_peak<FloatPeak>(at, processors);
    if (precision == Precision::Tf32 && at.capability() >= 80)
      best = measured_peak<MatrixPeak<Precision::Tf32>>(at, processors);
    if (precision == Precision::Bf16 && at.capability() >= 80)
      best = measured_peak<MatrixPeak<Precision::Bf16>>(at, processors);
    return Status::Ok;
  });
  return best;
}

int32_t nccl() {
  const Nccl* found = Nccl::find();
  return found ? found->version : 0;
}

}  // namespace

}  // namespace cuda
}  // namespace meanfield

extern "C" __attribute__((visibility("default"))) const meanfield::cuda::Library* meanfield_cuda_library() {
  using namespace meanfield::cuda;
  static const Library library = {meanfield::kBackendVersion,
                                  CUDART_VERSION,
                                  MEANFIELD_CUDA_IMAGES,
                                  devices,
                                  describe,
                                  backend,
                                  linear,
                                  peak,
                                  nccl};
  return &library;
}
