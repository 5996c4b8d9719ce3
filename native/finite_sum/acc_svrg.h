// A. Nitanda, "Stochastic proximal gradient descent with acceleration techniques", NIPS 2014.
//
// A stage from y_1 = x_1 = w~, minibatches of b distinct rows:
//
//     v = (1/b) Σ_{i∈I} (∇f_i(y_k) − ∇f_i(w~)) + ∇F(w~),
//     x_{k+1} = prox_{ηR}(y_k − η v),   y_{k+1} = x_{k+1} + β (x_{k+1} − x_k),   β = (1 − √(μη))/(1 + √(μη)),
//
// then w~ = x_{m+1}. Needs b of order b₀ = min over η of the theorem, here max(n/√κ, min(√κ, n)); below it the momentum is too
// strong for the noise, the stage goes up, is undone, and η is halved. n + b m evaluations a stage. Lazy on sparse data with L2
// alone: k steps are an affine map of (x, y), kept in a table.
#pragma once
#include <array>

#include "native/finite_sum/method.h"

namespace meanfield {

/// The affine map of k steps of an untouched coordinate with R = (λ2/2) w² and drift G:
/// x⁺ = q (y − ηG), y⁺ = (1 + β) x⁺ − β x, q = 1/(1 + ηλ2). Rows (of x, of y, of G) for x and y after k steps; the column of G is
/// kept apart from the matrix because the fixed point −G/λ2 is huge where λ2 is small.
class MomentumPowers {
 public:
  MomentumPowers() = default;
  MomentumPowers(double q, double beta, double eta, int64_t max) {
    table_.reserve(static_cast<size_t>(max + 1));
    std::array<double, 6> a = {1, 0, 0, 0, 1, 0};
    for (int64_t k = 0; k <= max; ++k) {
      table_.push_back(a);
      for (int c = 0; c < 3; ++c) {
        const double x = q * (a[3 + c] - (c == 2 ? eta : 0));
        a[3 + c] = x + beta * (x - a[c]);
        a[c] = x;
      }
    }
  }
  const std::array<double, 6>& operator[](int64_t k) const { return table_[static_cast<size_t>(k)]; }

 private:
  std::vector<std::array<double, 6>> table_;
};

struct AccSvrg {
  static constexpr const char* kName = "acc-svrg";
  static constexpr const char* kTitle = "Accelerated proximal SVRG (2014)";
  static constexpr const char* kSource = "Nitanda, NIPS 2014";
  struct Options : BatchOptions {
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          batch_table<Options>("Step size; auto: 1/L(b), halved when a stage goes up.",
                               "Rows of a minibatch; auto: max(b*, b₀), b₀ = max(n/√κ, min(√κ, n)).", true, false);
      return table;
    }
  };
  struct State {
    int64_t steps = 0, draws = 0;
    double eta = 0;
    Vector w;
    Pass at;
    // Rebuilt, not kept:
    int64_t b = 1, m = 1;
    bool lazy = false;
    Sampler sampler;
    std::unique_ptr<Batch> batch;
    Vector drift, x, y, before;
    std::vector<int64_t> last;

