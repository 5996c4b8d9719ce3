// The rows x_i of the data as the algorithms see them: dense or sparse, float32 or float64, read where the caller keeps
// them. Arithmetic in float64.
#pragma once
#include <algorithm>
#include <vector>

#include "native/core/views.h"
#include "native/kernels/linear_kernels.h"

namespace meanfield {

class DataRows {
 public:
  int64_t n = 0, d = 0;
  int64_t nonZeros = 0;  // stored numbers; n·d when dense
  bool sparse = false, single = false;

  DataRows() = default;
  explicit DataRows(const MatrixView<const double>& x, const LinearKernels& kernels = linear_kernels());
  explicit DataRows(const MatrixView<const float>& x, const LinearKernels& kernels = linear_kernels());
  template <class T, class Index>
  explicit DataRows(const CsrView<T, Index>& x, const LinearKernels& kernels = linear_kernels());

  const LinearKernels& kernels() const { return *kernels_; }
  int64_t begin(int64_t i) const { return starts64_ ? starts64_[i] : starts32_[i]; }
  int64_t count(int64_t i) const { return sparse ? begin(i + 1) - begin(i) : d; }
  const int32_t* columns(int64_t i) const { return columns_ + begin(i); }
  const double* values64(int64_t i) const { return values64_ + (sparse ? begin(i) : i * stride_); }
  const float* values32(int64_t i) const { return values32_ + (sparse ? begin(i) : i * stride_); }
  int64_t stride() const { return stride_; }

  double dot(int64_t i, const double* w) const {
    if (!sparse) return single ? kernels_->f32.dot(values32(i), w, d) : kernels_->f64.dot(values64(i), w, d);
    const int64_t from = begin(i), many = begin(i + 1) - from;
    return single ? kernels_->f32.sparse_dot(values32_ + from, columns_ + from, many, w)
                  : kernels_->f64.sparse_dot(values64_ + from, columns_ + from, many, w);
  }
  void axpy(int64_t i, double a, double* y) const {
    if (!sparse) return single ? kernels_->f32.axpy(a, values32(i), y, d) : kernels_->f64.axpy(a, values64(i), y, d);
    const int64_t from = begin(i), many = begin(i + 1) - from;
    single ? kernels_->f32.sparse_axpy(a, values32_ + from, columns_ + from, many, y)
           : kernels_->f64.sparse_axpy(a, values64_ + from, columns_ + from, many, y);
  }
  /// z_i for rows first … first + rows − 1.
  void rows_dot(int64_t first, int64_t rows, const double* w, double* z) const;
  /// g ← g + Σ_i a_i x_i over the same rows.
  void rows_axpy(int64_t first, int64_t rows, const double* a, double* g) const;
  /// H (upper triangle, rows of ldh) += Σ_i h_i x_i x_iᵀ for dense rows; scratch as gram_scratch.
  void gram(int64_t first, int64_t rows, const double* h, double* H, int64_t ldh, double* scratch) const;

  /// f(column, value) for the stored numbers of row i.
  template <class F>
  void each(int64_t i, F&& f) const {
    const int64_t many = count(i);
    const int32_t* c = sparse ? columns(i) : nullptr;
    if (single) {
      const float* v = values32(i);
      for (int64_t e = 0; e < many; ++e) f(c ? c[e] : e, static_cast<double>(v[e]));
    } else {
      const double* v = values64(i);
      for (int64_t e = 0; e < many; ++e) f(c ? c[e] : e, v[e]);
    }
  }
  double squared_norm(int64_t i) const;
  /// Hints that row i is about to be read: its first 128 numbers. Rows in random order are waited for otherwise.
  void prefetch(int64_t i) const {
    const int64_t many = std::min<int64_t>(count(i), 128);
    const auto lines = [](const void* from, int64_t bytes) {
      const char* at = static_cast<const char*>(from);
      for (int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(at + line);
    };
    if (single)
      lines(values32(i), many * 4);
    else
      lines(values64(i), many * 8);
    if (sparse) lines(columns(i), many * 4);
  }

  /// Throws InvalidData, naming row and column, for numbers that are not finite, columns out of range, unsorted or
  /// repeated, and row pointers that do not increase.
  void check(const char* name) const;
  /// Whether `check` finds nothing in sparse rows first … last − 1, whose pointers increase; by vectors where it is a loop over numbers.
  bool sound(int64_t first, int64_t last) const;

 private:
  const LinearKernels* kernels_ = nullptr;
  const double* values64_ = nullptr;
  const float* values32_ = nullptr;
  const int32_t* columns_ = nullptr;
  const int32_t* starts32_ = nullptr;
  const int64_t* starts64_ = nullptr;
  int64_t stride_ = 0;
};

}  // namespace meanfield
