// The operations of kernels.h on one panel of particles, compiled once per instruction set (see tiles.h).
#include <utility>

#include "native/kernels/cpu/activations.h"
#include "native/kernels/cpu/products.h"
#include "native/kernels/cpu/second_layer.h"

namespace meanfield {
namespace cpu {
namespace MEANFIELD_ISA {

const Tiles* tiles();

namespace {

int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

template <class F>
MEANFIELD_INLINE void with_activation(Activation activation, F&& f) {
  switch (activation) {
    case Activation::Tanh:
      return f(TanhUnit{});
    case Activation::Sigmoid:
      return f(SigmoidUnit{});
    case Activation::Relu:
      return f(ReluUnit{});
    case Activation::Softplus:
      return f(SoftplusUnit{});
    case Activation::Silu:
      return f(SiluUnit{});
  }
}

// ---- outputs

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

template <class Unit, int kN>
MEANFIELD_INLINE void activate(float* to, const float* from, int64_t rows) {
  constexpr int kLanes = kN * kWidth;
  for (int64_t row = 0; row < rows; row += 2, to += 2 * kLanes, from += 2 * kLanes)
#pragma GCC unroll 3
    for (int v = 0; v < kLanes; v += kWidth) {
      const Pair value = Unit::values(load(from + v), load(from + kLanes + v));
      store(to + v, value.first);
      store(to + kLanes + v, value.second);
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

void outputs(const OutputsTask& task) {
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

void fold(float* sums, int64_t count, double* total) {
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

// ---- drift

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
    V tail[kN] = {};
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
    const RowSums sums{done % groupBlocks == 0, (done + blocks) % groupBlocks == 0 || done + blocks == task.rows.blocks,
                       task.part, task.g};
    const int64_t tile = blocks * kRowBlock * kLanes;
    if (kKept)
      transposed<kN>(x, blocks, inputs, delta, sums, task.kept + done * kRowBlock * kLanes + tile, tile / kLine);
    else
      transposed<kN>(x, blocks, inputs, delta, sums);
    if (tailed && k > 1) transposed<kN>(omega, blocks, k, values, sums.from(inputs * kLanes));
    if (tailed && k == 1) {
      float* at = task.g + inputs * kLanes;
      for (int v = 0; v < kN; ++v) store(at + v * kWidth, load(at + v * kWidth) + tail[v]);
    }
  }
}

void drift(const DriftTask& task) {
  with_activation(task.neuron->activation, [&](auto unit) {
    with_vectors(task.panel.vectors, [&](auto count) {
      if (task.kept)
        drift_of<decltype(unit), decltype(count)::value, true>(task);
      else
        drift_of<decltype(unit), decltype(count)::value, false>(task);
    });
  });
}

void energies(const DriftTask& task) {
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

void carry(float* g, int64_t count, double* total) {
  for (int64_t i = 0; i < count; ++i) {
    total[i] += static_cast<double>(g[i]);
    g[i] = 0;
  }
}

// ---- update

/// Increments are added up before they meet θ, so that a weak decay is not lost in the rounding of keep to 1.
struct Step {
  V keep, decay, rate, noise;
  bool clear;  // keep = 0: what θ holds does not count
  MEANFIELD_INLINE_MEMBER void apply(float* theta, const float* g, V xi) const {
    const V from = clear ? V{} : load(theta);
    V change = decay * from;
    if (g) change = fma(-rate, load(g), change);
    store(theta, fma(keep, from, fma(noise, xi, change)));
  }
};

void move(const MoveTask& task) {
  const bool near = task.keep >= 0.5;
  const Step step{splat(near ? 1.0f : 0.0f), splat(static_cast<float>(near ? task.keep - 1 : task.keep)),
                  splat(task.rate), splat(task.noise), task.keep == 0};
  const Panel& panel = task.panel;
  const int64_t lanes = panel.vectors * kWidth, p = task.parameters;
  W even[kVectors], odd[kVectors];
  for (int32_t v = 0; v < panel.vectors; ++v)
    particle_lanes(static_cast<uint32_t>(panel.first + v * kWidth), &even[v], &odd[v]);
  for (int64_t row = 0; row < p; row += 4)
    for (int32_t v = 0; v < panel.vectors; ++v) {
      V xi[4] = {};
      if (task.noise != 0) normals4(task.key, task.counter, static_cast<uint32_t>(row / 4), even[v], odd[v], xi);
      for (int64_t c = 0; c < least(4, p - row); ++c) {
        const int64_t at = (row + c) * lanes + v * kWidth;
        step.apply(panel.theta + at, task.g ? task.g + at : nullptr, xi[c]);
      }
    }
  // Lanes without a particle stay zero: they must neither grow nor turn into something that times zero is not zero.
  for (int64_t lane = panel.particles; lane < lanes; ++lane)
    for (int64_t row = 0; row < p; ++row) panel.theta[row * lanes + lane] = 0;
}

// ---- for tests and measurements

template <class F>
MEANFIELD_INLINE void each(const float* in, int64_t count, float* out, F&& f) {
  for (int64_t i = 0; i < count; i += kWidth) store(out + i, f(load(in + i)));
}
template <class Unit>
void values(const float* in, int64_t count, float* out) {
  for (int64_t i = 0; i < count; i += 2 * kWidth) {
    const int64_t next = i + kWidth < count ? i + kWidth : i;
    const Pair value = Unit::values(load(in + i), load(in + next));
    store(out + i, value.first);
    store(out + next, value.second);
  }
}
template <class Unit>
void slopes(const float* in, int64_t count, float* out) {
  for (int64_t i = 0; i < count; i += 2 * kWidth) {
    const int64_t next = i + kWidth < count ? i + kWidth : i;
    Pair value, slope;
    Unit::both(load(in + i), load(in + next), &value, &slope);
    store(out + i, slope.first);
    store(out + next, slope.second);
  }
}

void apply(VectorFunction function, const float* in, int64_t count, float* out) {
  switch (function) {
    case VectorFunction::Tanh:
      return values<TanhUnit>(in, count, out);
    case VectorFunction::Sigmoid:
      return values<SigmoidUnit>(in, count, out);
    case VectorFunction::Softplus:
      return values<SoftplusUnit>(in, count, out);
    case VectorFunction::Silu:
      return values<SiluUnit>(in, count, out);
    case VectorFunction::Exp:
      return each(in, count, out, [](V s) { return exp(s); });
    case VectorFunction::Log:
      return each(in, count, out, [](V s) { return log(s); });
    case VectorFunction::TanhSlope:
      return slopes<TanhUnit>(in, count, out);
    case VectorFunction::SigmoidSlope:
      return slopes<SigmoidUnit>(in, count, out);
    case VectorFunction::SoftplusSlope:
      return slopes<SoftplusUnit>(in, count, out);
    case VectorFunction::SiluSlope:
      return slopes<SiluUnit>(in, count, out);
  }
}

void normals(const uint32_t key[2], const uint32_t counter[2], uint32_t firstParticle, int64_t quads, float* out) {
  W even, odd;
  particle_lanes(firstParticle, &even, &odd);
  for (int64_t quad = 0; quad < quads; ++quad, out += 4 * kWidth) {
    V xi[4];
    normals4(key, counter, static_cast<uint32_t>(quad), even, odd, xi);
    for (int c = 0; c < 4; ++c) store(out + c * kWidth, xi[c]);
  }
}

float peak(int64_t rounds) {
  constexpr int kChains = kRows * kVectors;
  V sum[kChains];
  for (int i = 0; i < kChains; ++i) sum[i] = splat(static_cast<float>(i));
  V factor = splat(0.999f), term = splat(0.001f);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 24
    for (int i = 0; i < kChains; ++i) sum[i] = fma(sum[i], factor, term);
  }
  V all = {};
  for (int i = 0; i < kChains; ++i) all = all + sum[i];
  return all[0];
}

#define MEANFIELD_TEXT_OF(name) #name
#define MEANFIELD_TEXT(name) MEANFIELD_TEXT_OF(name)
constexpr Tiles kTiles = {MEANFIELD_TEXT(MEANFIELD_ISA),
                          kWidth,
                          kVectors,
                          coefficients,
                          outputs,
                          fold,
                          drift,
                          energies,
                          carry,
                          finish,
                          move,
                          apply,
                          normals,
                          peak,
                          kRows* kVectors};

}  // namespace

const Tiles* tiles() { return &kTiles; }

}  // namespace MEANFIELD_ISA
}  // namespace cpu
}  // namespace meanfield
