// Kernels over particles alone: second layer, update, gradient, energies, sums.
#pragma once
#include "native/kernels/cuda/tile_product.h"

namespace meanfield {
namespace cuda {

/// Particles first … first + count − 1 of the network: weights (M × stride, zeros beyond `inputs`) and tails (M × tailWidth).
struct Particles {
  float* weights;
  float* tails;
  int64_t first, count, stride, inputs;
  Neuron neuron;
  int64_t shard;  // number of the network's first particle, where it is one of several shards

  /// The particle's number among all, which decides its sign and its noise.
  MEANFIELD_DEVICE int64_t number(int64_t r) const { return shard + first + r; }
  MEANFIELD_DEVICE int64_t tail_width() const { return neuron.tail(); }
  MEANFIELD_DEVICE int64_t parameters() const { return inputs + neuron.tail(); }
  /// r counts from `first`, as everywhere below.
  MEANFIELD_DEVICE float* weight(int64_t r) const { return weights + (first + r) * stride; }
  MEANFIELD_DEVICE float* tail(int64_t r) const { return tails + (first + r) * tail_width(); }
  MEANFIELD_DEVICE float* at(int64_t r, int64_t coordinate) const {
    return coordinate < inputs ? weight(r) + coordinate : tail(r) + (coordinate - inputs);
  }
};

/// What the sums over the rows left for a slab of particles.
struct Drift {
  const double* weights;  // count × stride; nullptr: the rows were not looked at
  int64_t stride;
  const double* moments;   // count × k, bounded layers only
  const double* omegaSum;  // k: Σ_i ω_ij

  MEANFIELD_DEVICE double of(const Particles& particles, int64_t r, int64_t coordinate) const {
    if (coordinate < particles.inputs) return weights[r * stride + coordinate];
    const Neuron& neuron = particles.neuron;
    const int j = static_cast<int>(coordinate - particles.inputs);
    const double moment = neuron.secondLayer == SecondLayer::Bounded
                              ? moments[r * neuron.outputs + j]
                              : parity_moment(neuron, particles.number(r), omegaSum);
    return tail_gradient(neuron, particles.tail(r)[j], moment);
  }
};

/// c: M × k with this stride, zeros beyond k. A thread a particle and an output.
struct Coefficients {
  static constexpr int kThreads = 256, kBlocks = 4;
  Particles particles;
  float* c;
  int64_t stride;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t at = block.x() * kThreads + thread, r = at / stride;
      if (r >= particles.count) return;
      const int j = static_cast<int>(at % stride);
      const float tail = j < particles.tail_width() ? particles.tail(r)[j] : 0.0f;
      c[at] = j < particles.neuron.outputs ? output_weight(particles.neuron, particles.number(r), tail, j) : 0.0f;
    });
  }
};

/// Sums 256 numbers of a block in a fixed tree; the result is thread 0's.
MEANFIELD_DEVICE void sum_of_block(Block& block, Shared shared, PerThread<double>& values) {
  for (int half = 128; half > 0; half /= 2) {
    block.each([&](int thread) {
      if (thread >= half && thread < 2 * half) shared.store_double(2 * thread, values[thread]);
    });
    block.barrier();
    block.each([&](int thread) {
      if (thread < half) values[thread] += shared.load_double(2 * (thread + half));
    });
    block.barrier();
  }
}

/// offset_j = Σ_r e_rj. Block j.
struct Offsets {
  static constexpr int kThreads = 256, kBlocks = 4;
  Particles particles;
  double* offset;  // k

  MEANFIELD_DEVICE void operator()(Block& block) const {
    Shared shared = block.shared<2 * kThreads>();
    PerThread<double> sum = block.per_thread<double>();
    const int j = static_cast<int>(block.x());
    block.each([&](int thread) {
      sum[thread] = 0;
      for (int64_t r = thread; r < particles.count; r += kThreads)
        sum[thread] += static_cast<double>(output_offset(particles.neuron, particles.number(r), *particles.tail(r), j));
    });
    sum_of_block(block, shared, sum);
    block.each([&](int thread) {
      if (thread == 0) offset[j] = sum[0];
    });
  }
};

/// θ ← keep·θ − rate·G + noise·ξ for four coordinates of a particle, which one Philox call serves.
MEANFIELD_DEVICE void move_quad(const Particles& particles, const Drift& drift, const Motion& motion, uint64_t step,
                                int64_t r, int64_t quad) {
  Normals4 normals{};
  if (motion.noise != 0)
    normals = normals4(motion.field, step, static_cast<uint32_t>(particles.number(r)), static_cast<uint32_t>(quad));
  MEANFIELD_UNROLL_FOR (int i = 0; i < 4; ++i) {
    const int64_t coordinate = 4 * quad + i;
    if (coordinate >= particles.parameters()) break;
    float* theta = particles.at(r, coordinate);
    const float gradient = drift.weights ? static_cast<float>(drift.of(particles, r, coordinate)) : 0.0f;
    *theta = motion.apply(*theta, gradient, normals.value[i]);
  }
}

/// A thread a particle and four coordinates.
struct Move {
  static constexpr int kThreads = 256, kBlocks = 4;
  Particles particles;
  Drift drift;
  Motion motion;
  uint64_t step;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t quads = (particles.parameters() + 3) / 4;
      const int64_t at = block.x() * kThreads + thread, r = at / quads;
      if (r < particles.count) move_quad(particles, drift, motion, step, r, at % quads);
    });
  }
};

