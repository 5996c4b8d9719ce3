// Products of tiles: 128 × 128 numbers of A Bᵀ (both with the summed index innermost) or of A B, one block a tile.
//
// Operands go from device memory into shared memory, in words of the precision: a float32, a tf32, or two bf16 of neighbouring summed
// indices. While one stage of 16 words is multiplied the next one is on its way: by cp.async, which leaves the registers to the
// product, and tf32 is rounded when it is used; through registers for bf16, converted there, and before capability 8.0. The float32 product is made of fused multiply-adds; the others of mma.sync (m16n8k8 tf32 or
// m16n8k16 bf16, the same layout in words), with float32 accumulation.
//
// Errors of a product of K terms, u = 2^-24, relative to Σ|a b|: float32 K·u; tf32 2·2^-11 + K·u; bf16 2·2^-8 + K·u.
#pragma once
#include "native/kernels/cuda/matrix_units.h"

namespace meanfield {
namespace cuda {

constexpr int kTile = 128;
constexpr int kStageWords = 16;                // words of the summed index in a stage
constexpr int kInnerStride = kStageWords + 4;  // [row][word]: eight rows of four words fall into different banks
constexpr int kOuterStride = kTile + 8;        // [word][column]: four words of eight columns do
constexpr int kOperandWords = kTile * kInnerStride;
constexpr int kProductWords = 4 * kOperandWords;  // two stages of two operands
static_assert(kStageWords * kOuterStride <= kOperandWords, "either layout fits");

/// A matrix in device memory by rows: row i at data + (index ? index[i] : i)·stride. Strides are multiples of four, and
/// what lies between the width and the stride is zero.
struct Operand {
  const float* data;
  int64_t stride;
  const int32_t* index;
  int64_t rows;

  MEANFIELD_DEVICE const float* row(int64_t i) const { return data + (index ? index[i] : i) * stride; }
};

MEANFIELD_DEVICE Words load_words(const float* from) {
#ifdef __CUDA_ARCH__
  const float4 v = __ldg(reinterpret_cast<const float4*>(from));
  return {{bits_of(v.x), bits_of(v.y), bits_of(v.z), bits_of(v.w)}};
#else
  Words words;
  memcpy(&words, from, sizeof words);
  return words;
#endif
}

/// Float32: 256 threads, each 8 × 8 numbers. Thread t is (y, x): rows y + 16 i; columns x + 16 j, or 4x + 64⌊j/4⌋ + j mod 4
/// where B is by rows of the summed index.
struct FloatProduct {
  static constexpr Precision kPrecision = Precision::Float32;
  static constexpr int kThreads = 256, kBlocks = 2, kI = 8, kJ = 8, kPerWord = 1;
  static constexpr int kRowGroups = 16, kColumnGroups = 16;
  struct Tile {
    float v[kI][kJ];
  };

  MEANFIELD_DEVICE static int y_of(int thread) { return thread / 64 * 4 + thread % 32 / 8; }
  MEANFIELD_DEVICE static int x_of(int thread) { return thread / 32 % 2 * 8 + thread % 8; }
  MEANFIELD_DEVICE static int row(int thread, int i) { return y_of(thread) + 16 * i; }
  template <bool kOuter>
  MEANFIELD_DEVICE static int column(int thread, int j) {
    return kOuter ? 4 * x_of(thread) + 64 * (j / 4) + j % 4 : x_of(thread) + 16 * j;
  }
  /// Threads that share a column have different row groups, and the other way round.
  MEANFIELD_DEVICE static int row_group(int thread) { return y_of(thread); }
  MEANFIELD_DEVICE static int column_group(int thread) { return x_of(thread); }

