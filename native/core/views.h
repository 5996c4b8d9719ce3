// Views of memory that somebody else owns. Nothing here allocates or copies.
#pragma once
#include <cstdint>

namespace meanfield {

/// Row-major matrix, rows × cols; row i starts at data + i·stride.
template <class T>
struct MatrixView {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  MatrixView() = default;
  MatrixView(T* data_, int64_t rows_, int64_t cols_) : MatrixView(data_, rows_, cols_, cols_) {}
  MatrixView(T* data_, int64_t rows_, int64_t cols_, int64_t stride_)
      : data(data_), rows(rows_), cols(cols_), stride(stride_) {}
  T* row(int64_t i) const { return data + i * stride; }
  T& operator()(int64_t i, int64_t j) const { return data[i * stride + j]; }
};

/// Compressed sparse rows: row i holds values[rowStart[i] .. rowStart[i+1]) at the columns named beside them.
/// Index is the type of the row pointers (32 or 64 bits); columns are 32 bits.
template <class T, class Index>
struct CsrView {
  const T* values = nullptr;
  const int32_t* columns = nullptr;
  const Index* rowStart = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;

  int64_t nonZeros() const { return rows == 0 ? 0 : static_cast<int64_t>(rowStart[rows] - rowStart[0]); }
  /// Σ_j row(i)_j · x_j in double.
  template <class X>
  double dotRow(int64_t i, const X* x) const {
    double sum = 0;
    for (Index e = rowStart[i]; e < rowStart[i + 1]; ++e) sum += static_cast<double>(values[e]) * x[columns[e]];
    return sum;
  }
};

}  // namespace meanfield
