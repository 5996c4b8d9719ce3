// Waiting for what another thread is about to do: spins first, since to sleep and be woken takes longer than most waits
// between the parts of a step.
#pragma once
#include <thread>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace meanfield {

/// Spins until done() for at most about a tenth of a millisecond; what done() said last.
template <class F>
bool spin_for_a_while(F&& done) {
  constexpr int kSpins = 2000;
  for (int spins = 0; spins < kSpins; ++spins) {
    if (done()) return true;
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }
  return done();
}

/// Returns when done(): for waits that cannot last long unless the system has taken the other thread's processor away.
template <class F>
void spin_until(F&& done) {
  while (!spin_for_a_while(done)) std::this_thread::yield();
}

}  // namespace meanfield
