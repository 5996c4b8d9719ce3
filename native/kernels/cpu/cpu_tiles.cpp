// The operations of kernels.h on one panel of particles, compiled once per instruction set (see tiles.h).
#include "native/kernels/cpu/drift_tiles.h"
#include "native/kernels/cpu/outputs_tiles.h"

namespace meanfield {
namespace cpu {
namespace MEANFIELD_ISA {

const Tiles* tiles();

namespace {

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
    case VectorFunction::Tanh: return values<TanhUnit>(in, count, out);
    case VectorFunction::Sigmoid: return values<SigmoidUnit>(in, count, out);
    case VectorFunction::Softplus: return values<SoftplusUnit>(in, count, out);
    case VectorFunction::Silu: return values<SiluUnit>(in, count, out);
    case VectorFunction::Exp: return each(in, count, out, [](V s) { return exp(s); });
    case VectorFunction::Log: return each(in, count, out, [](V s) { return log(s); });
    case VectorFunction::TanhSlope: return slopes<TanhUnit>(in, count, out);
    case VectorFunction::SigmoidSlope: return slopes<SigmoidUnit>(in, count, out);
    case VectorFunction::SoftplusSlope: return slopes<SoftplusUnit>(in, count, out);
    case VectorFunction::SiluSlope: return slopes<SiluUnit>(in, count, out);
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
                          kRows * kVectors};

}  // namespace

const Tiles* tiles() { return &kTiles; }

}  // namespace MEANFIELD_ISA
}  // namespace cpu
}  // namespace meanfield
