#include "native/finite_sum/data_rows.h"

#include <cmath>
#include <cstring>
#include <string>
#include <type_traits>

#include "native/core/errors.h"

namespace meanfield {

DataRows::DataRows(const MatrixView<const double>& x, const LinearKernels& kernels)
    : n(x.rows), d(x.cols), nonZeros(x.rows * x.cols), kernels_(&kernels), values64_(x.data), stride_(x.stride) {}

DataRows::DataRows(const MatrixView<const float>& x, const LinearKernels& kernels)
    : n(x.rows), d(x.cols), nonZeros(x.rows * x.cols), single(true), kernels_(&kernels), values32_(x.data),
      stride_(x.stride) {}

template <class T, class Index>
DataRows::DataRows(const CsrView<T, Index>& x, const LinearKernels& kernels)
    : n(x.rows), d(x.cols), nonZeros(x.nonZeros()), sparse(true), kernels_(&kernels), columns_(x.columns) {
  if constexpr (std::is_same_v<T, float>) {
    values32_ = x.values;
    single = true;
  } else {
    values64_ = x.values;
  }
  if constexpr (std::is_same_v<Index, int32_t>)
    starts32_ = x.rowStart;
  else
    starts64_ = x.rowStart;
}
template DataRows::DataRows(const CsrView<double, int32_t>&, const LinearKernels&);
template DataRows::DataRows(const CsrView<double, int64_t>&, const LinearKernels&);
template DataRows::DataRows(const CsrView<float, int32_t>&, const LinearKernels&);
template DataRows::DataRows(const CsrView<float, int64_t>&, const LinearKernels&);

void DataRows::rows_dot(int64_t first, int64_t rows, const double* w, double* z) const {
  if (sparse)
    for (int64_t i = 0; i < rows; ++i) z[i] = dot(first + i, w);
  else if (single)
    kernels_->f32.rows_dot(values32(first), rows, d, stride_, w, z);
  else
    kernels_->f64.rows_dot(values64(first), rows, d, stride_, w, z);
}

void DataRows::rows_axpy(int64_t first, int64_t rows, const double* a, double* g) const {
  if (sparse) {
    for (int64_t i = 0; i < rows; ++i)
      if (a[i] != 0) axpy(first + i, a[i], g);
  } else if (single) {
    kernels_->f32.rows_axpy(values32(first), rows, d, stride_, a, g);
  } else {
    kernels_->f64.rows_axpy(values64(first), rows, d, stride_, a, g);
  }
}

void DataRows::gram(int64_t first, int64_t rows, const double* h, double* H, int64_t ldh, double* scratch) const {
  if (single)
    kernels_->f32.gram(values32(first), rows, d, stride_, h, H, ldh, 0, scratch);
  else
    kernels_->f64.gram(values64(first), rows, d, stride_, h, H, ldh, 0, scratch);
}

double DataRows::squared_norm(int64_t i) const {
  double sum = 0;
  each(i, [&](int64_t, double v) { sum += v * v; });
  return sum;
}

namespace {
/// Whether all are finite: an exponent of ones is that of infinity and of what is not a number.
template <class T, class Bits>
bool all_finite(const T* values, int64_t count, Bits exponent) {
  Bits found = 0;
  for (int64_t e = 0; e < count; ++e) {
    Bits bits;
    std::memcpy(&bits, values + e, sizeof bits);
    found |= static_cast<Bits>((bits & exponent) == exponent);
  }
  return found == 0;
}
}  // namespace

bool DataRows::sound(int64_t first, int64_t last) const {
  int unordered = 0;
  for (int64_t i = first; i < last; ++i) {
    const int64_t many = count(i);
    if (many == 0) continue;
    const int32_t* c = columns(i);
    unordered |= static_cast<int>(c[0] < 0 || c[many - 1] >= d);
    for (int64_t e = 1; e < many; ++e) unordered |= static_cast<int>(c[e] <= c[e - 1]);
  }
  const int64_t from = begin(first), many = begin(last) - from;
  return unordered == 0 && (single ? all_finite(values32_ + from, many, uint32_t{0x7f800000})
                                   : all_finite(values64_ + from, many, uint64_t{0x7ff0000000000000}));
}

void DataRows::check(const char* name) const {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::InvalidData, std::string(name) + " features: " + what);
  };
  if (sparse && n > 0 && begin(0) < 0) refuse("the first row pointer is negative; expected one of at least 0.");
  for (int64_t i = 0; i < n; ++i) {
    const std::string row = "row " + std::to_string(i);
    if (sparse) {
      const int64_t many = begin(i + 1) - begin(i);
      if (many < 0)
        refuse("the pointer after " + row + " is smaller than the one before it; expected increasing row pointers.");
      const int32_t* c = columns(i);
      for (int64_t e = 0; e < many; ++e) {
        if (c[e] < 0 || c[e] >= d)
          refuse(row + " names column " + std::to_string(c[e]) + "; expected 0 to " + std::to_string(d - 1) + ".");
        if (e > 0 && c[e] <= c[e - 1])
          refuse(row + " has column " + std::to_string(c[e]) + " after " + std::to_string(c[e - 1]) +
                 "; expected increasing columns without repetition. Sort each row and add up what is repeated.");
      }
    }
    double sum = 0;
    each(i, [&](int64_t, double v) { sum += v * 0; });  // NaN exactly when a number is not finite
    if (sum == 0) continue;
    each(i, [&](int64_t j, double v) {
      if (!std::isfinite(v))
        refuse(row + ", column " + std::to_string(j) +
               " is not finite; expected finite numbers. Drop or impute the row first.");
    });
  }
}

}  // namespace meanfield
