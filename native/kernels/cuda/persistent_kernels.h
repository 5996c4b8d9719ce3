// Several steps with frozen weights for networks of more than 32 inputs: one launch, in which a block keeps its 32 particles in
// registers for all steps and streams the rows past them.
//
// A particle of up to 32·kQuads numbers is spread over the eight warps of its lane: warp w has the groups of four numbers w,
// w + 8, …, which are also what one Philox call serves. For 16 rows at a time each thread adds up its part of θ·x, the parts meet in
// shared memory, each warp makes the activations of two rows, and each thread adds Δ x to its part of G. Bound: p ≤ 256 numbers
// and at most 16 outputs; more would not fit into the registers of a block. θ, G and the sums of G in double take four registers a number
// of a thread's kQuads groups of four.
#pragma once
#include "native/kernels/cuda/narrow_kernels.h"

namespace meanfield {
namespace cuda {

constexpr int kHeldNumbers = 256;

/// Partial sums are in float32 over 1024 rows, in double above, as in the other kernels.
template <int kQuads, int kK>
struct HeldDrift {
  static constexpr int kThreads = 256, kBlocks = kQuads <= 4 ? 2 : 1, kWarps = 8, kLanes = 32;
  static constexpr int kRows = 16, kPiece = 1024, kWidth = 32 * kQuads;
  Particles particles;
  Operand rows, omega;
  const double* omegaSum;
  int64_t repeats;
  uint64_t firstStep;
  Motion motion;
  const volatile int* stop;  // raised by the host: the block ends where it is

  struct State {
    float theta[kQuads][4], g[kQuads][4];
    double total[kQuads][4];
    float c[kK], tail[kK];
  };

