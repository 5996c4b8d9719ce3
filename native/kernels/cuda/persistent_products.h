// Several steps with frozen weights in tf32 and bf16: one launch, in which a block keeps its particles on the chip, streams the rows past
// them, and makes both products, S = Θ Xᵀ and G += Δᵀ X, with mma.sync. docs/gpu.md counts where that pays.
//
// 32 particles are the business of kSplits warps, to which the columns of θ and x are dealt out in groups of 16. A warp keeps its
// columns of Θ, rounded, and of G in the fragments of mma.sync, in registers, and lane t of a row of lanes has columns 4t … 4t + 3 of a
// group in both. It makes its part of S for 16 rows at a time; the parts meet in shared memory, are activated there, and Δ
// comes back to all warps, each of which multiplies it with its own columns of the rows. Rows are rounded once a call (RoundRows), so that
// they come by cp.async as they are wanted. float32 θ, and sums of G in double above 1024 rows, are in device memory: they are
// touched once a step, or once in 1024 rows.
//
// The order of every sum is that of the columns and rows alone: neither the rows that a block holds at a time nor the device changes a bit.
#pragma once
#include "native/kernels/cuda/particle_kernels.h"
#include "native/kernels/cuda/rounded_rows.h"

namespace meanfield {
namespace cuda {

struct alignas(16) Doubles {
  double v[2];
};
/// 16 bytes of device memory at once. They may change while the kernel runs, unlike those of load_words.
template <class T>
MEANFIELD_DEVICE T load_aligned(const void* from) {
#ifdef __CUDA_ARCH__
  return *static_cast<const T*>(from);
#else
  T value;
  memcpy(&value, from, sizeof value);
  return value;
#endif
}
template <class T>
MEANFIELD_DEVICE void store_aligned(void* to, const T& value) {
#ifdef __CUDA_ARCH__
  *static_cast<T*>(to) = value;
#else
  memcpy(to, &value, sizeof value);
#endif
}

/// All `repeats` updates of kParticles particles a block.
template <Precision kOf, int kTeams>
struct HeldProducts {
  static constexpr bool kAlone = true;
  static constexpr Precision kPrecision = kOf;
  static constexpr int kThreads = 256, kBlocks = 1, kSplits = 8 / kTeams, kParticles = 32 * kTeams;
  static constexpr int kPerWord = kOf == Precision::Bf16 ? 2 : 1, kSteps = 2 / kPerWord;  // of mma.sync for 16 columns
  static constexpr int kMost = kOf == Precision::Bf16 ? 7 : 5;                            // groups a warp has room for
  static constexpr int kColumns = kMost * kSplits * kGroupColumns, kOutputs = 16, kPiece = 1024;
  static constexpr int kPartialStride = kParticles + 2 * kPerWord, kDeltaStride = kParticles + 8;

  /// Words of shared memory from which on things lie.
  struct Places {
    int omegas, parts, delta, c, moments, stopped, end;

    /// Rows of `stride` words before them, two chunks, and weights of rows, `weights` words each.
    static Places of(int chunk, int stride, int weights, int k) {
      Places at{};
      at.omegas = 2 * chunk * stride;              // rows: [chunk in turn][row][word]
      at.parts = at.omegas + 2 * chunk * weights;  // ω: [chunk in turn][row][output]
      at.delta =
          at.parts + kSplits * chunk * kPartialStride;    // S: [split][row][particle]; later σ in the place of split 0
      at.c = at.delta + chunk / kPerWord * kDeltaStride;  // Δ: [word of rows][particle]
      at.moments = at.c + k * kParticles;                 // c: [output][particle]
      at.stopped = at.moments + k * kParticles;           // moments: [output][particle]
      at.end = at.stopped + 1;
      return at;
    }
  };

  Particles particles;
  RoundedRows rows;
  Operand omega;  // zeros up to a multiple of kMostHeldRows
  const double* omegaSum;
  double* total;    // G: particles × stride
  double* moments;  // particles × k
  int64_t repeats;
  uint64_t firstStep;
  Motion motion;
  const volatile int* stop;  // raised by the host: the block ends where it is
  int chunk;                 // rows at a time
  Places at;

