// A network on the processor: particles in panels, data in blocks, threads, and the loops around the functions of
// tiles.h.
//
// outputs   one task per slab of rows, all panels in order: each lane sums in float32 over kFoldPanels panels, then all
//           lanes of a row go to double. A partial sum has at most kFoldPanels·maxVectors terms.
// drift     one task per panel, all rows in order: float32 over kCarryRows rows, double beyond.
// Both orders are fixed by M, n and the instruction set; threads only decide who does a task.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "native/core/thread_pool.h"
#include "native/kernels/cpu/matrix.h"
#include "native/kernels/cpu/memory.h"
#include "native/kernels/cpu/tiles.h"
#include "native/kernels/kernels.h"

namespace meanfield {
namespace cpu {

/// M particles as panels of at most maxVectors vectors, as equal as possible.
class PanelMap {
 public:
  PanelMap(int64_t particles, int64_t parameters, const Tiles& tiles)
      : particles_(particles),
        parameters_(parameters),
        width_(tiles.width),
        vectors_((particles + tiles.width - 1) / tiles.width),
        panels_((vectors_ + tiles.maxVectors - 1) / tiles.maxVectors),
        base_(vectors_ / panels_),
        wider_(vectors_ % panels_) {}

  int64_t panels() const { return panels_; }
  int64_t lanes() const { return vectors_ * width_; }
  /// Lanes before panel q.
  int64_t lanes_before(int64_t q) const { return (q * base_ + (q < wider_ ? q : wider_)) * width_; }
  Panel panel(float* theta, int64_t q) const {
    const int64_t first = lanes_before(q), vectors = base_ + (q < wider_ ? 1 : 0);
    const int64_t left = particles_ - first, lanes = vectors * width_;
    return {theta + first * parameters_, first, static_cast<int32_t>(vectors),
            static_cast<int32_t>(left < lanes ? left : lanes)};
  }

 private:
  int64_t particles_, parameters_, width_, vectors_, panels_, base_, wider_;
};

class CpuNetwork {
 public:
  CpuNetwork(const NetworkShape& shape, const Tiles& tiles);

  int32_t add_matrix(const float* x, int64_t rows, int64_t features);
  void write_particles(const float* particles);
  void read_particles(float* particles);
  Status outputs(int32_t matrix, Rows rows, const CancelToken* cancel, double* z);
  Status gradient(int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel, float* gradient);
  Status update(int32_t matrix, Rows rows, const double* weights, const Update& update, const CancelToken* cancel);
  Status energies(int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel, double* energies);
  double sum_squares();

 private:
  /// Memory of one thread, for one task at a time.
  struct Scratch {
    Buffer<float> tile, c, e, sums, g;
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

  int64_t lanes_of(const Panel& panel) const { return int64_t{panel.vectors} * tiles_.width; }
  bool for_each(int64_t count, double flops, const std::function<void(int64_t, int)>& task, const CancelToken* cancel);
  void prepare_scratch(int64_t slabRows);
  void set_weights(const double* weights, int64_t rows);
  int64_t keep_panels(int64_t rows) const;
  /// Gradient of one panel into scratch.g (p × lanes); false when cancelled.
  bool gradient_of(const Panel& panel, const RowBlocks& rows, const float* kept, const CancelToken* cancel,
                   Scratch& scratch);

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
};

}  // namespace cpu
}  // namespace meanfield
