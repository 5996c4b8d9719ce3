// Random words in order. What is drawn is a function of (seed, stream, step) and the number of words before it.
#pragma once
#include <cstdint>

#include "native/core/philox.h"

namespace meanfield {

/// 32-bit words in order, four for every Philox call.
class WordStream {
 public:
  WordStream(uint64_t seed, Stream stream, uint64_t step) : field_{seed, stream}, step_(step) {}
  uint32_t next() {
    if (at_ == 4) {
      words_ = field_.words(step_, 0, quad_++);
      at_ = 0;
    }
    return words_.word[at_++];
  }
  /// Uniform in [0, n); n < 2^32, the bias is below n/2^32.
  int64_t below(int64_t n) { return static_cast<int64_t>((uint64_t{next()} * static_cast<uint64_t>(n)) >> 32); }
  double uniform() { return (next() + 0.5) * 0x1p-32; }

 private:
  RandomField field_;
  uint64_t step_;
  uint32_t quad_ = 0;
  int at_ = 4;
  PhiloxWords words_{};
};

}  // namespace meanfield