  int shared_words() const { return at.end; }

  struct State {
    float g[kMost][2][2][4];              // group, tile of 8 columns, 16 particles
    uint32_t theta[kMost][kSteps][2][4];  // group, step, 16 particles
  };

  MEANFIELD_DEVICE void operator()(Block& block) const {
    Shared x = block.shared(at.end), c = x.from(at.c), stopped = x.from(at.stopped);
    PerThread<State> state = block.per_thread<State>();
    const Neuron& neuron = particles.neuron;
    const int k = neuron.outputs, tails = neuron.tail();
    const int64_t first = block.x() * kParticles;
    const auto send = [&](int64_t from, int stage) {
      block.each([&](int thread) {
        const int words = chunk * rows.stride, weights = chunk * weight_words();
        for (int word = 4 * thread; word < words; word += 4 * kThreads)
          x.send4(stage * words + word, reinterpret_cast<const float*>(rows.words + from * rows.stride + word), true);
        MEANFIELD_ROLLED_FOR (int word = 4 * thread; word < weights; word += 4 * kThreads)
          x.send4(at.omegas + stage * weights + word, omega.row(from) + word, true);
      });
    };
    bool halted = false;
    for (int64_t repeat = 0; repeat < repeats; ++repeat) {
      send(0, 0);
      block.each([&](int thread) {
        take(thread, first, state[thread]);
        MEANFIELD_ROLLED_FOR (int i = thread; i < k * kParticles; i += kThreads) {
          const int64_t r = first + i % kParticles;
          const int j = i / kParticles;
          const float tail = j < tails && r < particles.count ? particles.tail(r)[j] : 0.0f;
          c.store_float(i, output_weight(neuron, particles.number(r), tail, j));
        }
      });
      int stage = 0;
      for (int64_t row = 0; row < rows.count && !halted; row += chunk, stage ^= 1) {
        if (row % kPiece == 0)
          block.each([&](int thread) {
            if (thread == 0) stopped.store(0, static_cast<uint32_t>(*stop));
            begin(thread, x, state[thread]);
          });
        block.arrived();
        block.barrier();
        if (row + chunk < rows.count) send(row + chunk, stage ^ 1);
        multiply(block, x, stage, state);
        block.barrier();
        block.each([&](int thread) {
          halted = stopped.load(0) != 0;
          activate(thread, x, stage);
        });
        block.barrier();
        add(block, x, stage, state);
        block.each([&](int thread) { add_moments(thread, x, stage, rows.count - row); });
        if ((row + chunk) % kPiece == 0 || row + chunk >= rows.count)
          block.each([&](int thread) { fold(thread, x, first, row < kPiece, state[thread]); });
      }
      block.arrived();
      block.barrier();
      if (halted) return;
      block.each([&](int thread) {
        const int quads = static_cast<int>((particles.parameters() + 3) / 4);
        const Drift drift{total, particles.stride, moments, omegaSum};
        MEANFIELD_ROLLED_FOR (int i = thread; i < kParticles * quads; i += kThreads) {
          const int64_t r = first + i / quads;
          if (r < particles.count)
            move_quad(particles, drift, motion, firstStep + static_cast<uint64_t>(repeat), r, i % quads);
        }
      });
      block.barrier();
    }
  }

 private:
  MEANFIELD_DEVICE int weight_words() const { return static_cast<int>(omega.stride); }
  /// Row of a chunk's 16 that column q of tile n of a product Θ Xᵀ stands for: such that four words of eight rows lie in different banks.
  MEANFIELD_DEVICE static constexpr int row_of(int n, int q) { return kOf == Precision::Bf16 ? 8 * n + q : 2 * q + n; }
  MEANFIELD_DEVICE static int split_of(int thread) { return thread / 32 % kSplits; }
  /// The first of the 32 particles of a warp.
  MEANFIELD_DEVICE static int team_of(int thread) { return thread / 32 / kSplits * 32; }

