// What the host part of the backend needs of a device: memory, copies, launches, waiting. One implementation talks to the
// CUDA runtime (device_runtime.h), the other runs the kernels on the host (emulated_runtime.h).
#pragma once
#include <string>

#include "native/kernels/cuda/block.h"
#include "native/kernels/kernels.h"

namespace meanfield {
namespace cuda {

/// Never leaves the table: becomes its status, and its words those of Backend::message.
struct Failure {
  Status status;
  std::string message;
};

}  // namespace cuda
}  // namespace meanfield

#ifdef __CUDACC__
#include "native/kernels/cuda/device_runtime.h"
#else
#include "native/kernels/cuda/emulated_runtime.h"
#endif

namespace meanfield {
namespace cuda {

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
