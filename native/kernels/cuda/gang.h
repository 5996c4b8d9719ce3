// Many small networks, each run by a thread of its own, that launch together. What a member asks of the device is put off until
// every member waits for an answer; then all of it goes out at once: one copy to the device, one launch for each kind of
// kernel that members are at (their blocks side by side in one grid), one copy back. Every member's own order is
// kept, and a block does what it would do alone: results are bit for bit those of a run on its own.
//
// Included by runtime.h behind the runtime at hand, whose RawDevice it drives.
#pragma once
#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <type_traits>
#include <vector>

namespace meanfield {
namespace cuda {

/// Kernels that fill a device by themselves say `kAlone` and are launched one by one.
template <class Kernel, class = void>
struct IsAlone : std::false_type {};
template <class Kernel>
struct IsAlone<Kernel, std::enable_if_t<Kernel::kAlone>> : std::true_type {};

/// Between device memory and the staging memory of a gang, in words of four bytes. A thread a word.
struct StagedCopy {
  static constexpr int kThreads = 256, kBlocks = 4;
  uint32_t* staged;  // without gaps
  char* memory;
  int64_t pitch, words, rows;  // bytes from row to row, words of a row
  bool out;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t at = block.x() * kThreads + thread;
      if (at >= words * rows) return;
      uint32_t* word = reinterpret_cast<uint32_t*>(memory + at / words * pitch) + at % words;
      if (out)
        staged[at] = *word;
      else
        *word = staged[at];
    });
  }
};
struct Fill {
  static constexpr int kThreads = 256, kBlocks = 4;
  uint32_t* memory;
  int64_t words;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t at = block.x() * kThreads + thread;
      if (at < words) memory[at] = 0;
    });
  }
};

class Gang {
 public:
  Gang(int device, int members) : device_(device), index_(device), expected_(members) {
    members_.reserve(static_cast<size_t>(members));
  }
  ~Gang() {
    device_.release(in_);
    device_.release(out_);
  }
  Gang(const Gang&) = delete;
  Gang& operator=(const Gang&) = delete;

  /// The gang that the calling thread is in, if it is one of this device.
  static Gang* of_this_thread(int device) {
    Member* member = current();
    return member && member->gang->index_ == device ? member->gang : nullptr;
  }
  RawDevice& device() { return device_; }

  void join() noexcept {
    static thread_local Member mine;
    mine.gang = this;
    current() = &mine;
    std::lock_guard<std::mutex> lock(mutex_);
    members_.push_back(&mine);
  }
  /// What the member has asked for and not waited for is dropped.
  void leave() {
    Member* mine = current();
    current() = nullptr;
    for (void* memory : mine->garbage) device_.release(memory);
    mine->clear();
    std::lock_guard<std::mutex> lock(mutex_);
    members_.erase(std::find(members_.begin(), members_.end(), mine));
    --expected_;
    if (expected_ > 0 && waiting_ == expected_) execute();
  }

  template <class Kernel>
  void launch(const Kernel& kernel, int64_t x, int64_t y) {
    add(kernel, x, y, kNone, 0);
  }
  void zero(void* memory, size_t bytes) {
    const Fill fill{static_cast<uint32_t*>(memory), static_cast<int64_t>(bytes / 4)};
    if (fill.words > 0) add(fill, (fill.words + 255) / 256, 1, kNone, 0);
  }
  void copy_in(void* to, size_t toPitch, const void* from, size_t fromPitch, size_t width, int64_t rows) {
    if (width == 0 || rows == 0) return;
    Member& mine = *current();
    const size_t at = mine.in.size(), words = width / 4;
    mine.in.resize(at + words * static_cast<size_t>(rows));
    for (int64_t row = 0; row < rows; ++row)
      std::memcpy(mine.in.data() + at + words * static_cast<size_t>(row),
                  static_cast<const char*>(from) + fromPitch * static_cast<size_t>(row), width);
    stage(to, toPitch, words, rows, false, at);
  }
  void copy_out(void* to, size_t toPitch, const void* from, size_t fromPitch, size_t width, int64_t rows) {
    if (width == 0 || rows == 0) return;
    Member& mine = *current();
    const size_t words = width / 4;
    stage(const_cast<void*>(from), fromPitch, words, rows, true, mine.out);
    mine.out += words * static_cast<size_t>(rows);
    meet();
    for (int64_t row = 0; row < rows; ++row)
      std::memcpy(static_cast<char*>(to) + toPitch * static_cast<size_t>(row),
                  mine.found + words * static_cast<size_t>(row), width);
  }
  /// Given back when nothing can be using it any more.
  void release(void* memory) { current()->garbage.push_back(memory); }

