// The functions of linear_kernels.h, compiled once per instruction set.
#include "native/kernels/linear_kernels.h"

#include "native/kernels/cpu/simd.h"

namespace meanfield {
namespace cpu {
namespace MEANFIELD_ISA {

const LinearKernels* linear();
extern const ColumnKernels kColumnKernels;  // column_tiles.cpp
extern const FloatKernels kFloatKernels;

namespace {

constexpr int kD = kWidth / 2;  // doubles in a vector
typedef double D __attribute__((vector_size(8 * kD), may_alias));
typedef double Du __attribute__((vector_size(8 * kD), aligned(8), may_alias));
typedef float Vu __attribute__((vector_size(4 * kWidth), aligned(4), may_alias));
typedef float Fu __attribute__((vector_size(4 * kD), aligned(4), may_alias));
typedef int64_t L __attribute__((vector_size(8 * kD), may_alias));

MEANFIELD_INLINE D load(const double* x) { return *reinterpret_cast<const Du*>(x); }
MEANFIELD_INLINE D load_wide(const double* x) { return load(x); }
MEANFIELD_INLINE D load_wide(const float* x) { return __builtin_convertvector(*reinterpret_cast<const Fu*>(x), D); }
MEANFIELD_INLINE void store(double* x, D v) { *reinterpret_cast<Du*>(x) = v; }
MEANFIELD_INLINE D splat(double x) { return x - D{}; }

#if defined(__AVX512F__)
MEANFIELD_INLINE D fma(D a, D b, D c) { return _mm512_fmadd_pd(a, b, c); }
MEANFIELD_INLINE D nearest(D x) { return _mm512_roundscale_pd(x, 0); }
MEANFIELD_INLINE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
MEANFIELD_INLINE D gather(const double* w, const int32_t* c) {
  return _mm512_i32gather_pd(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(c)), w, 8);
}
#elif defined(__AVX2__)
MEANFIELD_INLINE D fma(D a, D b, D c) { return _mm256_fmadd_pd(a, b, c); }
MEANFIELD_INLINE D nearest(D x) { return _mm256_round_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
MEANFIELD_INLINE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
MEANFIELD_INLINE D gather(const double* w, const int32_t* c) { return D{w[c[0]], w[c[1]], w[c[2]], w[c[3]]}; }
#elif defined(__x86_64__)
MEANFIELD_INLINE D fma(D a, D b, D c) { return a * b + c; }
MEANFIELD_INLINE D nearest(D x) { return _mm_round_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
MEANFIELD_INLINE double fma(double a, double b, double c) { return a * b + c; }
MEANFIELD_INLINE D gather(const double* w, const int32_t* c) { return D{w[c[0]], w[c[1]]}; }
#else
MEANFIELD_INLINE D fma(D a, D b, D c) { return (D)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b); }
MEANFIELD_INLINE D nearest(D x) { return (D)vrndnq_f64((float64x2_t)x); }
MEANFIELD_INLINE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
MEANFIELD_INLINE D gather(const double* w, const int32_t* c) { return D{w[c[0]], w[c[1]]}; }
#endif

MEANFIELD_INLINE double total(D v) {
  double sum = 0;
  for (int i = 0; i < kD; ++i) sum += v[i];
  return sum;
}
template <class T>
double dot(const T* x, const double* w, int64_t n) {
  D s0 = {}, s1 = {}, s2 = {}, s3 = {};
  int64_t j = 0;
  for (; j + 4 * kD <= n; j += 4 * kD) {
    s0 = fma(load_wide(x + j), load(w + j), s0);
    s1 = fma(load_wide(x + j + kD), load(w + j + kD), s1);
    s2 = fma(load_wide(x + j + 2 * kD), load(w + j + 2 * kD), s2);
    s3 = fma(load_wide(x + j + 3 * kD), load(w + j + 3 * kD), s3);
  }
  for (; j + kD <= n; j += kD) s0 = fma(load_wide(x + j), load(w + j), s0);
  double sum = total((s0 + s1) + (s2 + s3));
  for (; j < n; ++j) sum = fma(static_cast<double>(x[j]), w[j], sum);
  return sum;
}

template <class T>
void axpy(double a, const T* x, double* y, int64_t n) {
  const D scale = splat(a);
  int64_t j = 0;
  for (; j + kD <= n; j += kD) store(y + j, fma(scale, load_wide(x + j), load(y + j)));
  for (; j < n; ++j) y[j] = fma(a, static_cast<double>(x[j]), y[j]);
}

template <class T>
double sparse_dot(const T* v, const int32_t* c, int64_t count, const double* w) {
  D s0 = {}, s1 = {};
  int64_t e = 0;
  for (; e + 2 * kD <= count; e += 2 * kD) {
    s0 = fma(load_wide(v + e), gather(w, c + e), s0);
    s1 = fma(load_wide(v + e + kD), gather(w, c + e + kD), s1);
  }
  double sum = total(s0 + s1);
  for (; e < count; ++e) sum = fma(static_cast<double>(v[e]), w[c[e]], sum);
  return sum;
}

template <class T>
void sparse_axpy(double a, const T* v, const int32_t* c, int64_t count, double* w) {
  int64_t e = 0;
  for (; e + 4 <= count; e += 4) {
    // Columns of a row are distinct, so that the four can be read before any is written.
    const double w0 = fma(a, static_cast<double>(v[e]), w[c[e]]),
                 w1 = fma(a, static_cast<double>(v[e + 1]), w[c[e + 1]]);
    const double w2 = fma(a, static_cast<double>(v[e + 2]), w[c[e + 2]]),
                 w3 = fma(a, static_cast<double>(v[e + 3]), w[c[e + 3]]);
    w[c[e]] = w0;
    w[c[e + 1]] = w1;
    w[c[e + 2]] = w2;
    w[c[e + 3]] = w3;
  }
  for (; e < count; ++e) w[c[e]] = fma(a, static_cast<double>(v[e]), w[c[e]]);
}

double scale(const float* v, const int32_t* rows, int64_t count, const double* r, float* to) {
  D squares = {};
  int64_t e = 0;
  for (; e + kD <= count; e += kD) {
    const D value = load_wide(v + e) * (rows ? gather(r, rows + e) : load(r + e));
    squares = fma(value, value, squares);
    *reinterpret_cast<Fu*>(to + e) = __builtin_convertvector(value, Fu);
  }
  double sum = total(squares);
  for (; e < count; ++e) {
    const double value = static_cast<double>(v[e]) * r[rows ? rows[e] : e];
    sum = fma(value, value, sum);
    to[e] = static_cast<float>(value);
  }
  return sum;
}

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kProductRows = 4;  // with 4 columns of G: registers
#else
constexpr int kProductRows = 2;
#endif
void products(const float* const* x, int64_t count, int64_t length, double* G, int64_t ldg) {
  constexpr int64_t kPiece = 512;  // of every vector, so that all are near
  for (int64_t from = 0; from < length; from += kPiece) {
    const int64_t to = length - from < kPiece ? length : from + kPiece, whole = from + (to - from) / kWidth * kWidth;
    for (int64_t a0 = 0; a0 < count; a0 += kProductRows)
      for (int64_t b0 = a0 / 4 * 4; b0 < count; b0 += 4) {
        // Beyond the last, the last again: computed and not kept.
        const float *a[kProductRows], *b[4];
        for (int r = 0; r < kProductRows; ++r) a[r] = x[a0 + r < count ? a0 + r : count - 1];
        for (int c = 0; c < 4; ++c) b[c] = x[b0 + c < count ? b0 + c : count - 1];
        V sum[kProductRows][4] = {};
        for (int64_t e = from; e < whole; e += kWidth) {
          V right[4];
          for (int c = 0; c < 4; ++c) right[c] = *reinterpret_cast<const Vu*>(b[c] + e);
          for (int r = 0; r < kProductRows; ++r) {
            const V left = *reinterpret_cast<const Vu*>(a[r] + e);
            for (int c = 0; c < 4; ++c) sum[r][c] = MEANFIELD_ISA::fma(left, right[c], sum[r][c]);
          }
        }
        for (int r = 0; r < kProductRows && a0 + r < count; ++r)
          for (int c = 0; c < 4 && b0 + c < count; ++c) {
            double rest = 0;
            for (int k = 0; k < kWidth; ++k) rest += sum[r][c][k];
            for (int64_t e = whole; e < to; ++e) rest += static_cast<double>(a[r][e]) * b[c][e];
            if (b0 + c >= a0 + r) G[(a0 + r) * ldg + b0 + c] += rest;
          }
      }
  }
}

int64_t select(const int32_t* c, int64_t count, const int32_t* slot, int32_t* slots, int32_t* places) {
  int64_t found = 0, e = 0;
#if defined(__AVX512F__)
  __m512i place = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  for (; e + 16 <= count; e += 16) {
    const __m512i own = _mm512_i32gather_epi32(_mm512_loadu_si512(c + e), slot, 4);
    const __mmask16 wanted = _mm512_test_epi32_mask(own, own);
    _mm512_storeu_si512(slots + found, _mm512_maskz_compress_epi32(wanted, own));
    _mm512_storeu_si512(places + found, _mm512_maskz_compress_epi32(wanted, place));
    place = _mm512_add_epi32(place, _mm512_set1_epi32(16));
    found += __builtin_popcount(wanted);
  }
#endif
  for (; e < count; ++e) {
    slots[found] = slot[c[e]];
    places[found] = static_cast<int32_t>(e);
    found += slots[found] != 0;
  }
  return found;
}

template <class T>
void rows_dot(const T* x, int64_t rows, int64_t cols, int64_t stride, const double* w, double* z) {
  int64_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    const T *a = x + i * stride, *b = a + stride, *c = b + stride, *d = c + stride;
    D s0 = {}, s1 = {}, s2 = {}, s3 = {};
    int64_t j = 0;
    for (; j + kD <= cols; j += kD) {
      const D weight = load(w + j);
      s0 = fma(load_wide(a + j), weight, s0);
      s1 = fma(load_wide(b + j), weight, s1);
      s2 = fma(load_wide(c + j), weight, s2);
      s3 = fma(load_wide(d + j), weight, s3);
    }
    double t0 = total(s0), t1 = total(s1), t2 = total(s2), t3 = total(s3);
    for (; j < cols; ++j) {
      t0 = fma(static_cast<double>(a[j]), w[j], t0);
      t1 = fma(static_cast<double>(b[j]), w[j], t1);
      t2 = fma(static_cast<double>(c[j]), w[j], t2);
      t3 = fma(static_cast<double>(d[j]), w[j], t3);
    }
    z[i] = t0, z[i + 1] = t1, z[i + 2] = t2, z[i + 3] = t3;
  }
  for (; i < rows; ++i) z[i] = dot(x + i * stride, w, cols);
}

template <class T>
void rows_axpy(const T* x, int64_t rows, int64_t cols, int64_t stride, const double* a, double* g) {
  int64_t i = 0;
  for (; i + 8 <= rows; i += 8) {
    const T* r[8];
    D s[8];
    for (int k = 0; k < 8; ++k) r[k] = x + (i + k) * stride, s[k] = splat(a[i + k]);
    int64_t j = 0;
    for (; j + kD <= cols; j += kD) {
      D sum = load(g + j), other = {};
      for (int k = 0; k < 8; k += 2) {
        sum = fma(s[k], load_wide(r[k] + j), sum);
        other = fma(s[k + 1], load_wide(r[k + 1] + j), other);
      }
      store(g + j, sum + other);
    }
    for (; j < cols; ++j) {
      double sum = g[j];
      for (int k = 0; k < 8; ++k) sum = fma(a[i + k], static_cast<double>(r[k][j]), sum);
      g[j] = sum;
    }
  }
  for (; i < rows; ++i) axpy(a[i], x + i * stride, g, cols);
}

/// One tile of H: kTileRow rows × kGramTile columns, over `rows` rows of two packed panels.
#if defined(__AVX512F__)
constexpr int kTileRow = 8;
#else
constexpr int kTileRow = 4;
#endif
MEANFIELD_INLINE void gram_tile(const double* scaled, const double* plain, int64_t rows, double* H, int64_t ldh) {
  constexpr int kV = static_cast<int>(kGramTile) / kD, kStep = kV > 2 ? 2 : kV;
  for (int v0 = 0; v0 < kV; v0 += kStep) {
    D s[kTileRow][kStep];
    for (int r = 0; r < kTileRow; ++r)
      for (int v = 0; v < kStep; ++v) s[r][v] = load(H + r * ldh + (v0 + v) * kD);
    for (int64_t i = 0; i < rows; ++i) {
      D x[kStep];
      for (int v = 0; v < kStep; ++v) x[v] = load(plain + i * kGramTile + (v0 + v) * kD);
      for (int r = 0; r < kTileRow; ++r) {
        const D a = splat(scaled[i * kGramTile + r]);
        for (int v = 0; v < kStep; ++v) s[r][v] = fma(a, x[v], s[r][v]);
      }
    }
    for (int r = 0; r < kTileRow; ++r)
      for (int v = 0; v < kStep; ++v) store(H + r * ldh + (v0 + v) * kD, s[r][v]);
  }
}

template <class T>
void gram(const T* x, int64_t rows, int64_t cols, int64_t stride, const double* h, double* H, int64_t ldh,
          int64_t from_column, double* scratch) {
  // Packed as panels of kGramTile columns, each kGramRows × kGramTile: a tile then reads two contiguous pieces of memory.
  constexpr int64_t kPanel = kGramRows * kGramTile;
  const int64_t ld = gram_padded(cols);
  double *scaled = scratch, *plain = scratch + kGramRows * ld;
  for (int64_t i0 = 0; i0 < rows; i0 += kGramRows) {
    const int64_t count = rows - i0 < kGramRows ? rows - i0 : kGramRows;
    for (int64_t i = 0; i < count; ++i) {
      const T* from = x + (i0 + i) * stride;
      const double weight = h ? h[i0 + i] : 1;
      for (int64_t j = 0; j < ld; j += kGramTile) {
        double *p = plain + j * kGramRows + i * kGramTile, *q = scaled + j * kGramRows + i * kGramTile;
        const int64_t width = cols - j < kGramTile ? cols - j : kGramTile;
        for (int64_t e = 0; e < width; ++e) {
          p[e] = static_cast<double>(from[j + e]);
          q[e] = weight * p[e];
        }
        for (int64_t e = width; e < kGramTile; ++e) p[e] = q[e] = 0;
      }
    }
    for (int64_t j = from_column; j < ld; j += kGramTile)
      for (int64_t r = 0; r < j + kGramTile; r += kTileRow)
        gram_tile(scaled + r / kGramTile * kPanel + r % kGramTile, plain + j / kGramTile * kPanel, count,
                  H + r * ldh + j, ldh);
  }
}

/// e^x for x ≤ 0: 2^n e^f with |f| ≤ ln 2 / 2 and Taylor's polynomial of degree 13 (remainder 4e-18). 0 below −708.
MEANFIELD_INLINE D exp_negative(D x) {
  x = x < splat(-708.0) ? splat(-708.0) : x;
  const D n = nearest(x * splat(1.4426950408889634074));
  D f = fma(n, splat(-6.93147180369123816490e-01), x);
  f = fma(n, splat(-1.90821492927058770002e-10), f);
  constexpr double c[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
                          1.0 / 5040,       1.0 / 720,       1.0 / 120,      1.0 / 24,      1.0 / 6,      0.5};
  D p = splat(c[0]);
  for (int k = 1; k < 12; ++k) p = fma(p, f, splat(c[k]));
  p = fma(p * f, f, f) + splat(1.0);
  const L exponent = (__builtin_convertvector(n, L) + 1023) << 52;
  return p * reinterpret_cast<D>(exponent);
}

/// log((1 + s)/(1 − s)) for |s| ≤ 0.1716, which is where logarithms between √½ and √2 lie.
MEANFIELD_INLINE D twice_artanh(D s) {
  const D t = s * s;
  constexpr double c[] = {1.0 / 23, 1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13,
                          1.0 / 11, 1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3};
  D p = splat(c[0]);
  for (int k = 1; k < 11; ++k) p = fma(p, t, splat(c[k]));
  return splat(2.0) * fma(p * t, s, s);
}
/// log(1 + e) for e in [0, 1], halving 1 + e where it is above √2.
MEANFIELD_INLINE D log1p_unit(D e) {
  const L upper = e > splat(0.41421356237309503);
  const D value = twice_artanh(upper ? (e - 1.0) / (e + 3.0) : e / (e + 2.0));
  return upper ? value + splat(0.69314718055994530942) : value;
}
/// s log s for 0 ≤ s ≤ 1, 0 below the smallest normal number.
MEANFIELD_INLINE D entropy_term(D s) {
  const L bits = reinterpret_cast<L>(s), exponent = (bits - 0x3fe6a09e667f3bcd) >> 52;  // of s/√½
  const D rest = reinterpret_cast<D>(bits - (exponent << 52));
  const D log = fma(__builtin_convertvector(exponent, D), splat(0.69314718055994530942),
                    twice_artanh((rest - 1.0) / (rest + 1.0)));
  return s < splat(2.3e-308) ? splat(0.0) : s * log;
}

double entropy(const double* s, const double* c, int64_t n) {
  D sum = {};
  for (int64_t i = 0; i < n; i += kD) {
    D share = {}, weight = {};
    if (n - i >= kD)
      share = load(s + i), weight = load(c + i);
    else
      for (int64_t k = 0; k < n - i; ++k) share[k] = s[i + k], weight[k] = c[i + k];
    sum = fma(weight, entropy_term(share) + entropy_term(splat(1.0) - share), sum);
  }
  return total(sum);
}
LossSums logistic(const double* z, const double* y, const double* c, int64_t n, double* derivative, double* curvature) {
  D value = {}, conjugate = {};
  for (int64_t i = 0; i < n; i += kD) {
    const int64_t left = n - i < kD ? n - i : kD;
    D margin = {}, label = splat(1.0), weight = {};
    if (left == kD) {
      margin = load(z + i);
      label = load(y + i);
      weight = c ? load(c + i) : splat(1.0);
    } else {
      for (int64_t k = 0; k < left; ++k) margin[k] = z[i + k], label[k] = y[i + k], weight[k] = c ? c[i + k] : 1;
    }
    const D t = margin * label;
    const D size = t < 0.0 ? -t : t;
    const D e = exp_negative(-size), tail = log1p_unit(e), inverse = splat(1.0) / (e + 1.0);
    // σ(−t), the probability of the other label, and log(1 + e^t) − t = log(1 + e^{−t}).
    const D other = t < 0.0 ? inverse : e * inverse;
    const D loss = t < 0.0 ? tail - t : tail;
    value = fma(weight, loss, value);
    // s log s + (1 − s) log(1 − s) = (1 − s) t − log(1 + e^t) with s = σ(−t): the same as −s t − loss.
    conjugate = fma(weight, -fma(other, t, loss), conjugate);
    const D slope = -(weight * label * other), bend = weight * e * inverse * inverse;
    if (left == kD) {
      store(derivative + i, slope);
      if (curvature) store(curvature + i, bend);
    } else {
      for (int64_t k = 0; k < left; ++k) {
        derivative[i + k] = slope[k];
        if (curvature) curvature[i + k] = bend[k];
      }
    }
  }
  return {total(value), total(conjugate)};
}

template <class T>
constexpr RowKernels<T> kRows_of = {dot<T>, axpy<T>, sparse_dot<T>, sparse_axpy<T>, rows_dot<T>, rows_axpy<T>, gram<T>};

}  // namespace

#define MEANFIELD_TEXT_OF(x) #x
#define MEANFIELD_TEXT(x) MEANFIELD_TEXT_OF(x)
const LinearKernels* linear() {
  static constexpr LinearKernels table = {MEANFIELD_TEXT(MEANFIELD_ISA),
                                          kRows_of<double>,
                                          kRows_of<float>,
                                          &kColumnKernels,
                                          &kFloatKernels,
                                          scale,
                                          products,
                                          select,
                                          logistic,
                                          entropy};
  return &table;
}

}  // namespace MEANFIELD_ISA
}  // namespace cpu
}  // namespace meanfield
