// What is compiled once per instruction set, seen from outside: a table of functions on one panel of particles.
//
// A panel is a few native vectors of particles side by side: a particle is a lane, and panel memory is p rows of
// `lanes` floats. Rows of the data come in blocks of eight, block b holding x[input][8] so that the same memory feeds
// both products: S = X Θᵀ reads eight rows of one input, G = Xᵀ Δ reads one row of eight inputs, and every load is a
// broadcast.
//
// These functions are pure arithmetic: no allocation, no threads, no library templates, so that nothing compiled with
// wider instructions can be picked by the linker for code that runs everywhere.
#pragma once
#include <cstddef>
#include <cstdint>

#include "native/problem/neurons.h"

namespace meanfield {
namespace cpu {

constexpr int kRowBlock = 8;
/// Rows of the scratch tile: Δ of this many rows and one panel stays in the first-level cache between its two uses, and
/// is long enough to fill and drain the accumulators of the second product 128 multiply-adds apart.
constexpr int kTileRows = 128;

struct Panel {
  float* theta;       // p × lanes
  int64_t first;      // its first particle
  int32_t vectors;    // 1 … Tiles::maxVectors
  int32_t particles;  // lanes that hold one; the others are zero and weigh nothing
};

/// Blocks of rows: x is blocks × inputs × 8, zero in the rows past the last one.
struct RowBlocks {
  const float* x;
  int64_t blocks;
  int64_t inputs;
};

struct OutputsTask {
  const Neuron* neuron;
  Panel panel;
  RowBlocks rows;
  const float* next;  // weights of the panel that comes next, to have at hand by then
  const float* c;     // k × lanes
  float* tile;        // 8 × lanes
  float* sums;        // 8·blocks × k × width: one partial sum a lane, added to
  /// Receives what `drift` needs, so that it need not compute it again: σ(s), or s itself where σ' is no function of σ.
  /// 8·blocks × lanes; nullptr: not wanted.
  float* kept;
};

struct DriftTask {
  const Neuron* neuron;
  Panel panel;
  RowBlocks rows;      // begins and ends with a group of rows
  int64_t groupRows;   // rows that are summed before they meet the total; a multiple of kTileRows
  const float* omega;  // blocks × k × 8, zero in the rows past the last one
  const float* c;      // k × lanes
  float* tile;         // 2 × kTileRows × lanes
  float* part;         // p × lanes
  const float* kept;   // from the same particles and rows; nullptr: computed here
  float* g;            // p × lanes, added to: raw sums, see finish
};

/// θ ← keep·θ − rate·G + noise·ξ on one panel.
struct MoveTask {
  Panel panel;
  int64_t parameters;
  const float* g;  // p × lanes; nullptr counts as zero
  double keep;
  float rate;
  float noise;
  uint32_t key[2];      // seed
  uint32_t counter[2];  // words 2 and 3
};

/// Elementwise functions by name, for tests and measurements: out[i] = f(in[i]), count a multiple of the width.
enum class VectorFunction : int32_t {
  Tanh,
  Sigmoid,
  Softplus,
  Silu,
  Exp,
  Log,
  SigmoidSlope,
  SoftplusSlope,
  SiluSlope,
  TanhSlope
};

struct Tiles {
  const char* isa;
  int32_t width;       // lanes of a native vector
  int32_t maxVectors;  // vectors of the widest panel

  /// c and (not null) e of the neurons of a panel, k × lanes each; zero in the lanes without a particle.
  void (*coefficients)(const Neuron& neuron, const Panel& panel, int64_t inputs, float* c, float* e);
  void (*outputs)(const OutputsTask& task);
  /// total[i] += Σ over the lanes of sums[i], in double; sums = 0.
  void (*fold)(float* sums, int64_t count, double* total);
  /// Raw gradient: rows 0 … inputs of g gain Σ_i (Σ_j ω_ij c_j) σ'(s_i) x_i (without c when k = 1); in the bounded
  /// layer row inputs + j gains Σ_i ω_ij σ(s_i).
  void (*drift)(const DriftTask& task);
  /// g[j] += Σ_i ω_ij σ(s_i): k × lanes, for the potential of each particle.
  void (*energies)(const DriftTask& task);
  /// total += g, then g = 0.
  void (*carry)(float* g, int64_t count, double* total);
  /// From the raw sums to the gradient, in g. omegaSum[j] = Σ_i ω_ij.
  void (*finish)(const Neuron& neuron, const Panel& panel, int64_t inputs, const float* c, const double* omegaSum,
                 float* g);
  void (*move)(const MoveTask& task);

  void (*apply)(VectorFunction function, const float* in, int64_t count, float* out);
  /// Normals of one panel's worth of lanes: out[coordinate][width] for coordinates 0 … 4·quads.
  void (*normals)(const uint32_t key[2], const uint32_t counter[2], uint32_t firstParticle, int64_t quads, float* out);
  /// Multiply-adds in registers, peakChains vectors a round: the peak that the products are measured against.
  float (*peak)(int64_t rounds);
  int32_t peakChains;
};

/// The functions of an instruction set of cpu_isa_name; nullptr when the processor cannot run it.
const Tiles* supported_tiles(const char* isa);

}  // namespace cpu
}  // namespace meanfield
