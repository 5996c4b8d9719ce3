// Rows rounded to tf32 or bf16 before they are streamed, and laid out as a block wants them in shared memory (persistent_products.h).
#pragma once
#include "native/kernels/cuda/tile_product.h"

namespace meanfield {
namespace cuda {

constexpr int kGroupColumns = 16;
constexpr int kMostHeldRows = 64;  // what a block streams at a time is 16, 32 or 64 rows

/// Rows in words of the precision, one column of tf32 a word or two of bf16, zeros beyond the columns and rows. `stride`, in words, is 8 or 24
/// modulo 32: what the lanes of a warp read at once (persistent_products.h) lies in different banks of shared memory.
struct RoundedRows {
  const uint32_t* words;
  int64_t count;  // there are zeros up to a multiple of kMostHeldRows
  int groups, stride;

  template <Precision kOf>
  static RoundedRows shape(int64_t count, int64_t columns) {
    const int groups = static_cast<int>((columns + kGroupColumns - 1) / kGroupColumns);
    const int words = kOf == Precision::Bf16 ? 8 * groups : 16 * groups;
    return {nullptr, count, groups, words + (words % 16 == 0 ? 8 : 0)};
  }
  int64_t size() const { return (count + kMostHeldRows - 1) / kMostHeldRows * kMostHeldRows * stride; }
};

/// Makes such a copy. A thread a word.
template <Precision kOf>
struct RoundRows {
  static constexpr int kThreads = 256, kBlocks = 4, kPerWord = kOf == Precision::Bf16 ? 2 : 1;
  Operand rows;
  int64_t columns, stride, size;
  uint32_t* words;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t at = block.x() * kThreads + thread, row = at / stride;
      if (at >= size) return;
      uint32_t v[2] = {0, 0};
      MEANFIELD_UNROLL_FOR (int i = 0; i < kPerWord; ++i) {
        const int64_t column = at % stride * kPerWord + i;
        if (row < rows.rows && column < columns) v[i] = bits_of(rows.row(row)[column]);
      }
      words[at] = kOf == Precision::Bf16 ? bf16_of(v[0], v[1]) : tf32_of(v[0]);
    });
  }
};

}  // namespace cuda
}  // namespace meanfield
