// Columns of the data in an order of their own, for coordinate descent.
#pragma once
#include <vector>

#include "native/finite_sum/problem.h"
#include "native/kernels/cpu/memory.h"

namespace meanfield {

/// Columns of the data that have been in a working set of one class, in the order in which they joined.
struct Columns {
  std::vector<int32_t> index;  // column of the data, d for the intercept
  int64_t done = 0;            // of these, those that are in `sparse`, or in the `gram` of dense data

  struct Column {
    const int32_t* rows;  // null: all of them
    const float* values;
    float* scaled;  // room for as many again
    int64_t count;
  };
  std::vector<Column> sparse;
  std::vector<cpu::Buffer<int32_t>> rows;  // where they are kept: a piece for each time that columns joined
  std::vector<cpu::Buffer<float>> values, scaled;

  cpu::Buffer<double> gram;  // both triangles, ld × ld: of all columns (dense), or of those in gramPlaces (sparse)
  int64_t ld = 0;
  std::vector<int32_t> gramPlaces;  // sparse: places in `index`
  Vector gramRoots;                 // sparse: the √h that gram was formed with
};

/// A column with numbers in more than a quarter of the rows is kept with its zeros: products need no addresses then, which cost more.
inline bool kept_dense(int64_t rows, int64_t numbers) { return numbers > rows / 4; }
/// Memory that a gathered column takes: value, scaled value and row.
inline int64_t gathered_bytes(int64_t rows, int64_t numbers) {
  return kept_dense(rows, numbers) ? 8 * rows : 12 * numbers;
}

/// Appends to `sparse` the columns that are in `index` from `done` on, dense ones side by side. The rows are read twice, to count and to copy, or
/// once where these columns hold few numbers.
void gather(const FiniteSum& f, Columns& columns);

/// Q = X̃ᵀX̃/n of columns.gramPlaces at √h = columns.gramRoots: every row adds the products of its own numbers.
void form_gram(const FiniteSum& f, Columns& columns);

}  // namespace meanfield