  /// Returns when everything this member has asked for has been done. Throws Failure.
  void meet() {
    std::unique_lock<std::mutex> lock(mutex_);
    const uint64_t round = round_;
    if (++waiting_ == expected_)
      execute();
    else
      met_.wait(lock, [&] { return round_ != round; });
    const std::optional<Failure> failure = failure_;
    lock.unlock();
    for (void* memory : current()->garbage) device_.release(memory);
    current()->garbage.clear();
    if (failure) throw *failure;
  }
  /// Called now and then by members that ask for much before they wait.
  void pace() {
    constexpr size_t kMostTasks = 256;
    if (current()->tasks.size() >= kMostTasks) meet();
  }

 private:
  enum Patch { kNone, kIn, kOut };
  struct Task {
    const void* kind;  // names the type of kernel
    /// All tasks of a group: entries in device memory, `blocks` blocks; or, alone, the entry in host memory.
    void (*run)(RawDevice& device, const void* entries, int count, int64_t blocks, const void* alone);
    bool alone;
    std::vector<char> entry;  // Entry<Kernel>
    int64_t blocks;
    Patch patch;    // where the kernel's first field points to: nowhere new, or into the staging memory
    size_t staged;  // at this word of the member's part
  };
  struct Member {
    Gang* gang = nullptr;
    std::vector<Task> tasks;
    std::vector<uint32_t> in;         // words that go to the device
    size_t out = 0;                   // words that come back
    const uint32_t* found = nullptr;  // where they are after meeting
    std::vector<void*> garbage;

    void clear() {
      tasks.clear();
      in.clear();
      out = 0;
      garbage.clear();
    }
  };
  struct Group {
    const Task* first;
    int count;
    int64_t blocks;
    size_t at;  // byte of its entries in the staging memory
  };

  static Member*& current() {
    static thread_local Member* member = nullptr;
    return member;
  }

  template <class Kernel>
  static void run(RawDevice& device, const void* entries, int count, int64_t blocks, const void* alone) {
    if constexpr (IsAlone<Kernel>::value) {
      const auto* entry = static_cast<const Entry<Kernel>*>(alone);
      device.launch(entry->kernel, entry->x, blocks / entry->x);
    } else {
      device.launch_many(static_cast<const Entry<Kernel>*>(entries), count, blocks);
    }
  }
  template <class Kernel>
  void add(const Kernel& kernel, int64_t x, int64_t y, Patch patch, size_t staged) {
    static_assert(std::is_trivially_copyable<Kernel>::value && alignof(Entry<Kernel>) <= 16,
                  "entries are copied as bytes");
    static char kind;
    const Entry<Kernel> entry{0, x, kernel};
    const char* bytes = reinterpret_cast<const char*>(&entry);
    current()->tasks.push_back(
        {&kind, run<Kernel>, IsAlone<Kernel>::value, {bytes, bytes + sizeof entry}, x * y, patch, staged});
  }
  void stage(void* memory, size_t pitch, size_t words, int64_t rows, bool out, size_t at) {
    const StagedCopy copy{
        nullptr, static_cast<char*>(memory), static_cast<int64_t>(pitch), static_cast<int64_t>(words), rows, out};
    add(copy, (copy.words * rows + 255) / 256, 1, out ? kOut : kIn, at);
  }

  static size_t aligned(size_t bytes) { return (bytes + 15) / 16 * 16; }
  static void grow(RawDevice& device, void*& memory, size_t& capacity, size_t bytes) {
    if (bytes <= capacity) return;
    device.release(memory);
    memory = nullptr;
    capacity = 0;
    memory = device.allocate(2 * bytes);
    capacity = 2 * bytes;
  }

