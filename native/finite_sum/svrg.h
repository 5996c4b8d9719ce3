// L. Xiao, T. Zhang, "A proximal stochastic gradient method with progressive variance reduction", SIAM J. Optim. 2014.
//
// A stage from the snapshot w~ with its full gradient, m minibatch steps of
//
//     v = (1/b) Σ_{i∈I} (1/(n q_i)) (∇f_i(w) − ∇f_i(w~)) + ∇F(w~),      w ← prox_{ηR}(w − η v),
//
// then w~ = the last iterate. Costs n + b m evaluations a stage: the derivatives at w~ are kept. Sparse rows touch their
// own coordinates; the others are caught up exactly (lazy.h).
#pragma once
#include "native/finite_sum/lazy.h"
#include "native/finite_sum/method.h"

namespace meanfield {

/// What SVRG and L-SVRG share.
struct SvrgState {
  int64_t steps = 0;
  int64_t draws = 0;  // minibatches so far, the counter of the sampler
  double eta = 0;     // η; halved when a stage goes up
  Vector w;           // w~
  Pass at;            // ∇F(w~) and derivatives
  // Rebuilt, not kept:
  int64_t b = 1, m = 1;
  bool lazy = false;
  Sampler sampler;
  std::unique_ptr<Batch> batch;
  Vector drift, next;
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

inline SvrgState svrg_init(FiniteSum& f, const BatchOptions& options, const Vector& start, LinearChoices& chosen) {
  SvrgState s;
  s.b = choose_minibatch(f, options.minibatch, plain_minibatch(f), kPlainMinibatch, chosen);
  s.m = choose_inner(f, options.innerSteps, s.b, chosen);
  s.eta = choose_step(options.step, 0.5 / expected_smoothness(f.constants(), f.n, s.b, options.sampling),
                      "1/(2 L(b)), L(b) the expected smoothness of a minibatch", chosen);
  s.sampler = Sampler(f, options.sampling);
  s.batch = std::make_unique<Batch>(f);
  s.lazy = worth_skipping(f, s.b);
  s.w = start;
  f.pass(s.w.data(), s.at);
  f.count_pass(s.b);
  return s;
}

/// At most `m` inner steps; stops earlier, after a step, when `flip(draw)` says so.
template <class Flip>
void svrg_stage(SvrgState& s, FiniteSum& f, int64_t m, Flip flip) {
  const double before = f.anchored_objective(s.at, s.w.data());
  f.drift(s.at, s.drift);
  s.next = s.w;
  Vector& w = s.next;
  Batch& batch = *s.batch;
  const double eta = s.eta;
  Powers powers(1 / (1 + eta * f.strong()), s.lazy ? std::min<int64_t>(m, 1 << 16) : 0);
  const double threshold = eta * f.regularizer.l1;
  const auto catch_up = [&](int64_t j, int64_t now) {
    const int64_t missed = now - s.last[j];
    s.last[j] = now;
    if (missed == 0) return;
    for (int64_t at = j; at < f.size; at += f.p)
      w[at] = skip_steps(w[at], -eta * s.drift[at], threshold, powers, missed, f.regularizer.nonNegative);
  };
  if (s.lazy) s.last.assign(static_cast<size_t>(f.d), 0);
  int64_t t = 0;
  while (t < m) {
    if (t % 64 == 0) f.poll();
    s.sampler.draw(WordStream(f.seed, Stream::Minibatch, static_cast<uint64_t>(s.draws)), s.b, batch.rows, batch.scale);
    ++s.draws;
    if (s.lazy) {
      batch.find_support(f);
      for (int32_t j : batch.support) catch_up(j, t);
    }
    batch.gradient(f, w.data(), &s.at);
    f.count_batch(s.b);
    ++t;
    if (s.lazy) {
      const auto move = [&](int64_t at, bool penalty) {
        w[at] = f.prox(w[at] - eta * (s.drift[at] + batch.sum[at]), eta, penalty);
        batch.sum[at] = 0;
      };
      for (int32_t j : batch.support) {
        s.last[j] = t;
        for (int64_t at = j; at < f.size; at += f.p) move(at, true);
      }
      if (f.intercept)
        for (int64_t at = f.d; at < f.size; at += f.p) move(at, false);
    } else {
      f.prox_step(w.data(), eta, s.drift.data(), batch.sum.data(), w.data());
      std::fill(batch.sum.begin(), batch.sum.end(), 0.0);
    }
    if (flip(static_cast<uint64_t>(s.draws))) break;
  }
  if (s.lazy)
    for (int64_t j = 0; j < f.d; ++j) catch_up(j, t);
  Pass after;
  f.pass(w.data(), after);
  f.count_pass(s.b);
  if (rose(before, f.anchored_objective(after, w.data()))) {
    s.eta /= 2;
  } else {
    s.w.swap(w);
    s.at = std::move(after);
  }
}

struct Svrg {
  static constexpr const char* kName = "svrg";
  static constexpr const char* kTitle = "Proximal stochastic variance reduced gradient";
  static constexpr const char* kSource = "Xiao, Zhang, SIAM J. Optim. 2014; Johnson, Zhang, NIPS 2013";
  struct Options : BatchOptions {
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          batch_table<Options>("Step size; auto: 1/(2 L(b)), halved when a stage goes up.",
                               "Rows of a minibatch; auto: min(L_max/L_F, √n).", true, true);
      return table;
    }
  };
  using State = SvrgState;
  static std::string refuse(const FiniteSum& f, const Options&) { return no_smoothness(f); }
  static std::string stays(const FiniteSum&, const Options&, bool) { return ""; }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    return svrg_init(f, options, start, chosen);
  }
  static void step(State& s, FiniteSum& f) {
    svrg_stage(s, f, s.m, [](uint64_t) { return false; });
  }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State& s) { return &s.at; }
};

}  // namespace meanfield
