#include "native/core/thread_pool.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#ifdef __linux__
#include <sched.h>
#endif

#include "native/core/waiting.h"

namespace meanfield {

namespace {

/// The tasks that the present thread is inside of, innermost first.
struct Inside {
  const ThreadPool* pool;
  int worker;
  const Inside* outer;
};
thread_local const Inside* innermost = nullptr;

const Inside* inside(const ThreadPool* pool) {
  const Inside* at = innermost;
  while (at && at->pool != pool) at = at->outer;
  return at;
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  try {
    for (int worker = 1; worker < threads; ++worker) workers_.emplace_back([this, worker] { work(worker); });
  } catch (...) {  // the system has no more threads: those that did start must end before the exception leaves
    close();
    throw;
  }
}

ThreadPool::~ThreadPool() { close(); }

void ThreadPool::close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::drain(int worker) {
  const Inside here{this, worker, innermost};
  innermost = &here;
  for (;;) {
    if (cancel_ && cancel_->cancelled()) break;
    const int64_t index = next_.fetch_add(1, std::memory_order_relaxed);
    if (index >= count_) break;
    try {
      (*task_)(index, worker);
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
      next_.store(count_, std::memory_order_relaxed);
      break;
    }
    finished_.fetch_add(1, std::memory_order_relaxed);
  }
  innermost = here.outer;
}

void ThreadPool::work(int worker) {
  uint64_t seen = 0;
  for (;;) {
    spin_for_a_while([&] { return closing_ || generation_ != seen; });
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return closing_ || generation_ != seen; });
      if (closing_) return;
      seen = generation_;
    }
    drain(worker);
    std::lock_guard<std::mutex> lock(mutex_);
    if (--busy_ == 0) done_.notify_one();
  }
}

bool ThreadPool::run(int64_t count, const std::function<void(int64_t, int)>& task, const CancelToken* cancel) {
  if (const Inside* here = inside(this)) {
    for (int64_t index = 0; index < count; ++index) {
      if (cancel && cancel->cancelled()) return false;
      task(index, here->worker);
    }
    return true;
  }
  task_ = &task;
  cancel_ = cancel;
  count_ = count;
  next_.store(0, std::memory_order_relaxed);
  finished_.store(0, std::memory_order_relaxed);
  error_ = nullptr;
  const bool shared = !workers_.empty() && count > 1;
  if (shared) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      busy_ = static_cast<int>(workers_.size());
      ++generation_;
    }
    wake_.notify_all();
  }
  drain(0);
  if (shared) {
    spin_for_a_while([&] { return busy_ == 0; });
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [&] { return busy_ == 0; });
  }
  if (error_) std::rethrow_exception(error_);
  return finished_.load(std::memory_order_relaxed) == count;
}

double ThreadPool::sum(int64_t count, const std::function<double(int64_t)>& task) {
  std::vector<double> partial(static_cast<size_t>(count));
  run(count, [&](int64_t index, int) { partial[static_cast<size_t>(index)] = task(index); });
  double total = 0;
  for (double value : partial) total += value;
  return total;
}

namespace {

#ifdef __linux__
/// Quota of the control group in processors (version 2, then version 1); infinite where there is none.
double control_group_quota() {
  double quota = 0, period = 0;
  if (FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    char first[32] = "";
    const bool limited = std::fscanf(file, "%31s %lf", first, &period) == 2 && std::strcmp(first, "max") != 0 &&
                         std::sscanf(first, "%lf", &quota) == 1;
    std::fclose(file);
    return limited && period > 0 ? quota / period : INFINITY;
  }
  const auto read = [](const char* path, double* value) {
    FILE* file = std::fopen(path, "r");
    if (!file) return false;
    const bool ok = std::fscanf(file, "%lf", value) == 1;
    std::fclose(file);
    return ok;
  };
  if (read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", &quota) && read("/sys/fs/cgroup/cpu/cpu.cfs_period_us", &period) &&
      quota > 0 && period > 0)
    return quota / period;
  return INFINITY;
}
#endif

}  // namespace

int available_parallelism() {
  int count = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) count = std::max(1, CPU_COUNT(&set));
  const double quota = control_group_quota();
  if (quota < count) count = std::max(1, static_cast<int>(std::ceil(quota)));
#endif
  return count;
}

}  // namespace meanfield