  /// Everything that members have asked for. Holds the lock; every member waits.
  void execute() {
    failure_.reset();
    try {
      device_.use();
      carry_out();
    } catch (const Failure& failure) {
      failure_ = failure;
    } catch (const std::bad_alloc&) {
      failure_ = Failure{Status::OutOfMemory, ""};
    }
    for (Member* member : members_) {
      member->tasks.clear();
      member->in.clear();
      member->out = 0;
    }
    waiting_ = 0;
    ++round_;
    met_.notify_all();
  }
  void carry_out() {
    size_t words = 0, outWords = 0;
    for (const Member* member : members_) {
      words += member->in.size();
      outWords += member->out;
    }
    const std::vector<Group> groups = plan(aligned(4 * words));
    size_t bytes = aligned(4 * words);
    for (const Group& group : groups)
      bytes = std::max(bytes, group.at + static_cast<size_t>(group.count) * group.first->entry.size());
    grow(device_, in_, inCapacity_, bytes);
    grow(device_, out_, outCapacity_, 4 * outWords);
    host_.assign(bytes, 0);
    found_.resize(outWords);
    size_t in = 0, out = 0;
    for (Member* member : members_) {
      std::memcpy(host_.data() + 4 * in, member->in.data(), 4 * member->in.size());
      for (Task& task : member->tasks) {
        if (task.patch == kNone) continue;
        const uint32_t* place = task.patch == kIn ? static_cast<uint32_t*>(in_) + in + task.staged
                                                  : static_cast<uint32_t*>(out_) + out + task.staged;
        std::memcpy(task.entry.data() + offsetof(Entry<StagedCopy>, kernel), &place, sizeof place);
      }
      member->found = found_.data() + out;
      in += member->in.size();
      out += member->out;
    }
    size_t next = 0;
    for (const Group& group : groups) {
      int64_t first = 0;
      for (int i = 0; i < group.count; ++i, ++next) {
        Task& task = *ordered_[next];
        std::memcpy(task.entry.data(), &first, sizeof first);  // Entry::first
        std::memcpy(host_.data() + group.at + static_cast<size_t>(i) * task.entry.size(), task.entry.data(),
                    task.entry.size());
        first += task.blocks;
      }
    }
    if (bytes > 0) device_.copy_in(in_, bytes, host_.data(), bytes, bytes, 1);
    for (const Group& group : groups)
      group.first->run(device_, static_cast<char*>(in_) + group.at, group.count, group.blocks,
                       group.first->entry.data());
    if (outWords > 0)
      device_.copy_out(found_.data(), 4 * outWords, out_, 4 * outWords, 4 * outWords, 1);
    else
      device_.wait(nullptr);
  }
  /// Which tasks go together, in an order that keeps every member's own; ordered_ has them one after another. The member that
  /// is furthest behind leads, so that members who do the same stay in step.
  std::vector<Group> plan(size_t at) {
    std::vector<Group> groups;
    std::vector<size_t> done(members_.size(), 0);
    const auto left = [&](size_t m) { return done[m] < members_[m]->tasks.size(); };
    ordered_.clear();
    for (;;) {
      size_t lead = members_.size();
      for (size_t m = 0; m < members_.size(); ++m)
        if (left(m) && (lead == members_.size() || done[m] < done[lead])) lead = m;
      if (lead == members_.size()) return groups;
      Group group{&members_[lead]->tasks[done[lead]], 0, 0, at};
      for (size_t m = 0; m < members_.size(); ++m) {
        if (!left(m)) continue;
        Task& task = members_[m]->tasks[done[m]];
        if (m != lead && (group.first->alone || task.kind != group.first->kind)) continue;
        ordered_.push_back(&task);
        ++group.count;
        group.blocks += task.blocks;
        ++done[m];
      }
      at = aligned(at + static_cast<size_t>(group.count) * group.first->entry.size());
      groups.push_back(group);
    }
  }

  RawDevice device_;
  const int index_;
  std::mutex mutex_;
  std::condition_variable met_;
  std::vector<Member*> members_;
  int expected_, waiting_ = 0;
  uint64_t round_ = 0;
  std::optional<Failure> failure_;
  void *in_ = nullptr, *out_ = nullptr;
  size_t inCapacity_ = 0, outCapacity_ = 0;
  std::vector<char> host_;
  std::vector<uint32_t> found_;
  std::vector<Task*> ordered_;
};

}  // namespace cuda
}  // namespace meanfield
