// The operations of kernels.h on tiles of 128 particles × 128 rows: outputs, and the parts of the drift.
//
// A tile of pre-activations S lives in registers, is activated there and folded into what is wanted of it. Only the
// drift leaves something behind: Δ = σ'(s) Σ_j ω_ij c_j of a slab of at most kSlabRows rows and as many particles as keep
// the slab in the second-level cache, which the next kernel multiplies with the rows.
#pragma once
#include "native/kernels/cuda/tile_product.h"

namespace meanfield {
namespace cuda {

constexpr int64_t kSlabRows = 1024;
constexpr int kFoldTiles = 8;       // tiles whose sums are added in float32
constexpr int kOutputsAtOnce = 16;  // k > 1: outputs a pass
constexpr int kSigmaStride = kTile + 8;

/// z_i = Σ_r c_r σ(s_ir) over a split of the particles, one output. Block (tile of rows, split).
template <class P>
struct OutputsOfOne {
  static constexpr bool kAlone = true;
  static constexpr int kThreads = P::kThreads, kBlocks = P::kBlocks;
  Operand particles, rows;
  int64_t inputs;
  Activation activation;
  Operand c;           // M × 1
  int64_t splitTiles;  // tiles of particles in a split
  double* partial;     // split × rows

  MEANFIELD_DEVICE void operator()(Block& block) const {
    struct Sums {
      float v[P::kJ];
    };
    Shared shared = block.shared<kProductWords>();
    PerThread<typename P::Tile> tile = block.per_thread<typename P::Tile>();
    PerThread<Sums> sums = block.per_thread<Sums>();
    PerThread<double> total = block.per_thread<double>();
    const int64_t firstRow = block.x() * kTile, tiles = (particles.rows + kTile - 1) / kTile;
    const int64_t begin = block.y() * splitTiles, end = begin + splitTiles < tiles ? begin + splitTiles : tiles;
    block.each([&](int thread) {
      total[thread] = 0;
      MEANFIELD_UNROLL_FOR (int j = 0; j < P::kJ; ++j) sums[thread].v[j] = 0;
    });
    for (int64_t t = begin; t < end; ++t) {
      multiply<P, false>(block, shared, particles, t * kTile, rows, firstRow, inputs, tile);
      block.each([&](int thread) {
        MEANFIELD_UNROLL_FOR (int i = 0; i < P::kI; ++i) {
          const int64_t r = t * kTile + P::row(thread, i);
          const float weight = r < particles.rows ? *c.row(r) : 0.0f;
          const float* s = tile[thread].v[i];
          MEANFIELD_UNROLL_FOR (int j = 0; j < P::kJ; j += 4) {
            const Units4 units =
                units4<P::kPrecision != Precision::Float32>(activation, s[j], s[j + 1], s[j + 2], s[j + 3]);
            MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e)
              sums[thread].v[j + e] = fmaf(weight, units.value[e], sums[thread].v[j + e]);
          }
        }
      });
      if ((t + 1 - begin) % kFoldTiles != 0 && t + 1 != end) continue;
      block.each([&](int thread) {
        MEANFIELD_UNROLL_FOR (int j = 0; j < P::kJ; ++j) {
          shared.store_float(P::row_group(thread) * kTile + P::template column<false>(thread, j), sums[thread].v[j]);
          sums[thread].v[j] = 0;
        }
      });
      block.barrier();
      block.each([&](int thread) {
        if (thread >= kTile) return;
        float sum = 0;
        for (int group = 0; group < P::kRowGroups; ++group) sum += shared.load_float(group * kTile + thread);
        total[thread] += static_cast<double>(sum);
      });
    }
    block.each([&](int thread) {
      if (thread < kTile && firstRow + thread < rows.rows)
        partial[block.y() * rows.rows + firstRow + thread] = total[thread];
    });
  }
};

/// The same for k > 1 outputs: σ of the tile passes through shared memory, 32 particles at a time, to threads that own
/// (row, outputs).
template <class P>
struct OutputsOfMany {
  static constexpr bool kAlone = true;
  static constexpr int kThreads = P::kThreads, kBlocks = P::kBlocks;
  static constexpr int kChunk = 32, kOwned = kOutputsAtOnce * kTile / P::kThreads;
  Operand particles, rows;
  int64_t inputs;
  Activation activation;
  Operand c;  // M × k
  int32_t k;
  int64_t splitTiles;
  double* partial;  // split × rows × k

