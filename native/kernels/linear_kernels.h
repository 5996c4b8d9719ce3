// The loops of linear models, compiled once per instruction set: products of rows with weights, the logistic function,
// Gram matrices. Data in float32 or float64, arithmetic and sums in float64.
//
// Pure arithmetic: no allocation, no threads, no library templates (see cpu/tiles.h). The order of every sum is fixed by
// the shape alone.
#pragma once
#include <cstdint>

namespace meanfield {

/// Sums over rows of one pass through a loss.
struct LossSums {
  double value = 0;      // Σ c ℓ(z, y)
  double conjugate = 0;  // Σ c ℓ*(ℓ'(z, y), y)
};

template <class T>
struct RowKernels {
  /// Σ_j x_j w_j, and y ← y + a x.
  double (*dot)(const T* x, const double* w, int64_t n);
  void (*axpy)(double a, const T* x, double* y, int64_t n);
  /// The same for `count` numbers v at the columns named beside them.
  double (*sparse_dot)(const T* v, const int32_t* columns, int64_t count, const double* w);
  void (*sparse_axpy)(double a, const T* v, const int32_t* columns, int64_t count, double* w);
  /// z_i = Σ_j x_ij w_j for `rows` rows, and g ← g + Σ_i a_i x_i.
  void (*rows_dot)(const T* x, int64_t rows, int64_t cols, int64_t stride, const double* w, double* z);
  void (*rows_axpy)(const T* x, int64_t rows, int64_t cols, int64_t stride, const double* a, double* g);
  /// H ← H + Σ_i h_i x_i x_iᵀ, upper triangle of a cols × cols matrix with rows of `ldh` (h = null: ones), for the
  /// columns of H from `from`, a multiple of kGramTile, onwards. `scratch` holds gram_scratch(cols) numbers.
  void (*gram)(const T* x, int64_t rows, int64_t cols, int64_t stride, const double* h, double* H, int64_t ldh,
               int64_t from, double* scratch);
};

/// Columns in block floating point: kColumnBlock rows share a scale and are 16-bit integers, two to a word, row u of the block in the low
/// half of word u and row u + kColumnBlock/2 in the high half of the same. Off by at most 2^-16 of the largest of its block. Sums in
/// float32. Vectors over the rows hold blocks · kColumnBlock numbers, zeros beyond the last row, on a cache line; so do columns.
constexpr int64_t kColumnBlock = 64;
struct ColumnKernels {
  /// The columns of rows × cols numbers, rows a multiple of kColumnBlock unless they are the last; column j goes to words + j · wordsOfColumn
  /// and scales + j · scalesOfColumn.
  void (*compress64)(const double* x, int64_t rows, int64_t cols, int64_t stride, int32_t* words, int64_t wordsOfColumn,
                     float* scales, int64_t scalesOfColumn);
  void (*compress32)(const float* x, int64_t rows, int64_t cols, int64_t stride, int32_t* words, int64_t wordsOfColumn,
                     float* scales, int64_t scalesOfColumn);
  /// Σ_i x_i t_i, of one column and of `count` of them. The words of `next`, the column that is read after this one, are fetched meanwhile.
  double (*dot)(const int32_t* words, const float* scales, const float* t, int64_t blocks, const int32_t* next);
  void (*dots)(const int32_t* words, int64_t wordsOfColumn, const float* scales, int64_t scalesOfColumn, int64_t count,
               const float* t, int64_t blocks, double* sums);
  /// Σ_i h_i x_i², and t_i ← t_i + a h_i x_i; h = null means ones.
  double (*squares)(const int32_t* words, const float* scales, const float* h, int64_t blocks);
  void (*axpy)(float a, const int32_t* words, const float* scales, const float* h, float* t, int64_t blocks);
};

/// Columns in float32 with vectors over the rows in float32, for coordinate descent on sparse data: all rows of a column, or the `count` that are
/// named. Sums are in float32 over at most 4096 numbers and in float64 above.
struct FloatKernels {
  double (*dot)(const float* x, const float* u, int64_t n);
  double (*sparse_dot)(const float* x, const int32_t* rows, int64_t count, const float* u);
  void (*sparse_axpy)(float a, const float* x, const int32_t* rows, int64_t count, float* u);
  /// The products of `columns` columns, and u ← u + Σ_c a_c x_c.
  void (*dots)(const float* x, int64_t columns, int64_t stride, int64_t n, const float* u, double* sums);
  void (*axpys)(const float* x, int64_t columns, int64_t stride, int64_t n, const double* a, float* u);
};

struct LinearKernels {
  const char* isa;
  RowKernels<double> f64;
  RowKernels<float> f32;
  const ColumnKernels* columns;
  const FloatKernels* floats;
  /// to_e = v_e r[rows_e], rounded to float32; returns Σ (v_e r[rows_e])². rows = null: row e.
  double (*scale)(const float* v, const int32_t* rows, int64_t count, const double* r, float* to);
  /// G_ab ← G_ab + Σ_e x_a[e] x_b[e] for a ≤ b < count, over `length` numbers of each: float32 within 512 of them, float64 beyond.
  void (*products)(const float* const* x, int64_t count, int64_t length, double* G, int64_t ldg);
  /// The places e of columns with slot[column] != 0 and those slots, in order; returns how many. Room for count + 16 in both.
  int64_t (*select)(const int32_t* columns, int64_t count, const int32_t* slot, int32_t* slots, int32_t* places);
  /// Logistic loss on n margins: derivative[i] = c ∂ℓ/∂z; curvature[i] = c ∂²ℓ/∂z² unless null. c = null means ones.
  LossSums (*logistic)(const double* z, const double* y, const double* c, int64_t n, double* derivative,
                       double* curvature);
  /// Σ c (s log s + (1 − s) log(1 − s)) for n numbers s in [0, 1]: the conjugate of the logistic loss.
  double (*entropy)(const double* s, const double* c, int64_t n);
};

/// Columns are padded to a whole number of tiles.
constexpr int64_t kGramTile = 16, kGramRows = 128;
inline int64_t gram_padded(int64_t cols) { return (cols + kGramTile - 1) / kGramTile * kGramTile; }
inline int64_t gram_scratch(int64_t cols) { return 2 * kGramRows * gram_padded(cols); }

/// Those of the instruction set that cpu_backend() uses.
const LinearKernels& linear_kernels();
/// By name; nullptr when this processor or this build does not have it.
const LinearKernels* linear_kernels(const char* isa);

}  // namespace meanfield
