// A. Nitanda, T. Suzuki, "Optimal rates for averaged stochastic gradient descent under neural tangent kernel regime", ICLR 2021,
// arXiv 2006.12297, Algorithm 1: averaged stochastic gradient descent of the regularized squared loss, Eq. (3),
//
//     L(g_Θ) + λ/2 |Θ − Θ(0)|²,      L(g) = E (g(X) − Y)²/2,
//
// with a constant step and the uniform average of the parameters Θ(0), …, Θ(T): a weight average, not one of predictions. With
// D = Θ − Θ(0), x̃ = (x, γ), a = a(0) + A and everything on the right at step t,
//
//     e_i = (g(x_i) − y_i) M^{-1/2},
//     A_r ← (1 − ηλ) A_r − (η/m) Σ_i e_i σ(u_ir),        D_r ← (1 − ηλ) D_r − (η/m) Σ_i e_i a_r σ'(u_ir) x̃_i .
//
// The theory draws every row once. The rows of a pass come in an order of their own (Fisher and Yates), without replacement, so that
// one pass is what the theory covers; the next passes take the same rows in other orders, beyond it. A pass ends with what is left
// of a minibatch.
//
// A step costs O(k M d m). Theorem 1 asks for 4 (6 + λ) η ≤ 1, where 6 bounds the kernel of its assumptions; 'auto' has the
// measured sup k(x, x) in its place.
#pragma once
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "native/core/philox.h"
#include "native/core/thread_pool.h"
#include "native/driver/checkpoint.h"
#include "native/kernel_regime/tangent_network.h"

namespace meanfield {

/// Rows and what is to be learned of them.
struct KernelRegimeProblem {
  const TangentNetwork& network;
  MatrixView<const float> rows;
  const double* targets;  // n × k
  double ridge;           // λ
  ThreadPool& pool;
  uint64_t seed;
  const CancelToken* cancel = nullptr;
};

struct AveragedSgd {
  static constexpr const char* kName = "averaged-sgd";
  static constexpr const char* kTitle = "Averaged stochastic gradient descent";
  static constexpr const char* kSource = "Nitanda, Suzuki, ICLR 2021, arXiv 2006.12297, Algorithm 1";

  struct Options {
    Auto<double> step;      // η
    int64_t minibatch = 1;  // m

    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number("step", "η", &Options::step, above(0),
                      "Step size; auto: 1/(4 (κ + λ)) with κ the largest k(x, x) over the training rows, Theorem 1.")
              .integer("minibatch", "m", &Options::minibatch, between(1, 65536), "Rows of a step.");
      return table;
    }
  };

  struct State {
    double step = 0;                                         // η
    int64_t minibatch = 1;                                   // m
    int64_t steps = 0;                                       // t
    int64_t epoch = -1;                                      // of the order below
    int64_t at = 0;                                          // rows of the epoch that are done
    double lastLoss = 0;                                     // mean loss of the last minibatch before its step
    std::vector<double> theta;                               // D = Θ(t) − Θ(0)
    std::vector<double> sum;                                 // Σ_{s ≤ t} (Θ(s) − Θ(0))
    std::vector<int32_t> order;                              // of the rows in this epoch, follows from (seed, epoch)
    std::vector<double> x, values, slopes, partial, errors;  // scratch

    template <class V>
    void visit(V& visitor) {
      visitor(steps);
      visitor(epoch);
      visitor(at);
      visitor(lastLoss);
      visitor(theta);
      visitor(sum);
    }
    /// Θ̄ − Θ(0), the uniform average.
    std::vector<double> average() const {
      std::vector<double> mean = sum;
      for (double& value : mean) value /= static_cast<double>(steps + 1);
      return mean;
    }
  };

  static State init(const KernelRegimeProblem& problem, double step, int64_t minibatch) {
    State s;
    s.step = step;
    s.minibatch = minibatch;
    s.theta.assign(static_cast<size_t>(problem.network.size()), 0.0);
    s.sum = s.theta;
    s.at = problem.rows.rows;
    return s;
  }

  /// The order of the rows in an epoch.
  static void shuffle(State& s, const KernelRegimeProblem& problem) {
    s.order.resize(static_cast<size_t>(problem.rows.rows));
    std::iota(s.order.begin(), s.order.end(), 0);
    const RandomField field{problem.seed, Stream::Minibatch};
    for (int64_t i = problem.rows.rows - 1; i > 0; --i) {
      const uint64_t word =
          field.bits(static_cast<uint64_t>(s.epoch), static_cast<uint32_t>(i / 4), static_cast<uint32_t>(i % 4));
      std::swap(s.order[i], s.order[static_cast<int64_t>((word * static_cast<uint64_t>(i + 1)) >> 32)]);
    }
  }

