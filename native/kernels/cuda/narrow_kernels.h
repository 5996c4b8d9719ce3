// Few inputs (at most 32) and outputs (at most 16): there the activation, not the product, is the floor, and a particle
// fits into the registers of a thread.
//
// Outputs: a thread holds two rows and the particles stream past in shared memory. Drift: a lane holds a particle, eight
// warps share the rows, and a block makes all inner steps of its particles before it writes them back (the frozen-target
// loop of dual averaging, fictitious play and coordinate ascent in one launch).
#pragma once
#include "native/kernels/cuda/particle_kernels.h"

namespace meanfield {
namespace cuda {

constexpr int kNarrowInputs = 32, kNarrowOutputs = 16;

/// Row `row` of an operand into kWidth shared words; zeros beyond its stride and past its last row.
template <int kWidth>
MEANFIELD_DEVICE void place_row(const Operand& operand, int64_t row, int part, Shared to) {
  if constexpr (kWidth == 1) {
    to.store_float(0, row < operand.rows ? *operand.row(row) : 0.0f);
  } else {
    const bool there = row < operand.rows && 4 * part + 4 <= operand.stride;
    to.store4(4 * part, there ? load_words(operand.row(row) + 4 * part) : Words{});
  }
}

/// kRows rows from `first` on, by all threads of a block.
template <int kWidth, int kRows, int kThreads>
MEANFIELD_DEVICE void place_rows(int thread, const Operand& operand, int64_t first, Shared to) {
  constexpr int kParts = kWidth == 1 ? 1 : kWidth / 4;
  for (int at = thread; at < kRows * kParts; at += kThreads)
    place_row<kWidth>(operand, first + at / kParts, at % kParts, to.from(at / kParts * kWidth));
}

template <int kD>
struct RowOf {
  float v[kD];
};

/// Block (256 rows, split).
template <int kD, int kK, bool kFast>
struct NarrowOutputs {
  static constexpr int kThreads = 128, kBlocks = 4, kRows = 2, kBatch = 128;
  Operand particles, rows, c;
  Activation activation;
  int32_t k;
  int64_t splitBatches;  // batches of particles in a split
  double* partial;       // split × rows × k

  MEANFIELD_DEVICE void operator()(Block& block) const {
    struct State {
      RowOf<kD> x[kRows];
      RowOf<kK> sum[kRows];
    };
    constexpr int kPart = kD / 4;
    Shared shared = block.shared<kBatch*(kD + kK)>(), weights = shared.from(kBatch * kD);
    PerThread<State> state = block.per_thread<State>();
    const auto row_of = [&](int thread, int i) { return block.x() * kRows * kThreads + i * kThreads + thread; };
    const int64_t batches = (particles.rows + kBatch - 1) / kBatch, begin = block.y() * splitBatches;
    const int64_t end = begin + splitBatches < batches ? begin + splitBatches : batches;
    block.each([&](int thread) {
      MEANFIELD_UNROLL_FOR (int i = 0; i < kRows; ++i)
        MEANFIELD_UNROLL_FOR (int part = 0; part < kPart; ++part) {
          const int64_t row = row_of(thread, i);
          const Words words =
              row < rows.rows && 4 * part + 4 <= rows.stride ? load_words(rows.row(row) + 4 * part) : Words{};
          MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e) state[thread].x[i].v[4 * part + e] = float_of(words.w[e]);
        }
    });
    for (int64_t batch = begin; batch < end; ++batch) {
      block.barrier();
      block.each([&](int thread) {
        place_rows<kD, kBatch, kThreads>(thread, particles, batch * kBatch, shared);
        place_rows<kK, kBatch, kThreads>(thread, c, batch * kBatch, weights);
      });
      block.barrier();
      block.each([&](int thread) {
        State& mine = state[thread];
        MEANFIELD_UNROLL_FOR (int i = 0; i < kRows; ++i)
          MEANFIELD_UNROLL_FOR (int j = 0; j < kK; ++j) mine.sum[i].v[j] = 0;
        with_activation(activation, [&](auto is) {
          MEANFIELD_UNROLL_TWICE_FOR (int r = 0; r < kBatch; ++r) {
            float s[kRows] = {};
            MEANFIELD_UNROLL_FOR (int part = 0; part < kPart; ++part) {
              const Words w = shared.load4(r * kD + 4 * part);
              MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e)
                MEANFIELD_UNROLL_FOR (int i = 0; i < kRows; ++i)
                  s[i] = fmaf(mine.x[i].v[4 * part + e], float_of(w.w[e]), s[i]);
            }
            MEANFIELD_UNROLL_FOR (int i = 0; i < kRows; ++i) s[i] = unit<decltype(is)::value, kFast>(s[i]).value;
            MEANFIELD_UNROLL_FOR (int j = 0; j < kK; ++j) {
              const float weight = weights.load_float(r * kK + j);
              MEANFIELD_UNROLL_FOR (int i = 0; i < kRows; ++i) mine.sum[i].v[j] = fmaf(weight, s[i], mine.sum[i].v[j]);
            }
          }
        });
        MEANFIELD_UNROLL_FOR (int i = 0; i < kRows; ++i) {
          const int64_t row = row_of(thread, i);
          if (row >= rows.rows) continue;
          double* to = partial + (block.y() * rows.rows + row) * k;
          MEANFIELD_UNROLL_FOR (int j = 0; j < kK; ++j)
            if (j < k) to[j] = (batch == begin ? 0.0 : to[j]) + static_cast<double>(mine.sum[i].v[j]);
        }
      });
    }
  }
};

