// D. Kovalev, S. Horváth, P. Richtárik, "Don't jump through hoops and remove those loops: SVRG and Katyusha are better
// without the outer loop", ALT 2020, Algorithm 2.
//
// p = b/n, θ2 = 1/2, θ1 = min(√(2μ/(3Lp)), 1/2), η = θ2/((1 + θ2) θ1), s = μ/L; L2 (and the anchor) are part of the gradient g:
//
//     x = θ1 z + θ2 w + (1 − θ1 − θ2) y,
//     z⁺ = prox_{η/(L(1+ηs)) λ1‖·‖₁}((η s x + z − (η/L) g)/(1 + η s)),   y⁺ = x + θ1 (z⁺ − z),
//     and with probability p the snapshot w becomes the old y. A step here ends when the coin has fallen.
#pragma once
#include "native/finite_sum/method.h"

namespace meanfield {

struct LKatyusha {
  static constexpr const char* kName = "l-katyusha";
  static constexpr const char* kTitle = "Loopless Katyusha";
  static constexpr const char* kSource = "Kovalev, Horvath, Richtarik, ALT 2020, Algorithm 2";
  struct Options {
    Auto<double> smoothness;
    Auto<int64_t> minibatch;
    Sampling sampling = Sampling::Uniform;
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number(
                  "smoothness", "L", &Options::smoothness, above(0),
                  "Smoothness that steps are made of; auto: L(b) + λ2, L(b) the expected smoothness of a minibatch.")
              .integer("minibatch", "b", &Options::minibatch, at_least(1), "Rows of a minibatch; auto: b* = √n + n/√κ.")
              .choice("sampling", &Options::sampling, {"uniform", "importance"},
                      "Rows of a minibatch: distinct and equally likely, or with replacement in proportion to L_i.");
      return table;
    }
  };
  struct State {
    int64_t steps = 0, draws = 0;
    double L = 0;
    Vector w, y, z;
    Pass at;
    // Rebuilt, not kept:
    int64_t b = 1;
    Sampler sampler;
    std::unique_ptr<Batch> batch;
    Vector drift, x, before;

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
  static std::string refuse(const FiniteSum& f, const Options&) {
    if (!(f.strong() > 0))
      return "its momentum is made of strong convexity; use l2 above 0, or 'katyusha', 'acc-svrg-appa'";
    return no_smoothness(f);
  }
  static std::string stays(const FiniteSum&, const Options&, bool) { return ""; }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    State s;
    s.b = choose_minibatch(f, options.minibatch, optimal_minibatch(f), kOptimalMinibatch, chosen);
    s.L = options.smoothness.value_or(expected_smoothness(f.constants(), f.n, s.b, options.sampling) + f.strong());
    if (!options.smoothness) chosen.push_back({"smoothness", OptionValue(s.L), "L(b) + λ2"});
    s.sampler = Sampler(f, options.sampling);
    s.batch = std::make_unique<Batch>(f);
    s.w = s.y = s.z = start;
    f.pass(s.w.data(), s.at);
    f.count_pass(s.b);
    return s;
  }
  static void step(State& s, FiniteSum& f) {
    const double mu = f.strong(), p = static_cast<double>(s.b) / static_cast<double>(f.n), theta2 = 0.5;
    const double theta1 = std::min(std::sqrt(2 * mu / (3 * s.L * p)), 0.5), eta = theta2 / ((1 + theta2) * theta1);
    const double sigma = mu / s.L, start = f.anchored_objective(s.at, s.w.data());
    f.drift(s.at, s.drift);
    s.x.resize(s.w.size());
    Batch& batch = *s.batch;
    Regularizer l1 = f.regularizer;
    l1.l2 = 0;
    const double threshold = eta / (s.L * (1 + eta * sigma));
    for (bool fallen = false; !fallen;) {
      if (s.draws % 64 == 0) f.poll();
      for (int64_t j = 0; j < f.size; ++j) s.x[j] = theta1 * s.z[j] + theta2 * s.w[j] + (1 - theta1 - theta2) * s.y[j];
      s.sampler.draw(WordStream(f.seed, Stream::Minibatch, static_cast<uint64_t>(s.draws)), s.b, batch.rows,
                     batch.scale);
      fallen = WordStream(f.seed, Stream::Restart, static_cast<uint64_t>(s.draws)).uniform() < p;
      ++s.draws;
      batch.gradient(f, s.x.data(), &s.at);
      f.count_batch(s.b);
      if (fallen) s.before = s.y;
      for (int64_t j = 0; j < f.size; ++j) {
        const bool penalty = f.penalised(j);
        const double g = s.drift[j] + batch.sum[j] + (penalty ? mu : f.kappa) * s.x[j];
        batch.sum[j] = 0;
        const double v = (eta * sigma * s.x[j] + s.z[j] - eta / s.L * g) / (1 + eta * sigma);
        const double z = penalty ? l1.prox(v, threshold) : v;
        s.y[j] = s.x[j] + theta1 * (z - s.z[j]);
        s.z[j] = z;
      }
    }
    Pass after;
    f.pass(s.before.data(), after);
    f.count_pass(s.b);
    const double objective = f.anchored_objective(after, s.before.data());
    if (!std::isfinite(objective) || objective > 2 * std::fabs(start) + 1e-300) {
      s.L *= 2;
      s.y = s.z = s.w;
      return;
    }
    s.w.swap(s.before);
    s.at = std::move(after);
  }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State& s) { return &s.at; }
};

}  // namespace meanfield
