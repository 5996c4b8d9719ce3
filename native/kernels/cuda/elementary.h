// The arithmetic of one element: activations, second layer, normals, the update. Compiled for the device and for the
// host, where the tests hold it against problem/neurons.h and core/philox.h.
#pragma once
#include <cmath>

#include "native/kernels/cuda/block.h"
#include "native/kernels/kernels.h"

namespace meanfield {
namespace cuda {

/// a/b to 2 ulp, b in (2^-126, 2^126).
MEANFIELD_DEVICE float quotient(float a, float b) {
#ifdef __CUDA_ARCH__
  return __fdividef(a, b);
#else
  return a / b;
#endif
}

/// x P(x²)/Q(x²), degrees 4 and 4, the fit of cpu/simd_math.h. At most 8 ulp; never beyond ±1; NaN for NaN.
MEANFIELD_DEVICE float tanh_rational(float s) {
  const float x = s < -9.0f ? -9.0f : s > 9.0f ? 9.0f : s;
  const float t = x * x;
  float p = fmaf(1.3354815e-08f, t, 2.060909e-05f);
  float q = fmaf(7.7765725e-07f, t, 3.2856365e-04f);
  p = fmaf(p, t, 3.4955894e-03f);
  q = fmaf(q, t, 2.5876986e-02f);
  p = fmaf(p, t, 1.3381027e-01f);
  q = fmaf(q, t, 4.6714345e-01f);
  p = fmaf(p, t, 1.0f);
  q = fmaf(q, t, 1.0f);
  const float y = quotient(x * p, q);
  return y < -1.0f ? -1.0f : y > 1.0f ? 1.0f : y;
}

/// tanh in one instruction: relative error 2^-11 (PTX manual, tanh.approx.f32). Only where products carry as much.
MEANFIELD_DEVICE float tanh_fast(float s) {
#ifdef __CUDA_ARCH__
  float y;
  asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(s));
  return y;
#else
  return tanh_rational(s);
#endif
}

/// σ(s) and σ'(s).
struct Unit {
  float value, slope;
};

template <Activation kActivation, bool kFast>
MEANFIELD_DEVICE Unit unit(float s) {
  if (kActivation == Activation::Tanh) {
    const float v = kFast ? tanh_fast(s) : tanh_rational(s);
    return {v, fmaf(-v, v, 1.0f)};
  }
  if (kActivation == Activation::Relu) return {s > 0 ? s : s < 0 ? 0.0f : s, s > 0 ? 1.0f : s <= 0 ? 0.0f : s};
  // e^−|s| keeps the left tails accurate.
  const float x = kActivation == Activation::Silu && s < -120.0f ? -120.0f : s;
  const float e = expf(-fabsf(x)), logistic = quotient(x >= 0 ? 1.0f : e, 1.0f + e);
  if (kActivation == Activation::Sigmoid) return {logistic, fmaf(-logistic, logistic, logistic)};
  if (kActivation == Activation::Softplus) return {(x < 0 ? 0.0f : x) + log1pf(e), logistic};
  const float v = x * logistic;
  // σ' = g + v(1 − g); for large s the product is infinite times zero, and σ' is 1.
  return {v, x > 100.0f ? 1.0f : fmaf(v, 1.0f - logistic, logistic)};
}

/// Calls f with the activation as a constant: f(Constant<Activation, …>).
template <Activation kActivation>
struct ActivationIs {
  static constexpr Activation value = kActivation;
};
template <class F>
MEANFIELD_DEVICE void with_activation(Activation activation, F&& f) {
  switch (activation) {
    case Activation::Tanh: return f(ActivationIs<Activation::Tanh>{});
    case Activation::Sigmoid: return f(ActivationIs<Activation::Sigmoid>{});
    case Activation::Relu: return f(ActivationIs<Activation::Relu>{});
    case Activation::Softplus: return f(ActivationIs<Activation::Softplus>{});
    case Activation::Silu: return f(ActivationIs<Activation::Silu>{});
  }
}

/// Four elements in a call that is not inlined: in the tiles an element's activation is small beside its product, and
/// 64 copies of five activations a thread would not be small.
struct Units4 {
  float value[4], slope[4];
};
template <bool kFast>
MEANFIELD_DEVICE_CALL Units4 units4(Activation activation, float s0, float s1, float s2, float s3) {
  Units4 units{};
  const float s[4] = {s0, s1, s2, s3};
  with_activation(activation, [&](auto is) {
    MEANFIELD_UNROLL_FOR (int i = 0; i < 4; ++i) {
      const Unit one = unit<decltype(is)::value, kFast>(s[i]);
      units.value[i] = one.value;
      units.slope[i] = one.slope;
    }
  });
  return units;
}

/// c_j of problem/neurons.h for particle r; `tail` is its tail_j, read only where the layer is bounded.
MEANFIELD_DEVICE float output_weight(const Neuron& neuron, int64_t r, float tail, int j) {
  if (neuron.secondLayer == SecondLayer::Bounded) return neuron.scale * tanh_rational(tail);
  const float a = static_cast<float>(neuron.sign(r, j));
  return (neuron.secondLayer == SecondLayer::Parity ? neuron.scale / 3 : neuron.scale) * a;
}

/// e_j; zero but for parity, where `tail` is u.
MEANFIELD_DEVICE float output_offset(const Neuron& neuron, int64_t r, float tail, int j) {
  if (neuron.secondLayer != SecondLayer::Parity) return 0;
  return neuron.scale * (2.0f / 3) * static_cast<float>(neuron.sign(r, j)) * tanh_rational(tail);
}

/// The gradient for a number `tail` of the tail: moment = Σ_i ω_ij σ_i for a bounded layer.
MEANFIELD_DEVICE double tail_gradient(const Neuron& neuron, float tail, double moment) {
  const float v = tanh_rational(tail), slope = fmaf(-v, v, 1.0f);
  const float scale = neuron.secondLayer == SecondLayer::Parity ? neuron.scale * (2.0f / 3) : neuron.scale;
  return moment * static_cast<double>(scale * slope);
}

/// What stands for the moment in a parity layer: Σ_i Σ_j ω_ij a_j, where a particle serves one output only.
MEANFIELD_DEVICE double parity_moment(const Neuron& neuron, int64_t r, const double* omegaSum) {
  const int output = static_cast<int>(r % neuron.outputs);
  return neuron.sign(r, output) * omegaSum[output];
}

/// What an update does to a coordinate. Increments are added up before they meet θ, so that a weak decay is not lost in
/// the rounding of keep to 1.
struct Motion {
  float keep, decay, rate, noise;
  bool clear;  // keep = 0: what θ holds does not count
  RandomField field;

