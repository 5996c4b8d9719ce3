// What matrix units multiply: words of tf32 and of bf16, and mma.sync (m16n8k8 tf32 or m16n8k16 bf16, the same layout in words) of a
// warp, or its definition in the emulation.
#pragma once
#include "native/kernels/cuda/elementary.h"

namespace meanfield {
namespace cuda {

MEANFIELD_DEVICE uint32_t bits_of(float value) {
  uint32_t word;
  memcpy(&word, &value, sizeof word);
  return word;
}
MEANFIELD_DEVICE float float_of(uint32_t word) {
  float value;
  memcpy(&value, &word, sizeof value);
  return value;
}
/// Nearest tf32 (10 bits of mantissa), ties away from zero: cvt.rna.tf32.f32.
MEANFIELD_DEVICE uint32_t tf32_of(uint32_t word) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  uint32_t rounded;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(float_of(word)));
  return rounded;
#else
  return (word & 0x7F800000u) == 0x7F800000u ? word : (word + 0x1000u) & 0xFFFFE000u;
#endif
}

/// Two nearest bf16, ties to even; `low` in the low half: cvt.rn.bf16x2.f32.
MEANFIELD_DEVICE uint32_t bf16_of(uint32_t low, uint32_t high) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(float_of(high)), "f"(float_of(low)));
  return packed;
#else
  const uint32_t half[2] = {low, high};
  uint32_t packed = 0;
  for (int i = 0; i < 2; ++i) {
    const bool special = (half[i] & 0x7F800000u) == 0x7F800000u;
    const uint32_t rounded =
        special ? half[i] | ((half[i] & 0xFFFFu) != 0 ? 0x400000u : 0) : half[i] + 0x7FFFu + ((half[i] >> 16) & 1);
    packed |= (rounded >> 16) << (16 * i);
  }
  return packed;
#endif
}

#ifdef __CUDACC__
template <Precision kPrecision>
MEANFIELD_DEVICE void mma_m16n8(float* c, const uint32_t* a, const uint32_t* b) {
#if __CUDA_ARCH__ >= 800
  if constexpr (kPrecision == Precision::Tf32)
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  else
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}
#else
/// C += A B of a warp by definition. PTX manual, "Matrix fragments for mma.m16n8k8 / mma.m16n8k16": with g = lane / 4 and
/// t = lane mod 4, a = (g, t), (g+8, t), (g, t+4), (g+8, t+4); b = (t, g), (t+4, g); c = (g, 2t), (g, 2t+1), (g+8, 2t),
/// (g+8, 2t+1), the summed index counted in words.
template <Precision kPrecision, class A, class B, class C>
void mma_m16n8_by_definition(int warp, A&& a, B&& b, C&& c) {
  const auto number = [](uint32_t word, int half) {
    if (kPrecision == Precision::Tf32) return float_of(word & 0xFFFFE000u);
    return float_of(half == 0 ? word << 16 : word & 0xFFFF0000u);
  };
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 8; ++column) {
      float& sum = c(warp * 32 + row % 8 * 4 + column / 2)[2 * (row / 8) + column % 2];
      for (int word = 0; word < 8; ++word)
        for (int half = 0; half < (kPrecision == Precision::Tf32 ? 1 : 2); ++half)
          sum += number(a(warp * 32 + row % 8 * 4 + word % 4)[row / 8 + 2 * (word / 4)], half) *
                 number(b(warp * 32 + column * 4 + word % 4)[word / 4], half);
    }
}
#endif

/// C += A B of a warp. a(thread) and b(thread) are words of fragments, c(thread)[0 … 3] the numbers of C that the thread holds.
template <Precision kPrecision, class A, class B, class C>
MEANFIELD_DEVICE void multiply_add(int warp, A&& a, B&& b, C&& c) {
#ifdef __CUDACC__
  auto&& mine = c(0);
  float sum[4] = {mine[0], mine[1], mine[2], mine[3]};
  mma_m16n8<kPrecision>(sum, a(0), b(0));
  MEANFIELD_UNROLL_FOR (int i = 0; i < 4; ++i) mine[i] = sum[i];
#else
  mma_m16n8_by_definition<kPrecision>(warp, a, b, c);
#endif
}

}  // namespace cuda
}  // namespace meanfield