  template <bool kOuter>
  MEANFIELD_DEVICE static void multiply_stage(Block& block, Shared a, Shared b, PerThread<Tile>& tile) {
    block.each([&](int thread) {
      Tile& sum = tile[thread];
      for (int word = 0; word < kStageWords; word += 4) {
        Words rows[kI];
        MEANFIELD_UNROLL_FOR (int i = 0; i < kI; ++i) rows[i] = a.load4(row(thread, i) * kInnerStride + word);
        if (kOuter) {
          MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e) {
            MEANFIELD_UNROLL_FOR (int half = 0; half < 2; ++half) {
              const Words columns = b.load4((word + e) * kOuterStride + column<true>(thread, 4 * half));
              MEANFIELD_UNROLL_FOR (int i = 0; i < kI; ++i)
                MEANFIELD_UNROLL_FOR (int j = 0; j < 4; ++j)
                  sum.v[i][4 * half + j] += float_of(rows[i].w[e]) * float_of(columns.w[j]);
            }
          }
        } else {
          MEANFIELD_UNROLL_FOR (int j = 0; j < kJ; ++j) {
            const Words columns = b.load4(column<false>(thread, j) * kInnerStride + word);
            MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e)
              MEANFIELD_UNROLL_FOR (int i = 0; i < kI; ++i)
                sum.v[i][j] += float_of(rows[i].w[e]) * float_of(columns.w[e]);
          }
        }
      }
    });
  }
};

/// tf32 or bf16 on tensor cores: four warps, two by two, each 64 × 64 numbers in 4 × 8 accumulators of m16n8.
template <Precision kOf>
struct MatrixProduct {
  static constexpr Precision kPrecision = kOf;
  static constexpr int kThreads = 128, kBlocks = 2, kI = 8, kJ = 16, kPerWord = kOf == Precision::Bf16 ? 2 : 1;
  static constexpr int kRowGroups = 16, kColumnGroups = 8;
  static constexpr int kM = 4, kN = 8;
  struct Tile {
    float v[kI][kJ];
  };
  struct Fragments {
    uint32_t a[kM][4], b[kN][2];
  };
  struct Accumulator {
    Tile& tile;
    int m, n;
    MEANFIELD_DEVICE float& operator[](int i) const { return tile.v[2 * m + i / 2][2 * n + i % 2]; }
  };

  MEANFIELD_DEVICE static uint32_t factor(uint32_t word) { return kOf == Precision::Tf32 ? tf32_of(word) : word; }
  MEANFIELD_DEVICE static int row(int thread, int i) {
    return thread / 64 * 64 + i / 2 * 16 + thread % 32 / 4 + 8 * (i % 2);
  }
  template <bool>
  MEANFIELD_DEVICE static int column(int thread, int j) {
    return thread / 32 % 2 * 64 + j / 2 * 8 + thread % 4 * 2 + j % 2;
  }
  MEANFIELD_DEVICE static int row_group(int thread) { return thread / 64 * 8 + thread % 32 / 4; }
  MEANFIELD_DEVICE static int column_group(int thread) { return thread / 32 % 2 * 4 + thread % 4; }

  template <bool kOuter>
  MEANFIELD_DEVICE static void multiply_stage(Block& block, Shared a, Shared b, PerThread<Tile>& tile) {
    PerThread<Fragments> fragments = block.per_thread<Fragments>();
    block.each_warp([&](int warp) {
      MEANFIELD_UNROLL_FOR (int word = 0; word < kStageWords; word += 8) {
        block.lanes(warp, [&](int thread) {
          Fragments& mine = fragments[thread];
          const int g = thread % 32 / 4, t = thread % 4;
          MEANFIELD_UNROLL_FOR (int m = 0; m < kM; ++m)
            MEANFIELD_UNROLL_FOR (int i = 0; i < 4; ++i)
              mine.a[m][i] =
                  factor(a.load((warp / 2 * 64 + m * 16 + g + 8 * (i % 2)) * kInnerStride + word + t + i / 2 * 4));
          MEANFIELD_UNROLL_FOR (int n = 0; n < kN; ++n)
            MEANFIELD_UNROLL_FOR (int i = 0; i < 2; ++i) {
              const int at = warp % 2 * 64 + n * 8 + g, from = word + t + 4 * i;
              mine.b[n][i] = factor(b.load(kOuter ? from * kOuterStride + at : at * kInnerStride + from));
            }
        });
        MEANFIELD_UNROLL_FOR (int m = 0; m < kM; ++m)
          MEANFIELD_UNROLL_FOR (int n = 0; n < kN; ++n) {
            multiply_add<kOf>(
                warp, [&](int thread) { return fragments[thread].a[m]; },
                [&](int thread) { return fragments[thread].b[n]; },
                [&](int thread) { return Accumulator{tile[thread], m, n}; });
          }
      }
    });
  }
};

