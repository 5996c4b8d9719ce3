// How particles are cut: into panels, and panels into blocks that are summed on their own.
#pragma once
#include <algorithm>
#include <cstdint>

#include "native/kernels/cpu/tiles.h"

namespace meanfield {
namespace cpu {

/// Panels whose lanes are added in float32 before they go to double: at most 48 terms a partial sum.
constexpr int64_t kFoldPanels = 16;

/// M particles as panels of at most maxVectors vectors, as equal as possible. All of it follows from M and the
/// instruction set, so that sums taken in its order are the same whatever the threads.
class PanelMap {
 public:
  PanelMap(int64_t particles, int64_t parameters, const Tiles& tiles)
      : particles_(particles), parameters_(parameters), width_(tiles.width),
        vectors_((particles + tiles.width - 1) / tiles.width),
        panels_((vectors_ + tiles.maxVectors - 1) / tiles.maxVectors), base_(vectors_ / panels_),
        wider_(vectors_ % panels_), blocks_(std::min(panels_, std::clamp<int64_t>(panels_ / kFoldPanels, 32, 64))) {}

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
  /// Blocks of panels, for sums over the particles: block b is panels [first_panel(b), first_panel(b + 1)).
  int64_t blocks() const { return blocks_; }
  int64_t first_panel(int64_t block) const { return block * panels_ / blocks_; }

 private:
  int64_t particles_, parameters_, width_, vectors_, panels_, base_, wider_, blocks_;
};

/// Rows that are summed in float32 before they meet the total: about √n, which balances the two lengths of sum.
inline int64_t group_rows(int64_t rows) {
  int64_t tiles = 1;
  while ((tiles + 1) * kTileRows * (tiles + 1) * kTileRows <= rows && tiles * kTileRows < 1024) ++tiles;
  return tiles * kTileRows;
}

}  // namespace cpu
}  // namespace meanfield
