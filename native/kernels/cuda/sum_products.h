// Products of the rows of finite sums: X w and Xᵀ a for dense and CSR data of float32 or float64, in double.
//
// Threads in groups of `lanes` share a row of X w; threads beside each other have columns beside each other of Xᵀ a. No sum is made
// by atomics: partial sums are added up in order, and how many there are follows from the shape of the data alone. No gang has these
// kernels: they are built for launches of their own only (kAlone).
#pragma once
#include "native/kernels/cuda/particle_kernels.h"

namespace meanfield {
namespace cuda {

constexpr int kSumThreads = 256;
constexpr int kSumChunk = 128;  // rows of a block at a time
constexpr int kSumEach = 4;     // rows of a group of lanes at once: a number of w is read once for them
constexpr int kScatterThreads = 32;

/// Rows of the data that take part: dense, `width` numbers each, or CSR.
template <class T, bool kSparse>
struct HeldRows {
  static constexpr bool sparse = kSparse;
  const T* values;
  int64_t width;           // dense
  const int64_t* starts;   // CSR
  const int32_t* columns;  // CSR
  const int64_t* index;    // null: all, in order
  int64_t count;
  bool squared;  // every number stands for its square

  MEANFIELD_DEVICE int64_t row(int64_t r) const { return index ? index[r] : r; }
  MEANFIELD_DEVICE double number(int64_t at) const {
    const double value = static_cast<double>(values[at]);
    return squared ? value * value : value;
  }
};

/// put(r, c, ⟨x_r, w_c⟩) for rows first … first + count − 1 and all c < k, number j of w_c at w[j·fromColumn + c·fromOutput].
/// `lanes` threads share a row.
template <int kO, class Rows, class Put>
MEANFIELD_DEVICE void multiply_rows(Block& block, Shared shared, const Rows& rows, int64_t first, int64_t count,
                                    int lanes, const double* w, int64_t fromColumn, int64_t fromOutput, int k,
                                    const Put& put) {
  const int sweep = kSumThreads / lanes * kSumEach, slots = sweep * kO;
  for (int64_t begin = 0; begin < count; begin += sweep)
    for (int c0 = 0; c0 < k; c0 += kO) {
      block.each([&](int thread) {
        const int lane = thread % lanes, group = thread / lanes;
        double sum[kSumEach][kO] = {};
        if constexpr (Rows::sparse) {
          MEANFIELD_UNROLL_FOR (int i = 0; i < kSumEach; ++i) {
            const int64_t r = begin + group * kSumEach + i;
            if (r >= count) continue;
            const int64_t row = rows.row(first + r), end = rows.starts[row + 1];
            for (int64_t at = rows.starts[row] + lane; at < end; at += lanes) {
              const double x = rows.number(at);
              const double* from = w + rows.columns[at] * fromColumn + c0 * fromOutput;
              MEANFIELD_UNROLL_FOR (int o = 0; o < kO; ++o)
                if (c0 + o < k) sum[i][o] += x * from[o * fromOutput];
            }
          }
        } else {
          int64_t at[kSumEach];
          MEANFIELD_UNROLL_FOR (int i = 0; i < kSumEach; ++i) {
            const int64_t r = begin + group * kSumEach + i;
            at[i] = r < count ? rows.row(first + r) * rows.width : -1;
          }
          for (int64_t j = lane; j < rows.width; j += lanes) {
            double weight[kO];
            MEANFIELD_UNROLL_FOR (int o = 0; o < kO; ++o)
              weight[o] = c0 + o < k ? w[j * fromColumn + (c0 + o) * fromOutput] : 0;
            MEANFIELD_UNROLL_FOR (int i = 0; i < kSumEach; ++i) {
              const double x = at[i] >= 0 ? rows.number(at[i] + j) : 0;
              MEANFIELD_UNROLL_FOR (int o = 0; o < kO; ++o) sum[i][o] += x * weight[o];
            }
          }
        }
        // [lane][row and output], an odd number of doubles from lane to lane, so that neither side meets in a bank.
        MEANFIELD_UNROLL_FOR (int i = 0; i < kSumEach; ++i)
          MEANFIELD_UNROLL_FOR (int o = 0; o < kO; ++o)
            shared.store_double(2 * (lane * (slots + 1) + (group * kSumEach + i) * kO + o), sum[i][o]);
      });
      block.barrier();
      block.each([&](int thread) {
        for (int slot = thread; slot < slots; slot += kSumThreads) {
          const int64_t r = begin + slot / kO;
          const int c = c0 + slot % kO;
          if (r >= count || c >= k) continue;
          double sum = 0;
          for (int lane = 0; lane < lanes; ++lane) sum += shared.load_double(2 * (lane * (slots + 1) + slot));
          put(first + r, c, sum);
        }
      });
      block.barrier();
    }
}
/// Words of shared memory of the above, at most 32 lanes.
template <int kO>
constexpr int kMultiplyWords = 2 * (kSumThreads * kSumEach * kO + 32);

/// to[c·p + j] = Σ_r a_rc x_rj over dense rows first … first + count − 1, added to what is there unless `fresh`; columns
/// begin … end − 1 of p, a constant 1 from `width` on. Columns beside each other are summed by neighbouring threads.
template <int kO, class Rows>
MEANFIELD_DEVICE void add_columns(Block& block, Shared shared, const Rows& rows, int64_t first, int64_t count,
                                  const double* a, int k, int64_t p, int64_t begin, int64_t end, bool fresh,
                                  double* to) {
  int beside = 8;
  while (beside < kSumThreads && beside < end - begin) beside *= 2;
  const int shares = kSumThreads / beside;
  for (int64_t j0 = begin; j0 < end; j0 += beside)
    for (int c0 = 0; c0 < k; c0 += kO) {
      const auto add = [&](int64_t column, int o, double sum) {
        double* at = to + (c0 + o) * p + column;
        *at = (fresh ? 0.0 : *at) + sum;
      };
      block.each([&](int thread) {
        const int64_t column = j0 + thread % beside;
        double sum[kO] = {};
        if (column < end)
          for (int64_t r = thread / beside; r < count; r += shares) {
            const double x = column < rows.width ? rows.number(rows.row(first + r) * rows.width + column) : 1;
            MEANFIELD_UNROLL_FOR (int o = 0; o < kO; ++o)
              if (c0 + o < k) sum[o] += x * a[(first + r) * k + c0 + o];
          }
        MEANFIELD_UNROLL_FOR (int o = 0; o < kO; ++o) {
          if (shares > 1)
            shared.store_double(2 * (o * kSumThreads + thread), sum[o]);
          else if (column < end && c0 + o < k)
            add(column, o, sum[o]);
        }
      });
      if (shares == 1) continue;
      block.barrier();
      block.each([&](int thread) {
        if (thread >= beside || j0 + thread >= end) return;
        MEANFIELD_UNROLL_FOR (int o = 0; o < kO; ++o) {
          if (c0 + o >= k) continue;
          double sum = 0;
          for (int share = 0; share < shares; ++share)
            sum += shared.load_double(2 * (o * kSumThreads + share * beside + thread));
          add(j0 + thread, o, sum);
        }
      });
      block.barrier();
    }
}

/// Σ_r a_rc x_r of dense rows that are too wide for a partial sum in every block of SumRows. Block (tile of 256 columns, stretch).
template <class T, int kO>
struct SumColumns {
  static constexpr bool kAlone = true;
  static constexpr int kThreads = kSumThreads, kBlocks = 2;
  HeldRows<T, false> rows;
  const double* a;  // count × k
  int32_t k;
  int64_t p, stretch;
  double* partial;  // stretches × k × p

