// The data as the products read it: blocks of eight rows, x[block][input][8], the column of ones included.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "native/kernels/cpu/memory.h"
#include "native/kernels/cpu/tiles.h"
#include "native/kernels/kernels.h"

namespace meanfield {
namespace cpu {

struct Matrix {
  Buffer<float> x;
  int64_t rows = 0;
  int64_t inputs = 0;

  static int64_t blocks_of(int64_t rows) { return (rows + kRowBlock - 1) / kRowBlock; }
  RowBlocks all() const { return {x.data(), blocks_of(rows), inputs}; }
  /// Place of input 0 of a row; the next input is kRowBlock floats further.
  float* row(int64_t i) const { return x.data() + (i / kRowBlock) * inputs * kRowBlock + i % kRowBlock; }

  Matrix() = default;
  /// From row-major data; a column of ones is appended when `inputs` is one more than `features`.
  Matrix(const float* from, int64_t rows_, int64_t features, int64_t inputs_)
      : x(blocks_of(rows_) * kRowBlock * inputs_), rows(rows_), inputs(inputs_) {
    clear_last_block();
    for (int64_t i = 0; i < rows; ++i) {
      float* to = row(i);
      for (int64_t k = 0; k < features; ++k) to[k * kRowBlock] = from[i * features + k];
      if (features < inputs) to[features * kRowBlock] = 1;
    }
  }

  void clear_last_block() {
    if (rows % kRowBlock == 0) return;
    float* last = x.data() + (rows / kRowBlock) * inputs * kRowBlock;
    std::fill(last, last + inputs * kRowBlock, 0.0f);
  }
};

/// The rows of one call. A subset is packed once and found again when the next call names the same one; `number` tells
/// selections apart for as long as the network lives.
class Selection {
 public:
  struct View {
    RowBlocks blocks;
    uint64_t number;
  };

  View select(const std::vector<Matrix>& matrices, int32_t id, Rows rows) {
    const Matrix& from = matrices[static_cast<size_t>(id)];
    if (!rows.index) return {from.all(), static_cast<uint64_t>(id)};
    const bool same = id == matrix_ && static_cast<int64_t>(index_.size()) == rows.count &&
                      std::equal(index_.begin(), index_.end(), rows.index);
    if (!same) {
      matrix_ = -1;
      index_.assign(rows.index, rows.index + rows.count);
      subset_.rows = rows.count;
      subset_.inputs = from.inputs;
      subset_.x.resize(Matrix::blocks_of(rows.count) * kRowBlock * from.inputs);
      subset_.clear_last_block();
      for (int64_t i = 0; i < rows.count; ++i) {
        const float* source = from.row(rows.index[i]);
        float* to = subset_.row(i);
        for (int64_t k = 0; k < from.inputs; ++k) to[k * kRowBlock] = source[k * kRowBlock];
      }
      matrix_ = id;
      ++subsets_;
    }
    return {subset_.all(), (uint64_t{1} << 32) + subsets_};
  }

 private:
  Matrix subset_;
  std::vector<int32_t> index_;
  int32_t matrix_ = -1;
  uint64_t subsets_ = 0;
};

}  // namespace cpu
}  // namespace meanfield
