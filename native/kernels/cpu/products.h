// The matrix products of one panel: broadcasts of the data times native vectors of particles, accumulated in registers.
#pragma once
#include "native/kernels/cpu/simd.h"
#include "native/kernels/cpu/tiles.h"

namespace meanfield {
namespace cpu {
namespace MEANFIELD_ISA {

constexpr int64_t kLine = 16;  // floats

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/// A whole number known to the compiler, for choosing a template by value.
template <int kValue>
struct Count {
  static constexpr int value = kValue;
};
template <class F>
MEANFIELD_INLINE void with_vectors(int32_t vectors, F&& f) {
  if (vectors == 1)
    f(Count<1>{});
  else if (vectors == 2)
    f(Count<2>{});
  else
    f(Count<kVectors>{});
}

/// tile[row][lane] = Σ_k x[block][k][row] b[k][lane] for `blocks` blocks of eight rows. With kAhead, a line from `ahead`
/// on is fetched for every k: what the processor reads a line at a time in 12 cycles arrives in time if asked for here.
template <int kN, bool kAhead = false>
MEANFIELD_INLINE void product(const float* x, int64_t blocks, int64_t inputs, const float* b, float* tile,
                              const float* ahead = nullptr) {
  constexpr int kLanes = kN * kWidth;
  for (int64_t block = 0; block < blocks; ++block, x += inputs * kRowBlock)
    for (int part = 0; part < kRowBlock; part += kRows, tile += kRows * kLanes) {
      V sum[kRows][kN] = {};
      const float* left = x + part;
      const float* right = b;
      for (int64_t k = 0; k < inputs; ++k, left += kRowBlock, right += kLanes) {
        if (kAhead) __builtin_prefetch(ahead + k * kLine, 0, 2);
        V column[kN];
#pragma GCC unroll 3
        for (int v = 0; v < kN; ++v) column[v] = load(right + v * kWidth);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          const V factor = splat(left[r]);
#pragma GCC unroll 3
          for (int v = 0; v < kN; ++v) sum[r][v] = fma(factor, column[v], sum[r][v]);
        }
      }
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
        for (int v = 0; v < kN; ++v) store(tile + r * kLanes + v * kWidth, sum[r][v]);
    }
}

/// Where the sums over rows go. Rows come in groups; the sum of a group starts at zero and is added to `total` as a
/// whole. A call sees one tile of a group: the group may have begun before it, in `part`, and end after it.
struct RowSums {
  bool opens, closes;  // the tile is the first, the last of its group
  float* part;         // untouched when the tile is a whole group
  float* total;
  MEANFIELD_INLINE_MEMBER RowSums from(int64_t offset) const { return {opens, closes, part + offset, total + offset}; }
};

/// What a tile's sums of kF inputs and kN vectors start from, and where they go; inputs are `lanes` numbers apart.
template <int kF, int kN>
MEANFIELD_INLINE void begin_sums(V (&sum)[kF][kN], const RowSums& sums, int64_t lanes) {
  if (sums.opens) return;
#pragma GCC unroll 12
  for (int f = 0; f < kF; ++f)
#pragma GCC unroll 3
    for (int v = 0; v < kN; ++v) sum[f][v] = load(sums.part + f * lanes + v * kWidth);
}
template <int kF, int kN>
MEANFIELD_INLINE void end_sums(const V (&sum)[kF][kN], const RowSums& sums, int64_t lanes) {
  float* to = sums.closes ? sums.total : sums.part;
#pragma GCC unroll 12
  for (int f = 0; f < kF; ++f)
#pragma GCC unroll 3
    for (int v = 0; v < kN; ++v) {
      float* at = to + f * lanes + v * kWidth;
      store(at, sums.closes ? load(at) + sum[f][v] : sum[f][v]);
    }
}

/// sums[f][lane] += Σ_row x[block][f][row] tile[row][lane] for kF inputs; x points at the first of them.
template <int kF, int kN>
MEANFIELD_INLINE void transposed_inputs(const float* x, int64_t blocks, int64_t inputs, const float* tile,
                                        const RowSums& sums) {
  constexpr int kLanes = kN * kWidth;
  V sum[kF][kN] = {};
  if (sums.closes)  // the totals of the next inputs, wanted when this loop is over
    for (int64_t at = 0; at < kF * kLanes; at += kLine) __builtin_prefetch(sums.total + kF * kLanes + at, 1, 3);
  begin_sums(sum, sums, kLanes);
  for (int64_t block = 0; block < blocks; ++block, x += inputs * kRowBlock)
    for (int row = 0; row < kRowBlock; ++row, tile += kLanes) {
      V column[kN];
#pragma GCC unroll 3
      for (int v = 0; v < kN; ++v) column[v] = load(tile + v * kWidth);
#pragma GCC unroll 8
      for (int f = 0; f < kF; ++f) {
        const V factor = splat(x[f * kRowBlock + row]);
#pragma GCC unroll 3
        for (int v = 0; v < kN; ++v) sum[f][v] = fma(factor, column[v], sum[f][v]);
      }
    }
  end_sums(sum, sums, kLanes);
}

template <int kF, int kN>
MEANFIELD_INLINE void transposed_rest(int64_t rest, const float* x, int64_t blocks, int64_t inputs, const float* tile,
                                      const RowSums& sums) {
  if constexpr (kF > 0) {
    if (rest == kF)
      transposed_inputs<kF, kN>(x, blocks, inputs, tile, sums);
    else
      transposed_rest<kF - 1, kN>(rest, x, blocks, inputs, tile, sums);
  }
}

/// sums[input][lane] += Σ_row x[block][input][row] tile[row][lane]. Meanwhile `lines` cache lines from `ahead` on are
/// fetched for who comes next.
template <int kN>
MEANFIELD_INLINE void transposed(const float* x, int64_t blocks, int64_t inputs, const float* tile, const RowSums& sums,
                                 const float* ahead = nullptr, int64_t lines = 0) {
  const int64_t each = lines / (inputs / kRows + 1);
  int64_t f = 0;
  for (; f + kRows <= inputs; f += kRows) {
    for (int64_t line = 0; line < each; ++line, ahead += kLine) __builtin_prefetch(ahead, 0, 2);
    transposed_inputs<kRows, kN>(x + f * kRowBlock, blocks, inputs, tile, sums.from(f * kN * kWidth));
  }
  transposed_rest<kRows - 1, kN>(inputs - f, x + f * kRowBlock, blocks, inputs, tile, sums.from(f * kN * kWidth));
}

}  // namespace MEANFIELD_ISA
}  // namespace cpu
}  // namespace meanfield
