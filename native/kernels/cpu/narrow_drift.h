// The gradient of a panel whose neurons have few inputs, from activations that were kept: all sums of two vectors of
// particles fit the registers, so that a slope is used where it is made and goes through no memory.
#pragma once
#include "native/kernels/cpu/activations.h"
#include "native/kernels/cpu/products.h"

namespace meanfield {
namespace cpu {
namespace MEANFIELD_ISA {

/// Inputs that two vectors have registers for; none where there are only sixteen.
constexpr int kFewestNarrow = 4, kMostNarrow = kRows * kVectors >= 24 ? 12 : 0;

/// One tile of rows: `from` is σ(s) of the first of kP vectors, rows `lanes` apart. Sums in the order of drift_of.
template <class Unit, int kI, int kP, bool kTail>
__attribute__((noinline)) void narrow_tile(const float* x, int64_t blocks, const float* from, int64_t lanes,
                                           const float* omega, const RowSums& sums, V* tails) {
  // Far enough ahead for a line from the second-level cache to be in the first when its turn comes.
  constexpr int64_t kAheadRows = 24;
  V sum[kI][kP] = {}, tail[kP] = {};
  begin_sums(sum, sums, lanes);
  for (int64_t block = 0; block < blocks; ++block, x += kI * kRowBlock)
    for (int row = 0; row < kRowBlock; ++row, from += lanes, ++omega) {
      const V weight = splat(*omega);
      V delta[kP];
#pragma GCC unroll 2
      for (int v = 0; v < kP; ++v) {
        __builtin_prefetch(from + kAheadRows * lanes + v * kWidth, 0, 3);
        const V value = load(from + v * kWidth);
        delta[v] = weight * Unit::slope_from(value);
        if (kTail) tail[v] = fma(weight, value, tail[v]);
      }
#pragma GCC unroll 12
      for (int f = 0; f < kI; ++f) {
        const V factor = splat(x[f * kRowBlock + row]);
#pragma GCC unroll 2
        for (int v = 0; v < kP; ++v) sum[f][v] = fma(factor, delta[v], sum[f][v]);
      }
    }
  end_sums(sum, sums, lanes);
  if (kTail)
    for (int v = 0; v < kP; ++v) tails[v] = tail[v];
}

/// Two vectors at a time, then the one that is left.
template <class Unit, int kI, int kN, bool kTail>
MEANFIELD_INLINE void narrow_vectors(const float* x, int64_t blocks, const float* from, const float* omega,
                                     const RowSums& sums, V* tails) {
  constexpr int kLanes = kN * kWidth, kPairs = kN / 2 * 2;
  if constexpr (kPairs > 0)
    for (int v = 0; v < kPairs; v += 2)
      narrow_tile<Unit, kI, 2, kTail>(x, blocks, from + v * kWidth, kLanes, omega, sums.from(v * kWidth), tails + v);
  if constexpr (kN > kPairs)
    narrow_tile<Unit, kI, 1, kTail>(x, blocks, from + kPairs * kWidth, kLanes, omega, sums.from(kPairs * kWidth),
                                    tails + kPairs);
}

/// narrow_vectors for the number of inputs at hand; false when that is not among those compiled.
template <class Unit, int kN, bool kTail, int kI = kMostNarrow>
MEANFIELD_INLINE bool narrow(int64_t inputs, const float* x, int64_t blocks, const float* from, const float* omega,
                             const RowSums& sums, V* tails) {
  if constexpr (kI < kFewestNarrow) {
    return false;
  } else {
    if (inputs != kI) return narrow<Unit, kN, kTail, kI - 1>(inputs, x, blocks, from, omega, sums, tails);
    narrow_vectors<Unit, kI, kN, kTail>(x, blocks, from, omega, sums, tails);
    return true;
  }
}

}  // namespace MEANFIELD_ISA
}  // namespace cpu
}  // namespace meanfield
