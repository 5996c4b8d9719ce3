// Z. Allen-Zhu, "Katyusha: the first direct acceleration of stochastic gradient methods", STOC 2017 (minibatch form), and
// D. Kovalev, S. Horváth, P. Richtárik, "Don't jump through hoops …", ALT 2020 (loopless, L-Katyusha).
//
// Katyusha, snapshot x~, m = n/b steps:
//     x = τ1 z + τ2 x~ + (1 − τ1 − τ2) y,   g the SVRG estimator at x,
//     z ← prox_{αR}(z − α g),   y ← prox_{R/(3L*)}(x − g/(3L*)) (Option I) or x + τ1 (z⁺ − z) (Option II),
//     x~ = Σ_j θ^j y_{j+1} / Σ_j θ^j,  θ = 1 + min(αμ, 1/(4m)).
// τ2 = min(L/(2 L_F b), 1/2), L* = max(L_F, L/(2bτ2)); τ1 = τ2 min(1, √(8bmμ/(3L))) when L_F ≤ Lm/b, else
// min(√(2μ/(3L_F)), 1/(2m)); α = 1/(3 τ1 L*). Without strong convexity τ1 = 2/(s + 4) at stage s, θ = 1.
#pragma once
#include "native/finite_sum/method.h"

namespace meanfield {

struct Katyusha {
  static constexpr const char* kName = "katyusha";
  static constexpr const char* kTitle = "Katyusha, negative momentum towards the snapshot";
  static constexpr const char* kSource = "Allen-Zhu, STOC 2017, Algorithms 1 and 2, minibatch form";
  enum class YStep { Prox, Momentum };
  struct Options {
    Auto<double> smoothness;  // L
    Auto<int64_t> minibatch;
    Auto<int64_t> innerSteps;
    Sampling sampling = Sampling::Uniform;
    YStep yStep = YStep::Prox;
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number("smoothness", "L", &Options::smoothness, above(0),
                      "Smoothness that steps are made of; auto: L_max, with importance sampling L̄.")
              .integer("minibatch", "b", &Options::minibatch, at_least(1), "Rows of a minibatch; auto: b* = √n + n/√κ.")
              .integer("innerSteps", "m", &Options::innerSteps, at_least(1),
                       "Minibatch steps of a stage; auto: n/b, one more pass.")
              .choice("sampling", &Options::sampling, {"uniform", "importance"},
                      "Rows of a minibatch: distinct and equally likely, or with replacement in proportion to L_i.")
              .choice("yStep", &Options::yStep, {"prox", "momentum"}, "Options I and II of the paper.");
      return table;
    }
  };
  struct Steps {
    double tau1, tau2, alpha, smooth, theta;
  };
  struct State {
    int64_t steps = 0, draws = 0;
    double L = 0;
    Vector w, y, z;  // x~, y, z
    Pass at;
    // Rebuilt, not kept:
    Options options;
    int64_t b = 1, m = 1;
    Sampler sampler;
    std::unique_ptr<Batch> batch;
    Vector drift, x, g, mean;

    template <class V>
    void visit(V& v) {
      v(steps);
      v(draws);
      v(L);
      v(w);
      v(y);
      v(z);
      at.visit(v);
    }
  };
  static std::string refuse(const FiniteSum& f, const Options&) { return no_smoothness(f); }
  static Steps steps_of(const State& s, FiniteSum& f) {
    const double mu = f.strong(), b = static_cast<double>(s.b), m = static_cast<double>(s.m);
    const double full = std::min(f.constants().full, s.L);
    Steps steps;
    steps.tau2 = std::min(s.L / (2 * full * b), 0.5);
    steps.smooth = std::max(full, s.L / (2 * b * steps.tau2));
    if (mu > 0)
      steps.tau1 = full <= s.L * m / b ? steps.tau2 * std::min(1.0, std::sqrt(8 * b * m * mu / (3 * s.L)))
                                       : std::min(std::sqrt(2 * mu / (3 * full)), 1 / (2 * m));
    else
      steps.tau1 = std::min(2 / static_cast<double>(s.steps + 4), 1 - steps.tau2);
    steps.alpha = 1 / (3 * steps.tau1 * steps.smooth);
    steps.theta = mu > 0 ? 1 + std::min(steps.alpha * mu, 1 / (4 * m)) : 1;
    return steps;
  }
  static std::string stays(const FiniteSum&, const Options&, bool) { return ""; }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    State s;
    s.options = options;
    s.b = choose_minibatch(f, options.minibatch, optimal_minibatch(f), kOptimalMinibatch, chosen);
    s.m = choose_inner(f, options.innerSteps, s.b, chosen);
    const bool importance = options.sampling == Sampling::Importance;
    s.L = options.smoothness.value_or(importance ? f.constants().mean : f.constants().max);
    if (!options.smoothness)
      chosen.push_back({"smoothness", OptionValue(s.L), importance ? "L̄, importance sampling" : "L_max"});
    s.sampler = Sampler(f, options.sampling);
    s.batch = std::make_unique<Batch>(f);
    s.w = s.y = s.z = start;
    f.pass(s.w.data(), s.at);
    f.count_pass(s.b);
    return s;
  }
  static void step(State& s, FiniteSum& f) {
    const Steps c = steps_of(s, f);
    const double start = f.anchored_objective(s.at, s.w.data());
    f.drift(s.at, s.drift);
    s.x.resize(s.w.size());
    s.g.resize(s.w.size());
    s.mean.assign(s.w.size(), 0);
    Batch& batch = *s.batch;
    double share = 1, total = 0;
    const double third = 1 / (3 * c.smooth);
    for (int64_t t = 0; t < s.m; ++t) {
      if (t % 64 == 0) f.poll();
      for (int64_t j = 0; j < f.size; ++j) s.x[j] = c.tau1 * s.z[j] + c.tau2 * s.w[j] + (1 - c.tau1 - c.tau2) * s.y[j];
      s.sampler.draw(WordStream(f.seed, Stream::Minibatch, static_cast<uint64_t>(s.draws)), s.b, batch.rows,
                     batch.scale);
      ++s.draws;
      batch.gradient(f, s.x.data(), &s.at);
      f.count_batch(s.b);
      for (int64_t j = 0; j < f.size; ++j) {
        s.g[j] = s.drift[j] + batch.sum[j];
        batch.sum[j] = 0;
      }
      if (s.options.yStep == YStep::Momentum)
        for (int64_t j = 0; j < f.size; ++j) s.y[j] = s.x[j] - c.tau1 * s.z[j];
      f.prox_step(s.z.data(), c.alpha, s.g.data(), nullptr, s.z.data());
      if (s.options.yStep == YStep::Momentum)
        for (int64_t j = 0; j < f.size; ++j) s.y[j] += c.tau1 * s.z[j];
      else
        f.prox_step(s.x.data(), third, s.g.data(), nullptr, s.y.data());
      for (int64_t j = 0; j < f.size; ++j) s.mean[j] += share * s.y[j];
      total += share;
      share *= c.theta;
    }
    for (double& value : s.mean) value /= total;
    Pass after;
    f.pass(s.mean.data(), after);
    f.count_pass(s.b);
    const double objective = f.anchored_objective(after, s.mean.data());
    if (!std::isfinite(objective) || objective > 2 * std::fabs(start) + 1e-300) {
      s.L *= 2;
      s.y = s.z = s.w;
      return;
    }
    s.w = s.mean;
    s.at = std::move(after);
  }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State& s) { return &s.at; }
};

}  // namespace meanfield