  /// f(group in registers, sixteen, half, particle, first column) for the quads of numbers that a thread has in its fragments.
  template <class F>
  MEANFIELD_DEVICE void each_quad(int thread, int64_t first, F&& f) const {
    MEANFIELD_UNROLL_FOR (int i = 0; i < kMost; ++i)
      MEANFIELD_UNROLL_FOR (int m = 0; m < 2; ++m)
        MEANFIELD_UNROLL_FOR (int half = 0; half < 2; ++half)
          f(i, m, half, first + team_of(thread) + 16 * m + 8 * half + thread % 32 / 4,
            (split_of(thread) + kSplits * i) * kGroupColumns + 4 * (thread % 4));
  }

  /// The thread's numbers of Θ. What lies between the inputs and the stride is zero.
  MEANFIELD_DEVICE void take(int thread, int64_t first, State& mine) const {
    each_quad(thread, first, [&](int i, int m, int half, int64_t r, int column) {
      Words words{};
      if (r < particles.count && column < particles.inputs) words = load_aligned<Words>(particles.weight(r) + column);
      const uint32_t* v = words.w;
      MEANFIELD_UNROLL_FOR (int step = 0; step < kSteps; ++step)
        MEANFIELD_UNROLL_FOR (int word = 0; word < 2; ++word)
          mine.theta[i][step][m][2 * word + half] =
              kOf == Precision::Bf16 ? bf16_of(v[2 * word], v[2 * word + 1]) : tf32_of(v[2 * step + word]);
    });
  }
  MEANFIELD_DEVICE void begin(int thread, Shared x, State& mine) const {
    MEANFIELD_UNROLL_FOR (int i = 0; i < kMost; ++i)
      MEANFIELD_UNROLL_FOR (int e = 0; e < 16; ++e) mine.g[i][e / 8][e / 4 % 2][e % 4] = 0;
    MEANFIELD_ROLLED_FOR (int i = thread; i < particles.neuron.outputs * kParticles; i += kThreads)
      x.store_float(at.moments + i, 0);
  }

  /// Whether a warp has an i-th group.
  MEANFIELD_DEVICE bool has(int warp, int i) const { return i < kMost && warp % kSplits + kSplits * i < rows.groups; }

  /// The warps' parts of S. Factors of the next group are on their way while one is multiplied.
  MEANFIELD_DEVICE void multiply(Block& block, Shared x, int stage, PerThread<State>& state) const {
    struct Part {
      float s[2][2][4];             // tile of 8 rows, 16 particles
      uint32_t b[2][2][kSteps][2];  // group in turn, tile, step
    };
    PerThread<Part> part = block.per_thread<Part>();
    block.each_warp([&](int warp) {
      MEANFIELD_ROLLED_FOR (int row = 0; row < chunk; row += 16) {
        const auto load = [&](int i) {
          block.lanes(warp, [&](int thread) {
            const int group = split_of(thread) + kSplits * i, t = thread % 4;
            MEANFIELD_UNROLL_FOR (int n = 0; n < 2; ++n) {
              const int from = (stage * chunk + row + row_of(n, thread % 32 / 4)) * rows.stride;
              auto& b = part[thread].b[i % 2][n];
              if constexpr (kOf == Precision::Bf16) {
                const Pair words = x.load2(from + 8 * group + 2 * t);
                MEANFIELD_UNROLL_FOR (int e = 0; e < 2; ++e) b[0][e] = words.w[e];
              } else {
                const Words words = x.load4(from + 16 * group + 4 * t);
                MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e) b[e / 2][e % 2] = words.w[e];
              }
            }
          });
        };
        block.lanes(warp, [&](int thread) {
          MEANFIELD_UNROLL_FOR (int e = 0; e < 16; ++e) part[thread].s[e / 8][e / 4 % 2][e % 4] = 0;
        });
        if (has(warp, 0)) load(0);
        MEANFIELD_UNROLL_FOR (int i = 0; i < kMost; ++i)
          if (has(warp, i)) {
            if (has(warp, i + 1)) load(i + 1);
            MEANFIELD_UNROLL_FOR (int step = 0; step < kSteps; ++step)
              MEANFIELD_UNROLL_FOR (int n = 0; n < 2; ++n)
                MEANFIELD_UNROLL_FOR (int m = 0; m < 2; ++m)
                  multiply_add<kOf>(
                      warp, [&](int thread) { return state[thread].theta[i][step][m]; },
                      [&](int thread) { return part[thread].b[i % 2][n][step]; },
                      [&](int thread) { return part[thread].s[n][m]; });
          }
        block.lanes(warp, [&](int thread) {
          const int to =
              at.parts + (split_of(thread) * chunk + row) * kPartialStride + team_of(thread) + thread % 32 / 4;
          MEANFIELD_UNROLL_FOR (int n = 0; n < 2; ++n)
            MEANFIELD_UNROLL_FOR (int m = 0; m < 2; ++m)
              MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e)
                x.store_float(to + row_of(n, 2 * (thread % 4) + e % 2) * kPartialStride + 16 * m + 8 * (e / 2),
                              part[thread].s[n][m][e]);
        });
      }
    });
  }

