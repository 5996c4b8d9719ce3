// The activations of problem/neurons.h on native vectors, two vectors at a time: a division costs as much as all the
// rest of a tanh, and two quotients can share one. The bounds stated here are those the tests enforce. Where one of the
// two is not a number, both may become so.
#pragma once
#include "native/kernels/cpu/simd_math.h"
#include "native/problem/neurons.h"

namespace meanfield {
namespace cpu {
namespace MEANFIELD_ISA {

struct Pair {
  V first, second;
};

/// a/b and c/d from one division, two roundings worse than each on its own; b·d must be a normal number.
MEANFIELD_INLINE Pair divide(V a, V b, V c, V d) {
  const V r = splat(1.0f) / (b * d);
  return {a * (r * d), c * (r * b)};
}

/// σ(s) and σ'(s). kFromValue: σ' is a function of σ, so that σ alone need be kept.
struct TanhUnit {
  static constexpr bool kFromValue = true;
  /// At most 7 ulp; never beyond ±1.
  MEANFIELD_INLINE Pair values(V s, V u) {
    const TanhFraction f = tanh_fraction(s), g = tanh_fraction(u);
    const Pair q = divide(f.numerator, f.denominator, g.numerator, g.denominator);
    return {within_one(q.first), within_one(q.second)};
  }
  MEANFIELD_INLINE V slope_from(V value) { return fma(-value, value, splat(1.0f)); }
  MEANFIELD_INLINE void both(V s, V u, Pair* value, Pair* slope) {
    *value = values(s, u);
    *slope = {slope_from(value->first), slope_from(value->second)};
  }
};
struct SigmoidUnit {
  static constexpr bool kFromValue = true;
  /// e^−|s| keeps the left tail accurate, and a division of its own the 1 − σ of the slopes. At most 4 ulp.
  MEANFIELD_INLINE V value(V s) {
    const V e = exp(-magnitude(s));
    return (s >= splat(0.0f) ? splat(1.0f) : e) / (e + splat(1.0f));
  }
  MEANFIELD_INLINE Pair values(V s, V u) { return {value(s), value(u)}; }
  MEANFIELD_INLINE V slope_from(V value) { return fma(-value, value, value); }
  MEANFIELD_INLINE void both(V s, V u, Pair* value, Pair* slope) {
    *value = values(s, u);
    *slope = {slope_from(value->first), slope_from(value->second)};
  }
};
struct ReluUnit {
  static constexpr bool kFromValue = true;
  MEANFIELD_INLINE V value(V s) { return at_least(splat(0.0f), s); }
  MEANFIELD_INLINE Pair values(V s, V u) { return {value(s), value(u)}; }
  MEANFIELD_INLINE V slope_from(V value) { return value > splat(0.0f) ? splat(1.0f) : value; }
  MEANFIELD_INLINE void both(V s, V u, Pair* value, Pair* slope) {
    *value = values(s, u);
    *slope = {slope_from(value->first), slope_from(value->second)};
  }
};
struct SoftplusUnit {
  static constexpr bool kFromValue = false;
  /// max(s, 0) + ln(1 + e^−|s|). At most 5 ulp.
  MEANFIELD_INLINE Pair values(V s, V u) {
    const LogFraction f = log_one_plus(exp(-magnitude(s))), g = log_one_plus(exp(-magnitude(u)));
    const Pair q = divide(f.numerator, f.denominator, g.numerator, g.denominator);
    return {at_least(splat(0.0f), s) + q.first, at_least(splat(0.0f), u) + q.second};
  }
  MEANFIELD_INLINE V slope_from(V value) { return value; }
  MEANFIELD_INLINE void both_of_one(V s, V* value, V* slope) {
    const V e = exp(-magnitude(s));
    const LogFraction f = log_one_plus(e);
    const Pair q = divide(f.numerator, f.denominator, s >= splat(0.0f) ? splat(1.0f) : e, e + splat(1.0f));
    *value = at_least(splat(0.0f), s) + q.first;
    *slope = q.second;
  }
  MEANFIELD_INLINE void both(V s, V u, Pair* value, Pair* slope) {
    both_of_one(s, &value->first, &slope->first);
    both_of_one(u, &value->second, &slope->second);
  }
};
struct SiluUnit {
  static constexpr bool kFromValue = false;
  /// s sigmoid(s). At most 5 ulp where the result is normal.
  MEANFIELD_INLINE Pair values(V s, V u) {
    const V x = at_least(splat(-120.0f), s), y = at_least(splat(-120.0f), u);
    const Pair g = SigmoidUnit::values(x, y);
    return {x * g.first, y * g.second};
  }
  MEANFIELD_INLINE V slope_from(V value) { return value; }
  /// σ' = g + v(1 − g) with g = sigmoid(s), v = s g; for large s the product is infinite times zero, and σ' is 1.
  MEANFIELD_INLINE V slope(V x, V g, V v) { return x > splat(100.0f) ? splat(1.0f) : fma(v, splat(1.0f) - g, g); }
  MEANFIELD_INLINE void both(V s, V u, Pair* value, Pair* slopes) {
    const V x = at_least(splat(-120.0f), s), y = at_least(splat(-120.0f), u);
    const Pair g = SigmoidUnit::values(x, y);
    *value = {x * g.first, y * g.second};
    *slopes = {slope(x, g.first, value->first), slope(y, g.second, value->second)};
  }
};

template <class F>
MEANFIELD_INLINE void with_activation(Activation activation, F&& f) {
  switch (activation) {
    case Activation::Tanh: return f(TanhUnit{});
    case Activation::Sigmoid: return f(SigmoidUnit{});
    case Activation::Relu: return f(ReluUnit{});
    case Activation::Softplus: return f(SoftplusUnit{});
    case Activation::Silu: return f(SiluUnit{});
  }
}

/// to = σ(from) for `rows` rows of kN vectors.
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

}  // namespace MEANFIELD_ISA
}  // namespace cpu
}  // namespace meanfield
