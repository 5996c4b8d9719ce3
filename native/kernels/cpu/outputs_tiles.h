// The mean of the activations over a panel of particles, row by row.
#pragma once
#include <utility>

#include "native/kernels/cpu/activations.h"
#include "native/kernels/cpu/products.h"

namespace meanfield {
namespace cpu {
namespace MEANFIELD_ISA {

/// One output: a row's lane sums gain Σ_v c_v σ(s_v). Activations of rows 2i and 2i + 1 are made together, here and
/// everywhere: the pair decides the rounding.
template <class Unit, int kN, bool kKeep>
MEANFIELD_INLINE void mean_of_one(const float* tile, int64_t rows, const float* c, float* sums, float* kept) {
  constexpr int kLanes = kN * kWidth;
  V weight[kN];
  for (int v = 0; v < kN; ++v) weight[v] = load(c + v * kWidth);
  for (int64_t row = 0; row < rows; row += 2, tile += 2 * kLanes, sums += 2 * kWidth) {
    V even = load(sums), odd = load(sums + kWidth);
#pragma GCC unroll 3
    for (int v = 0; v < kN; ++v) {
      const Pair value = Unit::values(load(tile + v * kWidth), load(tile + kLanes + v * kWidth));
      if (kKeep) {
        store(kept + row * kLanes + v * kWidth, value.first);
        store(kept + (row + 1) * kLanes + v * kWidth, value.second);
      }
      even = fma(weight[v], value.first, even);
      odd = fma(weight[v], value.second, odd);
    }
    store(sums, even);
    store(sums + kWidth, odd);
  }
}

/// k outputs: the activations replace the tile, then row sums gain σ C, four rows at a time (a block has eight).
template <int kN>
MEANFIELD_INLINE void mean_of_many(const float* values, int64_t rows, int32_t k, const float* c, float* sums) {
  constexpr int kLanes = kN * kWidth, kGroup = 4;
  for (int64_t row = 0; row < rows; row += kGroup) {
    V value[kGroup][kN];
#pragma GCC unroll 4
    for (int r = 0; r < kGroup; ++r)
#pragma GCC unroll 3
      for (int v = 0; v < kN; ++v) value[r][v] = load(values + (row + r) * kLanes + v * kWidth);
    for (int32_t j = 0; j < k; ++j) {
      V weight[kN];
#pragma GCC unroll 3
      for (int v = 0; v < kN; ++v) weight[v] = load(c + j * kLanes + v * kWidth);
#pragma GCC unroll 4
      for (int r = 0; r < kGroup; ++r) {
        float* at = sums + ((row + r) * k + j) * kWidth;
        V sum = load(at);
#pragma GCC unroll 3
        for (int v = 0; v < kN; ++v) sum = fma(weight[v], value[r][v], sum);
        store(at, sum);
      }
    }
  }
}

/// Eight rows at a time: their S goes from the registers through the first-level cache into the activation, and the
/// processor overlaps the one with the other.
template <class Unit, int kN, bool kKeep>
void outputs_of(const OutputsTask& task) {
  constexpr int kLanes = kN * kWidth;
  const int32_t k = task.neuron->outputs;
  const int64_t inputs = task.rows.inputs;
  for (int64_t block = 0; block < task.rows.blocks; ++block) {
    float* sums = task.sums + block * kRowBlock * k * kWidth;
    float* kept = kKeep ? task.kept + block * kRowBlock * kLanes : nullptr;
    float* s = kKeep && !Unit::kFromValue ? kept : task.tile;
    const float* x = task.rows.x + block * kRowBlock * inputs;
    if (block * kLine < kLanes)  // the first blocks fetch the next panel
      product<kN, true>(x, 1, inputs, task.panel.theta, s, task.next + block * inputs * kLine);
    else
      product<kN>(x, 1, inputs, task.panel.theta, s);
    if (k == 1) {
      mean_of_one<Unit, kN, kKeep && Unit::kFromValue>(s, kRowBlock, task.c, sums, kept);
    } else {
      float* values = kKeep && Unit::kFromValue ? kept : task.tile;
      activate<Unit, kN>(values, s, kRowBlock);
      mean_of_many<kN>(values, kRowBlock, k, task.c, sums);
    }
  }
}

inline void outputs(const OutputsTask& task) {
  with_activation(task.neuron->activation, [&](auto unit) {
    with_vectors(task.panel.vectors, [&](auto count) {
      if (task.kept)
        outputs_of<decltype(unit), decltype(count)::value, true>(task);
      else
        outputs_of<decltype(unit), decltype(count)::value, false>(task);
    });
  });
}

/// Level by level, halves of a group of lanes are added and two vectors become one: sums of kWidth rows end up in one
/// vector, in order, each by the same tree whatever the width.
template <int kHalf, size_t... kLane>
MEANFIELD_INLINE V half_sums(V a, V b, std::index_sequence<kLane...>) {
  // Lane l takes from group l / kHalf of (a, b), groups of 2 kHalf lanes.
  return __builtin_shufflevector(a, b, (2 * (kLane / kHalf) * kHalf + kLane % kHalf)...) +
         __builtin_shufflevector(a, b, (2 * (kLane / kHalf) * kHalf + kLane % kHalf + kHalf)...);
}
template <int kCount>
MEANFIELD_INLINE V lane_sums(const float* v) {
  if constexpr (kCount == 1)
    return load(v);
  else
    return half_sums<kWidth / kCount>(lane_sums<kCount / 2>(v), lane_sums<kCount / 2>(v + kCount / 2 * kWidth),
                                      std::make_index_sequence<kWidth>());
}

inline void fold(float* sums, int64_t count, double* total) {
  // Rows come in blocks of eight: a native vector of sixteen takes two of them, or repeats the last.
  for (int64_t i = 0; i < count; i += kWidth) {
    const int64_t rows = least(kWidth, count - i);
    alignas(64) float part[kWidth * kWidth];
    const float* from = sums + i * kWidth;
    if (rows < kWidth) {
      for (int64_t l = 0; l < kWidth * kWidth; ++l) part[l] = l < rows * kWidth ? from[l] : 0.0f;
      from = part;
    }
    alignas(64) float sum[kWidth];
    store(sum, lane_sums<kWidth>(from));
    for (int64_t l = 0; l < rows; ++l) total[i + l] += static_cast<double>(sum[l]);
  }
  for (int64_t i = 0; i < count; ++i) store(sums + i * kWidth, V{});
}

}  // namespace MEANFIELD_ISA
}  // namespace cpu
}  // namespace meanfield