/// All `repeats` updates of 32 particles a block, or their gradient. Partial sums are in float32 over 128 rows, in double
/// above.
template <int kD, int kK, bool kFast>
struct NarrowDrift {
  static constexpr int kThreads = 256, kBlocks = 2, kWarps = 8, kLanes = 32;
  static constexpr int kChunk = 64, kPiece = 1024;                // rows staged at once; rows added up in float32
  static constexpr int kPadded = kD + kK;                         // coordinates: weights, then from kD on the tail
  static constexpr int kGroup = 16;                               // coordinates reduced at once
  static constexpr int kQuads = (kPadded / 4 + kWarps) / kWarps;  // of a warp: quad warp + 8 m of the p coordinates
  Particles particles;
  Operand rows, omega;
  const double* omegaSum;
  int64_t repeats;
  uint64_t firstStep;
  Motion motion;
  float* gradient;           // count × p: wanted instead of the update; else nullptr
  const volatile int* stop;  // raised by the host: the block ends where it is

  struct State {
    float w[kD], g[kD], c[kK], tail[kK];
  };
  struct Owned {
    double total[4 * kQuads];
  };

  MEANFIELD_DEVICE void operator()(Block& block) const {
    constexpr int kRowWords = kD + kK, kReduce = kChunk * kRowWords, kTheta = kReduce + kWarps * kGroup * kLanes,
                  kStop = kTheta + (kPadded + 4) * kLanes;
    Shared shared = block.shared<kStop + 4>(), omegas = shared.from(kChunk * kD), reduce = shared.from(kReduce),
           theta = shared.from(kTheta), stopped = shared.from(kStop);
    PerThread<State> state = block.per_thread<State>();
    PerThread<Owned> owned = block.per_thread<Owned>();
    const Neuron neuron = particles.neuron;
    const int inputs = static_cast<int>(particles.inputs), tails = neuron.tail(), p = inputs + tails,
              k = neuron.outputs;
    const auto particle_of = [&](int thread) { return block.x() * kLanes + thread % kLanes; };
    const auto global = [&](int64_t r, int coordinate) {
      return coordinate < inputs ? particles.weight(r) + coordinate : particles.tail(r) + (coordinate - inputs);
    };
    /// f(thread's index of the coordinate, coordinate) for the coordinates that this thread owns of its lane's particle.
    const auto each_owned = [&](int thread, auto&& f) {
      MEANFIELD_UNROLL_FOR (int m = 0; m < kQuads; ++m)
        MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e) {
          const int coordinate = 4 * (thread / kLanes + kWarps * m) + e;
          if (coordinate < p) f(4 * m + e, coordinate);
        }
    };
    block.each([&](int thread) {
      const int64_t r = particle_of(thread);
      each_owned(thread, [&](int, int coordinate) {
        theta.store_float(coordinate * kLanes + thread % kLanes, r < particles.count ? *global(r, coordinate) : 0.0f);
      });
    });
    bool halted = false;
    for (int64_t repeat = 0; repeat < repeats && !halted; ++repeat) {
      block.barrier();
      block.each([&](int thread) {
        State& mine = state[thread];
        const int lane = thread % kLanes;
        MEANFIELD_UNROLL_FOR (int a = 0; a < kD; ++a)
          mine.w[a] = a < inputs ? theta.load_float(a * kLanes + lane) : 0.0f;
        MEANFIELD_UNROLL_FOR (int j = 0; j < kK; ++j) {
          const float tail = j < tails ? theta.load_float((inputs + j) * kLanes + lane) : 0.0f;
          mine.c[j] = j < k ? output_weight(neuron, particles.number(particle_of(thread)), tail, j) : 0.0f;
        }
        MEANFIELD_UNROLL_FOR (int i = 0; i < 4 * kQuads; ++i) owned[thread].total[i] = 0;
      });
      for (int64_t piece = 0; piece < rows.rows && !halted; piece += kPiece) {
        block.each([&](int thread) {
          if (thread == 0) stopped.store(0, static_cast<uint32_t>(*stop));
          MEANFIELD_UNROLL_FOR (int a = 0; a < kD; ++a) state[thread].g[a] = 0;
          MEANFIELD_UNROLL_FOR (int j = 0; j < kK; ++j) state[thread].tail[j] = 0;
        });
        const int64_t end = piece + kPiece < rows.rows ? piece + kPiece : rows.rows;
        for (int64_t chunk = piece; chunk < end && !halted; chunk += kChunk) {
          block.barrier();
          block.each([&](int thread) {
            place_rows<kD, kChunk, kThreads>(thread, rows, chunk, shared);
            place_rows<kK, kChunk, kThreads>(thread, omega, chunk, omegas);
          });
          block.barrier();
          block.each([&](int thread) {
            halted = stopped.load(0) != 0;
            const int rowsLeft = static_cast<int>(end - chunk < kChunk ? end - chunk : kChunk);
            add_rows(thread / kLanes, rowsLeft, shared, omegas, state[thread]);
          });
        }
        for (int first = 0; first < kPadded; first += kGroup) {
          block.barrier();
          block.each([&](int thread) {
            const State& mine = state[thread];
            const auto store = [&](int padded, float value) {
              if (padded >= first && padded < first + kGroup)
                reduce.store_float((thread / kLanes * kGroup + padded - first) * kLanes + thread % kLanes, value);
            };
            MEANFIELD_UNROLL_FOR (int a = 0; a < kD; ++a) store(a, kK == 1 ? mine.g[a] * mine.c[0] : mine.g[a]);
            MEANFIELD_UNROLL_FOR (int j = 0; j < kK; ++j) store(kD + j, mine.tail[j]);
          });
          block.barrier();
          block.each([&](int thread) {
            each_owned(thread, [&](int i, int coordinate) {
              const int padded = coordinate < inputs ? coordinate : kD + coordinate - inputs;
              if (padded < first || padded >= first + kGroup) return;
              float sum = 0;
              for (int warp = 0; warp < kWarps; ++warp)
                sum += reduce.load_float((warp * kGroup + padded - first) * kLanes + thread % kLanes);
              owned[thread].total[i] += static_cast<double>(sum);
            });
          });
        }
      }
      block.each([&](int thread) {
        finish(thread, particle_of(thread), firstStep + repeat, theta, owned[thread], each_owned);
      });
    }
    if (gradient) return;
    block.each([&](int thread) {
      const int64_t r = particle_of(thread);
      if (r < particles.count)
        each_owned(thread, [&](int, int coordinate) {
          *global(r, coordinate) = theta.load_float(coordinate * kLanes + thread % kLanes);
        });
    });
  }

 private:
  /// A warp's rows of a chunk: G += ω σ' x (times c in the end when k = 1), moments += ω σ.
  MEANFIELD_DEVICE void add_rows(int warp, int count, Shared x, Shared omegas, State& mine) const {
    with_activation(particles.neuron.activation, [&](auto is) {
      MEANFIELD_ROLLED_FOR (int row = warp; row < count; row += kWarps) {
        float v[kD], s = 0, pull = 0;
        MEANFIELD_UNROLL_FOR (int a = 0; a < kD; a += 4) {
          const Words words = x.load4(row * kD + a);
          MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e) {
            v[a + e] = float_of(words.w[e]);
            s = fmaf(v[a + e], mine.w[a + e], s);
          }
        }
        const Unit one = unit<decltype(is)::value, kFast>(s);
        MEANFIELD_UNROLL_FOR (int j = 0; j < kK; ++j) {
          const float weight = omegas.load_float(row * kK + j);
          mine.tail[j] = fmaf(weight, one.value, mine.tail[j]);
          pull = kK == 1 ? weight : fmaf(weight, mine.c[j], pull);
        }
        const float delta = pull * one.slope;
        MEANFIELD_UNROLL_FOR (int a = 0; a < kD; ++a) mine.g[a] = fmaf(delta, v[a], mine.g[a]);
      }
    });
  }

  /// The owned coordinates of a particle: moved, or their gradient written.
  template <class EachOwned>
  MEANFIELD_DEVICE void finish(int thread, int64_t r, uint64_t step, Shared theta, const Owned& sums,
                               const EachOwned& each_owned) const {
    if (r >= particles.count) return;
    const Neuron neuron = particles.neuron;
    Normals4 normals[kQuads] = {};
    if (!gradient && motion.noise != 0) {
      MEANFIELD_UNROLL_FOR (int m = 0; m < kQuads; ++m) {
        const int quad = thread / kLanes + kWarps * m;
        if (4 * quad < particles.parameters())
          normals[m] =
              normals4(motion.field, step, static_cast<uint32_t>(particles.number(r)), static_cast<uint32_t>(quad));
      }
    }
    each_owned(thread, [&](int i, int coordinate) {
      const int at = coordinate * kLanes + thread % kLanes;
      const float value = theta.load_float(at);
      double g = sums.total[i];
      if (coordinate >= particles.inputs)
        g = tail_gradient(
            neuron, value,
            neuron.secondLayer == SecondLayer::Bounded ? g : parity_moment(neuron, particles.number(r), omegaSum));
      if (gradient)
        gradient[r * particles.parameters() + coordinate] = static_cast<float>(g);
      else
        theta.store_float(at, motion.apply(value, static_cast<float>(g), normals[i / 4].value[i % 4]));
    });
  }
};

}  // namespace cuda
}  // namespace meanfield