  MEANFIELD_DEVICE void operator()(Block& block) const {
    Shared shared = block.shared<2 * kThreads * kO>();
    const int64_t column = block.x() * kThreads, row = block.y() * stretch;
    add_columns<kO>(block, shared, rows, row, row + stretch < rows.count ? stretch : rows.count - row, a, k, p, column,
                    column + kThreads < p ? column + kThreads : p, true, partial + block.y() * k * p);
  }
};

/// out_e = scale Σ_part partial[part·count + e]. Block: 32 numbers, eight threads each.
struct FoldParts {
  static constexpr bool kAlone = true;
  static constexpr int kThreads = 256, kBlocks = 4, kBeside = 32, kShares = kThreads / kBeside;
  const double* partial;
  int64_t count, parts;
  double scale;
  double* out;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    Shared shared = block.shared<2 * kThreads>();
    const int64_t first = block.x() * kBeside;
    block.each([&](int thread) {
      const int64_t at = first + thread % kBeside;
      double sum = 0;
      if (at < count)
        for (int64_t part = thread / kBeside; part < parts; part += kShares) sum += partial[part * count + at];
      shared.store_double(2 * thread, sum);
    });
    block.barrier();
    block.each([&](int thread) {
      if (thread >= kBeside || first + thread >= count) return;
      double sum = 0;
      for (int share = 0; share < kShares; ++share) sum += shared.load_double(2 * (share * kBeside + thread));
      out[first + thread] = scale * sum;
    });
  }
};

/// Segments of the columns of sparse data, as rows of a CSR matrix whose columns are the rows of the data: parts[s·k + c] =
/// Σ over segment s of x a_ic. Block: kSumChunk segments.
template <class T, int kO>
struct SegmentSums {
  static constexpr bool kAlone = true;
  static constexpr int kThreads = kSumThreads, kBlocks = 2;
  HeldRows<T, true> segments;
  const double* a;  // n × k
  int32_t k, lanes;
  double* parts;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    Shared shared = block.shared<kMultiplyWords<kO>>();
    const int64_t first = block.x() * kSumChunk, left = segments.count - first;
    multiply_rows<kO>(block, shared, segments, first, left < kSumChunk ? left : kSumChunk, lanes, a, k, 1, k,
                      [&](int64_t s, int c, double sum) { parts[s * k + c] = sum; });
  }
};

