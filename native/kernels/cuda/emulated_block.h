// The host's version of block.h: sections are loops over the threads, alternately upwards and downwards, and shared
// memory remembers who touched each word since the last barrier.
//
// Found: two threads on one word without a barrier between them, unless both only read; words read before anything was
// written to them in this block; words touched between their sending and their arrival, sources that change in that time, and what never
// arrives; indices out of range; misaligned accesses of several words. Memory outside shared memory is the host's own, where the address
// sanitizer watches.
#pragma once
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

namespace meanfield {
namespace cuda {

struct alignas(16) Words {
  uint32_t w[4];
};
struct alignas(8) Pair {
  uint32_t w[2];
};

/// Faults of all threads, the first few in words; empty when there were none.
inline std::string& emulation_faults() {
  static std::string faults;
  return faults;
}

struct SharedMemory {
  struct Word {
    uint32_t value = 0xFFC0DEADu;     // not a number
    int64_t written = -1, read = -1;  // epochs
    int writer = -1, reader = -1;     // reader −2: several
    bool onTheWay = false;
  };
  struct Sent {
    int at, thread;
    const float* from;  // null: zero
    uint32_t value;     // when it was sent
  };
  std::vector<Word> words;
  std::vector<Sent> sent;
  int64_t epoch = 0;
  int thread = -1;

  void fault(const char* what, int at) {
    static std::mutex mutex;
    std::lock_guard<std::mutex> lock(mutex);
    std::string& faults = emulation_faults();
    if (faults.size() < 1000)
      faults += std::string(what) + " at word " + std::to_string(at) + " by thread " + std::to_string(thread) + "; ";
  }
  Word* word(int at) {
    if (at >= 0 && static_cast<size_t>(at) < words.size()) return &words[static_cast<size_t>(at)];
    fault("out of range", at);
    return nullptr;
  }
  uint32_t load(int at) {
    Word* word = this->word(at);
    if (!word) return 0;
    if (word->onTheWay) fault("read before it has arrived", at);
    if (word->written < 0) fault("read before written", at);
    if (word->written == epoch && word->writer != thread) fault("read races with a write", at);
    word->reader = word->read == epoch && word->reader != thread ? -2 : thread;
    word->read = epoch;
    return word->value;
  }
  void store(int at, uint32_t value) {
    Word* word = this->word(at);
    if (!word) return;
    if (word->onTheWay) fault("written before what was sent has arrived", at);
    if (word->written == epoch && word->writer != thread) fault("write races with a write", at);
    if (word->read == epoch && word->reader != thread) fault("write races with a read", at);
    word->written = epoch;
    word->writer = thread;
    word->value = value;
  }
  static uint32_t value_of(const float* from) {
    uint32_t value = 0;
    if (from) std::memcpy(&value, from, sizeof value);
    return value;
  }
  void send(int at, const float* from) {
    store(at, 0xFFC0DEADu);
    if (Word* word = this->word(at)) {
      word->onTheWay = true;
      sent.push_back({at, thread, from, value_of(from)});
    }
  }
  void arrive() {
    for (const Sent& each : sent) {
      Word& word = words[static_cast<size_t>(each.at)];
      thread = each.thread;
      if (value_of(each.from) != each.value) fault("changed while on the way", each.at);
      word.onTheWay = false;
      store(each.at, each.value);
    }
    thread = -1;
    sent.clear();
  }
};

class Shared {
 public:
  Shared(SharedMemory* memory, int first) : memory_(memory), first_(first) {}
  Shared from(int offset) const { return Shared(memory_, first_ + offset); }
  uint32_t load(int at) const { return memory_->load(first_ + at); }
  float load_float(int at) const {
    const uint32_t word = load(at);
    float value;
    std::memcpy(&value, &word, sizeof value);
    return value;
  }
  double load_double(int at) const {
    aligned(at, 2);
    const uint32_t words[2] = {load(at), load(at + 1)};
    double value;
    std::memcpy(&value, words, sizeof value);
    return value;
  }
  Pair load2(int at) const {
    aligned(at, 2);
    return {{load(at), load(at + 1)}};
  }
  Words load4(int at) const {
    aligned(at, 4);
    return {{load(at), load(at + 1), load(at + 2), load(at + 3)}};
  }
  void store(int at, uint32_t word) { memory_->store(first_ + at, word); }
  void store_float(int at, float value) {
    uint32_t word;
    std::memcpy(&word, &value, sizeof word);
    store(at, word);
  }
  void store_double(int at, double value) {
    aligned(at, 2);
    uint32_t words[2];
    std::memcpy(words, &value, sizeof value);
    store(at, words[0]);
    store(at + 1, words[1]);
  }
  void store4(int at, const Words& words) {
    aligned(at, 4);
    for (int i = 0; i < 4; ++i) store(at + i, words.w[i]);
  }
  void send4(int at, const float* from, bool there) {
    aligned(at, 4);
    if (reinterpret_cast<uintptr_t>(from) % 16 != 0) memory_->fault("sent from a misaligned address", first_ + at);
    for (int i = 0; i < 4; ++i) memory_->send(first_ + at + i, there ? from + i : nullptr);
  }

 private:
  void aligned(int at, int words) const {
    if ((first_ + at) % words != 0) memory_->fault("misaligned", first_ + at);
  }
  SharedMemory* memory_;
  int first_;
};

template <class T>
class PerThread {
 public:
  explicit PerThread(int threads) : all_(static_cast<size_t>(threads)) {}
  T& operator[](int thread) { return all_[static_cast<size_t>(thread)]; }

 private:
  std::vector<T> all_;
};

class Block {
 public:
  Block(int64_t x, int64_t y, int threads) : x_(x), y_(y), threads_(threads) {}
  int64_t x() const { return x_; }
  int64_t y() const { return y_; }
  template <int kWords>
  Shared shared() {
    static_assert(kWords * 4 <= 48 << 10, "static shared memory of a block");
    memory_.words.assign(kWords, {});
    return Shared(&memory_, 0);
  }
  Shared shared(int words) {
    memory_.words.assign(static_cast<size_t>(words), {});
    return Shared(&memory_, 0);
  }
  template <class T>
  PerThread<T> per_thread() {
    return PerThread<T>(threads_);
  }
  ~Block() {
    if (!memory_.sent.empty()) memory_.fault("never waited for", memory_.sent.front().at);
  }
  void barrier() { ++memory_.epoch; }
  /// Tests take it away, as devices before capability 8.0 do.
  static bool& sends() {
    static bool sends = true;
    return sends;
  }
  void arrived() { memory_.arrive(); }
  template <class F>
  void each(F&& f) {
    down_ = !down_;
    for (int i = 0; i < threads_; ++i) f(memory_.thread = down_ ? threads_ - 1 - i : i);
    memory_.thread = -1;
  }
  template <class F>
  void each_warp(F&& f) {
    down_ = !down_;
    const int warps = threads_ / 32;
    for (int i = 0; i < warps; ++i) f(down_ ? warps - 1 - i : i);
  }
  template <class F>
  void lanes(int warp, F&& f) {
    for (int i = 0; i < 32; ++i) f(memory_.thread = warp * 32 + i);
    memory_.thread = -1;
  }

 private:
  int64_t x_, y_;
  int threads_;
  bool down_ = true;
  SharedMemory memory_;
};

}  // namespace cuda
}  // namespace meanfield