/// One operand's share of a stage in a thread's registers.
template <class P>
struct Staged {
  static constexpr int kChunks = kTile * kStageWords / 4 / P::kThreads;
  Words chunk[kChunks];
};

/// Rows first … first + 127 of an operand, words of summed indices from … on: [row][word].
template <class P>
MEANFIELD_DEVICE void fetch_inner(int thread, const Operand& operand, int64_t first, int64_t from, Staged<P>& staged) {
  MEANFIELD_UNROLL_FOR (int c = 0; c < Staged<P>::kChunks; ++c) {
    const int chunk = thread + c * P::kThreads;
    const int64_t row = first + chunk / 4, at = from + chunk % 4 * 4 * P::kPerWord;
    Words parts[P::kPerWord] = {};
    if (row < operand.rows) {
      const float* data = operand.row(row) + at;
      MEANFIELD_UNROLL_FOR (int part = 0; part < P::kPerWord; ++part)
        if (at + 4 * part + 4 <= operand.stride) parts[part] = load_words(data + 4 * part);
    }
    MEANFIELD_UNROLL_FOR (int i = 0; i < 4; ++i) {
      if constexpr (P::kPerWord == 1) staged.chunk[c].w[i] = parts[0].w[i];
      if constexpr (P::kPrecision == Precision::Bf16)
        staged.chunk[c].w[i] = bf16_of(parts[i / 2].w[i % 2 * 2], parts[i / 2].w[i % 2 * 2 + 1]);
    }
  }
}
template <class P>
MEANFIELD_DEVICE void place_inner(int thread, const Staged<P>& staged, Shared to) {
  MEANFIELD_UNROLL_FOR (int c = 0; c < Staged<P>::kChunks; ++c) {
    const int chunk = thread + c * P::kThreads;
    to.store4(chunk / 4 * kInnerStride + chunk % 4 * 4, staged.chunk[c]);
  }
}

/// Columns first … first + 127 of rows from … on: [word][column].
template <class P>
MEANFIELD_DEVICE void fetch_outer(int thread, const Operand& operand, int64_t first, int64_t from, Staged<P>& staged) {
  MEANFIELD_UNROLL_FOR (int c = 0; c < Staged<P>::kChunks; ++c) {
    const int chunk = thread + c * P::kThreads;
    const int64_t row = from + chunk / 32 * P::kPerWord, at = first + chunk % 32 * 4;
    Words parts[P::kPerWord] = {};
    MEANFIELD_UNROLL_FOR (int part = 0; part < P::kPerWord; ++part)
      if (row + part < operand.rows && at + 4 <= operand.stride) parts[part] = load_words(operand.row(row + part) + at);
    MEANFIELD_UNROLL_FOR (int i = 0; i < 4; ++i) {
      if constexpr (P::kPerWord == 1) staged.chunk[c].w[i] = parts[0].w[i];
      if constexpr (P::kPrecision == Precision::Bf16) staged.chunk[c].w[i] = bf16_of(parts[0].w[i], parts[1].w[i]);
    }
  }
}
template <class P>
MEANFIELD_DEVICE void place_outer(int thread, const Staged<P>& staged, Shared to) {
  MEANFIELD_UNROLL_FOR (int c = 0; c < Staged<P>::kChunks; ++c) {
    const int chunk = thread + c * P::kThreads;
    to.store4(chunk / 32 * kOuterStride + chunk % 32 * 4, staged.chunk[c]);
  }
}

