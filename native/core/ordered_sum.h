// Vectors that tasks make, added up in the order of the tasks, whoever makes them: the same bits for any number of threads, and the memory of as
// many vectors as tasks are at work, not one for each.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace meanfield {

class OrderedSum {
 public:
  using Vector = std::vector<double>;
  /// Zeros to add to, to be given back. Those of before are taken again.
  Vector take(size_t size) {
    Vector part;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!spare_.empty()) {
        part = std::move(spare_.back());
        spare_.pop_back();
      }
    }
    part.assign(size, 0);
    return part;
  }
  /// Adds what task `place` of 0, 1, … has made to `total`, now or once all before it are there.
  void give(int64_t place, Vector part, double* total) {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_.emplace(place, std::move(part));
    for (auto first = waiting_.begin(); first != waiting_.end() && first->first == next_; first = waiting_.begin()) {
      for (size_t j = 0; j < first->second.size(); ++j) total[j] += first->second[j];
      spare_.push_back(std::move(first->second));
      waiting_.erase(first);
      ++next_;
    }
  }
  /// Before the first task of a sum, also where the last sum was not brought to its end.
  void begin() {
    waiting_.clear();
    next_ = 0;
  }

 private:
  std::mutex mutex_;
  std::map<int64_t, Vector> waiting_;
  std::vector<Vector> spare_;
  int64_t next_ = 0;
};

}  // namespace meanfield