  MEANFIELD_DEVICE void operator()(Block& block) const {
    struct Sums {
      float v[kOwned];
    };
    Shared shared = block.shared<kProductWords>(), weights = shared.from(kChunk * kSigmaStride);
    PerThread<typename P::Tile> tile = block.per_thread<typename P::Tile>();
    PerThread<Sums> sums = block.per_thread<Sums>();
    const int64_t firstRow = block.x() * kTile, tiles = (particles.rows + kTile - 1) / kTile;
    const int64_t begin = block.y() * splitTiles, end = begin + splitTiles < tiles ? begin + splitTiles : tiles;
    for (int64_t t = begin; t < end; ++t) {
      multiply<P, false>(block, shared, particles, t * kTile, rows, firstRow, inputs, tile);
      block.each([&](int thread) {
        MEANFIELD_UNROLL_FOR (int i = 0; i < P::kI; ++i) {
          float* s = tile[thread].v[i];
          MEANFIELD_UNROLL_FOR (int j = 0; j < P::kJ; j += 4) {
            const Units4 units =
                units4<P::kPrecision != Precision::Float32>(activation, s[j], s[j + 1], s[j + 2], s[j + 3]);
            MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e) s[j + e] = units.value[e];
          }
        }
      });
      for (int first = 0; first < k; first += kOutputsAtOnce) {
        block.each([&](int thread) {
          MEANFIELD_UNROLL_FOR (int o = 0; o < kOwned; ++o) sums[thread].v[o] = 0;
        });
        for (int chunk = 0; chunk < kTile / kChunk; ++chunk) {
          block.each([&](int thread) {
            MEANFIELD_UNROLL_FOR (int i = 0; i < P::kI; ++i) {
              const int at = P::row(thread, i);
              if (at / kChunk != chunk) continue;
              MEANFIELD_UNROLL_FOR (int j = 0; j < P::kJ; ++j)
                shared.store_float(at % kChunk * kSigmaStride + P::template column<false>(thread, j),
                                   tile[thread].v[i][j]);
            }
            for (int at = thread; at < kChunk * kOutputsAtOnce; at += kThreads) {
              const int64_t r = t * kTile + chunk * kChunk + at / kOutputsAtOnce;
              const int output = first + at % kOutputsAtOnce;
              weights.store_float(at, r < particles.rows && output < k ? c.row(r)[output] : 0.0f);
            }
          });
          block.barrier();
          block.each([&](int thread) {
            const int row = thread % kTile, owned = thread / kTile * kOwned;
            for (int r = 0; r < kChunk; ++r) {
              const float value = shared.load_float(r * kSigmaStride + row);
              MEANFIELD_UNROLL_FOR (int o = 0; o < kOwned; o += 4) {
                const Words weight = weights.load4(r * kOutputsAtOnce + owned + o);
                MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e)
                  sums[thread].v[o + e] = fmaf(float_of(weight.w[e]), value, sums[thread].v[o + e]);
              }
            }
          });
          block.barrier();
        }
        block.each([&](int thread) {
          const int64_t row = firstRow + thread % kTile;
          double* to = partial + (block.y() * rows.rows + row) * k;
          MEANFIELD_UNROLL_FOR (int o = 0; o < kOwned; ++o) {
            const int output = first + thread / kTile * kOwned + o;
            if (row < rows.rows && output < k)
              to[output] = (t == begin ? 0.0 : to[output]) + static_cast<double>(sums[thread].v[o]);
          }
        });
      }
    }
  }
};

