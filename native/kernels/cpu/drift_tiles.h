// The gradient of a panel of particles: slopes of a tile of rows, weighted, times the data.
#pragma once
#include "native/kernels/cpu/activations.h"
#include "native/kernels/cpu/narrow_drift.h"
#include "native/kernels/cpu/products.h"
#include "native/kernels/cpu/second_layer.h"

namespace meanfield {
namespace cpu {
namespace MEANFIELD_ISA {

template <class Unit, bool kKept>
MEANFIELD_INLINE void unit_at(const float* from, const float* next, Pair* value, Pair* slope) {
  if constexpr (kKept) {
    *value = {load(from), load(next)};
    *slope = {Unit::slope_from(value->first), Unit::slope_from(value->second)};
  } else {
    Unit::both(load(from), load(next), value, slope);
  }
}

/// One output: Δ = ω_i σ'(s), and with kTail `tail` gains Σ_i ω_i σ(s). c stays outside the sum over rows.
template <class Unit, int kN, bool kKept, bool kTail>
MEANFIELD_INLINE void drift_of_one(const float* from, int64_t rows, const float* omega, float* delta, V tail[kN]) {
  constexpr int kLanes = kN * kWidth;
  for (int64_t row = 0; row < rows; row += 2, from += 2 * kLanes, delta += 2 * kLanes) {
    const V even = splat(omega[row]), odd = splat(omega[row + 1]);
#pragma GCC unroll 3
    for (int v = 0; v < kN; ++v) {
      Pair value, slope;
      unit_at<Unit, kKept>(from + v * kWidth, from + kLanes + v * kWidth, &value, &slope);
      store(delta + v * kWidth, even * slope.first);
      store(delta + kLanes + v * kWidth, odd * slope.second);
      if (kTail) tail[v] = fma(odd, value.second, fma(even, value.first, tail[v]));
    }
  }
}

/// k outputs: Δ = U σ'(s) with U = Ω C in `delta` on entry; σ(s) goes to `values`.
template <class Unit, int kN, bool kKept>
MEANFIELD_INLINE void drift_of_many(const float* from, int64_t rows, float* delta, float* values) {
  constexpr int kLanes = kN * kWidth;
  for (int64_t row = 0; row < rows; row += 2)
#pragma GCC unroll 3
    for (int v = 0; v < kN; ++v) {
      const int64_t at = row * kLanes + v * kWidth, next = at + kLanes;
      Pair value, slope;
      unit_at<Unit, kKept>(from + at, from + next, &value, &slope);
      store(delta + at, load(delta + at) * slope.first);
      store(delta + next, load(delta + next) * slope.second);
      store(values + at, value.first);
      store(values + next, value.second);
    }
}

template <class Unit, int kN, bool kKept>
void drift_of(const DriftTask& task) {
  constexpr int kLanes = kN * kWidth, kTileBlocks = kTileRows / kRowBlock;
  const int32_t k = task.neuron->outputs;
  const int64_t inputs = task.rows.inputs, groupBlocks = task.groupRows / kRowBlock;
  const bool tailed = task.neuron->secondLayer == SecondLayer::Bounded;
  float *values = task.tile, *delta = task.tile + kTileRows * kLanes;
  for (int64_t done = 0; done < task.rows.blocks; done += kTileBlocks) {
    const int64_t blocks = least(kTileBlocks, task.rows.blocks - done);
    const float* x = task.rows.x + done * kRowBlock * inputs;
    const float* omega = task.omega + done * kRowBlock * k;
    const RowSums sums{done % groupBlocks == 0, (done + blocks) % groupBlocks == 0 || done + blocks == task.rows.blocks,
                       task.part, task.g};
    V tail[kN] = {};
    bool made = false;
    if constexpr (kKept && Unit::kFromValue)
      if (k == 1) {
        const float* from = task.kept + done * kRowBlock * kLanes;
        made = tailed ? narrow<Unit, kN, true>(inputs, x, blocks, from, omega, sums, tail)
                      : narrow<Unit, kN, false>(inputs, x, blocks, from, omega, sums, tail);
      }
    if (!made) {
      for (int64_t block = 0; block < blocks; ++block) {
        float* to = delta + block * kRowBlock * kLanes;
        float* value = values + block * kRowBlock * kLanes;
        const float* from = value;
        if (kKept)
          from = task.kept + (done + block) * kRowBlock * kLanes;
        else
          product<kN>(x + block * kRowBlock * inputs, 1, inputs, task.panel.theta, value);
        constexpr bool kFromKeptValue = kKept && Unit::kFromValue;
        if (k > 1) {
          product<kN>(omega + block * kRowBlock * k, 1, k, task.c, to);
          drift_of_many<Unit, kN, kFromKeptValue>(from, kRowBlock, to, value);
        } else if (tailed) {
          drift_of_one<Unit, kN, kFromKeptValue, true>(from, kRowBlock, omega + block * kRowBlock, to, tail);
        } else {
          drift_of_one<Unit, kN, kFromKeptValue, false>(from, kRowBlock, omega + block * kRowBlock, to, tail);
        }
      }
      const int64_t tile = blocks * kRowBlock * kLanes;
      if (kKept)
        transposed<kN>(x, blocks, inputs, delta, sums, task.kept + done * kRowBlock * kLanes + tile, tile / kLine);
      else
        transposed<kN>(x, blocks, inputs, delta, sums);
      if (tailed && k > 1) transposed<kN>(omega, blocks, k, values, sums.from(inputs * kLanes));
    }
    if (tailed && k == 1) {
      float* at = task.g + inputs * kLanes;
      for (int v = 0; v < kN; ++v) store(at + v * kWidth, load(at + v * kWidth) + tail[v]);
    }
  }
}

inline void drift(const DriftTask& task) {
  with_activation(task.neuron->activation, [&](auto unit) {
    with_vectors(task.panel.vectors, [&](auto count) {
      if (task.kept)
        drift_of<decltype(unit), decltype(count)::value, true>(task);
      else
        drift_of<decltype(unit), decltype(count)::value, false>(task);
    });
  });
}

inline void energies(const DriftTask& task) {
  const int32_t k = task.neuron->outputs;
  with_activation(task.neuron->activation, [&](auto unit) {
    with_vectors(task.panel.vectors, [&](auto count) {
      constexpr int kN = decltype(count)::value;
      for (int64_t done = 0; done < task.rows.blocks; done += kTileRows / kRowBlock) {
        const int64_t blocks = least(kTileRows / kRowBlock, task.rows.blocks - done);
        const float* x = task.rows.x + done * kRowBlock * task.rows.inputs;
        product<kN>(x, blocks, task.rows.inputs, task.panel.theta, task.tile);
        activate<decltype(unit), kN>(task.tile, task.tile, blocks * kRowBlock);
        transposed<kN>(task.omega + done * kRowBlock * k, blocks, k, task.tile, {true, true, task.g, task.g});
      }
    });
  });
}

inline void carry(float* g, int64_t count, double* total) {
  for (int64_t i = 0; i < count; ++i) {
    total[i] += static_cast<double>(g[i]);
    g[i] = 0;
  }
}

}  // namespace MEANFIELD_ISA
}  // namespace cpu
}  // namespace meanfield
