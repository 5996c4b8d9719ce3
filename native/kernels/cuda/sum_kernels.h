// Finite sums of linear models (kernels/linear_backend.h): the losses of the rows and what they leave, in double.
//
// SumRows reads dense data once: a block takes 128 rows at a time, its groups of lanes make their products with w, its threads the
// losses and what they leave in `a`, and the same rows, still in a cache, are added up by columns into the block's own partial
// sum. Sparse rows are added up by columns in a second reading, of a copy of the data by columns (SegmentSums), or, for
// a minibatch, by shares of its rows that each have a partial sum (ScatterRows).
#pragma once
#include "native/kernels/cuda/sum_products.h"
#include "native/kernels/linear_backend.h"
#include "native/problem/loss_terms.h"

namespace meanfield {
namespace cuda {

/// What the losses see of a row.
struct SumTargets {
  const double* y;
  const double* weights;  // null: ones
  bool classes;
  int32_t k;
  Loss loss;

  MEANFIELD_DEVICE bool coupled() const { return loss.kind == LossKind::Softmax; }
  MEANFIELD_DEVICE double weight(int64_t i) const { return weights ? weights[i] : 1; }
  MEANFIELD_DEVICE double target(int64_t i, int c) const {
    if (classes) return y[i] == c ? 1 : -1;
    return y[i * k + c];
  }
  MEANFIELD_DEVICE int label(int64_t i) const { return static_cast<int>(y[i]); }
};

/// What is made of the margins of a row, in their place.
struct SumRule {
  enum Kind : int32_t {
    kLoss,    // c ∂ℓ/∂z; sums, curvatures
    kBatch,   // factor·scale_r (c ∂ℓ/∂z − snapshot_i)
    kHessian  // h z, h the Hessian of the row's loss
  };
  Kind kind;
  SumTargets targets;
  double* curvatures;         // kLoss: n × k, written where wanted; kHessian: read
  const double* derivatives;  // kHessian: softmax; kBatch: the snapshot, null: zeros
  const double* scale;        // kBatch
  double factor;              // kBatch

  /// Row r of those that take part, row i of the data, k margins at z; its parts of the two sums.
  MEANFIELD_DEVICE void apply(int64_t r, int64_t i, double* z, LossSums& sums) const {
    const int k = targets.k;
    const double weight = targets.weight(i);
    const double* old = derivatives ? derivatives + i * k : nullptr;
    const double part = kind == kBatch ? factor * scale[r] : 1;
    if (kind == kHessian) {
      if (!targets.coupled()) {
        for (int c = 0; c < k; ++c) z[c] *= curvatures[i * k + c];
        return;
      }
      double mean = 0;
      for (int c = 0; c < k; ++c) mean += probability(i, c, weight, old) * z[c];
      for (int c = 0; c < k; ++c) z[c] = weight * probability(i, c, weight, old) * (z[c] - mean);
      return;
    }
    if (targets.coupled()) {
      double top = z[0], total = 0, expected = 0;
      for (int c = 1; c < k; ++c) top = z[c] > top ? z[c] : top;
      for (int c = 0; c < k; ++c) {
        const double e = exp(z[c] - top);
        total += e;
        expected += e * (z[c] - top);
      }
      const double logTotal = log(total);
      sums.value += weight * (logTotal + top - z[targets.label(i)]);
      sums.conjugate += weight * (expected / total - logTotal);  // Σ s log s
      for (int c = 0; c < k; ++c) {
        const double g = exp(z[c] - top - logTotal) - (c == targets.label(i) ? 1 : 0);
        z[c] = part * (weight * g - (kind == kBatch && old ? old[c] : 0));
      }
      return;
    }
    for (int c = 0; c < k; ++c) {
      const double y = targets.target(i, c), margin = z[c];
      const double g = scalar_derivative(targets.loss, margin, y);
      if (kind == kLoss) {
        const double value = scalar_value(targets.loss, margin, y);
        sums.value += weight * value;
        sums.conjugate += weight * (margin * g - value);  // Fenchel's equality
        if (curvatures) curvatures[i * k + c] = weight * scalar_curvature(targets.loss, margin, y);
      }
      z[c] = part * (weight * g - (kind == kBatch && old ? old[c] : 0));
    }
  }
  /// Softmax: the probability of class c, from its derivative.
  MEANFIELD_DEVICE double probability(int64_t i, int c, double weight, const double* old) const {
    return weight == 0 ? 0 : old[c] / weight + (c == targets.label(i) ? 1 : 0);
  }
};

/// Adds up the numbers of 256 threads, `parts` of them each; thread 0 writes them.
template <class Numbers>
MEANFIELD_DEVICE void write_sums(Block& block, Shared shared, PerThread<Numbers>& mine, int parts, double* to) {
  for (int part = 0; part < parts; ++part) {
    PerThread<double> value = block.per_thread<double>();
    block.each([&](int thread) { value[thread] = mine[thread].v[part]; });
    sum_of_block(block, shared, value);
    block.each([&](int thread) {
      if (thread == 0) to[part] = value[0];
    });
  }
}

/// Block (stretch of rows).
template <class T, bool kSparse, int kO>
struct SumRows {
  static constexpr bool kAlone = true;
  static constexpr int kThreads = kSumThreads, kBlocks = 2;
  HeldRows<T, kSparse> rows;
  SumRule rule;
  const double* w;  // k × p
  int64_t p;
  bool intercept;
  int64_t stretch;
  int32_t lanes;
  double* a;                 // count × k
  double* sums;              // blocks × 2
  double* partial;           // dense: blocks × k × p, Σ_r a_rc x_r of the block; null: not wanted
  const volatile int* stop;  // raised by the host: the block ends where it is