/// z = (Σ_split partial + Σ_r e_rj)/M. A thread a number of z.
struct FoldOutputs {
  static constexpr int kThreads = 256, kBlocks = 4;
  const double* partial;  // splits × count
  int64_t count, splits;
  const double* offset;  // k
  int32_t k;
  double particles;
  double* z;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t at = block.x() * kThreads + thread;
      if (at >= count) return;
      double sum = 0;
      for (int64_t split = 0; split < splits; ++split) sum += partial[split * count + at];
      z[at] = (sum + offset[at % k]) / particles;
    });
  }
};

/// gathered_i = Σ_s shares_s z_si over devices in their order, as the host adds them up: no fused multiply-adds. A thread a number.
struct FoldShards {
  static constexpr int kThreads = 256, kBlocks = 4, kMost = 64;
  const double* own;  // of the first device
  double* gathered;   // devices × count; the place of the first is free
  int64_t count;
  int32_t devices;
  double shares[kMost];

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t at = block.x() * kThreads + thread;
      if (at >= count) return;
      double sum = product(shares[0], own[at]);
      for (int s = 1; s < devices; ++s) {
        const double part = product(shares[s], gathered[s * count + at]);
#ifdef __CUDA_ARCH__
        sum = __dadd_rn(sum, part);
#else
        sum += part;
#endif
      }
      gathered[at] = sum;
    });
  }

 private:
  MEANFIELD_DEVICE static double product(double a, double b) {
#ifdef __CUDA_ARCH__
    return __dmul_rn(a, b);
#else
    return a * b;
#endif
  }
};

/// Δ of a slab, transposed: particle × kSlabRows; and the moments Σ_i ω_ij σ_ir of every tile of rows. Block (tile of
/// particles, tile of rows).
template <class P, bool kDelta, bool kMoments>
struct SlabTile {
  static constexpr bool kAlone = true;
  static constexpr int kThreads = P::kThreads, kBlocks = P::kBlocks;
  Operand particles, rows;  // of the slab
  int64_t inputs;
  Activation activation;
  int32_t k;
  Operand c;       // particles × k
  Operand omega;   // rows × k
  float* delta;    // particles × kSlabRows
  float* moments;  // tiles of rows × particles × k

