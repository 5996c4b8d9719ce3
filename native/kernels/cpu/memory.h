// Memory on cache lines, for native vectors.
#pragma once
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

namespace meanfield {
namespace cpu {

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t count) { resize(count); }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
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
    data_ = static_cast<T*>(::operator new(static_cast<size_t>(count) * sizeof(T), kLine));
    count_ = count;
  }
  void release() {
    ::operator delete(data_, kLine);
    data_ = nullptr;
    count_ = 0;
  }
  void clear(int64_t count) { std::memset(static_cast<void*>(data_), 0, static_cast<size_t>(count) * sizeof(T)); }
  T* data() const { return data_; }
  int64_t size() const { return count_; }

 private:
  static constexpr std::align_val_t kLine{64};
  T* data_ = nullptr;
  int64_t count_ = 0;
};

}  // namespace cpu
}  // namespace meanfield