  static Motion of(const Update& update) {
    const bool near = update.keep >= 0.5;
    return {near ? 1.0f : 0.0f,
            static_cast<float>(near ? update.keep - 1 : update.keep),
            static_cast<float>(update.rate),
            static_cast<float>(update.noise),
            update.keep == 0,
            update.field};
  }
  MEANFIELD_DEVICE float apply(float theta, float gradient, float normal) const {
    const float from = clear ? 0.0f : theta;
    float change = decay * from;
    if (rate != 0) change = fmaf(-rate, gradient, change);
    return fmaf(keep, from, fmaf(noise, normal, change));
  }
};

/// Four normals of a particle: core/philox.h, the same integers, float32 arithmetic. Absolute error of the order of 1e-6.
struct Normals4 {
  float value[4];
};
MEANFIELD_DEVICE Normals4 normals4(const RandomField& field, uint64_t step, uint32_t particle, uint32_t quad) {
  const PhiloxWords words = field.words(step, particle, quad);
  Normals4 normals;
  MEANFIELD_UNROLL_FOR (int pair = 0; pair < 2; ++pair) {
    const float radius = sqrtf(-2.0f * logf(radius_uniform(words.word[2 * pair])));
    const float turns = half_turns(words.word[2 * pair + 1]);
    float sine, cosine;
#ifdef __CUDA_ARCH__
    sincospif(turns, &sine, &cosine);
#else
    sine = static_cast<float>(std::sin(3.14159265358979323846 * turns));
    cosine = static_cast<float>(std::cos(3.14159265358979323846 * turns));
#endif
    normals.value[2 * pair] = radius * cosine;
    normals.value[2 * pair + 1] = radius * sine;
  }
  return normals;
}

}  // namespace cuda
}  // namespace meanfield
