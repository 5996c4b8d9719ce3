// The threads of one run. Work is handed out as numbered tasks; a task writes only to its own place, and sums are taken
// in the order of the task numbers, so that no result depends on how many threads there are.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "native/core/cancel.h"

namespace meanfield {

class ThreadPool {
 public:
  /// `threads` >= 1 counts the calling thread: a pool of one starts no thread at all.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Runs task(index, worker) for index in [0, count); worker in [0, threads()) names the scratch memory to use.
  /// Returns false when `cancel` was raised before every task had run. The first exception thrown by a task ends the
  /// loop and is thrown again here. A pool serves one caller at a time; called from inside one of its own tasks, it runs
  /// the inner loop on that task's thread, under that task's worker number.
  bool run(int64_t count, const std::function<void(int64_t, int)>& task, const CancelToken* cancel = nullptr);

  /// Σ task(index) over [0, count), added in the order of index.
  double sum(int64_t count, const std::function<double(int64_t)>& task);

 private:
  void close();
  void work(int worker);
  void drain(int worker);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  // Changed under the mutex; looked at without it by those who spin before they sleep.
  std::atomic<uint64_t> generation_{0};
  std::atomic<int> busy_{0};
  std::atomic<bool> closing_{false};

  const std::function<void(int64_t, int)>* task_ = nullptr;
  const CancelToken* cancel_ = nullptr;
  int64_t count_ = 0;
  std::atomic<int64_t> next_{0};
  std::atomic<int64_t> finished_{0};
  std::exception_ptr error_;
};

/// Processors this process may use: the affinity mask, cut by the control group's quota; at least 1.
int available_parallelism();

/// Threads of a run for which so many were asked; absent: as many as there are processors.
inline int thread_count(const std::optional<int64_t>& asked) {
  return asked ? static_cast<int>(*asked) : available_parallelism();
}

}  // namespace meanfield
