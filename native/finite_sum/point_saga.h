// A. Defazio, "A simple practical accelerated method for finite sums", NIPS 2016.
//
// With g_i the last derivative of row i, ḡ = (1/n) Σ g_i x_i, and the L2 part solved inside the proximal step:
//
//     z = w + γ (g_i x_i − ḡ),    w ← prox_{γ(f_i + λ2/2‖·‖²)}(z) = D (z − γ g_i' x_i),    D = 1/(1 + γ λ2),
//
// where the scalar g_i' = ℓ'(t), t + γ x_iᵀD x_i ℓ'(t) = x_iᵀD z. Linear rate with √(n κ). A step looks at one row: minibatches have no
// meaning. Lazy on sparse data.
#pragma once
#include "native/finite_sum/lazy.h"
#include "native/finite_sum/method.h"
#include "native/finite_sum/scalar_prox.h"

namespace meanfield {

struct PointSaga {
  static constexpr const char* kName = "point-saga";
  static constexpr const char* kTitle = "Point-SAGA, proximal steps on single rows";
  static constexpr const char* kSource = "Defazio, NIPS 2016, Algorithm 1";
  struct Options {
    Auto<double> step;  // γ
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table = OptionTable<Options>().number(
          "step", "γ", &Options::step, above(0), "Step size; auto: √((n−1)² + 4nL/μ)/(2Ln) − (1 − 1/n)/(2L).");
      return table;
    }
  };
  struct State {
    int64_t steps = 0, draws = 0;
    Vector w, table, average;  // iterate, g (n × k), ḡ
    double gamma = 0;
    std::vector<int64_t> last;
    Vector z;

    template <class V>
    void visit(V& v) {
      v(steps);
      v(draws);
      v(w);
      v(table);
      v(average);
    }
  };
  static std::string refuse(const FiniteSum& f, const Options&) {
    if (f.coupled())
      return "the proximal step of one softmax row is not a scalar equation; use one-vs-rest, or another method";
    if (f.regularizer.l1 > 0 || f.regularizer.nonNegative)
      return "its proximal step joins a row with the regularizer, which is explicit for L2 alone; use l1 = 0, or "
             "another method";
    if (!(f.strong() > 0)) return "its step size needs strong convexity; use l2 above 0";
    return no_smoothness(f);
  }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    State s;
    const double L = f.constants().max, mu = f.strong(), n = static_cast<double>(f.n);
    s.gamma =
        choose_step(options.step, std::sqrt((n - 1) * (n - 1) + 4 * n * L / mu) / (2 * L * n) - (1 - 1 / n) / (2 * L),
                    "√((n−1)² + 4nL/μ)/(2Ln) − (1 − 1/n)/(2L), L = L_max", chosen);
    s.w = start;
    Pass first;
    f.pass(s.w.data(), first);
    f.count_pass(1);
    s.table = std::move(first.derivatives);
    s.average = std::move(first.gradient);
    return s;
  }
  static void step(State& s, FiniteSum& f) {
    const int64_t n = f.n, k = f.k;
    const double gamma = s.gamma, shrink = 1 / (1 + gamma * f.strong()),
                 free = f.kappa > 0 ? 1 / (1 + gamma * f.kappa) : 1;
    const bool lazy = worth_skipping(f, 1);
    const auto drift = [&](int64_t at) {
      return f.kappa > 0 ? s.average[at] - f.kappa * (*f.anchor)[at] : s.average[at];
    };
    Powers powers(shrink, lazy ? std::min<int64_t>(n, 1 << 16) : 0);
    if (lazy) s.last.assign(static_cast<size_t>(f.d), 0);
    const auto catch_up = [&](int64_t j, int64_t now) {
      const int64_t missed = now - s.last[j];
      s.last[j] = now;
      if (missed == 0) return;
      for (int64_t at = j; at < f.size; at += f.p)
        s.w[at] = skip_steps(s.w[at], -gamma * drift(at), 0, powers, missed, false);
    };
    WordStream words(f.seed, Stream::Minibatch, static_cast<uint64_t>(s.draws++));
    Vector t(static_cast<size_t>(k)), a(static_cast<size_t>(k)), change(static_cast<size_t>(k));
    for (int64_t step = 0; step < n; ++step) {
      if (step % 1024 == 0) f.poll();
      const int64_t i = words.below(n);
      double* g = s.table.data() + i * k;
      if (lazy) f.x.each(i, [&](int64_t j, double) { catch_up(j, step); });
      // w ← D (w − γ ḡ) everywhere (on the support when lazy); the row's own part follows once its scalar is known.
      const auto shrink_all = [&](int64_t at, double factor) { s.w[at] = factor * (s.w[at] - gamma * drift(at)); };
      if (lazy) {
        f.x.each(i, [&](int64_t j, double) {
          s.last[j] = step + 1;
          for (int64_t at = j; at < f.size; at += f.p) shrink_all(at, shrink);
        });
      } else {
        for (int64_t c = 0; c < k; ++c)
          for (int64_t at = c * f.p; at < c * f.p + f.d; ++at) shrink_all(at, shrink);
      }
      if (f.intercept)
        for (int64_t at = f.d; at < f.size; at += f.p) shrink_all(at, free);
      const double norm = f.x.squared_norm(i) * shrink + (f.intercept ? free : 0), c = f.weight(i);
      f.margins(i, s.w.data(), t.data());
      for (int64_t j = 0; j < k; ++j) {
        // xᵀD z = xᵀ w + γ g xᵀD x now, and c scales the loss.
        const double y = f.target(i, static_cast<int>(j)), reach = gamma * norm;
        const double next = c == 0      ? 0
                            : reach > 0 ? c * scalar_prox(f.loss, y, reach * c, t[j] + reach * g[j], t[j]).slope
                                        : c * f.loss.derivative(t[j], y);
        a[j] = -gamma * (next - g[j]);
        change[j] = (next - g[j]) / static_cast<double>(n);
        g[j] = next;
      }
      for (int64_t j = 0; j < k; ++j) {
        f.x.axpy(i, shrink * a[j], s.w.data() + j * f.p);
        if (f.intercept) s.w[j * f.p + f.d] += free * a[j];
      }
      f.add(i, change.data(), s.average.data());
      f.count_batch(1);
    }
    if (lazy)
      for (int64_t j = 0; j < f.d; ++j) catch_up(j, n);
  }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State&) { return nullptr; }
};

}  // namespace meanfield
