// The stop flag of a run: raised by any thread, polled by the loops that do the work.
#pragma once
#include <atomic>


namespace meanfield {

class CancelToken {
 public:
  void cancel() { flag_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return flag_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> flag_{false};
};

}  // namespace meanfield
