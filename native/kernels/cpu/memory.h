// Memory on cache lines, for native vectors; on large pages where there is much of it.
#pragma once
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <utility>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace meanfield {
namespace cpu {

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t count) { resize(count); }
  Buffer(Buffer&& other) noexcept
      : line_(other.line_), data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(line_, other.line_);
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~Buffer() { release(); }

  /// At least `count` elements; what was there is lost when it grows. Throws std::bad_alloc.
  void resize(int64_t count) {
    if (count <= count_) return;
    release();
    if (count > std::numeric_limits<int64_t>::max() / static_cast<int64_t>(2 * sizeof(T))) throw std::bad_alloc();
    const size_t bytes = static_cast<size_t>(count) * sizeof(T);
    line_ = std::align_val_t{bytes >= kManyPages ? kLargePage : kLine};
    data_ = static_cast<T*>(::operator new(bytes, line_));
    count_ = count;
#if defined(__linux__)
    // Strides over large matrices touch more pages than the processor keeps the addresses of. A wish, not a need.
    if (bytes >= kManyPages) madvise(data_, bytes, MADV_HUGEPAGE);
#endif
  }
  void release() {
    ::operator delete(data_, line_);
    data_ = nullptr;
    count_ = 0;
  }
  void clear(int64_t count) { std::memset(static_cast<void*>(data_), 0, static_cast<size_t>(count) * sizeof(T)); }
  T* data() const { return data_; }
  int64_t size() const { return count_; }

 private:
  static constexpr size_t kLine = 64, kLargePage = 2 << 20, kManyPages = 2 * kLargePage;
  std::align_val_t line_{kLine};
  T* data_ = nullptr;
  int64_t count_ = 0;
};

}  // namespace cpu
}  // namespace meanfield
