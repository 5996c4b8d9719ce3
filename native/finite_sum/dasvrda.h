// T. Murata, T. Suzuki, "Doubly accelerated stochastic variance reduced dual averaging method", NIPS 2017.
//
// Outer acceleration over stages, x~_{−1} = z~_0, θ~_s = (1 − 1/γ)(s + 2)/2:
//
//     y~_s = x~_{s−1} + (θ~_{s−1} − 1)/θ~_s (x~_{s−1} − x~_{s−2}) + (θ~_{s−1}/θ~_s)(z~_{s−1} − x~_{s−1})
//
// A stage starts at y~_s with the snapshot x~_{s−1}; θ_k = (k+1)/2, s_k = θ_k θ_{k−1} = k(k+1)/4 = Σ_{i≤k} i/2:
//
//     y_k = (1 − 1/θ_k) x_{k−1} + z_{k−1}/θ_k,     ḡ_k = (1 − 1/θ_k) ḡ_{k−1} + g_k/θ_k,     g_k the SVRG estimator at y_k,
//     z_k = prox_{η s_k R}(y~_s − η s_k ḡ_k),      x_k = (1 − 1/θ_k) x_{k−1} + z_k/θ_k
//
// Kept as A_k = s_k ḡ_k = A_{k−1} + (k/2) g_k and X_k = s_k x_k = X_{k−1} + (k/2) z_k, so that an untouched coordinate, with
// g_k = G, is caught up exactly from two prefix tables, for L1 and L2 together. n + b m evaluations a stage.
#pragma once
#include "native/finite_sum/method.h"

namespace meanfield {

/// P1[k] = Σ_{i≤k} (i/2)/(1 + η λ2 s_i) and P2[k] = Σ (i/2) s_i/(1 + η λ2 s_i).
struct DasvrdaTables {
  std::vector<double> p1, p2;
  DasvrdaTables() = default;
  DasvrdaTables(double eta, double l2, int64_t m)
      : p1(static_cast<size_t>(m + 1), 0.0), p2(static_cast<size_t>(m + 1), 0.0) {
    for (int64_t i = 1; i <= m; ++i) {
      const double half = 0.5 * static_cast<double>(i), s = s_of(i), share = half / (1 + eta * l2 * s);
      p1[i] = p1[i - 1] + share;
      p2[i] = p2[i - 1] + share * s;
    }
  }
  static double s_of(int64_t k) { return 0.25 * static_cast<double>(k) * static_cast<double>(k + 1); }
};

/// Σ_{i=from+1}^{to} (i/2) z_i for z_i = S(c − e s_i, a s_i)/(1 + ηλ2 s_i): what X gains while a coordinate is not touched,
/// with y~ − η A_i = c − e s_i, e = ηG, a = ηλ1.
inline double dasvrda_skip(const DasvrdaTables& t, double c, double e, double a, bool nonNegative, int64_t from,
                           int64_t to) {
  double sum = 0;
  // S > 0 where c − (e + a) s > 0, S < 0 where c − (e − a) s < 0: each holds on one interval of s that begins or ends in k.
  const auto interval = [&](double slope, double sign) {
    // sign·(c − slope·s) > 0
    int64_t first = from + 1, last = to;
    if (slope == 0) {
      if (!(sign * c > 0)) return;
    } else {
      const double root = c / slope;  // of s
      // k(k+1)/4 = root
      const double guess = root > 0 ? 0.5 * (std::sqrt(1 + 16 * root) - 1) : -1;
      int64_t k = guess >= 9e15 ? to + 1 : static_cast<int64_t>(guess);  // last index with s_k ≤ root, corrected below
      k = std::min(std::max<int64_t>(k, from), to + 1);
      while (k > from && DasvrdaTables::s_of(k) > root) --k;
      while (k < to + 1 && DasvrdaTables::s_of(k + 1) <= root) ++k;
      // c − slope·s has the sign of slope·(root − s).
      if (sign * slope > 0) {
        last = std::min(to, k);
        while (last > from && !(sign * (c - slope * DasvrdaTables::s_of(last)) > 0)) --last;
      } else {
        first = std::max(from + 1, k + 1);
        while (first <= to && !(sign * (c - slope * DasvrdaTables::s_of(first)) > 0)) ++first;
      }
    }
    if (first > last) return;
    sum += c * (t.p1[last] - t.p1[first - 1]) - slope * (t.p2[last] - t.p2[first - 1]);
  };
  interval(e + a, 1);
  if (!nonNegative) interval(e - a, -1);
  return sum;
}

struct Dasvrda {
  static constexpr const char* kName = "dasvrda";
  static constexpr const char* kTitle = "Doubly accelerated stochastic variance reduced dual averaging";
  static constexpr const char* kSource = "Murata, Suzuki, NIPS 2017, Algorithms 1 to 4";
  enum class Restart { Adaptive, Fixed };
  struct Options : BatchOptions {
    Auto<double> gamma;
    Restart restart = Restart::Adaptive;
    Auto<int64_t> stages;  // S
    Options() { sampling = Sampling::Importance; }
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          batch_table<Options>("Step size; auto: 1/((1 + γ(m+1)/b) L̄), the theory's, at least 1/(2 L(b)).",
                               "Rows of a minibatch; auto: b* = √n + n/√κ.", true, true)
              .number("gamma", "γ", &Options::gamma, above(1), "Outer momentum; auto: γ* = (3 + √(9 + 8b/(m+1)))/2.")
              .choice("outerRestart", &Options::restart, {"adaptive", "fixed"},
                      "Restart of the outer momentum: by the gradient test, or after S stages.")
              .integer("stages", "S", &Options::stages, at_least(1),
                       "Stages between fixed restarts; auto: the least with a bound of one half, from λ2.");
      return table;
    }
  };
  struct State {
    int64_t steps = 0, draws = 0, s = 0;  // s: stages since the last restart
    double eta = 0;
    Vector x, xBefore, z;  // x~_{s−1}, x~_{s−2}, z~_{s−1}
    Vector yBefore;        // y~_{s−1}, for the adaptive test
    Pass at;               // at x~_{s−1}
    // Rebuilt, not kept:
    int64_t b = 1, m = 1, stages = 0;
    double gamma = 2;
    bool lazy = false;
    Sampler sampler;
    std::unique_ptr<Batch> batch;
    Vector drift, y, A, X, zk, yk;
    std::vector<int64_t> last;

