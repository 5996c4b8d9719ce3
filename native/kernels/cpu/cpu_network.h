// A network on the processor: particles in panels, data in blocks, threads, and the loops around the functions of
// tiles.h.
//
// A pass takes a chunk of rows at a time: S = X Θᵀ and σ(S) of the chunk for all panels, the sums over the particles,
// and (in `step`) the weights of the chunk and its part of every gradient, from σ(S) while it is still at hand. Each
// thread starts with its own panels, in both halves, so that Θ, G and σ(S) stay in its cache, and ends with what others
// have left over; the threads meet between the halves.
//
// outputs   each lane sums in float32 over at most kFoldPanels panels, then all lanes of a row go to double, block of
//           panels by block.
// drift     float32 over groups of about √n rows, then float32 over the groups: at most 2√n terms.
// Both orders are fixed by M, n and the instruction set; threads and chunks only decide who does what when.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "native/core/thread_pool.h"
#include "native/kernels/cpu/matrix.h"
#include "native/kernels/cpu/memory.h"
#include "native/kernels/cpu/panels.h"
#include "native/kernels/cpu/tiles.h"
#include "native/kernels/kernels.h"

namespace meanfield {
namespace cpu {

class CpuNetwork {
 public:
  CpuNetwork(const NetworkShape& shape, const Tiles& tiles);

  int32_t add_matrix(const float* x, int64_t rows, int64_t features);
  void write_particles(const float* particles);
  void read_particles(float* particles);
  Status outputs(int32_t matrix, Rows rows, const CancelToken* cancel, double* z);
  Status gradient(int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel, float* gradient);
  Status update(int32_t matrix, Rows rows, const double* weights, const Update& update, const CancelToken* cancel);
  Status step(int32_t matrix, Rows rows, const Weigh& weigh, const Update& update, const CancelToken* cancel);
  Status energies(int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel, double* energies);
  double sum_squares();

  // Fields (cpu_fields.cpp).
  void write_field(int32_t field, const float* numbers);
  void read_field(int32_t field, float* numbers);
  void exchange(int32_t field);
  void axpby(float a, int32_t from, float b, int32_t to);
  Status gradient_field(int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel, int32_t field) {
    return gradient(matrix, rows, weights, cancel, field_at(field));
  }
  void kinetic(const Kinetic& step, int32_t velocity, int32_t gradient);
  void keep_some(double probability, const RandomField& random, uint64_t step, int32_t field);
  void project();

 private:
  /// Memory of one thread, for one task at a time.
  struct Scratch {
    Buffer<float> tile, c, e, sums, part, g;
    Buffer<double> total;
  };
  /// ω as float32 in blocks, and its column sums.
  struct Weights {
    Buffer<float> blocks;
    std::vector<double> sums;
  };
  /// σ(S) of the first panels, left by `outputs` for a `drift` with the same particles and rows.
  struct Kept {
    Buffer<float> values;
    int64_t panels = 0;
    uint64_t selection = 0;
    uint64_t version = 0;
  };
  /// One pass over rows, chunk by chunk (cpu_pass.cpp). Buffers are the network's.
  struct Pass {
    RowBlocks rows;
    int64_t count = 0;        // rows that are not padding
    int64_t chunkBlocks = 0;  // blocks of eight rows in a chunk
    double flops = 0;
    // σ(S) of the first panels: keptBlocks blocks of rows each, of all rows or of the present chunk.
    float* kept = nullptr;
    int64_t keptPanels = 0, keptBlocks = 0;
    bool keptAnew = false;
    double* z = nullptr;           // outputs alone: count × k
    const Weigh* weigh = nullptr;  // a step
    const Update* update = nullptr;
    const CancelToken* cancel = nullptr;

    float* kept_at(const PanelMap& map, int64_t q, int64_t block, int64_t lanes) const {
      if (q >= keptPanels) return nullptr;
      const int64_t at = keptAnew ? block % chunkBlocks : block;
      return kept + map.lanes_before(q) * keptBlocks * kRowBlock + at * kRowBlock * lanes;
    }
  };
  /// A chunk of rows or a part of it, as blocks of eight.
  struct Span {
    int64_t firstBlock, blocks;
  };

  int64_t lanes_of(const Panel& panel) const { return int64_t{panel.vectors} * tiles_.width; }
  bool for_each(int64_t count, double flops, const std::function<void(int64_t, int)>& task, const CancelToken* cancel);
  void prepare_scratch();
  /// Rewrites weights_.blocks and adds to weights_.sums.
  void add_weights(const double* weights, int64_t rows);
  void set_weights(const double* weights, int64_t rows);
  int64_t keep_panels(int64_t rows) const;
  /// Rows of σ(S) to keep at a time between the halves of a step; 0: computing it twice costs less.
  int64_t step_rows(int64_t rows) const;
  bool run(const Pass& pass);
  /// One unit of the first half: the sums of `span` over blocks [from, to) of panels.
  void forward(const Pass& pass, const Span& span, int64_t fromBlock, int64_t toBlock, Scratch& scratch);
  /// Outputs of a chunk from the sums over the blocks of panels, and in a step its weights. One thread.
  void join(const Pass& pass, int64_t firstBlock, int64_t blocks, const std::vector<double>& offset);
  /// One unit of the second half: what the chunk adds to the gradient of panel q.
  void backward(const Pass& pass, const Span& chunk, int64_t q, Scratch& scratch);
  Panel panel(int64_t q) { return map_.panel(theta_.data(), q); }
  /// Gradient of one panel into scratch.g (p × lanes); false when cancelled.
  bool gradient_of(const Panel& panel, const RowBlocks& rows, const float* kept, const CancelToken* cancel,
                   Scratch& scratch);
  void move(const Panel& panel, const float* g, const Update& update, uint64_t step);
  /// M × p, row by row: they meet the particles number by number, and the host in one piece.
  float* field_at(int32_t field);
  /// f(panel, its lanes, lane) for every particle.
  template <class F>
  void each_particle(F&& f);
  /// f(θ_rc, at) for every number of the particles, with its place in a field.
  template <class F>
  void each_number(F&& f);
  /// Σ_r e_rj.
  std::vector<double> offsets();

  const NetworkShape shape_;
  const Tiles& tiles_;
  const PanelMap map_;
  ThreadPool pool_;
  Buffer<float> theta_;
  std::vector<Matrix> matrices_;
  Selection selection_;
  std::vector<Scratch> scratch_;
  Weights weights_;
  Kept kept_;
  uint64_t version_ = 1;  // of the particles
  // Of a pass: sums over each block of panels, the outputs and weights of a chunk, gradients of all particles.
  Buffer<double> partial_;
  std::vector<double> chunkOutputs_, chunkWeights_;
  Buffer<float> gradients_;
  Buffer<float> fields_[kFields];
  /// Chunks of the present pass that each panel's gradient has seen.
  std::vector<std::atomic<int64_t>> seen_;
};

}  // namespace cpu
}  // namespace meanfield
