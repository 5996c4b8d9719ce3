// Sums and orders over pairs of points, for the certificate: squared distances of 64 queries to 64 points at a time, formed
// in registers and folded there into the k nearest or into log Σ exp; no matrix of distances is stored.
//
// A distance is a sum of squared float32 differences, 32 coordinates at a time, so that its relative error is at most
// (35 + ⌈p/32⌉)·2^-24, however close the points are.
#pragma once
#include "native/kernels/cuda/tile_product.h"

namespace meanfield {
namespace cuda {

constexpr int kPairTile = 64;
constexpr int kPairDepth = 32;               // coordinates staged at once
constexpr int kPairStride = kPairDepth + 4;  // eight rows of four words fall into different banks
constexpr int kPairGroups = 16;              // threads that share a query

/// The k smallest squares seen, ascending; the places not wanted hold −infinity, so that the last one is the k-th.
struct NearestFold {
  static constexpr int kWords = kMostNeighbours;
  struct State {
    float v[kMostNeighbours];
  };
  int32_t k;

  MEANFIELD_DEVICE void clear(State& state) const {
    MEANFIELD_UNROLL_FOR (int i = 0; i < kMostNeighbours; ++i)
      state.v[i] = i < kMostNeighbours - k ? -INFINITY : INFINITY;
  }
  MEANFIELD_DEVICE void add(State& state, float square) const {
    if (!(square < state.v[kMostNeighbours - 1])) return;
    state.v[kMostNeighbours - 1] = square;
    MEANFIELD_UNROLL_FOR (int i = kMostNeighbours - 1; i > 0; --i)
      if (state.v[i] < state.v[i - 1]) {
        const float larger = state.v[i - 1];
        state.v[i - 1] = state.v[i];
        state.v[i] = larger;
      }
  }
  MEANFIELD_DEVICE void merge(State& into, const State& other) const {
    MEANFIELD_UNROLL_FOR (int i = 0; i < kMostNeighbours; ++i)
      if (other.v[i] > -INFINITY) add(into, other.v[i]);
  }
  MEANFIELD_DEVICE double result(const State& state) const { return static_cast<double>(state.v[kMostNeighbours - 1]); }
  MEANFIELD_DEVICE void store(const State& state, Shared to) const {
    MEANFIELD_UNROLL_FOR (int i = 0; i < kWords; ++i) to.store_float(i, state.v[i]);
  }
  MEANFIELD_DEVICE void load(State& state, Shared from) const {
    MEANFIELD_UNROLL_FOR (int i = 0; i < kWords; ++i) state.v[i] = from.load_float(i);
  }
};

/// log Σ exp(−scale·square): the largest exponent and the sum relative to it. Exponents are small differences of float32
/// numbers, sums in double.
struct MixtureFold {
  static constexpr int kWords = 3;
  struct State {
    float best;
    double sum;
  };
  float scale;  // 1/(2·variance)

  MEANFIELD_DEVICE void clear(State& state) const { state = {-INFINITY, 0}; }
  MEANFIELD_DEVICE void add(State& state, float square) const { merge(state, {-scale * square, 1}); }
  MEANFIELD_DEVICE void merge(State& into, const State& other) const {
    if (other.best > into.best) {
      into.sum = fma(into.sum, static_cast<double>(expf(into.best - other.best)), other.sum);
      into.best = other.best;
    } else if (other.best > into.best - 40) {  // below rounding otherwise
      into.sum = fma(other.sum, static_cast<double>(expf(other.best - into.best)), into.sum);
    }
  }
  MEANFIELD_DEVICE double result(const State& state) const { return static_cast<double>(state.best) + log(state.sum); }
  MEANFIELD_DEVICE void store(const State& state, Shared to) const {
    uint32_t words[2];
    memcpy(words, &state.sum, sizeof words);
    to.store_float(0, state.best);
    to.store(1, words[0]);
    to.store(2, words[1]);
  }
  MEANFIELD_DEVICE void load(State& state, Shared from) const {
    const uint32_t words[2] = {from.load(1), from.load(2)};
    state.best = from.load_float(0);
    memcpy(&state.sum, words, sizeof words);
  }
};

/// The fold of every query over a split of the points. Block (tile of queries, split); thread (y, x): queries y + 16 i, points
/// x + 16 j of a tile.
template <class Fold>
struct OverPoints {
  static constexpr bool kAlone = true;
  static constexpr int kThreads = 256, kBlocks = 2, kI = kPairTile / 16;
  Operand points, queries;
  int64_t dimension;
  const int64_t* self;  // of the queries; nullptr: none is left out
  int64_t splitTiles;
  Fold fold;
  typename Fold::State* partial;  // splits × queries

  struct Squares {
    float v[kI][kI];
  };