    template <class V>
    void visit(V& v) {
      v(steps);
      v(draws);
      v(s);
      v(eta);
      v(x);
      v(xBefore);
      v(z);
      v(yBefore);
      at.visit(v);
    }
  };
  static std::string refuse(const FiniteSum& f, const Options& options) {
    if (options.restart == Restart::Fixed && !options.stages && !(f.strong() > 0))
      return "the number of stages between fixed restarts comes from l2 above 0; give stages, or use outerRestart: "
             "'adaptive'";
    return no_smoothness(f);
  }
  static std::string stays(const FiniteSum&, const Options&, bool) { return ""; }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    State s;
    s.b = choose_minibatch(f, options.minibatch, optimal_minibatch(f), kOptimalMinibatch, chosen);
    s.m = choose_inner(f, options.innerSteps, s.b, chosen);
    const double ratio = static_cast<double>(s.m + 1) / static_cast<double>(s.b);
    s.gamma = options.gamma.value_or((3 + std::sqrt(9 + 8 / ratio)) / 2);
    if (!options.gamma) chosen.push_back({"gamma", OptionValue(s.gamma), "(3 + √(9 + 8b/(m+1)))/2"});
    const double theory = 1 / ((1 + s.gamma * ratio) * f.constants().mean);
    const double practice = 0.5 / expected_smoothness(f.constants(), f.n, s.b, options.sampling);
    s.eta = choose_step(options.step, std::max(theory, practice), "max(1/((1 + γ(m+1)/b) L̄), 1/(2 L(b)))", chosen);
    if (options.restart == Restart::Fixed) {
      const double shrink = (1 - 1 / s.gamma) * (1 - 1 / s.gamma),
                   mm = static_cast<double>(s.m) * static_cast<double>(s.m + 1);
      s.stages = options.stages.value_or(std::max<int64_t>(
          1, static_cast<int64_t>(std::ceil(std::sqrt(8 + 32 / (shrink * s.eta * f.strong() * mm)))) - 2));
      if (!options.stages)
        chosen.push_back(
            {"stages", OptionValue(static_cast<double>(s.stages)), "(S+2)² ≥ 8 + 32/((1−1/γ)² η μ m(m+1))"});
    }
    s.sampler = Sampler(f, options.sampling);
    s.batch = std::make_unique<Batch>(f);
    s.lazy = worth_skipping(f, s.b);
    s.x = s.xBefore = s.z = start;
    f.pass(s.x.data(), s.at);
    f.count_pass(s.b);
    return s;
  }
  static double theta(const State& s, int64_t stage) { return (1 - 1 / s.gamma) * static_cast<double>(stage + 2) / 2; }
  static void step(State& s, FiniteSum& f) {
    f.drift(s.at, s.drift);
    s.y.resize(s.x.size());
    const auto extrapolate = [&](int64_t stage) {
      const double before = theta(s, stage - 1), now = theta(s, stage);
      const double a = (stage == 1 ? 1 - 1 / s.gamma - 1 : before - 1) / now,
                   c = (stage == 1 ? 1 - 1 / s.gamma : before) / now;
      for (int64_t j = 0; j < f.size; ++j) s.y[j] = s.x[j] + a * (s.x[j] - s.xBefore[j]) + c * (s.z[j] - s.x[j]);
    };
    const auto restart = [&] {
      s.z = s.xBefore = s.x;
      s.s = 0;
    };
    if (s.stages > 0 && s.s >= s.stages) restart();
    extrapolate(++s.s);
    if (s.stages == 0 && s.s > 1) {
      // ⟨y~_s − x~_s, y~_{s+1} − x~_s⟩ > 0
      double test = 0;
      for (int64_t j = 0; j < f.size; ++j) test += (s.yBefore[j] - s.x[j]) * (s.y[j] - s.x[j]);
      if (test > 0) {
        restart();
        extrapolate(++s.s);
      }
    }
    stage(s, f);
    Pass after;
    f.pass(s.X.data(), after);
    f.count_pass(s.b);
    const double objective = f.anchored_objective(after, s.X.data());
    if (!std::isfinite(objective) || objective > 2 * std::fabs(f.anchored_objective(s.at, s.x.data())) + 1e-300) {
      // Not a matter of momentum: the step is too long.
      s.eta /= 2;
      restart();
      return;
    }
    s.xBefore.swap(s.x);
    s.x = s.X;
    s.z = s.zk;
    s.yBefore = s.y;
    s.at = std::move(after);
  }
  /// From y~ with the snapshot at x~; leaves x_m in X and z_m in zk.
  static void stage(State& s, FiniteSum& f) {
    const double eta = s.eta, l1 = f.regularizer.l1, strong = f.strong();
    const bool nonNegative = f.regularizer.nonNegative;
    s.A.assign(s.x.size(), 0);
    s.X.assign(s.x.size(), 0);
    s.zk = s.y;
    s.yk = s.y;
    Batch& batch = *s.batch;
    DasvrdaTables tables;
    if (s.lazy) {
      tables = DasvrdaTables(eta, strong, s.m);
      s.last.assign(static_cast<size_t>(f.d), 0);
    }
    const auto z_at = [&](int64_t at, double sk, bool penalty) {
      return f.prox(s.y[at] - eta * s.A[at], eta * sk, penalty);
    };
    /// A, X and z of coordinate j as of step `now`.
    const auto catch_up = [&](int64_t j, int64_t now) {
      const int64_t from = s.last[j];
      s.last[j] = now;
      if (from == now) return;
      const double gained = DasvrdaTables::s_of(now) - DasvrdaTables::s_of(from);
      for (int64_t at = j; at < f.size; at += f.p) {
        const double G = s.drift[at];
        // y~ − η A_i = c − ηG s_i
        const double c = s.y[at] - eta * (s.A[at] - G * DasvrdaTables::s_of(from));
        s.X[at] += dasvrda_skip(tables, c, eta * G, eta * l1, nonNegative, from, now);
        s.A[at] += G * gained;
        s.zk[at] = z_at(at, DasvrdaTables::s_of(now), true);
      }
    };
    for (int64_t k = 1; k <= s.m; ++k) {
      if (k % 64 == 1) f.poll();
      const double half = 0.5 * static_cast<double>(k), sk = DasvrdaTables::s_of(k),
                   before = DasvrdaTables::s_of(k - 1);
      const double inverse = 2 / static_cast<double>(k + 1);  // 1/θ_k
      s.sampler.draw(WordStream(f.seed, Stream::Minibatch, static_cast<uint64_t>(s.draws)), s.b, batch.rows,
                     batch.scale);
      ++s.draws;
      // y_k = (1 − 1/θ_k) x_{k−1} + z_{k−1}/θ_k; x_0 has weight 0 since θ_1 = 1.
      const auto look = [&](int64_t at) {
        s.yk[at] = (k == 1 ? 0 : (1 - inverse) * s.X[at] / before) + inverse * s.zk[at];
      };
      const auto move = [&](int64_t at, bool penalty) {
        s.A[at] += half * (s.drift[at] + batch.sum[at]);
        batch.sum[at] = 0;
        s.zk[at] = z_at(at, sk, penalty);
        s.X[at] += half * s.zk[at];
      };
      if (s.lazy) {
        batch.find_support(f);
        for (int32_t j : batch.support) {
          catch_up(j, k - 1);
          for (int64_t at = j; at < f.size; at += f.p) look(at);
        }
        if (f.intercept)
          for (int64_t at = f.d; at < f.size; at += f.p) look(at);
      } else {
        for (int64_t at = 0; at < f.size; ++at) look(at);
      }
      batch.gradient(f, s.yk.data(), &s.at);
      f.count_batch(s.b);
      if (s.lazy) {
        for (int32_t j : batch.support) {
          s.last[j] = k;
          for (int64_t at = j; at < f.size; at += f.p) move(at, true);
        }
        if (f.intercept)
          for (int64_t at = f.d; at < f.size; at += f.p) move(at, false);
      } else {
        for (int64_t at = 0; at < f.size; ++at) move(at, f.penalised(at));
      }
    }
    if (s.lazy)
      for (int64_t j = 0; j < f.d; ++j) catch_up(j, s.m);
    const double total = DasvrdaTables::s_of(s.m);
    for (double& value : s.X) value /= total;
  }
  static const Vector& weights(const State& s) { return s.x; }
  static const Pass* pass(const State& s) { return &s.at; }
};

}  // namespace meanfield
