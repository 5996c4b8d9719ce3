// What the host part of the backend needs of a device: memory, copies, launches, waiting. One implementation talks to the
// CUDA runtime (device_runtime.h), the other runs the kernels on the host (emulated_runtime.h).
#pragma once
#include <memory>
#include <string>

#include "native/kernels/cuda/block.h"
#include "native/kernels/cuda/failures.h"

#ifdef __CUDACC__
#include "native/kernels/cuda/device_runtime.h"
#else
#include "native/kernels/cuda/emulated_runtime.h"
#endif
#include "native/kernels/cuda/gang.h"

namespace meanfield {
namespace cuda {

/// A device as a network sees it: a stream of its own, or, on a thread that has joined a gang, a share of the gang's.
class Device {
 public:
  explicit Device(int index)
      : gang_(Gang::of_this_thread(index)), own_(gang_ ? nullptr : std::make_unique<RawDevice>(index)),
        raw_(gang_ ? gang_->device() : *own_) {}

  void use() const { raw_.use(); }
  int64_t cache_bytes() const { return raw_.cache_bytes(); }
  int64_t shared_bytes() const { return raw_.shared_bytes(); }
  static int64_t least_blocks() { return RawDevice::least_blocks(); }
  int capability() const { return raw_.capability(); }
  int index() const { return raw_.index(); }
  /// Where work of others than ours is put in line with it.
  void* stream() const { return raw_.stream(); }
  /// Read by kernels that run long; raised by `wait`. In a gang it stays down, since launches are short.
  const int* stop_flag() const { return raw_.stop_flag(); }
  void lower_stop_flag() {
    if (!gang_) raw_.lower_stop_flag();
  }
  void* allocate(size_t bytes) { return raw_.allocate(bytes); }
  void release(void* memory) {
    if (gang_ && memory)
      gang_->release(memory);
    else
      raw_.release(memory);
  }
  void zero(void* memory, size_t bytes) { gang_ ? gang_->zero(memory, bytes) : raw_.zero(memory, bytes); }
  /// `rows` rows of `width` bytes, multiples of four; a pitch is the distance from one row to the next.
  void copy_in(void* to, size_t toPitch, const void* from, size_t fromPitch, size_t width, int64_t rows) {
    gang_ ? gang_->copy_in(to, toPitch, from, fromPitch, width, rows)
          : raw_.copy_in(to, toPitch, from, fromPitch, width, rows);
  }
  /// Returns when the copy is there.
  void copy_out(void* to, size_t toPitch, const void* from, size_t fromPitch, size_t width, int64_t rows) {
    gang_ ? gang_->copy_out(to, toPitch, from, fromPitch, width, rows)
          : raw_.copy_out(to, toPitch, from, fromPitch, width, rows);
  }
  template <class Kernel>
  void launch(const Kernel& kernel, int64_t x, int64_t y = 1) {
    if (gang_)
      gang_->launch(kernel, x, y);
    else
      raw_.launch(kernel, x, y);
  }
  /// Waits for everything asked for so far. False when `cancel` was raised meanwhile.
  bool wait(const CancelToken* cancel) {
    if (!gang_) return raw_.wait(cancel);
    gang_->meet();
    return !(cancel && cancel->cancelled());
  }
  /// After a launch of so many operations: lets no more than some milliseconds of work pile up. False when `cancel` was raised.
  bool pace(double flops, const CancelToken* cancel) {
    if (!gang_) return raw_.pace(flops, cancel);
    gang_->pace();
    return !(cancel && cancel->cancelled());
  }

 private:
  Gang* gang_;
  std::unique_ptr<RawDevice> own_;
  RawDevice& raw_;
};

/// `count` numbers in device memory, grown when more are asked for and given back at the end.
template <class T>
class Array {
 public:
  explicit Array(Device& device) : device_(device) {}
  ~Array() { device_.release(data_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  T* data() const { return data_; }
  /// At least `count` numbers; what they held is lost when they have to grow.
  T* resize(int64_t count) {
    if (count > capacity_) {
      device_.release(data_);
      data_ = nullptr;
      capacity_ = 0;
      data_ = static_cast<T*>(device_.allocate(static_cast<size_t>(count) * sizeof(T)));
      capacity_ = count;
    }
    return data_;
  }

 private:
  Device& device_;
  T* data_ = nullptr;
  int64_t capacity_ = 0;
};

}  // namespace cuda
}  // namespace meanfield