    template <class V>
    void visit(V& v) {
      v(steps);
      v(draws);
      v(eta);
      v(w);
      at.visit(v);
    }
  };
  static std::string refuse(const FiniteSum& f, const Options&) {
    if (!(f.strong() > 0))
      return "its momentum is made of the strong convexity of the regularizer; use l2 above 0, or 'acc-svrg-appa', "
             "'dasvrda', 'amsvrg'";
    return no_smoothness(f);
  }
  static double smallest_minibatch(FiniteSum& f) {
    const double n = static_cast<double>(f.n), root = std::sqrt(std::max(f.constants().max / f.strong(), 1.0));
    return std::max(n / root, std::min(root, n));
  }
  static std::string stays(const FiniteSum&, const Options&, bool) { return ""; }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    State s;
    s.b = choose_minibatch(f, options.minibatch, std::max(optimal_minibatch(f), smallest_minibatch(f)),
                           "max(b*, b₀): b* = √n + n/√κ, b₀ = max(n/√κ, min(√κ, n)) below which the momentum fails",
                           chosen);
    s.m = choose_inner(f, options.innerSteps, s.b, chosen);
    s.eta = choose_step(options.step, 1 / expected_smoothness(f.constants(), f.n, s.b, Sampling::Uniform),
                        "1/L(b), L(b) the expected smoothness of a minibatch", chosen);
    s.sampler = Sampler(f, Sampling::Uniform);
    s.batch = std::make_unique<Batch>(f);
    s.lazy = worth_skipping(f, s.b) && f.regularizer.l1 == 0 && !f.regularizer.nonNegative;
    s.w = start;
    f.pass(s.w.data(), s.at);
    f.count_pass(s.b);
    return s;
  }
  static void step(State& s, FiniteSum& f) {
    const double start = f.anchored_objective(s.at, s.w.data());
    f.drift(s.at, s.drift);
    s.x = s.y = s.before = s.w;
    Batch& batch = *s.batch;
    const double eta = s.eta, root = std::min(std::sqrt(f.strong() * eta), 1.0), beta = (1 - root) / (1 + root);
    MomentumPowers powers;
    if (s.lazy) {
      powers = MomentumPowers(1 / (1 + eta * f.strong()), beta, eta, s.m);
      s.last.assign(static_cast<size_t>(f.d), 0);
    }
    const auto catch_up = [&](int64_t j, int64_t now) {
      const int64_t missed = now - s.last[j];
      s.last[j] = now;
      if (missed == 0) return;
      const std::array<double, 6>& a = powers[missed];
      for (int64_t at = j; at < f.size; at += f.p) {
        const double x = s.x[at], y = s.y[at], G = s.drift[at];
        s.x[at] = a[0] * x + a[1] * y + a[2] * G;
        s.y[at] = a[3] * x + a[4] * y + a[5] * G;
      }
    };
    const auto move = [&](int64_t at, bool penalty) {
      const double next = f.prox(s.y[at] - eta * (s.drift[at] + batch.sum[at]), eta, penalty);
      s.y[at] = next + beta * (next - s.x[at]);
      s.x[at] = next;
      batch.sum[at] = 0;
    };
    for (int64_t t = 0; t < s.m; ++t) {
      if (t % 64 == 0) f.poll();
      s.sampler.draw(WordStream(f.seed, Stream::Minibatch, static_cast<uint64_t>(s.draws)), s.b, batch.rows,
                     batch.scale);
      ++s.draws;
      if (s.lazy) {
        batch.find_support(f);
        for (int32_t j : batch.support) catch_up(j, t);
      }
      batch.gradient(f, s.y.data(), &s.at);
      f.count_batch(s.b);
      if (s.lazy) {
        for (int32_t j : batch.support) {
          s.last[j] = t + 1;
          for (int64_t at = j; at < f.size; at += f.p) move(at, true);
        }
        if (f.intercept)
          for (int64_t at = f.d; at < f.size; at += f.p) move(at, false);
      } else {
        s.before.swap(s.x);
        f.prox_step(s.y.data(), eta, s.drift.data(), batch.sum.data(), s.x.data());
        for (int64_t at = 0; at < f.size; ++at) {
          s.y[at] = s.x[at] + beta * (s.x[at] - s.before[at]);
          batch.sum[at] = 0;
        }
      }
    }
    if (s.lazy)
      for (int64_t j = 0; j < f.d; ++j) catch_up(j, s.m);
    Pass after;
    f.pass(s.x.data(), after);
    f.count_pass(s.b);
    if (rose(start, f.anchored_objective(after, s.x.data()))) {
      s.eta /= 2;
    } else {
      s.w.swap(s.x);
      s.at = std::move(after);
    }
  }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State& s) { return &s.at; }
};

}  // namespace meanfield
