// What the arithmetic units do when nothing keeps them waiting: independent chains of multiply-adds in registers. The
// measure that gpu-check states everything against; mma.sync, so on Hopper not what wgmma could reach.
#pragma once
#include "native/kernels/cuda/tile_product.h"

namespace meanfield {
namespace cuda {

struct FloatPeak {
  static constexpr int kThreads = 256, kBlocks = 4, kChains = 32;
  static constexpr double kFlops = 2.0 * kChains * kThreads;  // of a block and round
  int64_t rounds;
  float* out;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      float sum[kChains];
      MEANFIELD_UNROLL_FOR (int i = 0; i < kChains; ++i) sum[i] = static_cast<float>(thread + i);
      for (int64_t round = 0; round < rounds; ++round) {
        MEANFIELD_UNROLL_FOR (int i = 0; i < kChains; ++i) sum[i] = fmaf(sum[i], 0.999f, 0.001f);
      }
      float all = 0;
      MEANFIELD_UNROLL_FOR (int i = 0; i < kChains; ++i) all += sum[i];
      out[block.x() * kThreads + thread] = all;
    });
  }
};

template <Precision kPrecision>
struct MatrixPeak {
  static constexpr int kThreads = 256, kBlocks = 2, kChains = 8;
  static constexpr double kFlops = 2.0 * 16 * 8 * (kPrecision == Precision::Bf16 ? 16 : 8) * kChains * (kThreads / 32);
  int64_t rounds;
  float* out;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      // Halves: representable in either format, and sums stay finite.
      const uint32_t half = kPrecision == Precision::Bf16 ? 0x3F003F00u : 0x3F000000u;
      const uint32_t a[4] = {half, half, half, half}, b[2] = {half, half};
      float c[kChains][4] = {};
      for (int64_t round = 0; round < rounds; ++round) {
        MEANFIELD_UNROLL_FOR (int i = 0; i < kChains; ++i) mma_m16n8<kPrecision>(c[i], a, b);
      }
      float all = 0;
      MEANFIELD_UNROLL_FOR (int i = 0; i < kChains; ++i) all += c[i][0] + c[i][1] + c[i][2] + c[i][3];
      out[block.x() * kThreads + thread] = all;
    });
  }
};

}  // namespace cuda
}  // namespace meanfield
