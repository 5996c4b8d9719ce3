// The stop flag of a run: raised by any thread, polled by the loops that do the work.
#pragma once
#include <atomic>

#include "native/core/errors.h"

namespace meanfield {

class CancelToken {
 public:
  void cancel() { flag_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return flag_.load(std::memory_order_relaxed); }
  /// Throws Cancelled once the flag is up: for work that leaves nothing behind.
  void check() const {
    if (cancelled()) throw Error(ErrorCode::Cancelled, "the run was cancelled before it had a result.");
  }

 private:
  std::atomic<bool> flag_{false};
};

}  // namespace meanfield
