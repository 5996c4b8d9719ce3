// The operations of kernels.h on one panel of particles, compiled once per instruction set (see tiles.h).
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

/// One output: a row's lane sums gain Σ_v c_v σ(s_v).
template <class Unit, int kN, bool kKeep>
MEANFIELD_INLINE void mean_of_one(const float* tile, int64_t rows, const float* c, float* sums, float* kept) {
  constexpr int kLanes = kN * kWidth;
  V weight[kN];
  for (int v = 0; v < kN; ++v) weight[v] = load(c + v * kWidth);
  for (int64_t row = 0; row < rows; ++row, tile += kLanes) {
    V sum = load(sums + row * kWidth);
#pragma GCC unroll 3
    for (int v = 0; v < kN; ++v) {
      const V value = Unit::value(load(tile + v * kWidth));
      if (kKeep) store(kept + row * kLanes + v * kWidth, value);
      sum = fma(weight[v], value, sum);
    }
    store(sums + row * kWidth, sum);
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

template <class Unit>
MEANFIELD_INLINE void activate(float* to, const float* from, int64_t count) {
  for (int64_t i = 0; i < count; i += kWidth) store(to + i, Unit::value(load(from + i)));
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
    product<kN>(task.rows.x + block * kRowBlock * inputs, 1, inputs, task.panel.theta, s);
    if (k == 1) {
      mean_of_one<Unit, kN, kKeep && Unit::kFromValue>(s, kRowBlock, task.c, sums, kept);
    } else {
      float* values = kKeep && Unit::kFromValue ? kept : task.tile;
      activate<Unit>(values, s, kRowBlock * kLanes);
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

typedef float Four __attribute__((vector_size(16), may_alias));
typedef float Eight __attribute__((vector_size(32), may_alias));

/// Halves are added until one lane is left: the same tree whatever the width.
MEANFIELD_INLINE float sum_of_lanes(const float* v) {
  const auto four = [](const float* from) { return *reinterpret_cast<const Four*>(from); };
  Four sum;
  if constexpr (kWidth == 16) {
    const Eight half = *reinterpret_cast<const Eight*>(v) + *reinterpret_cast<const Eight*>(v + 8);
    sum = __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
  } else if constexpr (kWidth == 8) {
    sum = four(v) + four(v + 4);
  } else {
    sum = four(v);
  }
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

void fold(float* sums, int64_t count, double* total) {
  for (int64_t i = 0; i < count; ++i, sums += kWidth) {
    total[i] += static_cast<double>(sum_of_lanes(sums));
    store(sums, V{});
  }
}

// ---- drift

template <class Unit, bool kKept>
MEANFIELD_INLINE void unit_at(const float* from, V* value, V* slope) {
  if constexpr (kKept) {
    *value = load(from);
    *slope = Unit::slope_from(*value);
  } else {
    Unit::both(load(from), value, slope);
  }
}

/// One output: Δ = ω_i σ'(s), and with kTail `tail` gains Σ_i ω_i σ(s). c stays outside the sum over rows.
template <class Unit, int kN, bool kKept, bool kTail>
MEANFIELD_INLINE void drift_of_one(const float* from, int64_t rows, const float* omega, float* delta, V tail[kN]) {
  constexpr int kLanes = kN * kWidth;
  for (int64_t row = 0; row < rows; ++row) {
    const V weight = splat(omega[row]);
#pragma GCC unroll 3
    for (int v = 0; v < kN; ++v) {
      V value, slope;
      unit_at<Unit, kKept>(from + row * kLanes + v * kWidth, &value, &slope);
      store(delta + row * kLanes + v * kWidth, weight * slope);
      if (kTail) tail[v] = fma(weight, value, tail[v]);
    }
  }
}

/// k outputs: Δ = U σ'(s) with U = Ω C in `delta` on entry; σ(s) goes to `values`.
template <class Unit, bool kKept>
MEANFIELD_INLINE void drift_of_many(const float* from, int64_t count, float* delta, float* values) {
  for (int64_t i = 0; i < count; i += kWidth) {
    V value, slope;
    unit_at<Unit, kKept>(from + i, &value, &slope);
    store(delta + i, load(delta + i) * slope);
    store(values + i, value);
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
        drift_of_many<Unit, kFromKeptValue>(from, kRowBlock * kLanes, to, value);
      } else if (tailed) {
        drift_of_one<Unit, kN, kFromKeptValue, true>(from, kRowBlock, omega + block * kRowBlock, to, tail);
      } else {
        drift_of_one<Unit, kN, kFromKeptValue, false>(from, kRowBlock, omega + block * kRowBlock, to, tail);
      }
    }
    const RowSums sums{done % groupBlocks == 0, (done + blocks) % groupBlocks == 0 || done + blocks == task.rows.blocks,
                       task.part, task.g};
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
        activate<decltype(unit)>(task.tile, task.tile, blocks * kRowBlock * kN * kWidth);
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
  for (int32_t v = 0; v < panel.vectors; ++v) {
    float* theta = panel.theta + v * kWidth;
    const float* g = task.g ? task.g + v * kWidth : nullptr;
    W even, odd;
    particle_lanes(static_cast<uint32_t>(panel.first + v * kWidth), &even, &odd);
    for (int64_t row = 0; row < p; row += 4) {
      V xi[4] = {};
      if (task.noise != 0) normals4(task.key, task.counter, static_cast<uint32_t>(row / 4), even, odd, xi);
      for (int64_t c = 0; c < least(4, p - row); ++c)
        step.apply(theta + (row + c) * lanes, g ? g + (row + c) * lanes : nullptr, xi[c]);
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
void slopes(const float* in, int64_t count, float* out) {
  each(in, count, out, [](V s) {
    V value, slope;
    Unit::both(s, &value, &slope);
    return slope;
  });
}

void apply(VectorFunction function, const float* in, int64_t count, float* out) {
  switch (function) {
    case VectorFunction::Tanh:
      return each(in, count, out, [](V s) { return tanh(s); });
    case VectorFunction::Sigmoid:
      return each(in, count, out, [](V s) { return SigmoidUnit::value(s); });
    case VectorFunction::Softplus:
      return each(in, count, out, [](V s) { return SoftplusUnit::value(s); });
    case VectorFunction::Silu:
      return each(in, count, out, [](V s) { return SiluUnit::value(s); });
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