  struct Numbers {
    double v[2];
  };

  MEANFIELD_DEVICE void operator()(Block& block) const {
    constexpr int kStop = kMultiplyWords<kO>;
    Shared shared = block.shared<kStop + 4>(), stopped = shared.from(kStop);
    PerThread<Numbers> mine = block.per_thread<Numbers>();
    const int64_t begin = block.x() * stretch, end = begin + stretch < rows.count ? begin + stretch : rows.count;
    const int k = rule.targets.k;
    const int64_t d = p - (intercept ? 1 : 0);
    block.each([&](int thread) { mine[thread].v[0] = mine[thread].v[1] = 0; });
    bool halted = false;
    for (int64_t first = begin; first < end && !halted; first += kSumChunk) {
      const int64_t count = end - first < kSumChunk ? end - first : kSumChunk;
      block.each([&](int thread) {
        if (thread == 0) stopped.store(0, static_cast<uint32_t>(*stop));
      });
      multiply_rows<kO>(block, shared, rows, first, count, lanes, w, 1, p, k,
                        [&](int64_t r, int c, double z) { a[r * k + c] = z + (intercept ? w[c * p + d] : 0); });
      block.each([&](int thread) {
        halted = stopped.load(0) != 0;
        for (int64_t r = first + thread; r < first + count; r += kThreads) {
          LossSums sums{mine[thread].v[0], mine[thread].v[1]};
          rule.apply(r, rows.row(r), a + r * k, sums);
          mine[thread].v[0] = sums.value;
          mine[thread].v[1] = sums.conjugate;
        }
      });
      block.barrier();
      if constexpr (!kSparse)
        if (partial)
          add_columns<kO>(block, shared, rows, first, count, a, k, p, 0, p, first == begin,
                          partial + block.x() * k * p);
    }
    write_sums(block, shared, mine, 2, sums + 2 * block.x());
  }
};

/// h of every row and class for softmax, c q (1 − q), from the derivatives; what a diagonal of the Hessian is made of.
struct SoftmaxCurvatures {
  static constexpr bool kAlone = true;
  static constexpr int kThreads = 256, kBlocks = 4;
  SumRule rule;
  int64_t count;  // n × k
  double* out;

  MEANFIELD_DEVICE void operator()(Block& block) const {
    block.each([&](int thread) {
      const int64_t at = block.x() * kThreads + thread, i = at / rule.targets.k;
      if (at >= count) return;
      const double weight = rule.targets.weight(i);
      const double q =
          rule.probability(i, static_cast<int>(at % rule.targets.k), weight, rule.derivatives + i * rule.targets.k);
      out[at] = weight * q * (1 - q);
    });
  }
};

/// The three sums of linear_backend.h's DualSums. Block (stretch of rows), a thread a row at a time.
struct DualParts {
  static constexpr bool kAlone = true;
  static constexpr int kThreads = 256, kBlocks = 2;
  SumTargets targets;
  int64_t rows, stretch;
  const double* derivatives;
  DualMix mix;
  double* sums;  // blocks × 3

  struct Numbers {
    double v[3];
  };

  MEANFIELD_DEVICE void operator()(Block& block) const {
    Shared shared = block.shared<2 * kThreads>();
    PerThread<Numbers> mine = block.per_thread<Numbers>();
    const int64_t begin = block.x() * stretch, end = begin + stretch < rows ? begin + stretch : rows;
    block.each([&](int thread) {
      Numbers total{};
      for (int64_t i = begin + thread; i < end; i += kThreads)
        if (targets.weight(i) != 0) add_row(i, total);
      mine[thread] = total;
    });
    write_sums(block, shared, mine, 3, sums + 3 * block.x());
  }

 private:
  MEANFIELD_DEVICE void add_row(int64_t i, Numbers& total) const {
    const double weight = targets.weight(i);
    const double* g = derivatives + i * targets.k;
    if (targets.coupled()) {
      const auto share = [&](int c) {  // of class c in the dual distribution, before it is brought to sum 1
        const double own = c == targets.label(i) ? 1 : 0;
        double s = g[c] / weight + own;
        if (mix.classes) s = mix.keep[0] * s + mix.classes[c];
        s = mix.scale * s + (1 - mix.scale) * own;
        return s < 0 ? 0 : s;
      };
      double sum = 0, entropy = 0;
      for (int c = 0; c < targets.k; ++c) sum += share(c);
      for (int c = 0; c < targets.k; ++c) entropy += entropy_term(share(c) / sum);
      total.v[0] += weight * entropy;
      return;
    }
    for (int c = 0; c < targets.k; ++c) {
      const double y = targets.target(i, c);
      const double mixed = mix.keep[c] * g[c] +
                           (mix.sign[c] ? mix.share[c] * extreme_derivative(targets.loss, y, weight, mix.sign[c]) : 0);
      total.v[0] += weight * scalar_conjugate(targets.loss, mix.scale * mixed / weight, y);
      total.v[1] += mixed * mixed / weight;
      total.v[2] += mixed * y;
    }
  }
};

}  // namespace cuda
}  // namespace meanfield