  static void step(State& s, const KernelRegimeProblem& problem) {
    const TangentNetwork& net = problem.network;
    const int64_t n = problem.rows.rows, kPairs = TangentNetwork::kPairs;
    if (s.at == n) {
      ++s.epoch;
      s.at = 0;
      s.order.clear();
    }
    if (s.order.empty()) shuffle(s, problem);
    const int64_t m = std::min(s.minibatch, n - s.at), k = net.outputs, tasks = net.copies * net.blocks();
    s.x.resize(static_cast<size_t>(m * net.inputs));
    for (int64_t i = 0; i < m; ++i) net.augment(problem.rows.row(s.order[s.at + i]), &s.x[i * net.inputs]);
    s.values.resize(static_cast<size_t>(tasks * m * 2 * kPairs));
    if (net.trainsInput) s.slopes.resize(s.values.size());
    const int64_t own = net.trainsInput ? 1 : k;  // outputs of a task
    s.partial.resize(static_cast<size_t>(tasks * m * own));
    // Waking threads costs some microseconds, which small steps are not worth. The result is the same either way.
    const bool alone = net.copies * net.width * (net.inputs + 8) * m < (1 << 16);
    const auto each = [&](auto&& task) {
      if (!alone) {
        if (!problem.pool.run(tasks, [&](int64_t index, int) { task(index); }, problem.cancel))
          throw Error(ErrorCode::Cancelled, "the run was cancelled in a step.");
        return;
      }
      for (int64_t index = 0; index < tasks; ++index) task(index);
    };

    each([&](int64_t task) {
      const int64_t copy = task / net.blocks(), block = task % net.blocks(), count = net.block_size(block);
      for (int64_t i = 0; i < m; ++i) {
        double* values = &s.values[(task * m + i) * 2 * kPairs];
        double* slopes = net.trainsInput ? &s.slopes[(task * m + i) * 2 * kPairs] : nullptr;
        net.activate(s.theta.data(), copy, block * kPairs, count, &s.x[i * net.inputs], values, slopes);
        for (int64_t o = 0; o < own; ++o)
          s.partial[(task * m + i) * own + o] = net.pair_sum(s.theta.data(), copy + o, block * kPairs, count, values);
      }
    });

    s.errors.assign(static_cast<size_t>(k * m), 0.0);  // (η/m) e_i of every output, k × m
    s.lastLoss = 0;
    for (int64_t o = 0; o < k; ++o)
      for (int64_t i = 0; i < m; ++i) {
        double g = 0;
        const int64_t copy = net.trainsInput ? o : 0;
        for (int64_t block = 0; block < net.blocks(); ++block)
          g += s.partial[((copy * net.blocks() + block) * m + i) * own + (o - copy)];
        const double residual = net.scale * g - problem.targets[s.order[s.at + i] * k + o];
        s.errors[o * m + i] = s.step / static_cast<double>(m) * residual * net.scale;
        s.lastLoss += residual * residual / static_cast<double>(2 * m);
      }

    const double shrink = 1 - s.step * problem.ridge;
    each([&](int64_t task) {
      const int64_t copy = task / net.blocks(), block = task % net.blocks(), first = block * kPairs,
                    count = net.block_size(block);
      for (int64_t side = 0; side < 2; ++side) {
        const int64_t at = side * net.half + first;
        if (net.trainsInput) {
          // (η/m) e_i a_r σ'(u_ir), with the a_r that the output weights have before their own update.
          const double* A = net.trainsOutput ? net.output_weights(s.theta.data(), copy) + at : nullptr;
          const double start = side == 0 ? net.R : -net.R;
          for (int64_t i = 0; i < m; ++i) {
            double* slopes = &s.slopes[(task * m + i) * 2 * kPairs] + side * kPairs;
            const double e = s.errors[copy * m + i];
            for (int64_t r = 0; r < count; ++r) slopes[r] *= e * (A ? start + A[r] : start);
          }
          const int64_t base = net.input_weights(s.theta.data(), copy) - s.theta.data() + at;
          for (int64_t j = 0; j < net.inputs; ++j)
            move(s, base + j * net.width, count, shrink, m, &s.slopes[task * m * 2 * kPairs + side * kPairs],
                 [&](int64_t i) { return s.x[i * net.inputs + j]; });
        }
        if (net.trainsOutput)
          for (int64_t o = copy; o < copy + own; ++o)
            move(s, o * net.width + at, count, shrink, m, &s.values[task * m * 2 * kPairs + side * kPairs],
                 [&](int64_t i) { return s.errors[o * m + i]; });
      }
    });
    s.at += m;
    ++s.steps;
  }

  /// D_r ← shrink · D_r − Σ_i factor(i) direction_ir for `count` numbers from `base`, and their sums.
  template <class F>
  static void move(State& s, int64_t base, int64_t count, double shrink, int64_t m, const double* direction,
                   F&& factor) {
    double *theta = s.theta.data() + base, *sum = s.sum.data() + base;
    for (int64_t r = 0; r < count; ++r) theta[r] *= shrink;
    for (int64_t i = 0; i < m; ++i) {
      const double f = factor(i);
      const double* q = direction + i * 2 * TangentNetwork::kPairs;
      for (int64_t r = 0; r < count; ++r) theta[r] -= f * q[r];
    }
    for (int64_t r = 0; r < count; ++r) sum[r] += theta[r];
  }
};

}  // namespace meanfield
