// A. Nitanda, "Accelerated stochastic gradient descent for minimizing finite sums", AISTATS 2016.
//
// For smooth P (the L2 term is part of the gradient). A stage from y_0 = z_0 = w with ∇P(y_0), k = 0, 1, …:
//
//     τ_k = 4/(k+4),  α_{k+1} = (k+2) η/4                                          (Eq. 5 with L = 1/η)
//     x = (1 − τ_k) y + τ_k z,   b_{k+1} = ⌈n (k+2)/(p (n−1) + k+2)⌉ distinct rows
//     v = ∇f_I(x) − ∇f_I(y_0) + ∇F(y_0) + λ2 x,   y ← x − η v,   z ← z − α_{k+1} v
//
// Ends by R1: Σ b ≥ n; R2: ⟨v, y_{k+1} − y_k⟩ > 0, returning y_k; R3: Σ b > 10 n, or Σ b > n and the test of R2.
// Output: last (Option I-a), mean of the x (I-b), or monotone (II): y_1, a full gradient step, when it was better than w.
// Costs n + Σ b evaluations a stage: the derivatives at y_0 are kept. Among its growing minibatches a full gradient counts as √n
// queries, n/b at b = √n.
#pragma once
#include "native/finite_sum/method.h"

namespace meanfield {

struct Amsvrg {
  static constexpr const char* kName = "amsvrg";
  static constexpr const char* kTitle = "Accelerated SVRG with mirror steps and growing minibatches";
  static constexpr const char* kSource = "Nitanda, AISTATS 2016, Algorithms 1 and 2";
  enum class Restart { R1, R2, R3 };
  enum class Output { Last, Mean, Monotone };
  struct Options {
    Auto<double> step;  // η
    double p = 0.1;
    Restart restart = Restart::R1;
    Output output = Output::Last;
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number("step", "η", &Options::step, above(0),
                      "Step size; auto: 1/(L(b_1) + λ2), halved when a stage goes up.")
              .number("p", "p", &Options::p, above(0),
                      "Growth of the minibatch: 4 L δ α ≤ p; the theory wants p < 1/2.")
              .choice("restart", &Options::restart, {"R1", "R2", "R3"},
                      "End of a stage: one pass, gradient test, or both.")
              .choice("output", &Options::output, {"last", "mean", "monotone"},
                      "What a stage returns: Options I-a, I-b, II of the paper.");
      return table;
    }
  };
  static constexpr int64_t kMost = 100;  // data passes of a stage under R2
  struct State {
    int64_t steps = 0, draws = 0;
    double eta = 0;
    Vector w;
    Pass at;
    // Rebuilt, not kept:
    Options options;
    Sampler sampler;
    std::unique_ptr<Batch> batch;
    Vector drift, x, y, z, v, before, first, mean;

    template <class V>
    void visit(V& visitor) {
      visitor(steps);
      visitor(draws);
      visitor(eta);
      visitor(w);
      at.visit(visitor);
    }
  };
  /// b_{k+1}
  static int64_t minibatch(int64_t n, double p, int64_t k) {
    const double nn = static_cast<double>(n), kk = static_cast<double>(k);
    return std::clamp<int64_t>(static_cast<int64_t>(std::ceil(nn * (kk + 2) / (p * (nn - 1) + kk + 2))), 1, n);
  }
  static int64_t root(int64_t n) { return std::max<int64_t>(1, std::llround(std::sqrt(static_cast<double>(n)))); }
  static std::string refuse(const FiniteSum& f, const Options&) {
    if (f.regularizer.l1 > 0 || f.regularizer.nonNegative)
      return "it is a method for smooth objectives; use l1 = 0, or 'acc-svrg-appa', 'dasvrda', 'katyusha'";
    return no_smoothness(f);
  }
  static std::string stays(const FiniteSum&, const Options&, bool) { return ""; }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    State s;
    s.options = options;
    const double L =
        expected_smoothness(f.constants(), f.n, minibatch(f.n, options.p, 0), Sampling::Uniform) + f.strong();
    s.eta = choose_step(options.step, 1 / L, "1/(L(b_1) + λ2), L(b) the expected smoothness of a minibatch", chosen);
    s.sampler = Sampler(f, Sampling::Uniform);
    s.batch = std::make_unique<Batch>(f);
    s.w = start;
    f.pass(s.w.data(), s.at);
    f.count_pass(root(f.n));
    return s;
  }
  static void step(State& s, FiniteSum& f) {
    const double start = f.anchored_objective(s.at, s.w.data());
    const double eta = s.eta, strong = f.strong();
    f.drift(s.at, s.drift);
    s.y = s.z = s.w;
    s.x.resize(s.w.size());
    s.v.resize(s.w.size());
    s.mean.assign(s.w.size(), 0);
    Batch& batch = *s.batch;
    int64_t used = 0, k = 0;
    for (;; ++k) {
      if (k % 64 == 0) f.poll();
      const double tau = 4 / static_cast<double>(k + 4), alpha = static_cast<double>(k + 2) * eta / 4;
      for (int64_t j = 0; j < f.size; ++j) s.x[j] = (1 - tau) * s.y[j] + tau * s.z[j];
      const int64_t b = minibatch(f.n, s.options.p, k);
      s.sampler.draw(WordStream(f.seed, Stream::Minibatch, static_cast<uint64_t>(s.draws)), b, batch.rows, batch.scale);
      ++s.draws;
      batch.gradient(f, s.x.data(), &s.at);
      f.count_batch(b);
      used += b;
      s.before = s.y;
      double test = 0;
      for (int64_t j = 0; j < f.size; ++j) {
        const double l2 = f.penalised(j) ? strong : f.kappa;
        const double v = s.drift[j] + batch.sum[j] + l2 * s.x[j];
        batch.sum[j] = 0;
        s.y[j] = s.x[j] - eta * v;
        s.z[j] -= alpha * v;
        test += v * (s.y[j] - s.before[j]);
        s.mean[j] += s.x[j];
      }
      if (k == 0) s.first = s.y;
      if (!std::isfinite(test) || used > kMost * f.n) break;  // diverged, or a gradient test that never says stop
      const bool uphill = test > 0;
      if (s.options.restart == Restart::R1 && used >= f.n) break;
      if (s.options.restart == Restart::R2 && uphill) {
        s.y.swap(s.before);
        break;
      }
      if (s.options.restart == Restart::R3 && (used > 10 * f.n || (used > f.n && uphill))) break;
    }
    if (s.options.output == Output::Mean)
      for (int64_t j = 0; j < f.size; ++j) s.y[j] = s.mean[j] / static_cast<double>(k + 1);
    const int64_t b = root(f.n);
    Pass after;
    f.pass(s.y.data(), after);
    f.count_pass(b);
    double objective = f.anchored_objective(after, s.y.data());
    if (s.options.output == Output::Monotone) {
      // Option II: y_1, one gradient step from w, when it is better than what the stage ends with.
      Pass other;
      f.pass(s.first.data(), other);
      f.count_pass(b);
      const double firstObjective = f.anchored_objective(other, s.first.data());
      if (firstObjective < objective || !std::isfinite(objective)) {
        objective = firstObjective;
        s.y.swap(s.first);
        after = std::move(other);
      }
    }
    if (!(objective <= 2 * std::fabs(start))) {
      s.eta /= 2;
    } else {
      s.w.swap(s.y);
      s.at = std::move(after);
    }
  }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State& s) { return &s.at; }
};

}  // namespace meanfield
