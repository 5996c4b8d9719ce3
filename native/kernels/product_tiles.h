// Products of dense float32 matrices, C = A B or C += A B, with strides for operands that lie transposed: what is compiled once
// per instruction set. Pure arithmetic: no allocation, no threads, no library templates (see cpu/tiles.h).
//
// Every number of C is summed on its own, in the order of the depth: in blocks of kDepthBlock, which are then added. Neither
// the other rows and columns nor the number of threads, which share the columns, can change a bit of it.
#pragma once
#include <cstdint>

namespace meanfield {

/// A is rows × depth with element (i, k) at a[i·aRow + k·aDepth]; B is depth × columns with (k, j) at b[k·bDepth + j·bColumn];
/// C is rows × columns, row-major.
struct Product {
  int64_t rows, columns, depth;
  const float* a;
  int64_t aRow, aDepth;
  const float* b;
  int64_t bDepth, bColumn;
  float* c;
  int64_t cRow;
  bool add = false;
};

constexpr int64_t kDepthBlock = 512;

struct ProductTiles {
  const char* isa;
  int64_t rows;   // of a strip of A
  int64_t lanes;  // of the widest panel of B
  /// Depth [from, from + depth) of all strips: strips × depth × rows, zero past the last row.
  void (*pack_left)(const Product& product, int64_t from, int64_t depth, float* left);
  /// Columns [first, first + lanes), as many as there are; `right` is scratch of kDepthBlock × lanes on a cache line.
  void (*panel)(const Product& product, int64_t from, int64_t depth, const float* left, float* right, int64_t first);
  /// z ← tanh z, `count` a multiple of 16 on a cache line; each number by itself.
  void (*tanh)(float* z, int64_t count);
};

}  // namespace meanfield
