// Where the threads of a step meet between two halves of it.
#pragma once
#include <atomic>
#include <thread>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace meanfield {
namespace cpu {

/// A barrier whose last arriver does something before all go on. The halves last a fraction of a millisecond, less than
/// it takes to sleep and be woken: waiting spins, then yields.
class Rendezvous {
 public:
  explicit Rendezvous(int members) : members_(members) {}

  template <class F>
  void meet(F&& last) {
    if (members_ == 1) return last();
    const unsigned turn = turn_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
      last();
      arrived_.store(0, std::memory_order_relaxed);
      turn_.store(turn + 1, std::memory_order_release);
      return;
    }
    for (int spins = 0; turn_.load(std::memory_order_acquire) == turn; ++spins) {
      if (spins < kSpins)
        pause();
      else
        std::this_thread::yield();
    }
  }

 private:
  static constexpr int kSpins = 2000;
  static void pause() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  const int members_;
  std::atomic<int> arrived_{0};
  std::atomic<unsigned> turn_{0};
};

}  // namespace cpu
}  // namespace meanfield
