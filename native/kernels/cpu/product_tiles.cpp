// The functions of product_tiles.h, compiled once per instruction set.
#include "native/kernels/product_tiles.h"

#include "native/kernels/cpu/products.h"
#include "native/kernels/cpu/simd_math.h"

namespace meanfield {
namespace cpu {
namespace MEANFIELD_ISA {

const ProductTiles* product();

namespace {

typedef float Vu __attribute__((vector_size(4 * kWidth), aligned(4), may_alias));

/// Depths that are packed at once where the memory runs along the depth: a line of it.
constexpr int64_t kTurn = 16;

void pack_left(const Product& p, int64_t from, int64_t depth, float* left) {
  for (int64_t first = 0; first < p.rows; first += kRows, left += depth * kRows) {
    const int64_t rows = least(kRows, p.rows - first);
    const float* a = p.a + first * p.aRow + from * p.aDepth;
    if (rows < kRows)
      for (int64_t at = 0; at < depth * kRows; ++at) left[at] = 0;
    if (p.aRow == 1 && rows == kRows) {
      for (int64_t k = 0; k < depth; ++k)
        for (int r = 0; r < kRows; ++r) left[k * kRows + r] = a[k * p.aDepth + r];
    } else {
      for (int64_t begin = 0; begin < depth; begin += kTurn) {
        const int64_t end = least(depth, begin + kTurn);
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t k = begin; k < end; ++k) left[k * kRows + r] = a[r * p.aRow + k * p.aDepth];
      }
    }
  }
}

template <int kN>
void pack_right(const Product& p, int64_t from, int64_t depth, float* right, int64_t first) {
  constexpr int64_t kLanes = kN * kWidth;
  const int64_t columns = least(kLanes, p.columns - first);
  const float* b = p.b + from * p.bDepth + first * p.bColumn;
  if (columns < kLanes)
    for (int64_t at = 0; at < depth * kLanes; ++at) right[at] = 0;
  if (p.bColumn == 1 && columns == kLanes) {
    for (int64_t k = 0; k < depth; ++k)
#pragma GCC unroll 3
      for (int v = 0; v < kN; ++v)
        store(right + k * kLanes + v * kWidth, *reinterpret_cast<const Vu*>(b + k * p.bDepth + v * kWidth));
    return;
  }
  for (int64_t begin = 0; begin < depth; begin += kTurn) {
    const int64_t end = least(depth, begin + kTurn);
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t k = begin; k < end; ++k) right[k * kLanes + j] = b[k * p.bDepth + j * p.bColumn];
  }
}

template <int kN>
void panel_of(const Product& p, int64_t from, int64_t depth, const float* left, float* right, int64_t first) {
  constexpr int64_t kLanes = kN * kWidth;
  pack_right<kN>(p, from, depth, right, first);
  const int64_t columns = least(kLanes, p.columns - first);
  const bool add = p.add || from > 0;
  for (int64_t row = 0; row < p.rows; row += kRows) {
    V sum[kRows][kN] = {};
    const float* b = right;
    for (int64_t k = 0; k < depth; ++k, left += kRows, b += kLanes) {
      V column[kN];
#pragma GCC unroll 3
      for (int v = 0; v < kN; ++v) column[v] = load(b + v * kWidth);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const V factor = splat(left[r]);
#pragma GCC unroll 3
        for (int v = 0; v < kN; ++v) sum[r][v] = fma(factor, column[v], sum[r][v]);
      }
    }
    float* c = p.c + row * p.cRow + first;
    if (columns == kLanes && row + kRows <= p.rows) {
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
        for (int v = 0; v < kN; ++v) {
          Vu* at = reinterpret_cast<Vu*>(c + r * p.cRow + v * kWidth);
          *at = add ? *at + sum[r][v] : sum[r][v];
        }
    } else {
      alignas(64) float tile[kRows * kLanes];
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
        for (int v = 0; v < kN; ++v) store(tile + r * kLanes + v * kWidth, sum[r][v]);
      for (int64_t r = 0; r < least(kRows, p.rows - row); ++r)
        for (int64_t j = 0; j < columns; ++j) {
          float& at = c[r * p.cRow + j];
          at = add ? at + tile[r * kLanes + j] : tile[r * kLanes + j];
        }
    }
  }
}

void panel(const Product& p, int64_t from, int64_t depth, const float* left, float* right, int64_t first) {
  const int64_t vectors = least(kVectors, (p.columns - first + kWidth - 1) / kWidth);
  with_vectors(static_cast<int32_t>(vectors),
               [&](auto count) { panel_of<decltype(count)::value>(p, from, depth, left, right, first); });
}

void tanh_of(float* z, int64_t count) {
  for (int64_t at = 0; at < count; at += kWidth) store(z + at, tanh(load(z + at)));
}

}  // namespace

#define MEANFIELD_TEXT_OF(x) #x
#define MEANFIELD_TEXT(x) MEANFIELD_TEXT_OF(x)
const ProductTiles* product() {
  static constexpr ProductTiles table = {
      MEANFIELD_TEXT(MEANFIELD_ISA), kRows, kVectors * kWidth, pack_left, panel, tanh_of};
  return &table;
}

}  // namespace MEANFIELD_ISA
}  // namespace cpu
}  // namespace meanfield