// Fields are M × p numbers row by row, without the particles' gaps. A thread a number, or four that share a Philox call.

struct Exchange {
  static constexpr int kThreads = 256, kBlocks = 4;
  Particles particles;
  float* field;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t p = particles.parameters(), at = block.x() * kThreads + thread;
      if (at >= particles.count * p) return;
      float* theta = particles.at(at / p, at % p);
      const float before = *theta;
      *theta = field[at];
      field[at] = before;
    });
  }
};

/// to ← a·from + b·to; nullptr stands for the particles.
struct Axpby {
  static constexpr int kThreads = 256, kBlocks = 4;
  Particles particles;
  float a, b;
  const float* from;
  float* to;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t p = particles.parameters(), at = block.x() * kThreads + thread;
      if (at >= particles.count * p) return;
      float* theta = particles.at(at / p, at % p);
      const float x = from ? from[at] : *theta;
      float* y = to ? to + at : theta;
      *y = b == 0 ? a * x : a * x + b * *y;
    });
  }
};

struct KineticMove {
  static constexpr int kThreads = 256, kBlocks = 4;
  Particles particles;
  Kinetic step;
  float* velocity;
  const float* gradient;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t p = particles.parameters(), quads = (p + 3) / 4;
      const int64_t task = block.x() * kThreads + thread, r = task / quads, quad = task % quads;
      if (r >= particles.count) return;
      const uint32_t number = static_cast<uint32_t>(particles.number(r)), four = static_cast<uint32_t>(quad);
      const Normals4 xi = normals4(step.position, step.step, number, four),
                     zeta = normals4(step.velocity, step.step + 1, number, four);
      MEANFIELD_UNROLL_FOR (int i = 0; i < 4; ++i) {
        const int64_t coordinate = 4 * quad + i, at = r * p + coordinate;
        if (coordinate >= p) break;
        step.apply(*particles.at(r, coordinate), velocity[at], gradient[at], xi.value[i], zeta.value[i]);
      }
    });
  }
};

struct KeepSome {
  static constexpr int kThreads = 256, kBlocks = 4;
  Particles particles;
  double probability;
  RandomField random;
  uint64_t step;
  float* field;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t p = particles.parameters(), at = block.x() * kThreads + thread;
      if (at >= particles.count * p) return;
      const uint32_t number = static_cast<uint32_t>(particles.number(at / p));
      if (random.uniform(step, number, 0) < probability) field[at] = *particles.at(at / p, at % p);
    });
  }
};

/// Weights to length 1. A thread a particle, so that its numbers are added up in their order.
struct Project {
  static constexpr int kThreads = 256, kBlocks = 4;
  Particles particles;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t r = block.x() * kThreads + thread;
      if (r >= particles.count) return;
      float* theta = particles.weight(r);
      double square = 0;
      for (int64_t c = 0; c < particles.inputs; ++c) square += static_cast<double>(theta[c]) * theta[c];
      const double scale = square > 0 ? 1 / sqrt(square) : 0;
      for (int64_t c = 0; c < particles.inputs; ++c) theta[c] = static_cast<float>(theta[c] * scale);
    });
  }
};

/// The gradient as kernels.h wants it: count × p.
struct Gather {
  static constexpr int kThreads = 256, kBlocks = 4;
  Particles particles;
  Drift drift;
  float* gradient;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t p = particles.parameters(), at = block.x() * kThreads + thread;
      if (at < particles.count * p) gradient[at] = static_cast<float>(drift.of(particles, at / p, at % p));
    });
  }
};

/// energies_r = Σ_j c_rj moment_rj + e_rj Σ_i ω_ij.
struct Energies {
  static constexpr int kThreads = 256, kBlocks = 4;
  Particles particles;
  Drift drift;
  double* energies;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t r = block.x() * kThreads + thread;
      if (r >= particles.count) return;
      const Neuron& neuron = particles.neuron;
      double sum = 0;
      for (int j = 0; j < neuron.outputs; ++j) {
        const float tail = neuron.secondLayer == SecondLayer::Bounded ? particles.tail(r)[j]
                           : neuron.tail() > 0                        ? *particles.tail(r)
                                                                      : 0.0f;
        sum += static_cast<double>(output_weight(neuron, particles.number(r), tail, j)) *
                   drift.moments[r * neuron.outputs + j] +
               static_cast<double>(output_offset(neuron, particles.number(r), tail, j)) * drift.omegaSum[j];
      }
      energies[r] = sum;
    });
  }
};

/// Σ x² of a stretch of numbers, one a block.
struct SumSquares {
  static constexpr int kThreads = 256, kBlocks = 4;
  static constexpr int64_t kStretch = 1 << 16;
  const float* values;
  int64_t count;
  double* sums;  // blocks

  MEANFIELD_DEVICE void operator()(Block& block) const {
    Shared shared = block.shared<2 * kThreads>();
    PerThread<double> sum = block.per_thread<double>();
    const int64_t begin = block.x() * kStretch, end = begin + kStretch < count ? begin + kStretch : count;
    block.each([&](int thread) {
      sum[thread] = 0;
      for (int64_t at = begin + thread; at < end; at += kThreads)
        sum[thread] += static_cast<double>(values[at]) * static_cast<double>(values[at]);
    });
    sum_of_block(block, shared, sum);
    block.each([&](int thread) {
      if (thread == 0) sums[block.x()] = sum[0];
    });
  }
};

}  // namespace cuda
}  // namespace meanfield
