// How the threads of a pass share its work and where they meet.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>

#include "native/core/waiting.h"

namespace meanfield {
namespace cpu {

/// A barrier whose last arriver does something before all go on.
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
    spin_until([&] { return turn_.load(std::memory_order_acquire) != turn; });
  }

 private:
  const int members_;
  std::atomic<int> arrived_{0};
  std::atomic<unsigned> turn_{0};
};

/// Numbered units of work, a range of them for each thread, so that what it touched last time is still in its cache. A
/// thread that is through with its own takes from the far end of another's: processors do not all run at one speed.
class Hand {
 public:
  explicit Hand(int members) : members_(members), left_(new Range[static_cast<size_t>(members)]) {}

  /// Member w gets [bound(w), bound(w + 1)). Nobody may be taking meanwhile.
  template <class F>
  void deal(F&& bound) {
    for (int w = 0; w < members_; ++w) left_[w].ends.store(pack(bound(w), bound(w + 1)), std::memory_order_relaxed);
  }

  /// The next unit for this member, or -1 when none is left anywhere.
  int64_t take(int member) {
    for (int other = 0; other < members_; ++other) {
      std::atomic<uint64_t>& ends = left_[(member + other) % members_].ends;
      uint64_t seen = ends.load(std::memory_order_relaxed);
      while (first(seen) < last(seen)) {
        const bool own = other == 0;
        const uint64_t rest = own ? pack(first(seen) + 1, last(seen)) : pack(first(seen), last(seen) - 1);
        if (ends.compare_exchange_weak(seen, rest, std::memory_order_relaxed))
          return own ? first(seen) : last(seen) - 1;
      }
    }
    return -1;
  }

 private:
  struct alignas(64) Range {  // a cache line each
    std::atomic<uint64_t> ends{0};
  };
  static uint64_t pack(int64_t first, int64_t last) {
    return static_cast<uint64_t>(first) << 32 | static_cast<uint64_t>(last);
  }
  static int64_t first(uint64_t ends) { return static_cast<int64_t>(ends >> 32); }
  static int64_t last(uint64_t ends) { return static_cast<int64_t>(ends & 0xFFFFFFFFu); }

  const int members_;
  const std::unique_ptr<Range[]> left_;
};

}  // namespace cpu
}  // namespace meanfield
