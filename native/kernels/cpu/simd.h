// Native vectors of the instruction set this file is compiled for. Included only by units compiled per instruction set.
//
// Vectors are the compiler's own (arithmetic, comparison and selection by operators); the few operations it cannot
// spell are intrinsics. Contraction is off and multiply-adds are written out, so that a formula rounds the same way
// wherever it is inlined: that is what lets a kept activation stand for a recomputed one bit for bit.
#pragma once
#include <cstddef>
#include <cstdint>
#if defined(__x86_64__)
// GCC 12's own headers set a result aside from an undefined register and then warn about it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace meanfield {
namespace cpu {
namespace MEANFIELD_ISA {

// Registers: kRows × kVectors accumulators, kVectors of the panel and one broadcast must fit the register file.
#if defined(__AVX512F__)
constexpr int kWidth = 16, kRows = 8, kVectors = 3;
#elif defined(__AVX2__)
constexpr int kWidth = 8, kRows = 4, kVectors = 3;
#elif defined(__aarch64__)
constexpr int kWidth = 4, kRows = 8, kVectors = 3;
#else
constexpr int kWidth = 4, kRows = 4, kVectors = 2;
#endif

typedef float V __attribute__((vector_size(4 * kWidth), may_alias));
typedef int32_t I __attribute__((vector_size(4 * kWidth), may_alias));
typedef uint32_t U __attribute__((vector_size(4 * kWidth), may_alias));
typedef uint64_t W __attribute__((vector_size(4 * kWidth), may_alias));

#define MEANFIELD_INLINE static inline __attribute__((always_inline))
#define MEANFIELD_INLINE_MEMBER inline __attribute__((always_inline))

MEANFIELD_INLINE V load(const float* from) { return *reinterpret_cast<const V*>(from); }
MEANFIELD_INLINE void store(float* to, V v) { *reinterpret_cast<V*>(to) = v; }
MEANFIELD_INLINE V splat(float x) { return x - V{}; }
MEANFIELD_INLINE I splat(int32_t x) { return x - I{}; }
MEANFIELD_INLINE I bits(V v) { return reinterpret_cast<I>(v); }
MEANFIELD_INLINE V from_bits(I v) { return reinterpret_cast<V>(v); }
MEANFIELD_INLINE V to_float(I v) { return __builtin_convertvector(v, V); }
MEANFIELD_INLINE I to_int(V v) { return __builtin_convertvector(v, I); }
MEANFIELD_INLINE V magnitude(V v) { return from_bits(bits(v) & 0x7fffffff); }

#if defined(__AVX512F__)
MEANFIELD_INLINE V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
/// The bound where x is beyond it; x where x is not a number.
MEANFIELD_INLINE V at_most(V bound, V x) { return _mm512_min_ps(bound, x); }
MEANFIELD_INLINE V at_least(V bound, V x) { return _mm512_max_ps(bound, x); }
MEANFIELD_INLINE V root(V x) { return _mm512_sqrt_ps(x); }
MEANFIELD_INLINE V nearest(V x) { return _mm512_roundscale_ps(x, 0); }
/// Products of the low halves of the 64-bit lanes.
MEANFIELD_INLINE W multiply_low(W a, W b) { return (W)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b); }
#elif defined(__AVX2__)
MEANFIELD_INLINE V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
MEANFIELD_INLINE V at_most(V bound, V x) { return _mm256_min_ps(bound, x); }
MEANFIELD_INLINE V at_least(V bound, V x) { return _mm256_max_ps(bound, x); }
MEANFIELD_INLINE V root(V x) { return _mm256_sqrt_ps(x); }
MEANFIELD_INLINE V nearest(V x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
MEANFIELD_INLINE W multiply_low(W a, W b) { return (W)_mm256_mul_epu32((__m256i)a, (__m256i)b); }
#elif defined(__x86_64__)
MEANFIELD_INLINE V fma(V a, V b, V c) { return a * b + c; }
MEANFIELD_INLINE V at_most(V bound, V x) { return _mm_min_ps(bound, x); }
MEANFIELD_INLINE V at_least(V bound, V x) { return _mm_max_ps(bound, x); }
MEANFIELD_INLINE V root(V x) { return _mm_sqrt_ps(x); }
MEANFIELD_INLINE V nearest(V x) { return _mm_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
MEANFIELD_INLINE W multiply_low(W a, W b) { return (W)_mm_mul_epu32((__m128i)a, (__m128i)b); }
#elif defined(__aarch64__)
MEANFIELD_INLINE V fma(V a, V b, V c) { return (V)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
MEANFIELD_INLINE V at_most(V bound, V x) { return (V)vminq_f32((float32x4_t)bound, (float32x4_t)x); }
MEANFIELD_INLINE V at_least(V bound, V x) { return (V)vmaxq_f32((float32x4_t)bound, (float32x4_t)x); }
MEANFIELD_INLINE V root(V x) { return (V)vsqrtq_f32((float32x4_t)x); }
MEANFIELD_INLINE V nearest(V x) { return (V)vrndnq_f32((float32x4_t)x); }
MEANFIELD_INLINE W multiply_low(W a, W b) { return (W)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b)); }
#else
#error "the vector kernels know x86-64 and arm64"
#endif

/// value · 2^n for whole n in [−150, 128], rounded once more where the result is subnormal.
MEANFIELD_INLINE V scale_by_power(V value, V n) {
#if defined(__AVX512F__)
  return _mm512_scalef_ps(value, n);
#else
  const I whole = to_int(n), half = whole >> 1;
  return value * from_bits((I)((U)(half + 127) << 23)) * from_bits((I)((U)(whole - half + 127) << 23));
#endif
}

}  // namespace MEANFIELD_ISA
}  // namespace cpu
}  // namespace meanfield
