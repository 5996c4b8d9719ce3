// The functions of ColumnKernels and FloatKernels (linear_kernels.h), compiled once per instruction set.
#include "native/kernels/cpu/simd.h"
#include "native/kernels/linear_kernels.h"

namespace meanfield {
namespace cpu {
namespace MEANFIELD_ISA {

extern const ColumnKernels kColumnKernels;
extern const FloatKernels kFloatKernels;

namespace {

constexpr int64_t kHalf = kColumnBlock / 2;  // words of a block
typedef float Vu __attribute__((vector_size(4 * kWidth), aligned(4), may_alias));
typedef double D __attribute__((vector_size(4 * kWidth), may_alias));  // half as many
typedef double Du __attribute__((vector_size(4 * kWidth), aligned(8), may_alias));
typedef float F __attribute__((vector_size(2 * kWidth), may_alias));

MEANFIELD_INLINE V load_any(const float* x) { return *reinterpret_cast<const Vu*>(x); }
MEANFIELD_INLINE V load_any(const double* x) {
  union {
    F part[2];
    V whole;
  } both;
  for (int h = 0; h < 2; ++h)
    both.part[h] = __builtin_convertvector(*reinterpret_cast<const Du*>(x + h * (kWidth / 2)), F);
  return both.whole;
}
/// Written past the caches: a copy is larger than they are, and is not read before all of it is there.
MEANFIELD_INLINE void stream(int32_t* to, const int32_t* from) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), *reinterpret_cast<const __m512i*>(from));
#elif defined(__AVX2__)
  _mm256_stream_si256(reinterpret_cast<__m256i*>(to), *reinterpret_cast<const __m256i*>(from));
#else
  *reinterpret_cast<I*>(to) = *reinterpret_cast<const I*>(from);
#endif
}
MEANFIELD_INLINE float total(V v) {
  float sum = 0;
  for (int i = 0; i < kWidth; ++i) sum += v[i];
  return sum;
}
/// The numbers of a vector of words: rows u and u + 32 of the block, 2^16 times what the scale is for.
MEANFIELD_INLINE V low(I words) { return to_float((I)((U)words << 16)); }
MEANFIELD_INLINE V high(I words) { return to_float(words & static_cast<int32_t>(0xffff0000)); }
MEANFIELD_INLINE I words_at(const int32_t* q) { return *reinterpret_cast<const I*>(q); }

/// to[c][u] = from[u][c] for kWidth columns of kHalf words.
MEANFIELD_INLINE void transpose(const int32_t* from, int32_t* to) {
#if defined(__AVX512F__)
  // Within 128-bit lanes by pairs of 32 and of 64 bits, then the lanes among themselves.
  for (int half = 0; half < 2; ++half, from += 16 * 16, to += 16) {
    __m512i a[16], b[16];
    for (int k = 0; k < 16; ++k) a[k] = _mm512_load_si512(from + k * 16);
    for (int k = 0; k < 16; k += 2) {
      b[k] = _mm512_unpacklo_epi32(a[k], a[k + 1]);
      b[k + 1] = _mm512_unpackhi_epi32(a[k], a[k + 1]);
    }
    for (int k = 0; k < 16; k += 4)
      for (int e = 0; e < 2; ++e) {
        a[k + 2 * e] = _mm512_unpacklo_epi64(b[k + e], b[k + 2 + e]);
        a[k + 2 * e + 1] = _mm512_unpackhi_epi64(b[k + e], b[k + 2 + e]);
      }
    for (int k = 0; k < 4; ++k) {
      const __m512i low = _mm512_shuffle_i32x4(a[k], a[k + 4], 0x44), high = _mm512_shuffle_i32x4(a[k], a[k + 4], 0xee),
                    lowNext = _mm512_shuffle_i32x4(a[k + 8], a[k + 12], 0x44),
                    highNext = _mm512_shuffle_i32x4(a[k + 8], a[k + 12], 0xee);
      _mm512_store_si512(to + k * kHalf, _mm512_shuffle_i32x4(low, lowNext, 0x88));
      _mm512_store_si512(to + (k + 4) * kHalf, _mm512_shuffle_i32x4(low, lowNext, 0xdd));
      _mm512_store_si512(to + (k + 8) * kHalf, _mm512_shuffle_i32x4(high, highNext, 0x88));
      _mm512_store_si512(to + (k + 12) * kHalf, _mm512_shuffle_i32x4(high, highNext, 0xdd));
    }
  }
#else
  for (int64_t c = 0; c < kWidth; ++c)
    for (int64_t u = 0; u < kHalf; ++u) to[c * kHalf + u] = from[u * kWidth + c];
#endif
}

/// One block of kWidth columns from `x` on, `rows` of its rows there.
template <class T>
MEANFIELD_INLINE void compress_tile(const T* x, int64_t rows, int64_t cols, int64_t stride, int32_t* words,
                                    int64_t wordsOfColumn, float* scales, int64_t scalesOfColumn) {
  alignas(64) float tile[kColumnBlock * kWidth];
  V most = {};
  for (int64_t r = 0; r < rows; ++r) {
    const T* from = x + r * stride;
    V v = {};
    if (cols == kWidth) {
      __builtin_prefetch(from + kWidth);
      __builtin_prefetch(reinterpret_cast<const char*>(from + 2 * kWidth) - 1);
      v = load_any(from);
    } else {
      for (int64_t c = 0; c < cols; ++c) v[c] = static_cast<float>(from[c]);
    }
    store(tile + r * kWidth, v);
    most = at_least(most, magnitude(v));
  }
  for (int64_t r = rows; r < kColumnBlock; ++r) store(tile + r * kWidth, V{});
  // A block of numbers below the smallest normal one counts as zeros; one that overflows float32 has been refused.
  const V inverse = most > splat(1.2e-38f) ? splat(32767.0f) / most : V{};
  alignas(64) int32_t pairs[kHalf * kWidth], column[kWidth * kHalf];
  for (int64_t u = 0; u < kHalf; ++u) {
    const I first = to_int(nearest(load(tile + u * kWidth) * inverse)),
            second = to_int(nearest(load(tile + (u + kHalf) * kWidth) * inverse));
    *reinterpret_cast<I*>(pairs + u * kWidth) = (I)((U)second << 16) | (first & 0xffff);
  }
  transpose(pairs, column);
  for (int64_t c = 0; c < cols; ++c) {
    for (int64_t u = 0; u < kHalf; u += kWidth) stream(words + c * wordsOfColumn + u, column + c * kHalf + u);
    scales[c * scalesOfColumn] = most[c] / (32767.0f * 65536.0f);
  }
}

template <class T>
void compress(const T* x, int64_t rows, int64_t cols, int64_t stride, int32_t* words, int64_t wordsOfColumn,
              float* scales, int64_t scalesOfColumn) {
  for (int64_t j = 0; j < cols; j += kWidth)
    for (int64_t i = 0; i < rows; i += kColumnBlock)
      compress_tile(x + i * stride + j, rows - i < kColumnBlock ? rows - i : kColumnBlock,
                    cols - j < kWidth ? cols - j : kWidth, stride, words + j * wordsOfColumn + i / 2, wordsOfColumn,
                    scales + j * scalesOfColumn + i / kColumnBlock, scalesOfColumn);
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

/// Σ_i x_i t_i of kColumns columns at once, so that t is read once for all of them. `next` is fetched into the second-level cache.
template <int kColumns>
MEANFIELD_INLINE void dot_columns(const int32_t* q, int64_t wordsOfColumn, const float* scales, int64_t scalesOfColumn,
                                  const float* t, int64_t blocks, const int32_t* next, double* sums) {
  V even[kColumns] = {}, odd[kColumns] = {};
  for (int64_t b = 0; b < blocks; ++b, q += kHalf, t += kColumnBlock) {
    if (kColumns == 1) {
      __builtin_prefetch(next + b * kHalf, 0, 2);
      __builtin_prefetch(next + b * kHalf + kHalf / 2, 0, 2);
    }
    V first[kColumns] = {}, second[kColumns] = {};
    for (int64_t u = 0; u < kHalf; u += kWidth) {
      const V left = load(t + u), right = load(t + kHalf + u);
      for (int c = 0; c < kColumns; ++c) {
        const I words = words_at(q + c * wordsOfColumn + u);
        first[c] = fma(low(words), left, first[c]);
        second[c] = fma(high(words), right, second[c]);
      }
    }
    for (int c = 0; c < kColumns; ++c) {
      const V scale = splat(scales[c * scalesOfColumn + b]);
      even[c] = fma(scale, first[c], even[c]);
      odd[c] = fma(scale, second[c], odd[c]);
    }
  }
  for (int c = 0; c < kColumns; ++c) sums[c] = static_cast<double>(total(even[c] + odd[c]));
}

double dot(const int32_t* q, const float* scales, const float* t, int64_t blocks, const int32_t* next) {
  double sum;
  dot_columns<1>(q, 0, scales, 0, t, blocks, next, &sum);
  return sum;
}

void dots(const int32_t* q, int64_t wordsOfColumn, const float* scales, int64_t scalesOfColumn, int64_t count,
          const float* t, int64_t blocks, double* sums) {
  constexpr int kAtOnce = 4;
  int64_t c = 0;
  for (; c + kAtOnce <= count; c += kAtOnce)
    dot_columns<kAtOnce>(q + c * wordsOfColumn, wordsOfColumn, scales + c * scalesOfColumn, scalesOfColumn, t, blocks,
                         nullptr, sums + c);
  for (; c < count; ++c) sums[c] = dot(q + c * wordsOfColumn, scales + c * scalesOfColumn, t, blocks, q);
}

double squares(const int32_t* q, const float* scales, const float* h, int64_t blocks) {
  V sum = {};
  for (int64_t b = 0; b < blocks; ++b, q += kHalf) {
    V block = {};
    for (int64_t u = 0; u < kHalf; u += kWidth) {
      const V first = low(words_at(q + u)), second = high(words_at(q + u));
      block = fma(first, h ? first * load(h + b * kColumnBlock + u) : first, block);
      block = fma(second, h ? second * load(h + b * kColumnBlock + kHalf + u) : second, block);
    }
    sum = fma(splat(scales[b]), block * splat(scales[b]), sum);
  }
  return static_cast<double>(total(sum));
}

template <bool kWeighted>
MEANFIELD_INLINE void add_column(float a, const int32_t* q, const float* scales, const float* h, float* t,
                                 int64_t blocks) {
  for (int64_t b = 0; b < blocks; ++b, q += kHalf, t += kColumnBlock) {
    const V scale = splat(a * scales[b]);
    for (int64_t u = 0; u < kHalf; u += kWidth) {
      const I words = words_at(q + u);
      V first = low(words), second = high(words);
      if (kWeighted) {
        first = first * load(h + b * kColumnBlock + u);
        second = second * load(h + b * kColumnBlock + kHalf + u);
      }
      store(t + u, fma(scale, first, load(t + u)));
      store(t + kHalf + u, fma(scale, second, load(t + kHalf + u)));
    }
  }
}

void axpy(float a, const int32_t* q, const float* scales, const float* h, float* t, int64_t blocks) {
  if (h)
    add_column<true>(a, q, scales, h, t, blocks);
  else
    add_column<false>(a, q, scales, h, t, blocks);
}

// ---- float32

constexpr int64_t kPiece = 4096;

template <int kColumns>
MEANFIELD_INLINE void float_dots(const float* x, int64_t stride, int64_t n, const float* u, double* sums) {
  for (int c = 0; c < kColumns; ++c) sums[c] = 0;
  for (int64_t from = 0; from < n; from += kPiece) {
    const int64_t to = n - from < kPiece ? n : from + kPiece;
    V first[kColumns] = {}, second[kColumns] = {};
    int64_t i = from;
    for (; i + 2 * kWidth <= to; i += 2 * kWidth) {
      const V left = load_any(u + i), right = load_any(u + i + kWidth);
      for (int c = 0; c < kColumns; ++c) {
        first[c] = fma(load_any(x + c * stride + i), left, first[c]);
        second[c] = fma(load_any(x + c * stride + i + kWidth), right, second[c]);
      }
    }
    for (int c = 0; c < kColumns; ++c) {
      float rest = 0;
      for (int64_t e = i; e < to; ++e) rest += x[c * stride + e] * u[e];
      sums[c] += static_cast<double>(total(first[c] + second[c]) + rest);
    }
  }
}

double float_dot(const float* x, const float* u, int64_t n) {
  double sum;
  float_dots<1>(x, 0, n, u, &sum);
  return sum;
}

void all_float_dots(const float* x, int64_t columns, int64_t stride, int64_t n, const float* u, double* sums) {
  int64_t c = 0;
  for (; c + 4 <= columns; c += 4) float_dots<4>(x + c * stride, stride, n, u, sums + c);
  for (; c < columns; ++c) sums[c] = float_dot(x + c * stride, u, n);
}

template <int kColumns>
MEANFIELD_INLINE void float_axpys(const float* x, int64_t stride, int64_t n, const double* a, float* u) {
  V scale[kColumns];
  for (int c = 0; c < kColumns; ++c) scale[c] = splat(static_cast<float>(a[c]));
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    V sum = load_any(u + i);
    for (int c = 0; c < kColumns; ++c) sum = fma(scale[c], load_any(x + c * stride + i), sum);
    *reinterpret_cast<Vu*>(u + i) = sum;
  }
  for (; i < n; ++i)
    for (int c = 0; c < kColumns; ++c) u[i] += static_cast<float>(a[c]) * x[c * stride + i];
}

void all_float_axpys(const float* x, int64_t columns, int64_t stride, int64_t n, const double* a, float* u) {
  int64_t c = 0;
  for (; c + 8 <= columns; c += 8) float_axpys<8>(x + c * stride, stride, n, a + c, u);
  for (; c < columns; ++c) float_axpys<1>(x + c * stride, stride, n, a + c, u);
}

MEANFIELD_INLINE V gather(const float* u, const int32_t* rows) {
#if defined(__AVX512F__)
  return _mm512_i32gather_ps(_mm512_loadu_si512(rows), u, 4);
#else
  V v;
  for (int k = 0; k < kWidth; ++k) v[k] = u[rows[k]];
  return v;
#endif
}

double float_sparse_dot(const float* x, const int32_t* rows, int64_t count, const float* u) {
  double sum = 0;
  for (int64_t from = 0; from < count; from += kPiece) {
    const int64_t to = count - from < kPiece ? count : from + kPiece;
    V first = {}, second = {};
    int64_t e = from;
    for (; e + 2 * kWidth <= to; e += 2 * kWidth) {
      first = fma(load_any(x + e), gather(u, rows + e), first);
      second = fma(load_any(x + e + kWidth), gather(u, rows + e + kWidth), second);
    }
    float rest = total(first + second);
    for (; e < to; ++e) rest += x[e] * u[rows[e]];
    sum += static_cast<double>(rest);
  }
  return sum;
}

void float_sparse_axpy(float a, const float* x, const int32_t* rows, int64_t count, float* u) {
  int64_t e = 0;
  for (; e + 4 <= count; e += 4) {
    // Rows of a column are distinct, so that the four can be read before any is written.
    const float u0 = u[rows[e]] + a * x[e], u1 = u[rows[e + 1]] + a * x[e + 1], u2 = u[rows[e + 2]] + a * x[e + 2],
                u3 = u[rows[e + 3]] + a * x[e + 3];
    u[rows[e]] = u0;
    u[rows[e + 1]] = u1;
    u[rows[e + 2]] = u2;
    u[rows[e + 3]] = u3;
  }
  for (; e < count; ++e) u[rows[e]] += a * x[e];
}

}  // namespace

const FloatKernels kFloatKernels = {float_dot, float_sparse_dot, float_sparse_axpy, all_float_dots, all_float_axpys};
const ColumnKernels kColumnKernels = {compress<double>, compress<float>, dot, dots, squares, axpy};

}  // namespace MEANFIELD_ISA
}  // namespace cpu
}  // namespace meanfield
