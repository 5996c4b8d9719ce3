// L. Nguyen, J. Liu, K. Scheinberg, M. Takáč, "SARAH", ICML 2017; with the proximal step of ProxSARAH.
//
//     v_0 = ∇F(w_0),   w_1 = prox_{ηR}(w_0 − η v_0),
//     v_t = (1/b) Σ_{i∈I} (∇f_i(w_t) − ∇f_i(w_{t−1})) + v_{t−1},   w_{t+1} = prox_{ηR}(w_t − η v_t).
//
// SARAH+ ends the stage when ‖v_t‖² ≤ γ ‖v_0‖². Costs n + 2 b m evaluations a stage; v is dense, so are the steps.
#pragma once
#include "native/finite_sum/method.h"

namespace meanfield {

struct Sarah {
  static constexpr const char* kName = "sarah";
  static constexpr const char* kTitle = "Stochastic recursive gradient";
  static constexpr const char* kSource = "Nguyen, Liu, Scheinberg, Takac, ICML 2017, Algorithms 1 and 2";
  struct Options : BatchOptions {
    double ratio = 0.125;  // γ
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          batch_table<Options>("Step size; auto: 1/(2 L(b)), halved when a stage goes up.",
                               "Rows of a minibatch; auto: min(L_max/L_F, √n).", true, false)
              .number("ratio", "γ", &Options::ratio, between(0, 1),
                      "SARAH+: end a stage when the squared norm of v has fallen by this factor; 0: never.");
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
    double ratio = 0;
    Sampler sampler;
    std::unique_ptr<Batch> batch;
    Vector v, now, before, fresh;

    template <class V>
    void visit(V& visitor) {
      visitor(steps);
      visitor(draws);
      visitor(eta);
      visitor(w);
      at.visit(visitor);
    }
  };
  static std::string refuse(const FiniteSum& f, const Options&) { return no_smoothness(f); }
  static std::string stays(const FiniteSum&, const Options&, bool) { return ""; }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    State s;
    s.b = choose_minibatch(f, options.minibatch, plain_minibatch(f), kPlainMinibatch, chosen);
    s.m = choose_inner(f, options.innerSteps, s.b, chosen);
    s.eta = choose_step(options.step, 0.5 / expected_smoothness(f.constants(), f.n, s.b, Sampling::Uniform),
                        "1/(2 L(b)), L(b) the expected smoothness of a minibatch", chosen);
    s.ratio = options.ratio;
    s.sampler = Sampler(f, Sampling::Uniform);
    s.batch = std::make_unique<Batch>(f);
    s.w = start;
    f.pass(s.w.data(), s.at);
    f.count_pass(s.b);
    return s;
  }
  static void step(State& s, FiniteSum& f) {
    const double start = f.anchored_objective(s.at, s.w.data());
    f.drift(s.at, s.v);
    const auto norm = [&] {
      double sum = 0;
      for (double value : s.v) sum += value * value;
      return sum;
    };
    // The drift of an anchor is the same at both points and is part of v from the start.
    const double first = norm();
    s.before = s.w;
    s.now.resize(s.w.size());
    f.prox_step(s.w.data(), s.eta, s.v.data(), nullptr, s.now.data());
    Batch& batch = *s.batch;
    for (int64_t t = 1; t < s.m; ++t) {
      if (t % 64 == 0) f.poll();
      s.sampler.draw(WordStream(f.seed, Stream::Minibatch, static_cast<uint64_t>(s.draws)), s.b, batch.rows,
                     batch.scale);
      ++s.draws;
      batch.gradient(f, s.now.data(), nullptr);
      s.fresh.swap(batch.sum);
      batch.sum.assign(s.v.size(), 0);
      batch.gradient(f, s.before.data(), nullptr);
      f.count_batch(s.b);
      f.examples += s.b;
      for (size_t j = 0; j < s.v.size(); ++j) {
        s.v[j] += s.fresh[j] - batch.sum[j];
        batch.sum[j] = 0;
      }
      s.before = s.now;
      f.prox_step(s.before.data(), s.eta, s.v.data(), nullptr, s.now.data());
      // With a regularizer v does not tend to 0; what it may shrink to is known only for the smooth part alone.
      if (f.regularizer.l1 == 0 && f.strong() == 0 && norm() <= s.ratio * first) break;
    }
    Pass after;
    f.pass(s.now.data(), after);
    f.count_pass(s.b);
    if (rose(start, f.anchored_objective(after, s.now.data()))) {
      s.eta /= 2;
    } else {
      s.w = s.now;
      s.at = std::move(after);
    }
  }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State& s) { return &s.at; }
};

}  // namespace meanfield