  MEANFIELD_DEVICE void operator()(Block& block) const {
    constexpr int kOmegas = kRows * kWidth, kParts = kOmegas + kRows * kK, kDelta = kParts + kWarps * 16 * kLanes,
                  kTails = kDelta + kRows * kLanes, kStop = kTails + kK * kLanes;
    static_assert(kK <= 16 && kRows <= 16, "what is reduced over the warps has one place");
    Shared x = block.shared<kStop + 4>(), omegas = x.from(kOmegas), parts = x.from(kParts), delta = x.from(kDelta),
           tailsOf = x.from(kTails), stopped = x.from(kStop);
    PerThread<State> state = block.per_thread<State>();
    const Neuron neuron = particles.neuron;
    const int inputs = static_cast<int>(particles.inputs), tails = neuron.tail(), p = inputs + tails,
              k = neuron.outputs;
    const auto particle_of = [&](int thread) { return block.x() * kLanes + thread % kLanes; };
    /// f(group, place in it, coordinate) for the numbers of its lane's particle that a thread has.
    const auto each_owned = [&](int thread, auto&& f) {
      MEANFIELD_UNROLL_FOR (int m = 0; m < kQuads; ++m)
        MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e) {
          const int coordinate = 4 * (thread / kLanes + kWarps * m) + e;
          if (coordinate < p) f(m, e, coordinate);
        }
    };
    const auto global = [&](int64_t r, int coordinate) {
      return coordinate < inputs ? particles.weight(r) + coordinate : particles.tail(r) + (coordinate - inputs);
    };
    block.each([&](int thread) {
      const int64_t r = particle_of(thread);
      MEANFIELD_UNROLL_FOR (int m = 0; m < kQuads; ++m)
        MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e) state[thread].theta[m][e] = 0;
      if (r < particles.count)
        each_owned(thread, [&](int m, int e, int coordinate) { state[thread].theta[m][e] = *global(r, coordinate); });
    });
    bool halted = false;
    for (int64_t repeat = 0; repeat < repeats && !halted; ++repeat) {
      block.barrier();
      block.each([&](int thread) {
        State& mine = state[thread];
        each_owned(thread, [&](int m, int e, int coordinate) {
          if (coordinate >= inputs)
            tailsOf.store_float((coordinate - inputs) * kLanes + thread % kLanes, mine.theta[m][e]);
        });
        MEANFIELD_UNROLL_FOR (int m = 0; m < kQuads; ++m)
          MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e) mine.total[m][e] = 0;
      });
      block.barrier();
      block.each([&](int thread) {
        MEANFIELD_UNROLL_FOR (int j = 0; j < kK; ++j) {
          const float tail = j < tails ? tailsOf.load_float(j * kLanes + thread % kLanes) : 0.0f;
          state[thread].c[j] = j < k ? output_weight(neuron, particles.number(particle_of(thread)), tail, j) : 0.0f;
        }
      });
      for (int64_t piece = 0; piece < rows.rows && !halted; piece += kPiece) {
        block.each([&](int thread) {
          State& mine = state[thread];
          if (thread == 0) stopped.store(0, static_cast<uint32_t>(*stop));
          MEANFIELD_UNROLL_FOR (int m = 0; m < kQuads; ++m)
            MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e) mine.g[m][e] = 0;
          MEANFIELD_UNROLL_FOR (int j = 0; j < kK; ++j) mine.tail[j] = 0;
        });
        const int64_t end = piece + kPiece < rows.rows ? piece + kPiece : rows.rows;
        for (int64_t chunk = piece; chunk < end && !halted; chunk += kRows) {
          block.barrier();
          block.each([&](int thread) {
            place_rows<kWidth, kRows, kThreads>(thread, rows, chunk, x);
            place_rows<kK, kRows, kThreads>(thread, omega, chunk, omegas);
          });
          block.barrier();
          block.each([&](int thread) { multiply(thread, x, parts, state[thread]); });
          block.barrier();
          block.each([&](int thread) {
            halted = stopped.load(0) != 0;
            activate(thread, static_cast<int>(end - chunk < kRows ? end - chunk : kRows), parts, omegas, delta,
                     state[thread]);
          });
          block.barrier();
          block.each([&](int thread) { add(thread, x, delta, state[thread]); });
        }
        block.barrier();
        block.each([&](int thread) {
          MEANFIELD_UNROLL_FOR (int j = 0; j < kK; ++j)
            parts.store_float((thread / kLanes * kK + j) * kLanes + thread % kLanes, state[thread].tail[j]);
        });
        block.barrier();
        block.each([&](int thread) {
          each_owned(thread, [&](int m, int e, int coordinate) {
            float sum = state[thread].g[m][e];
            if (coordinate >= inputs) {
              sum = 0;
              for (int warp = 0; warp < kWarps; ++warp)
                sum += parts.load_float((warp * kK + coordinate - inputs) * kLanes + thread % kLanes);
            }
            state[thread].total[m][e] += static_cast<double>(sum);
          });
        });
      }
      block.each([&](int thread) {
        const int64_t r = particle_of(thread);
        if (r < particles.count) move(thread, r, firstStep + static_cast<uint64_t>(repeat), state[thread], each_owned);
      });
    }
    block.each([&](int thread) {
      const int64_t r = particle_of(thread);
      if (r < particles.count)
        each_owned(thread, [&](int m, int e, int coordinate) { *global(r, coordinate) = state[thread].theta[m][e]; });
    });
  }

 private:
  /// The thread's part of θ·x for every row of a chunk. Numbers beyond the inputs meet zeros.
  MEANFIELD_DEVICE void multiply(int thread, Shared x, Shared parts, const State& mine) const {
    const int warp = thread / kLanes;
    MEANFIELD_UNROLL_TWICE_FOR (int row = 0; row < kRows; ++row) {
      float s = 0;
      MEANFIELD_UNROLL_FOR (int m = 0; m < kQuads; ++m) {
        const Words words = x.load4(row * kWidth + 4 * (warp + kWarps * m));
        MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e) s = fmaf(float_of(words.w[e]), mine.theta[m][e], s);
      }
      parts.store_float((warp * kRows + row) * kLanes + thread % kLanes, s);
    }
  }
  /// Δ of the warp's two rows, and their part of the moments.
  MEANFIELD_DEVICE void activate(int thread, int count, Shared parts, Shared omegas, Shared delta, State& mine) const {
    const int lane = thread % kLanes;
    with_activation(particles.neuron.activation, [&](auto is) {
      MEANFIELD_ROLLED_FOR (int row = thread / kLanes; row < kRows; row += kWarps) {
        float pulled = 0;
        if (row < count) {
          float s = 0, pull = 0;
          MEANFIELD_UNROLL_FOR (int warp = 0; warp < kWarps; ++warp)
            s += parts.load_float((warp * kRows + row) * kLanes + lane);
          const Unit one = unit<decltype(is)::value, false>(s);
          MEANFIELD_UNROLL_FOR (int j = 0; j < kK; ++j) {
            const float weight = omegas.load_float(row * kK + j);
            mine.tail[j] = fmaf(weight, one.value, mine.tail[j]);
            pull = fmaf(weight, mine.c[j], pull);
          }
          pulled = pull * one.slope;
        }
        delta.store_float(row * kLanes + lane, pulled);
      }
    });
  }
  /// The thread's part of G += Δᵀ X.
  MEANFIELD_DEVICE void add(int thread, Shared x, Shared delta, State& mine) const {
    MEANFIELD_UNROLL_TWICE_FOR (int row = 0; row < kRows; ++row) {
      const float pulled = delta.load_float(row * kLanes + thread % kLanes);
      MEANFIELD_UNROLL_FOR (int m = 0; m < kQuads; ++m) {
        const Words words = x.load4(row * kWidth + 4 * (thread / kLanes + kWarps * m));
        MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e) mine.g[m][e] = fmaf(pulled, float_of(words.w[e]), mine.g[m][e]);
      }
    }
  }
  template <class EachOwned>
  MEANFIELD_DEVICE void move(int thread, int64_t r, uint64_t step, State& mine, const EachOwned& each_owned) const {
    const Neuron neuron = particles.neuron;
    Normals4 normals[kQuads] = {};
    if (motion.noise != 0) {
      MEANFIELD_UNROLL_FOR (int m = 0; m < kQuads; ++m) {
        const int quad = thread / kLanes + kWarps * m;
        if (4 * quad < particles.parameters())
          normals[m] =
              normals4(motion.field, step, static_cast<uint32_t>(particles.number(r)), static_cast<uint32_t>(quad));
      }
    }
    each_owned(thread, [&](int m, int e, int coordinate) {
      const float value = mine.theta[m][e];
      double g = mine.total[m][e];
      if (coordinate >= particles.inputs)
        g = tail_gradient(
            neuron, value,
            neuron.secondLayer == SecondLayer::Bounded ? g : parity_moment(neuron, particles.number(r), omegaSum));
      mine.theta[m][e] = motion.apply(value, static_cast<float>(g), normals[m].value[e]);
    });
  }
};

}  // namespace cuda
}  // namespace meanfield