  /// Δ, and σ in the place of the first part of S. A thread takes rows that lie four apart: one word of bf16.
  MEANFIELD_DEVICE void activate(int thread, Shared x, int stage) const {
    const int lane = thread % 32, warp = thread / 32, k = particles.neuron.outputs, weights = weight_words();
    with_activation(particles.neuron.activation, [&](auto is) {
      MEANFIELD_ROLLED_FOR (int row = warp % 4 + warp / 4 * 8; row < chunk; row += 16)
        MEANFIELD_ROLLED_FOR (int particle = lane; particle < kParticles; particle += 32) {
          uint32_t delta[2];
          MEANFIELD_UNROLL_FOR (int e = 0; e < 2; ++e) {
            const int part = at.parts + (row + 4 * e) * kPartialStride + particle;
            float s = 0, pull = 0;
            MEANFIELD_UNROLL_FOR (int split = 0; split < kSplits; ++split)
              s += x.load_float(part + split * chunk * kPartialStride);
            const Unit one = unit<decltype(is)::value, true>(s);
            for (int j = 0; j < k; ++j)
              pull = fmaf(x.load_float(at.omegas + (stage * chunk + row + 4 * e) * weights + j),
                          x.load_float(at.c + j * kParticles + particle), pull);
            x.store_float(part, one.value);
            delta[e] = bits_of(pull * one.slope);
          }
          if constexpr (kOf == Precision::Bf16) {
            x.store(at.delta + (row / 16 * 8 + warp) * kDeltaStride + particle, bf16_of(delta[0], delta[1]));
          } else {
            MEANFIELD_UNROLL_FOR (int e = 0; e < 2; ++e)
              x.store(at.delta + (row + 4 * e) * kDeltaStride + particle, tf32_of(delta[e]));
          }
        }
    });
  }