  MEANFIELD_DEVICE void operator()(Block& block) const {
    Shared shared = block.shared<kProductWords>();
    PerThread<typename P::Tile> tile = block.per_thread<typename P::Tile>();
    const int64_t firstParticle = block.x() * kTile, firstRow = block.y() * kTile;
    const auto at = [&](int thread, int i, int j) {
      return delta + (firstParticle + P::row(thread, i)) * kSlabRows + firstRow + P::template column<false>(thread, j);
    };
    if (kDelta && k > 1) {  // Σ_j ω_ij c_rj first, kept where Δ will be, by the thread that will want it
      multiply<P, false>(block, shared, c, firstParticle, omega, firstRow, k, tile);
      block.each([&](int thread) {
        MEANFIELD_UNROLL_FOR (int i = 0; i < P::kI; ++i)
          if (firstParticle + P::row(thread, i) < particles.rows) {
            MEANFIELD_UNROLL_FOR (int j = 0; j < P::kJ; ++j) *at(thread, i, j) = tile[thread].v[i][j];
          }
      });
    }
    multiply<P, false>(block, shared, particles, firstParticle, rows, firstRow, inputs, tile);
    block.each([&](int thread) {
      MEANFIELD_UNROLL_FOR (int i = 0; i < P::kI; ++i) {
        const int64_t r = firstParticle + P::row(thread, i);
        const float weight = kDelta && k == 1 && r < particles.rows ? *c.row(r) : 0.0f;
        float* s = tile[thread].v[i];
        MEANFIELD_UNROLL_FOR (int j = 0; j < P::kJ; j += 4) {
          const Units4 units =
              units4<P::kPrecision != Precision::Float32>(activation, s[j], s[j + 1], s[j + 2], s[j + 3]);
          MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e) {
            if (kDelta && r < particles.rows) {
              const int64_t row = firstRow + P::template column<false>(thread, j + e);
              const float pull = k > 1 ? *at(thread, i, j + e) : row < omega.rows ? weight * *omega.row(row) : 0.0f;
              *at(thread, i, j + e) = pull * units.slope[e];
            }
            if (kMoments) s[j + e] = units.value[e];
          }
        }
      }
    });
    if (kMoments)
      for (int output = 0; output < k; ++output) {
        block.each([&](int thread) {
          float weight[P::kJ];
          MEANFIELD_UNROLL_FOR (int j = 0; j < P::kJ; ++j) {
            const int64_t row = firstRow + P::template column<false>(thread, j);
            weight[j] = row < omega.rows ? omega.row(row)[output] : 0.0f;
          }
          MEANFIELD_UNROLL_FOR (int i = 0; i < P::kI; ++i) {
            float sum = 0;
            MEANFIELD_UNROLL_FOR (int j = 0; j < P::kJ; ++j) sum = fmaf(weight[j], tile[thread].v[i][j], sum);
            shared.store_float(P::column_group(thread) * kTile + P::row(thread, i), sum);
          }
        });
        block.barrier();
        block.each([&](int thread) {
          const int64_t r = firstParticle + thread;
          if (thread >= kTile || r >= particles.rows) return;
          float sum = 0;
          for (int group = 0; group < P::kColumnGroups; ++group) sum += shared.load_float(group * kTile + thread);
          moments[(block.y() * particles.rows + r) * k + output] = sum;
        });
        block.barrier();
      }
  }
};

/// G += Δᵀ X of a slab, in double between slabs. Block (tile of particles, tile of inputs).
template <class P>
struct SlabDrift {
  static constexpr bool kAlone = true;
  static constexpr int kThreads = P::kThreads, kBlocks = P::kBlocks;
  Operand delta;  // particles × kSlabRows
  Operand rows;   // of the slab
  int64_t inputs;
  bool first;     // the first slab of rows: G holds nothing yet
  double* drift;  // particles × stride
  int64_t stride;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    Shared shared = block.shared<kProductWords>();
    PerThread<typename P::Tile> tile = block.per_thread<typename P::Tile>();
    const int64_t firstParticle = block.x() * kTile, firstInput = block.y() * kTile;
    multiply<P, true>(block, shared, delta, firstParticle, rows, firstInput, rows.rows, tile);
    block.each([&](int thread) {
      MEANFIELD_UNROLL_FOR (int i = 0; i < P::kI; ++i) {
        const int64_t r = firstParticle + P::row(thread, i);
        if (r >= delta.rows) continue;
        MEANFIELD_UNROLL_FOR (int j = 0; j < P::kJ; ++j) {
          const int64_t input = firstInput + P::template column<true>(thread, j);
          if (input >= inputs) continue;
          double* to = drift + r * stride + input;
          *to = (first ? 0.0 : *to) + static_cast<double>(tile[thread].v[i][j]);
        }
      }
    });
  }
};

/// Moments of a slab from those of its tiles of rows, added up in double.
struct FoldMoments {
  static constexpr int kThreads = 256, kBlocks = 4;
  const float* partial;  // tiles × count
  int64_t count, tiles;
  bool first;
  double* moments;  // count

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t at = block.x() * kThreads + thread;
      if (at >= count) return;
      double sum = first ? 0.0 : moments[at];
      for (int64_t tile = 0; tile < tiles; ++tile) sum += static_cast<double>(partial[tile * count + at]);
      moments[at] = sum;
    });
  }
};

}  // namespace cuda
}  // namespace meanfield