  MEANFIELD_DEVICE void operator()(Block& block) const {
    struct States {
      typename Fold::State of[kI];
    };
    constexpr int kMergeWords = 16 * kPairGroups * Fold::kWords, kStageWords = 2 * kPairTile * kPairStride;
    Shared shared = block.shared<(kMergeWords > kStageWords ? kMergeWords : kStageWords)>(),
           others = shared.from(kPairTile * kPairStride);
    PerThread<Squares> squares = block.per_thread<Squares>();
    PerThread<States> states = block.per_thread<States>();
    const int64_t firstQuery = block.x() * kPairTile, tiles = (points.rows + kPairTile - 1) / kPairTile;
    const int64_t begin = block.y() * splitTiles, end = begin + splitTiles < tiles ? begin + splitTiles : tiles;
    block.each([&](int thread) {
      MEANFIELD_UNROLL_FOR (int i = 0; i < kI; ++i) fold.clear(states[thread].of[i]);
    });
    for (int64_t tile = begin; tile < end; ++tile) {
      block.each([&](int thread) { squares[thread] = {}; });
      for (int64_t from = 0; from < dimension; from += kPairDepth) {
        const int depth = static_cast<int>(dimension - from < kPairDepth ? dimension - from : kPairDepth);
        block.barrier();
        block.each([&](int thread) {
          place(thread, queries, firstQuery, from, depth, shared);
          place(thread, points, tile * kPairTile, from, depth, others);
        });
        block.barrier();
        block.each([&](int thread) { add_stage(thread, depth, shared, others, squares[thread]); });
      }
      block.each([&](int thread) {
        MEANFIELD_UNROLL_FOR (int i = 0; i < kI; ++i) {
          const int64_t query = firstQuery + thread / 16 + 16 * i;
          const int64_t left = self && query < queries.rows ? self[query] : -1;
          MEANFIELD_UNROLL_FOR (int j = 0; j < kI; ++j) {
            const int64_t point = tile * kPairTile + thread % 16 + 16 * j;
            if (point < points.rows && point != left) fold.add(states[thread].of[i], squares[thread].v[i][j]);
          }
        }
      });
    }
    MEANFIELD_UNROLL_FOR (int i = 0; i < kI; ++i) {
      block.barrier();
      block.each([&](int thread) { fold.store(states[thread].of[i], shared.from(thread * Fold::kWords)); });
      block.barrier();
      block.each([&](int thread) {
        const int64_t query = firstQuery + thread + 16 * i;
        if (thread >= 16 || query >= queries.rows) return;
        typename Fold::State sum, other;
        fold.clear(sum);
        for (int group = 0; group < kPairGroups; ++group) {
          fold.load(other, shared.from((thread * kPairGroups + group) * Fold::kWords));
          fold.merge(sum, other);
        }
        partial[block.y() * queries.rows + query] = sum;
      });
    }
  }

 private:
  /// Coordinates from … from + depth of a tile, zeros past the last row.
  MEANFIELD_DEVICE static void place(int thread, const Operand& operand, int64_t first, int64_t from, int depth,
                                     Shared to) {
    const int quads = (depth + 3) / 4;
    for (int at = thread; at < kPairTile * quads; at += kThreads) {
      const int64_t row = first + at / quads;
      to.store4(at / quads * kPairStride + at % quads * 4,
                row < operand.rows ? load_words(operand.row(row) + from + at % quads * 4) : Words{});
    }
  }
  MEANFIELD_DEVICE static void add_stage(int thread, int depth, Shared a, Shared b, Squares& squares) {
    Squares sum{};
    MEANFIELD_ROLLED_FOR (int c = 0; c < depth; c += 4) {
      Words query[kI];
      MEANFIELD_UNROLL_FOR (int i = 0; i < kI; ++i) query[i] = a.load4((thread / 16 + 16 * i) * kPairStride + c);
      MEANFIELD_UNROLL_FOR (int j = 0; j < kI; ++j) {
        const Words point = b.load4((thread % 16 + 16 * j) * kPairStride + c);
        MEANFIELD_UNROLL_FOR (int e = 0; e < 4; ++e)
          MEANFIELD_UNROLL_FOR (int i = 0; i < kI; ++i) {
            const float difference = float_of(query[i].w[e]) - float_of(point.w[e]);
            sum.v[i][j] = fmaf(difference, difference, sum.v[i][j]);
          }
      }
    }
    MEANFIELD_UNROLL_FOR (int i = 0; i < kI; ++i)
      MEANFIELD_UNROLL_FOR (int j = 0; j < kI; ++j) squares.v[i][j] += sum.v[i][j];
  }
};

/// The splits of a query together. A thread a query.
template <class Fold>
struct FoldSplits {
  static constexpr int kThreads = 256, kBlocks = 4;
  const typename Fold::State* partial;  // splits × queries
  int64_t queries, splits;
  Fold fold;
  double* results;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t query = block.x() * kThreads + thread;
      if (query >= queries) return;
      typename Fold::State sum = partial[query];
      for (int64_t split = 1; split < splits; ++split) fold.merge(sum, partial[split * queries + query]);
      results[query] = fold.result(sum);
    });
  }
};

}  // namespace cuda
}  // namespace meanfield
