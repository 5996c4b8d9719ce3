// The host in the place of a device: memory is the host's, a launch is a loop over the blocks, everything is done at once.
#pragma once
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "native/kernels/cuda/block.h"
#include "native/kernels/cuda/failures.h"

namespace meanfield {
namespace cuda {

/// Launches so far, of all threads.
inline std::atomic<int64_t>& emulated_launches() {
  static std::atomic<int64_t> launches{0};
  return launches;
}

/// Bytes copied so far, to a device and from one, of all threads.
inline std::atomic<int64_t>& emulated_bytes() {
  static std::atomic<int64_t> bytes{0};
  return bytes;
}

/// Shared memory of a block, and the blocks that are said to fill a device: tests lower them.
inline int64_t& emulated_shared_bytes() {
  static int64_t bytes = 227 << 10;
  return bytes;
}
inline int64_t& emulated_least_blocks() {
  static int64_t blocks = 128;
  return blocks;
}

class RawDevice {
 public:
  explicit RawDevice(int index) : index_(index) {}

  void use() const {}

  int64_t cache_bytes() const { return 1 << 20; }
  int64_t shared_bytes() const { return emulated_shared_bytes(); }
  static int64_t least_blocks() { return emulated_least_blocks(); }
  int index() const { return index_; }
  void* stream() const { return nullptr; }
  int capability() const { return 90; }
  const int* stop_flag() const { return &stop_; }
  void lower_stop_flag() { stop_ = 0; }

  void* allocate(size_t bytes) {
    void* memory = bytes > size_t{1} << 34 ? nullptr : std::malloc(bytes);
    if (!memory) throw Failure{Status::OutOfMemory, "the emulated device has no " + std::to_string(bytes) + " bytes."};
    std::memset(memory, 0xFF, bytes);  // not numbers: reading what was never written shows
    return memory;
  }
  void release(void* memory) { std::free(memory); }
  void zero(void* memory, size_t bytes) { std::memset(memory, 0, bytes); }
  /// `rows` rows of `width` bytes; a pitch is the distance from one row to the next.
  void copy_in(void* to, size_t toPitch, const void* from, size_t fromPitch, size_t width, int64_t rows) {
    copy(to, toPitch, from, fromPitch, width, rows);
  }
  void copy_out(void* to, size_t toPitch, const void* from, size_t fromPitch, size_t width, int64_t rows) {
    copy(to, toPitch, from, fromPitch, width, rows);
  }
  template <class Kernel>
  void launch(const Kernel& kernel, int64_t x, int64_t y = 1) {
    if (dynamic_bytes(kernel, 0) > shared_bytes())
      throw Failure{Status::DeviceFailure, "more shared memory than a block may have."};
    ++emulated_launches();
    for (int64_t j = 0; j < y; ++j)
      for (int64_t i = 0; i < x; ++i) {
        Block block(i, j, Kernel::kThreads);
        kernel(block);
      }
  }
  template <class Kernel>
  void launch_many(const Entry<Kernel>* entries, int count, int64_t blocks) {
    ++emulated_launches();
    for (int64_t i = 0; i < blocks; ++i) {
      const Entry<Kernel>& entry = entry_of(entries, count, i);
      Block block((i - entry.first) % entry.x, (i - entry.first) / entry.x, Kernel::kThreads);
      entry.kernel(block);
    }
  }
  bool wait(const CancelToken* cancel) {
    const bool raised = cancel && cancel->cancelled();
    if (raised) stop_ = 1;
    return !raised;
  }
  bool pace(double, const CancelToken* cancel) { return wait(cancel); }

 private:
  static void copy(void* to, size_t toPitch, const void* from, size_t fromPitch, size_t width, int64_t rows) {
    emulated_bytes() += static_cast<int64_t>(width) * rows;
    for (int64_t row = 0; row < rows; ++row)
      std::memcpy(static_cast<char*>(to) + static_cast<size_t>(row) * toPitch,
                  static_cast<const char*>(from) + static_cast<size_t>(row) * fromPitch, width);
  }
  int index_;
  int stop_ = 0;
};

}  // namespace cuda
}  // namespace meanfield
