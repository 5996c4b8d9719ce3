// A. Defazio, F. Bach, S. Lacoste-Julien, "SAGA", NIPS 2014; M. Schmidt, N. Le Roux, F. Bach, "Minimizing finite sums with
// the stochastic average gradient", Math. Program. 2017.
//
// A table keeps the last derivative of every row; ḡ = (1/n) Σ_i table_i x_i.
//
//     SAGA   v = (1/b) Σ_{i∈I} (1/(n q_i)) (new_i − old_i) x_i + ḡ,    w ← prox_{ηR}(w − η v),   then table and ḡ
//     SAG    table and ḡ first, then w ← prox_{ηR}(w − η ḡ)
//
// The first table costs one pass; after that each step costs b evaluations. Lazy on sparse data: ḡ_j stands still between
// two visits of coordinate j.
#pragma once
#include "native/finite_sum/lazy.h"
#include "native/finite_sum/method.h"

namespace meanfield {

struct SagaState {
  int64_t steps = 0;
  int64_t draws = 0;
  Vector w, table, average;  // iterate, n × k derivatives, ḡ
  // Rebuilt, not kept:
  double eta = 0;
  int64_t b = 1;
  bool lazy = false;
  Sampler sampler;
  std::unique_ptr<Batch> batch;
  Vector fresh, drift;
  std::vector<int64_t> last;

  template <class V>
  void visit(V& v) {
    v(steps);
    v(draws);
    v(w);
    v(table);
    v(average);
  }
};

inline SagaState saga_init(FiniteSum& f, const BatchOptions& options, const Vector& start, double step,
                           const std::string& why, LinearChoices& chosen) {
  SagaState s;
  s.b = choose_minibatch(f, options.minibatch, plain_minibatch(f), kPlainMinibatch, chosen);
  s.eta = choose_step(options.step, step / expected_smoothness(f.constants(), f.n, s.b, options.sampling), why, chosen);
  s.sampler = Sampler(f, options.sampling);
  s.batch = std::make_unique<Batch>(f);
  s.lazy = worth_skipping(f, s.b);
  s.w = start;
  Pass first;
  f.pass(s.w.data(), first);
  f.count_pass(s.b);
  s.table = std::move(first.derivatives);
  s.average = std::move(first.gradient);
  return s;
}

/// One pass: n/b steps.
template <bool kBiased>
void saga_epoch(SagaState& s, FiniteSum& f) {
  const int64_t m = std::max<int64_t>(1, f.n / s.b), k = f.k;
  Batch& batch = *s.batch;
  Vector& w = s.w;
  const double eta = s.eta, inverse = 1 / static_cast<double>(f.n);
  const auto drift = [&](int64_t at) {
    return f.kappa > 0 ? s.average[at] - f.kappa * (*f.anchor)[at] : s.average[at];
  };
  Powers powers(1 / (1 + eta * f.strong()), s.lazy ? std::min<int64_t>(m, 1 << 16) : 0);
  const auto catch_up = [&](int64_t j, int64_t now) {
    const int64_t missed = now - s.last[j];
    s.last[j] = now;
    if (missed == 0) return;
    for (int64_t at = j; at < f.size; at += f.p)
      w[at] = skip_steps(w[at], -eta * drift(at), eta * f.regularizer.l1, powers, missed, f.regularizer.nonNegative);
  };
  if (s.lazy) s.last.assign(static_cast<size_t>(f.d), 0);
  s.fresh.resize(static_cast<size_t>(s.b * k));
  for (int64_t t = 0; t < m; ++t) {
    if (t % 64 == 0) f.poll();
    s.sampler.draw(WordStream(f.seed, Stream::Minibatch, static_cast<uint64_t>(s.draws)), s.b, batch.rows, batch.scale);
    ++s.draws;
    if (s.lazy) {
      batch.find_support(f);
      for (int32_t j : batch.support) catch_up(j, t);
    }
    batch.correct(f, w.data(), s.table.data(), s.fresh.data());
    f.count_batch(s.b);
    // table_i ← new_i and ḡ ← ḡ + (new_i − old_i) x_i/n. A row drawn twice is old only once.
    const auto renew = [&] {
      Vector delta(static_cast<size_t>(k));
      for (int64_t r = 0; r < s.b; ++r) {
        double* old = s.table.data() + batch.rows[r] * k;
        for (int64_t c = 0; c < k; ++c) {
          delta[c] = (s.fresh[r * k + c] - old[c]) * inverse;
          old[c] = s.fresh[r * k + c];
        }
        f.add(batch.rows[r], delta.data(), s.average.data());
      }
    };
    if (kBiased)
      renew();
    else
      batch.accumulate(f);
    const auto move = [&](int64_t at, bool penalty) {
      w[at] = f.prox(w[at] - eta * (drift(at) + batch.sum[at]), eta, penalty);
      batch.sum[at] = 0;
    };
    if (s.lazy) {
      for (int32_t j : batch.support) {
        s.last[j] = t + 1;
        for (int64_t at = j; at < f.size; at += f.p) move(at, true);
      }
      if (f.intercept)
        for (int64_t at = f.d; at < f.size; at += f.p) move(at, false);
    } else if (f.kappa > 0) {
      for (int64_t at = 0; at < f.size; ++at) move(at, f.penalised(at));
    } else {
      f.prox_step(w.data(), eta, s.average.data(), batch.sum.data(), w.data());
      std::fill(batch.sum.begin(), batch.sum.end(), 0.0);
    }
    if (!kBiased) renew();
  }
  if (s.lazy)
    for (int64_t j = 0; j < f.d; ++j) catch_up(j, m);
}

struct Saga {
  static constexpr const char* kName = "saga";
  static constexpr const char* kTitle = "SAGA, a table of derivatives";
  static constexpr const char* kSource = "Defazio, Bach, Lacoste-Julien, NIPS 2014";
  struct Options : BatchOptions {
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table = batch_table<Options>(
          "Step size; auto: 1/(3 L(b)).", "Rows of a minibatch; auto: min(L_max/L_F, √n).", false, true);
      return table;
    }
  };
  using State = SagaState;
  static std::string refuse(const FiniteSum& f, const Options&) { return no_smoothness(f); }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    return saga_init(f, options, start, 1.0 / 3, "1/(3 L(b)), L(b) the expected smoothness of a minibatch", chosen);
  }
  static void step(State& s, FiniteSum& f) { saga_epoch<false>(s, f); }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State&) { return nullptr; }
};

struct Sag {
  static constexpr const char* kName = "sag";
  static constexpr const char* kTitle = "Stochastic average gradient (biased)";
  static constexpr const char* kSource = "Schmidt, Le Roux, Bach, Math. Program. 2017";
  struct Options : BatchOptions {
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table = batch_table<Options>(
          "Step size; auto: 1/(2 L(b)).", "Rows of a minibatch; auto: min(L_max/L_F, √n).", false, false);
      return table;
    }
  };
  using State = SagaState;
  static std::string refuse(const FiniteSum& f, const Options&) { return no_smoothness(f); }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    return saga_init(f, options, start, 0.5, "1/(2 L(b)), half of what is used in practice; the theory has 1/(16 L)",
                     chosen);
  }
  static void step(State& s, FiniteSum& f) { saga_epoch<true>(s, f); }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State&) { return nullptr; }
};

}  // namespace meanfield
