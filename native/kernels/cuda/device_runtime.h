// A stream of one CUDA device through the runtime. Every failure becomes a Failure with what was seen and a remedy.
#pragma once
#include <cuda_runtime.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "native/kernels/cuda/block.h"
#include "native/kernels/cuda/failures.h"

namespace meanfield {
namespace cuda {

template <class Kernel>
__global__ void __launch_bounds__(Kernel::kThreads, Kernel::kBlocks) run_kernel(const __grid_constant__ Kernel kernel) {
  Block block(blockIdx.x, blockIdx.y);
  kernel(block);
}
template <class Kernel>
__global__ void __launch_bounds__(Kernel::kThreads, Kernel::kBlocks)
    run_kernels(const Entry<Kernel>* entries, int count) {
  const Entry<Kernel>& entry = entry_of(entries, count, blockIdx.x);
  const int64_t at = blockIdx.x - entry.first;
  Block block(at % entry.x, at / entry.x);
  const Kernel kernel = entry.kernel;  // in registers: what it stores could change the entry for all the compiler knows
  kernel(block);
}

inline void check(cudaError_t error, const char* doing) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // not sticky ones must not be seen again by the next call
  throw failure_of(cudaGetErrorName(error), cudaGetErrorString(error), doing, CUDART_VERSION);
}

class RawDevice {
 public:
  explicit RawDevice(int index)
      : RawDevice(index, nullptr) {  // complete from here on: a failure below undoes what was done
    use();
    check(cudaDeviceGetAttribute(&cache_, cudaDevAttrL2CacheSize, index), "asking for the cache size");
    check(cudaDeviceGetAttribute(&shared_, cudaDevAttrMaxSharedMemoryPerBlockOptin, index),
          "asking for the shared memory of a block");
    int major = 0, minor = 0;
    check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index), "asking for the capability");
    check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, index), "asking for the capability");
    capability_ = 10 * major + minor;
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "creating a stream");
    check(cudaStreamCreateWithFlags(&signals_, cudaStreamNonBlocking), "creating a stream");
    for (cudaEvent_t& event : events_)
      check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "creating an event");
    stop_ = static_cast<int*>(allocate(2 * sizeof(int)));
    const int flags[2] = {0, 1};
    copy_in(stop_, sizeof flags, flags, sizeof flags, sizeof flags, 1);
  }
  ~RawDevice() {
    cudaSetDevice(index_);
    if (stop_) cudaFree(stop_);
    for (cudaEvent_t event : events_)
      if (event) cudaEventDestroy(event);
    if (signals_) cudaStreamDestroy(signals_);
    if (stream_) cudaStreamDestroy(stream_);
    cudaGetLastError();
  }
  RawDevice(const RawDevice&) = delete;
  RawDevice& operator=(const RawDevice&) = delete;

  /// Makes it the calling thread's device; first in every call of the table.
  void use() const { check(cudaSetDevice(index_), "choosing the device"); }
  int64_t cache_bytes() const { return cache_; }
  /// The most shared memory that a block may ask for.
  int64_t shared_bytes() const { return shared_; }
  /// Blocks that fill a device, about as many as large ones have multiprocessors. The same for all, so that results do not depend on it.
  static constexpr int64_t least_blocks() { return 128; }
  int index() const { return index_; }
  void* stream() const { return stream_; }
  /// 10 × major + minor
  int capability() const { return capability_; }
  /// Read by kernels that run long; raised by `wait`.
  const int* stop_flag() const { return stop_; }
  void lower_stop_flag() { zero(stop_, sizeof(int)); }

  void* allocate(size_t bytes) {
    void* memory = nullptr;
    check(cudaMalloc(&memory, bytes), ("reserving " + std::to_string(bytes >> 20) + " MiB").c_str());
    return memory;
  }
  void release(void* memory) {
    if (!memory) return;
    cudaSetDevice(index_);
    cudaFree(memory);
    cudaGetLastError();
  }
  void zero(void* memory, size_t bytes) { check(cudaMemsetAsync(memory, 0, bytes, stream_), "clearing memory"); }
  void copy_in(void* to, size_t toPitch, const void* from, size_t fromPitch, size_t width, int64_t rows) {
    copy(to, toPitch, from, fromPitch, width, rows, cudaMemcpyHostToDevice, "copying to the GPU");
  }
  /// Returns when the copy is there.
  void copy_out(void* to, size_t toPitch, const void* from, size_t fromPitch, size_t width, int64_t rows) {
    copy(to, toPitch, from, fromPitch, width, rows, cudaMemcpyDeviceToHost, "copying from the GPU");
    check(cudaStreamSynchronize(stream_), "waiting for a copy");
  }
  template <class Kernel>
  void launch(const Kernel& kernel, int64_t x, int64_t y = 1) {
    const dim3 grid(static_cast<unsigned>(x), static_cast<unsigned>(y));
    const int64_t bytes = dynamic_bytes(kernel, 0);
    if (bytes > 0)
      check(cudaFuncSetAttribute(run_kernel<Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(bytes)),
            "asking for shared memory");
    run_kernel<Kernel><<<grid, Kernel::kThreads, static_cast<size_t>(bytes), stream_>>>(kernel);
    check(cudaGetLastError(), "starting a kernel");
  }

  /// One launch for `count` kernels of a kind, `blocks` blocks altogether; `entries` in device memory.
  template <class Kernel>
  void launch_many(const Entry<Kernel>* entries, int count, int64_t blocks) {
    run_kernels<Kernel><<<static_cast<unsigned>(blocks), Kernel::kThreads, 0, stream_>>>(entries, count);
    check(cudaGetLastError(), "starting a kernel");
  }

  /// Waits for everything asked for so far. False when `cancel` was raised meanwhile.
  bool wait(const CancelToken* cancel) {
    check(cudaEventRecord(events_[0], stream_), "recording an event");
    return wait_for(events_[0], cancel);
  }
  /// Called after a launch of so many operations: keeps at most two stretches of some milliseconds under way, so that a
  /// cancelled run ends soon. False when `cancel` was raised.
  bool pace(double flops, const CancelToken* cancel) {
    constexpr double kStretch = 2e10;
    pending_ += flops;
    if (pending_ < kStretch) return true;
    pending_ = 0;
    const bool goes = !cancel || !cancel->cancelled();
    if (stretches_ >= 2 && !wait_for(events_[1 + stretches_ % 2], cancel)) return false;
    check(cudaEventRecord(events_[1 + stretches_ % 2], stream_), "recording an event");
    ++stretches_;
    return goes;
  }

 private:
  RawDevice(int index, std::nullptr_t) : index_(index) {}
  void copy(void* to, size_t toPitch, const void* from, size_t fromPitch, size_t width, int64_t rows,
            cudaMemcpyKind kind, const char* doing) {
    if (width == 0 || rows == 0) return;
    const size_t all = width * static_cast<size_t>(rows);
    // The copy engine's pitch is limited to 2 GiB; rows without gaps need none.
    if (toPitch == width && fromPitch == width)
      check(cudaMemcpyAsync(to, from, all, kind, stream_), doing);
    else
      check(cudaMemcpy2DAsync(to, toPitch, from, fromPitch, width, static_cast<size_t>(rows), kind, stream_), doing);
    if (kind == cudaMemcpyHostToDevice) check(cudaStreamSynchronize(stream_), doing);  // the source may go away
  }
  bool wait_for(cudaEvent_t event, const CancelToken* cancel) {
    bool raised = false;
    for (int spins = 0;; ++spins) {
      const cudaError_t state = cudaEventQuery(event);
      if (state == cudaSuccess) break;
      if (state != cudaErrorNotReady) check(state, "waiting for a kernel");
      if (cancel && cancel->cancelled() && !raised) {
        raised = true;
        check(cudaMemcpyAsync(stop_, stop_ + 1, sizeof(int), cudaMemcpyDeviceToDevice, signals_), "stopping a kernel");
        check(cudaStreamSynchronize(signals_), "stopping a kernel");  // it must not fall on the next operation
      }
      if (spins > 200) std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    cudaGetLastError();  // cudaErrorNotReady
    return !raised && !(cancel && cancel->cancelled());
  }

  int index_;
  int cache_ = 0, shared_ = 0, capability_ = 0;
  cudaStream_t stream_ = nullptr, signals_ = nullptr;
  cudaEvent_t events_[3] = {};
  int* stop_ = nullptr;
  double pending_ = 0;
  int64_t stretches_ = 0;
};

}  // namespace cuda
}  // namespace meanfield
