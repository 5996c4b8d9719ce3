// The second layer of the neurons of a panel: its coefficients c and e (problem/neurons.h) and its part of the
// gradient.
#pragma once
#include "native/kernels/cpu/activations.h"
#include "native/kernels/cpu/tiles.h"

namespace meanfield {
namespace cpu {
namespace MEANFIELD_ISA {
namespace {

/// a_j of the particles of one vector (Neuron::sign), zero in the lanes without one.
struct LaneSigns {
  I output;  // particle mod k
  V sign;    // ±1
  MEANFIELD_INLINE_MEMBER V of(int32_t j) const { return output == j ? sign : V{}; }
};

LaneSigns signs_of(const Neuron& neuron, const Panel& panel, int32_t vector) {
  LaneSigns signs{};
  const int32_t k = neuron.outputs, from = vector * kWidth;
  const int64_t first = panel.first + from;
  int64_t round = first / k;
  int32_t output = static_cast<int32_t>(first - round * k);
  for (int lane = 0; lane < kWidth; ++lane) {
    signs.output[lane] = output;
    signs.sign[lane] = from + lane >= panel.particles                   ? 0.0f
                       : neuron.signs == Signs::Balanced && (round & 1) ? -1.0f
                                                                        : 1.0f;
    if (++output == k) {
      output = 0;
      ++round;
    }
  }
  return signs;
}

void coefficients(const Neuron& neuron, const Panel& panel, int64_t inputs, float* c, float* e) {
  const int32_t k = neuron.outputs, lanes = panel.vectors * kWidth;
  const bool parity = neuron.secondLayer == SecondLayer::Parity;
  const V scale = splat(parity ? neuron.scale / 3 : neuron.scale);
  const float* tail = panel.theta + inputs * lanes;
  for (int32_t v = 0; v < panel.vectors; ++v) {
    const LaneSigns signs = signs_of(neuron, panel, v);
    const V present = magnitude(signs.sign);
    for (int32_t j = 0; j < k; ++j) {
      const int64_t at = j * lanes + v * kWidth;
      if (neuron.secondLayer == SecondLayer::Bounded) {
        store(c + at, present * scale * tanh(load(tail + at)));
        if (e) store(e + at, V{});
      } else {
        const V a = signs.of(j);
        store(c + at, scale * a);
        if (e) store(e + at, parity ? splat(2.0f) * scale * a * tanh(load(tail + v * kWidth)) : V{});
      }
    }
  }
}

/// See Tiles::finish.
void finish(const Neuron& neuron, const Panel& panel, int64_t inputs, const float* c, const double* omegaSum,
            float* g) {
  const int32_t k = neuron.outputs, lanes = panel.vectors * kWidth;
  if (k == 1)
    for (int64_t row = 0; row < inputs; ++row)
      for (int32_t l = 0; l < lanes; l += kWidth) store(g + row * lanes + l, load(g + row * lanes + l) * load(c + l));
  const float* theta = panel.theta + inputs * lanes;
  float* tail = g + inputs * lanes;
  if (neuron.secondLayer == SecondLayer::Bounded) {
    for (int64_t i = 0; i < k * lanes; i += kWidth)
      store(tail + i, load(tail + i) * splat(neuron.scale) * TanhUnit::slope_from(tanh(load(theta + i))));
  } else if (neuron.secondLayer == SecondLayer::Parity) {
    // ∂e_j/∂u = (2R/3) a_j (1 − tanh² u), the same for every row.
    for (int32_t v = 0; v < panel.vectors; ++v) {
      const LaneSigns signs = signs_of(neuron, panel, v);
      V sum = {};
      for (int32_t j = 0; j < k; ++j) sum = fma(splat(static_cast<float>(omegaSum[j])), signs.of(j), sum);
      const V slope = TanhUnit::slope_from(tanh(load(theta + v * kWidth)));
      store(tail + v * kWidth, sum * splat(neuron.scale * (2.0f / 3.0f)) * slope);
    }
  }
}

}  // namespace
}  // namespace MEANFIELD_ISA
}  // namespace cpu
}  // namespace meanfield