  /// The warps' columns of G += Δᵀ X. Words of a step stand for rows t and t + 4, or in bf16 for t, t + 4 | t + 8, t + 12.
  MEANFIELD_DEVICE void add(Block& block, Shared x, int stage, PerThread<State>& state) const {
    struct Factors {
      uint32_t a[2][4], b[2][2][2];  // 16 particles; group in turn, tile of 8 columns
    };
    PerThread<Factors> factors = block.per_thread<Factors>();
    block.each_warp([&](int warp) {
      MEANFIELD_ROLLED_FOR (int word = 0; word < chunk / kPerWord; word += 8) {
        const auto load = [&](int i) {
          block.lanes(warp, [&](int thread) {
            const int group = split_of(thread) + kSplits * i, lane = thread % 32 / 4;
            const int from = (stage * chunk + word * kPerWord + thread % 4) * rows.stride;
            auto& b = factors[thread].b[i % 2];
            MEANFIELD_UNROLL_FOR (int e = 0; e < 2; ++e) {
              if constexpr (kOf == Precision::Bf16) {
                const uint32_t low = x.load(from + 8 * e * rows.stride + 8 * group + lane),
                               high = x.load(from + (8 * e + 4) * rows.stride + 8 * group + lane);
                b[0][e] = (low & 0xFFFFu) | high << 16;
                b[1][e] = low >> 16 | (high & 0xFFFF0000u);
              } else {
                const Pair words = x.load2(from + 4 * e * rows.stride + 16 * group + 2 * lane);
                MEANFIELD_UNROLL_FOR (int n = 0; n < 2; ++n) b[n][e] = words.w[n];
              }
            }
          });
        };
        block.lanes(warp, [&](int thread) {
          const int from = at.delta + (word + thread % 4) * kDeltaStride + team_of(thread) + thread % 32 / 4;
          MEANFIELD_UNROLL_FOR (int m = 0; m < 2; ++m)
            MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e)
              factors[thread].a[m][e] = x.load(from + e / 2 * 4 * kDeltaStride + 16 * m + 8 * (e % 2));
        });
        if (has(warp, 0)) load(0);
        MEANFIELD_UNROLL_FOR (int i = 0; i < kMost; ++i)
          if (has(warp, i)) {
            if (has(warp, i + 1)) load(i + 1);
            MEANFIELD_UNROLL_FOR (int n = 0; n < 2; ++n)
              MEANFIELD_UNROLL_FOR (int m = 0; m < 2; ++m)
                multiply_add<kOf>(
                    warp, [&](int thread) { return factors[thread].a[m]; },
                    [&](int thread) { return factors[thread].b[i % 2][n]; },
                    [&](int thread) { return state[thread].g[i][n][m]; });
          }
      }
    });
  }
  MEANFIELD_DEVICE void add_moments(int thread, Shared x, int stage, int64_t left) const {
    if (particles.neuron.secondLayer != SecondLayer::Bounded) return;
    const int k = particles.neuron.outputs, count = static_cast<int>(left < chunk ? left : chunk);
    MEANFIELD_ROLLED_FOR (int i = thread; i < k * kParticles; i += kThreads) {
      float sum = x.load_float(at.moments + i);
      for (int row = 0; row < count; ++row)
        sum = fmaf(x.load_float(at.omegas + (stage * chunk + row) * weight_words() + i / kParticles),
                   x.load_float(at.parts + row * kPartialStride + i % kParticles), sum);
      x.store_float(at.moments + i, sum);
    }
  }
  /// Adds up in double what at most 1024 rows have left.
  MEANFIELD_DEVICE void fold(int thread, Shared x, int64_t first, bool begins, const State& mine) const {
    each_quad(thread, first, [&](int i, int m, int half, int64_t r, int column) {
      if (r >= particles.count || column >= particles.inputs) return;
      double* to = total + r * particles.stride + column;
      MEANFIELD_UNROLL_FOR (int e = 0; e < 4; e += 2) {
        Doubles sum{};
        if (!begins) sum = load_aligned<Doubles>(to + e);
        MEANFIELD_UNROLL_FOR (int n = 0; n < 2; ++n)  // column 2q + n of the group is column q of tile n
          sum.v[n] += static_cast<double>(mine.g[i][n][m][2 * half + e / 2]);
        store_aligned(to + e, sum);
      }
    });
    if (particles.neuron.secondLayer != SecondLayer::Bounded) return;
    MEANFIELD_ROLLED_FOR (int i = thread; i < particles.neuron.outputs * kParticles; i += kThreads) {
      const int64_t r = first + i % kParticles;
      if (r >= particles.count) continue;
      double* to = moments + r * particles.neuron.outputs + i / kParticles;
      *to = (begins ? 0.0 : *to) + static_cast<double>(x.load_float(at.moments + i));
    }
  }
};

}  // namespace cuda
}  // namespace meanfield
