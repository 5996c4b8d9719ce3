// The activations of problem/neurons.h on native vectors. The bounds stated here are those the tests enforce.
#pragma once
#include "native/kernels/cpu/simd_math.h"

namespace meanfield {
namespace cpu {
namespace MEANFIELD_ISA {

/// σ(s) and σ'(s). kFromValue: σ' is a function of σ, so that σ alone need be kept.
struct TanhUnit {
  static constexpr bool kFromValue = true;
  MEANFIELD_INLINE V value(V s) { return tanh(s); }
  MEANFIELD_INLINE V slope_from(V value) { return fma(-value, value, splat(1.0f)); }
  MEANFIELD_INLINE void both(V s, V* value, V* slope) {
    *value = tanh(s);
    *slope = slope_from(*value);
  }
};
struct SigmoidUnit {
  static constexpr bool kFromValue = true;
  /// e^−|s| keeps the left tail accurate. At most 4 ulp.
  MEANFIELD_INLINE V value(V s) {
    const V e = exp(-magnitude(s));
    return (s >= splat(0.0f) ? splat(1.0f) : e) / (e + splat(1.0f));
  }
  MEANFIELD_INLINE V slope_from(V value) { return fma(-value, value, value); }
  MEANFIELD_INLINE void both(V s, V* value, V* slope) {
    *value = SigmoidUnit::value(s);
    *slope = slope_from(*value);
  }
};
struct ReluUnit {
  static constexpr bool kFromValue = true;
  MEANFIELD_INLINE V value(V s) { return at_least(splat(0.0f), s); }
  MEANFIELD_INLINE V slope_from(V value) { return value > splat(0.0f) ? splat(1.0f) : value; }
  MEANFIELD_INLINE void both(V s, V* value, V* slope) {
    *value = ReluUnit::value(s);
    *slope = slope_from(*value);
  }
};
struct SoftplusUnit {
  static constexpr bool kFromValue = false;
  /// max(s, 0) + ln(1 + e^−|s|). At most 4 ulp.
  MEANFIELD_INLINE V value(V s) { return at_least(splat(0.0f), s) + log_one_plus(exp(-magnitude(s))); }
  MEANFIELD_INLINE V slope_from(V value) { return value; }
  MEANFIELD_INLINE void both(V s, V* value, V* slope) {
    const V e = exp(-magnitude(s));
    *value = at_least(splat(0.0f), s) + log_one_plus(e);
    *slope = (s >= splat(0.0f) ? splat(1.0f) : e) / (e + splat(1.0f));
  }
};
struct SiluUnit {
  static constexpr bool kFromValue = false;
  /// s sigmoid(s). At most 5 ulp where the result is normal.
  MEANFIELD_INLINE V value(V s) {
    const V x = at_least(splat(-120.0f), s);
    return x * SigmoidUnit::value(x);
  }
  MEANFIELD_INLINE V slope_from(V value) { return value; }
  MEANFIELD_INLINE void both(V s, V* value, V* slope) {
    const V x = at_least(splat(-120.0f), s), g = SigmoidUnit::value(x), v = x * g;
    *value = v;
    // σ' = g + v(1 − g); for large s the product is infinite times zero, and σ' is 1.
    *slope = x > splat(100.0f) ? splat(1.0f) : fma(v, splat(1.0f) - g, g);
  }
};

}  // namespace MEANFIELD_ISA
}  // namespace cpu
}  // namespace meanfield
