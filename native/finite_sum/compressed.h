// A copy of dense columns, one after the other, in block floating point (ColumnKernels): 2 bytes a number, a quarter of float64. Coordinate
// descent reads columns, which lie apart in rows; a pass over the rows in full precision corrects what the copy has rounded.
#pragma once
#include "native/finite_sum/problem.h"
#include "native/kernels/cpu/memory.h"

namespace meanfield {

class CompressedColumns {
 public:
  /// Of all columns, the ones of the intercept among them. Throws std::bad_alloc.
  explicit CompressedColumns(const FiniteSum& f);

  /// Numbers in a vector over the rows: n, and zeros up to a whole block.
  int64_t rows() const { return blocks_ * kColumnBlock; }
  /// Σ_i x_ij t_i; column `next` is fetched meanwhile.
  double dot(int64_t j, const float* t, int64_t next) const {
    return kernels_->dot(words(j), scales(j), t, blocks_, words(next));
  }
  /// The same for all columns.
  void dots(const FiniteSum& f, const float* t, double* out) const;
  /// t_i ← t_i + a h_i x_ij and Σ_i h_i x_ij²; h = null means ones.
  void axpy(int64_t j, double a, const float* h, float* t) const {
    kernels_->axpy(static_cast<float>(a), words(j), scales(j), h, t, blocks_);
  }
  double squares(int64_t j, const float* h) const { return kernels_->squares(words(j), scales(j), h, blocks_); }

 private:
  int32_t* words(int64_t j) const { return words_.data() + j * wordsOfColumn_; }
  float* scales(int64_t j) const { return scales_.data() + j * blocks_; }
  const ColumnKernels* kernels_;
  int64_t blocks_, wordsOfColumn_;
  cpu::Buffer<int32_t> words_;
  cpu::Buffer<float> scales_;
};

}  // namespace meanfield