/// The same without registers: [row][word], [word][column].
template <class P>
MEANFIELD_DEVICE void send_inner(int thread, const Operand& operand, int64_t first, int64_t from, Shared to) {
  MEANFIELD_UNROLL_FOR (int c = 0; c < Staged<P>::kChunks; ++c) {
    const int chunk = thread + c * P::kThreads;
    const int64_t row = first + chunk / 4, at = from + chunk % 4 * 4;
    const bool there = row < operand.rows && at + 4 <= operand.stride;
    to.send4(chunk / 4 * kInnerStride + chunk % 4 * 4, there ? operand.row(row) + at : operand.data, there);
  }
}
template <class P>
MEANFIELD_DEVICE void send_outer(int thread, const Operand& operand, int64_t first, int64_t from, Shared to) {
  MEANFIELD_UNROLL_FOR (int c = 0; c < Staged<P>::kChunks; ++c) {
    const int chunk = thread + c * P::kThreads;
    const int64_t row = from + chunk / 32, at = first + chunk % 32 * 4;
    const bool there = row < operand.rows && at + 4 <= operand.stride;
    to.send4(chunk / 32 * kOuterStride + chunk % 32 * 4, there ? operand.row(row) + at : operand.data, there);
  }
}

/// tile = Σ_c a[a0 + row][c] b[b0 + column][c], or with kOuter Σ_c a[a0 + row][c] b[c][b0 + column], c < depth. Begins with a
/// barrier and ends with one: the caller may use the shared words for other things in between.
template <class P, bool kOuter>
MEANFIELD_DEVICE void multiply(Block& block, Shared shared, const Operand& a, int64_t a0, const Operand& b, int64_t b0,
                               int64_t depth, PerThread<typename P::Tile>& tile) {
  PerThread<Staged<P>> rows = block.per_thread<Staged<P>>(), columns = block.per_thread<Staged<P>>();
  constexpr int kDepth = kStageWords * P::kPerWord;
  const auto fetch = [&](int64_t from) {
    block.each([&](int thread) {
      fetch_inner<P>(thread, a, a0, from, rows[thread]);
      if constexpr (kOuter)
        fetch_outer<P>(thread, b, b0, from, columns[thread]);
      else
        fetch_inner<P>(thread, b, b0, from, columns[thread]);
    });
  };
  const auto place = [&](int stage) {
    block.each([&](int thread) {
      place_inner<P>(thread, rows[thread], shared.from(2 * stage * kOperandWords));
      if constexpr (kOuter)
        place_outer<P>(thread, columns[thread], shared.from((2 * stage + 1) * kOperandWords));
      else
        place_inner<P>(thread, columns[thread], shared.from((2 * stage + 1) * kOperandWords));
    });
  };
  block.each([&](int thread) {
    MEANFIELD_UNROLL_FOR (int i = 0; i < P::kI; ++i)
      MEANFIELD_UNROLL_FOR (int j = 0; j < P::kJ; ++j) tile[thread].v[i][j] = 0;
  });
  int stage = 0;
  if (P::kPerWord == 1 && Block::sends()) {
    const auto send = [&](int to, int64_t from) {
      block.each([&](int thread) {
        send_inner<P>(thread, a, a0, from, shared.from(2 * to * kOperandWords));
        if constexpr (kOuter)
          send_outer<P>(thread, b, b0, from, shared.from((2 * to + 1) * kOperandWords));
        else
          send_inner<P>(thread, b, b0, from, shared.from((2 * to + 1) * kOperandWords));
      });
    };
    block.barrier();
    send(0, 0);
    block.arrived();
    block.barrier();
    for (int64_t from = 0; from < depth; from += kDepth, stage ^= 1) {
      if (from + kDepth < depth) send(stage ^ 1, from + kDepth);
      P::template multiply_stage<kOuter>(block, shared.from(2 * stage * kOperandWords),
                                         shared.from((2 * stage + 1) * kOperandWords), tile);
      block.arrived();
      block.barrier();
    }
    return;
  }
  fetch(0);
  block.barrier();
  place(0);
  block.barrier();
  for (int64_t from = 0; from < depth; from += kDepth, stage ^= 1) {
    const bool more = from + kDepth < depth;
    if (more) fetch(from + kDepth);
    P::template multiply_stage<kOuter>(block, shared.from(2 * stage * kOperandWords),
                                       shared.from((2 * stage + 1) * kOperandWords), tile);
    if (more) place(stage ^ 1);
    block.barrier();
  }
}

}  // namespace cuda
}  // namespace meanfield