/// out[c·p + j] = scale Σ of the parts of the segments of column j. A thread a number.
struct FoldSegments {
  static constexpr bool kAlone = true;
  static constexpr int kThreads = 256, kBlocks = 4;
  const double* parts;
  const int64_t* columnSegments;  // p + 1
  int64_t p;
  int32_t k;
  double scale;
  double* out;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t at = block.x() * kThreads + thread, column = at % p;
      if (at >= p * k) return;
      double sum = 0;
      for (int64_t s = columnSegments[column]; s < columnSegments[column + 1]; ++s) sum += parts[s * k + at / p];
      out[at] = scale * sum;
    });
  }
};

/// Σ_r a_rc x_r over a share of some sparse rows, one warp a share; the columns of a row differ, so that its lanes never meet.
template <class T>
struct ScatterRows {
  static constexpr bool kAlone = true;
  static constexpr int kThreads = kScatterThreads, kBlocks = 16;
  HeldRows<T, true> rows;
  const double* a;  // count × k
  int32_t k;
  int64_t p, share;
  bool intercept;
  double* partial;  // shares × k × p, zeros before

  MEANFIELD_DEVICE void operator()(Block& block) const {
    double* to = partial + block.x() * k * p;
    const int64_t begin = block.x() * share, end = begin + share < rows.count ? begin + share : rows.count;
    for (int64_t r = begin; r < end; ++r) {
      const int64_t row = rows.row(r), last = rows.starts[row + 1];
      block.each([&](int thread) {
        for (int64_t at = rows.starts[row] + thread; at < last; at += kThreads) {
          const double x = rows.number(at);
          for (int c = 0; c < k; ++c) to[c * p + rows.columns[at]] += a[r * k + c] * x;
        }
        if (intercept)
          for (int c = thread; c < k; c += kThreads) to[c * p + p - 1] += a[r * k + c];
      });
      block.barrier();
    }
  }
};

}  // namespace cuda
}  // namespace meanfield
