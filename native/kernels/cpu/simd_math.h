// Elementary functions on native vectors of float32. Coefficients are minimax fits of the relative error made for this
// file (Lawson's weighted least squares in double, then rounded); the bounds stated here are those the tests enforce,
// in units in the last place of a correctly rounded result, over all of float32's range.
#pragma once
#include "native/kernels/cpu/simd.h"

namespace meanfield {
namespace cpu {
namespace MEANFIELD_ISA {

/// tanh x = x P(x²)/Q(x²), degrees 4 and 4, for |x| <= 9, beyond which tanh rounds to ±1; there the fraction is beyond
/// ±1 and within_one ends it. At most 6 ulp (3.6e-7 relative); 1 <= Q < 500.
struct TanhFraction {
  V numerator, denominator;
};
MEANFIELD_INLINE TanhFraction tanh_fraction(V x) {
  const V t = at_most(splat(81.0f), x * x);
  V p = fma(splat(1.3354815e-08f), t, splat(2.060909e-05f));
  V q = fma(splat(7.7765725e-07f), t, splat(3.2856365e-04f));
  p = fma(p, t, splat(3.4955894e-03f));
  q = fma(q, t, splat(2.5876986e-02f));
  p = fma(p, t, splat(1.3381027e-01f));
  q = fma(q, t, splat(4.6714345e-01f));
  p = fma(p, t, splat(1.0f));
  q = fma(q, t, splat(1.0f));
  return {x * p, q};
}
MEANFIELD_INLINE V within_one(V x) { return at_least(splat(-1.0f), at_most(splat(1.0f), x)); }
MEANFIELD_INLINE V tanh(V x) {
  const TanhFraction f = tanh_fraction(x);
  return within_one(f.numerator / f.denominator);
}

/// 2^n e^f with |f| <= ln 2 / 2. At most 2 ulp; 0 below −104, infinite above 88.73.
MEANFIELD_INLINE V exp(V s) {
  const V x = at_least(splat(-104.5f), at_most(splat(89.0f), s));
  const V n = nearest(x * splat(1.44269504f));
  V f = fma(n, splat(-0.693359375f), x);
  f = fma(n, splat(2.12194440e-4f), f);
  V p = fma(splat(0.00138146f), f, splat(0.00836872f));
  p = fma(p, f, splat(0.04166839f));
  p = fma(p, f, splat(0.16666521f));
  p = fma(p, f, splat(0.49999993f));
  return scale_by_power(fma(p, f * f, f) + splat(1.0f), n);
}

/// Natural logarithm of a positive normal number. At most 2 ulp.
MEANFIELD_INLINE V log_of_normal(V x, V exponentShift) {
  const I exponent = (I)((U)bits(x) - 0x3f3504f3u) >> 23;  // x = 2^exponent m with m in [√½, √2)
  const V f = from_bits((I)((U)bits(x) - ((U)exponent << 23))) - splat(1.0f), e = to_float(exponent) + exponentShift;
  const V square = f * f;
  V p = fma(splat(-0.07634499f), f, splat(0.12761578f));
  p = fma(p, f, splat(-0.13160182f));
  p = fma(p, f, splat(0.14201758f));
  p = fma(p, f, splat(-0.16623357f));
  p = fma(p, f, splat(0.20001227f));
  p = fma(p, f, splat(-0.25000821f));
  p = fma(p, f, splat(0.33333332f));
  V y = p * f * square;
  y = fma(e, splat(-2.12194440e-4f), y);
  y = fma(splat(-0.5f), square, y);
  return fma(e, splat(0.693359375f), f + y);
}

/// Natural logarithm: −∞ at 0, not a number below. At most 2 ulp.
MEANFIELD_INLINE V log(V x) {
  const I tiny = x < splat(1.17549435e-38f);
  V y = log_of_normal(tiny ? x * splat(8388608.0f) : x, tiny ? splat(-23.0f) : splat(0.0f));
  y = x > splat(3.40282347e38f) ? x : y;
  y = x == splat(0.0f) ? splat(-__builtin_inff()) : y;
  return x >= splat(0.0f) ? y : splat(__builtin_nanf(""));
}

/// ln(1 + e) for e in [0, 1]: e P(e)/Q(e), degrees 3 and 3.
struct LogFraction {
  V numerator, denominator;
};
MEANFIELD_INLINE LogFraction log_one_plus(V e) {
  V p = fma(splat(0.00341729f), e, splat(0.23815763f));
  V q = fma(splat(0.07528732f), e, splat(0.68793647f));
  p = fma(p, e, splat(1.06621863f));
  q = fma(q, e, splat(1.5662185f));
  p = fma(p, e, splat(1.0f));
  q = fma(q, e, splat(1.0f));
  return {e * p, q};
}

/// sin and cos of πh, |h| <= 1. Absolute error at most 2^-23.
MEANFIELD_INLINE void sin_cos_pi(V h, V* sine, V* cosine) {
  const V quarter = nearest(h + h);
  const V r = fma(quarter, splat(-0.5f), h), t = r * r;
  V s = fma(splat(-0.5890125f), t, splat(2.54976108f));
  V c = fma(splat(0.231261f), t, splat(-1.33503592f));
  s = fma(s, t, splat(-5.16770768f));
  c = fma(c, t, splat(4.05870692f));
  s = fma(s, t, splat(3.14159264f)) * r;
  c = fma(c, t, splat(-4.93480216f));
  c = fma(c, t, splat(1.0f));
  const I q = to_int(quarter);
  const I odd = (q & 1) != 0;
  *sine = from_bits((I)((U)bits(odd ? c : s) ^ (((U)q & 2u) << 30)));
  *cosine = from_bits((I)((U)bits(odd ? s : c) ^ (((U)(q + 1) & 2u) << 30)));
}

/// Philox 4×32-10 of `width` particles at once (core/philox.h, bit for bit): even particles in `even`, odd ones in
/// `odd`, each number in the low half of a 64-bit lane with anything above it, which the multiplication ignores.
MEANFIELD_INLINE void philox(const uint32_t key[2], const uint32_t counter[2], uint32_t quad, W even, W odd,
                             U word[4]) {
  const W factor0 = uint64_t{0xD2511F53u} - W{}, factor1 = uint64_t{0xCD9E8D57u} - W{};
  W a[2] = {uint64_t{quad} - W{}, uint64_t{quad} - W{}}, b[2] = {even, odd};
  W c[2] = {uint64_t{counter[0]} - W{}, uint64_t{counter[0]} - W{}};
  W d[2] = {uint64_t{counter[1]} - W{}, uint64_t{counter[1]} - W{}};
  uint32_t key0 = key[0], key1 = key[1];
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const W k0 = uint64_t{key0} - W{}, k1 = uint64_t{key1} - W{};
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const W product0 = multiply_low(factor0, a[half]), product1 = multiply_low(factor1, c[half]);
      a[half] = (product1 >> 32) ^ b[half] ^ k0;
      b[half] = product1;
      c[half] = (product0 >> 32) ^ d[half] ^ k1;
      d[half] = product0;
    }
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  const W low = uint64_t{0xffffffffu} - W{};
  word[0] = (U)((a[0] & low) | (a[1] << 32));
  word[1] = (U)((b[0] & low) | (b[1] << 32));
  word[2] = (U)((c[0] & low) | (c[1] << 32));
  word[3] = (U)((d[0] & low) | (d[1] << 32));
}

/// Four normals of each particle, from the uniforms of core/philox.h.
MEANFIELD_INLINE void normals4(const uint32_t key[2], const uint32_t counter[2], uint32_t quad, W even, W odd,
                               V out[4]) {
  U word[4];
  philox(key, counter, quad, even, odd, word);
#pragma GCC unroll 2
  for (int pair = 0; pair < 2; ++pair) {
    const V uniform = fma(to_float((I)(word[2 * pair] >> 1)), splat(0x1p-31f), splat(0x1p-32f));
    const V radius = root(splat(-2.0f) * log_of_normal(uniform, splat(0.0f)));
    V sine, cosine;
    sin_cos_pi(to_float((I)word[2 * pair + 1]) * splat(0x1p-31f), &sine, &cosine);
    out[2 * pair] = radius * cosine;
    out[2 * pair + 1] = radius * sine;
  }
}

/// Particle numbers of the even and odd lanes of a vector that starts at `first`.
MEANFIELD_INLINE void particle_lanes(uint32_t first, W* even, W* odd) {
  W lanes;
  for (int lane = 0; lane < kWidth / 2; ++lane) lanes[lane] = uint64_t{first} + 2 * static_cast<uint64_t>(lane);
  *even = lanes;
  *odd = lanes + 1;
}

}  // namespace MEANFIELD_ISA
}  // namespace cpu
}  // namespace meanfield
