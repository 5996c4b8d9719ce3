// A block of threads, written so that the same kernel is CUDA and ordinary C++.
//
// A kernel is a structure with `kThreads`, `kBlocks` (blocks an SM is meant to hold) and operator()(Block&). Its body is a
// sequence of sections: `each` runs a function for every thread of the block, `each_warp` for every warp, `lanes` for the
// threads of one warp; `barrier` is the only thing that orders shared memory between threads. Shared::send4 is cp.async. What a thread keeps from
// one section to the next lives in PerThread. Under nvcc a section is the code of the thread at hand; elsewhere it is
// a loop over the threads (emulated_block.h), which checks every access to shared memory for races.
#pragma once
#include <cstdint>
#include <cstring>

#ifdef __CUDACC__

#define MEANFIELD_DEVICE __device__ __forceinline__
#define MEANFIELD_DEVICE_CALL __device__ __noinline__
#define MEANFIELD_UNROLL_FOR _Pragma("unroll") for
#define MEANFIELD_UNROLL_TWICE_FOR _Pragma("unroll 2") for
#define MEANFIELD_ROLLED_FOR _Pragma("unroll 1") for

namespace meanfield {
namespace cuda {

struct alignas(16) Words {
  uint32_t w[4];
};
struct alignas(8) Pair {
  uint32_t w[2];
};

class Shared {
 public:
  MEANFIELD_DEVICE explicit Shared(uint32_t* words) : words_(words) {}
  MEANFIELD_DEVICE Shared from(int offset) const { return Shared(words_ + offset); }
  MEANFIELD_DEVICE uint32_t load(int at) const { return words_[at]; }
  MEANFIELD_DEVICE float load_float(int at) const { return __uint_as_float(words_[at]); }
  /// Of two words; `at` is even.
  MEANFIELD_DEVICE double load_double(int at) const { return *reinterpret_cast<const double*>(words_ + at); }
  MEANFIELD_DEVICE Pair load2(int at) const { return *reinterpret_cast<const Pair*>(words_ + at); }
  MEANFIELD_DEVICE Words load4(int at) const { return *reinterpret_cast<const Words*>(words_ + at); }
  MEANFIELD_DEVICE void store(int at, uint32_t word) { words_[at] = word; }
  MEANFIELD_DEVICE void store_float(int at, float value) { words_[at] = __float_as_uint(value); }
  MEANFIELD_DEVICE void store_double(int at, double value) { *reinterpret_cast<double*>(words_ + at) = value; }
  MEANFIELD_DEVICE void store4(int at, const Words& words) { *reinterpret_cast<Words*>(words_ + at) = words; }
  /// Sends four words of device memory here, or zeros; they are here after Block::arrived and a barrier. `from` is valid either way.
  MEANFIELD_DEVICE void send4(int at, const float* from, bool there) {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                     static_cast<uint32_t>(__cvta_generic_to_shared(words_ + at))),
                 "l"(__cvta_generic_to_global(from)), "r"(there ? 16 : 0)
                 : "memory");
#endif
  }

 private:
  uint32_t* words_;
};

template <class T>
class PerThread {
 public:
  MEANFIELD_DEVICE T& operator[](int) { return mine_; }

 private:
  T mine_;
};

class Block {
 public:
  MEANFIELD_DEVICE Block(int64_t x, int64_t y) : x_(x), y_(y) {}
  MEANFIELD_DEVICE int64_t x() const { return x_; }
  MEANFIELD_DEVICE int64_t y() const { return y_; }
  /// Once a kernel.
  template <int kWords>
  MEANFIELD_DEVICE Shared shared() {
    __shared__ __align__(16) uint32_t words[kWords];
    return Shared(words);
  }
  /// More than 48 KiB: as many words as the kernel's shared_words() says.
  MEANFIELD_DEVICE Shared shared(int) {
    extern __shared__ __align__(16) uint32_t dynamic_words[];
    return Shared(dynamic_words);
  }
  template <class T>
  MEANFIELD_DEVICE PerThread<T> per_thread() {
    return {};
  }
  MEANFIELD_DEVICE void barrier() { __syncthreads(); }
  /// Whether there is Shared::send4.
  MEANFIELD_DEVICE static constexpr bool sends() {
#if __CUDA_ARCH__ >= 800
    return true;
#else
    return false;
#endif
  }
  /// Waits until what each thread has sent has arrived.
  MEANFIELD_DEVICE void arrived() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_all;" ::: "memory");
#endif
  }
  template <class F>
  MEANFIELD_DEVICE void each(F&& f) {
    f(static_cast<int>(threadIdx.x));
  }
  template <class F>
  MEANFIELD_DEVICE void each_warp(F&& f) {
    f(static_cast<int>(threadIdx.x / 32));
  }
  template <class F>
  MEANFIELD_DEVICE void lanes(int, F&& f) {
    f(static_cast<int>(threadIdx.x));
  }

 private:
  int64_t x_, y_;
};

}  // namespace cuda
}  // namespace meanfield

#else

#define MEANFIELD_DEVICE inline
#define MEANFIELD_DEVICE_CALL inline
#define MEANFIELD_UNROLL_FOR for
#define MEANFIELD_UNROLL_TWICE_FOR for
#define MEANFIELD_ROLLED_FOR for

#include "native/kernels/cuda/emulated_block.h"

#endif

namespace meanfield {
namespace cuda {

/// Bytes of shared memory that are known when a kernel is launched.
template <class Kernel>
auto dynamic_bytes(const Kernel& kernel, int) -> decltype(static_cast<int64_t>(kernel.shared_words())) {
  return int64_t{4} * kernel.shared_words();
}
template <class Kernel>
int64_t dynamic_bytes(const Kernel&, long) {
  return 0;
}

/// A kernel among many in one launch: its blocks are those from `first` on, x of them in a row.
template <class Kernel>
struct Entry {
  int64_t first, x;
  Kernel kernel;
};
/// The entry that a block belongs to; `first` ascends.
template <class Kernel>
MEANFIELD_DEVICE const Entry<Kernel>& entry_of(const Entry<Kernel>* entries, int count, int64_t block) {
  int low = 0, high = count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (entries[middle].first <= block)
      low = middle;
    else
      high = middle;
  }
  return entries[low];
}

}  // namespace cuda
}  // namespace meanfield
