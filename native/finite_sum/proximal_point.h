// Wrappers that minimise P + (κ/2)‖w − a‖² inexactly by an incremental method and move the anchor a:
//
//  * catalyst: H. Lin, J. Mairal, Z. Harchaoui, NIPS 2015: κ = L/n − μ, q = μ/(μ + κ), α_k² = (1 − α_k) α_{k−1}² + q α_k,
//    β = α_{k−1}(1 − α_{k−1})/(α_{k−1}² + α_k), a = w + β (w − w_before); one epoch of the inner method for each anchor;
//  * acc-svrg-appa: Acc-SVRG (Nitanda, NIPS 2014) inside the accelerated approximate proximal point method (Frostig, Ge, Kakade,
//    Sidford, ICML 2015), the proposal of Nitanda, Murata, Suzuki: a = w⁺ + ((1 − r)/(1 + r))(w⁺ − w), r = √(μ/(μ + κ)); without
//    strong convexity the momentum is (k − 1)/(k + 2);
//  * qning: H. Lin, J. Mairal, Z. Harchaoui, SIAM J. Optim. 2019: L-BFGS on the Moreau envelope, gradient κ (a − w); a step is halved
//    until the envelope has fallen by ‖g‖²/(4κ), at most five times, then it is the proximal step.
#pragma once
#include <deque>

#include "native/finite_sum/acc_svrg.h"
#include "native/finite_sum/dual_ascent.h"
#include "native/finite_sum/fista.h"
#include "native/finite_sum/saga.h"
#include "native/finite_sum/svrg.h"

namespace meanfield {

enum class InnerMethod { Svrg, Saga, Miso, AccSvrg, Fista };

/// The inner problem with its method. The sum is a copy of the outer one: it shares the data and the constants.
struct Proximal {
  std::unique_ptr<FiniteSum> sum;
  std::unique_ptr<Vector> anchor;
  std::unique_ptr<Solver> solver;

  static Proximal make(FiniteSum& f, InnerMethod method, double kappa, const Auto<int64_t>& minibatch,
                       const Auto<double>& step, const Vector& start, LinearChoices& chosen) {
    Proximal inner;
    f.constants();
    inner.sum = std::make_unique<FiniteSum>(f);
    inner.anchor = std::make_unique<Vector>(start);
    inner.sum->kappa = kappa;
    inner.sum->anchor = inner.anchor.get();
    inner.sum->examples = 0;
    inner.sum->queries = 0;
    FiniteSum& sum = *inner.sum;
    const auto batched = [&](auto options) {
      options.minibatch = minibatch;
      options.step = step;
      return options;
    };
    switch (method) {
      case InnerMethod::Svrg: {
        inner.solver = std::make_unique<SolverOf<Svrg>>(sum, batched(Svrg::Options()), start, chosen);
        break;
      }
      case InnerMethod::Saga:
        inner.solver = std::make_unique<SolverOf<Saga>>(sum, batched(Saga::Options()), start, chosen);
        break;
      case InnerMethod::AccSvrg:
        inner.solver = std::make_unique<SolverOf<AccSvrg>>(sum, batched(AccSvrg::Options()), start, chosen);
        break;
      case InnerMethod::Miso: {
        Miso::Options options;
        options.minibatch = minibatch;
        inner.solver = std::make_unique<SolverOf<Miso>>(sum, options, start, chosen);
        break;
      }
      case InnerMethod::Fista: {
        Fista::Options options;
        options.innerSteps = 3;
        inner.solver = std::make_unique<SolverOf<Fista>>(sum, options, start, chosen);
        break;
      }
    }
    return inner;
  }
  /// One inner step; its evaluations are the outer problem's.
  void step(FiniteSum& f) {
    sum->cancel = f.cancel;
    solver->step();
    account(f);
  }
  void account(FiniteSum& f) {
    f.examples += std::exchange(sum->examples, 0);
    f.queries += std::exchange(sum->queries, 0.0);
  }
  const Vector& weights() const { return solver->weights(); }
};

/// κ = L/n − μ, and no less than a tenth of L/n so that the wrapper stays what it is on well-conditioned problems.
inline double proximal_weight(FiniteSum& f, const Auto<double>& asked, LinearChoices& chosen) {
  if (asked) return *asked;
  const double ratio = f.constants().max / static_cast<double>(f.n);
  const double kappa = std::max(ratio - f.regularizer.l2, 0.1 * ratio);
  chosen.push_back({"proximalWeight", OptionValue(kappa), "L_max/n − λ2, at least a tenth of L_max/n"});
  return kappa;
}

struct WrapperOptions {
  InnerMethod inner = InnerMethod::Svrg;
  Auto<double> proximalWeight;  // κ
  Auto<int64_t> minibatch;
  Auto<double> step;
};

inline std::string inner_stays(const WrapperOptions& options) {
  const bool rows = options.inner == InnerMethod::Saga || options.inner == InnerMethod::Miso;
  return rows
             ? "its inner method takes rows one after the other; with inner 'svrg', 'acc-svrg' or 'fista' it runs there"
             : "";
}

template <class O>
OptionTable<O> wrapper_table(bool choice) {
  OptionTable<O> table;
  if (choice)
    table.choice("inner", static_cast<InnerMethod O::*>(&WrapperOptions::inner),
                 {"svrg", "saga", "miso", "acc-svrg", "fista"}, "Method for the inner problems.");
  table
      .number("proximalWeight", "κ", static_cast<Auto<double> O::*>(&WrapperOptions::proximalWeight), above(0),
              "Weight of (κ/2)‖w − a‖²; auto: L_max/n − λ2.")
      .integer("minibatch", "b", static_cast<Auto<int64_t> O::*>(&WrapperOptions::minibatch), at_least(1),
               "Rows of the inner method's minibatch; auto: the inner method's own.")
      .number("step", "η", static_cast<Auto<double> O::*>(&WrapperOptions::step), above(0),
              "Step size of the inner method; auto: the inner method's own.");
  return table;
}

struct ProximalState {
  int64_t steps = 0;
  double alpha = 1;
  Vector w, before;
  // Rebuilt, not kept:
  double kappa = 0;
  Proximal inner;

  template <class V>
  void visit(V& v) {
    v(steps);
    v(alpha);
    v(w);
    v(before);
    v(*inner.anchor);
    if constexpr (std::is_same_v<V, Writer>)
      inner.solver->save(v);
    else
      inner.solver->load(v);
  }
};

inline ProximalState proximal_init(FiniteSum& f, const WrapperOptions& options, const Vector& start,
                                   LinearChoices& chosen) {
  ProximalState s;
  s.kappa = proximal_weight(f, options.proximalWeight, chosen);
  s.inner = Proximal::make(f, options.inner, s.kappa, options.minibatch, options.step, start, chosen);
  s.inner.account(f);
  const double q = f.regularizer.l2 / (f.regularizer.l2 + s.kappa);
  s.alpha = q > 0 ? std::sqrt(q) : 1;
  s.w = s.before = start;
  return s;
}

/// The inner method's pass is one of P itself: the anchor is not part of it.
inline const Pass* proximal_pass(const ProximalState& s) {
  return s.w == s.inner.weights() ? s.inner.solver->pass() : nullptr;
}

struct Catalyst {
  static constexpr const char* kName = "catalyst";
  static constexpr const char* kTitle = "Catalyst acceleration of an incremental method";
  static constexpr const char* kSource = "Lin, Mairal, Harchaoui, NIPS 2015, Algorithm 1";
  struct Options : WrapperOptions {
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table = wrapper_table<Options>(true);
      return table;
    }
  };
  using State = ProximalState;
  static std::string refuse(const FiniteSum& f, const Options&) { return no_smoothness(f); }
  static std::string stays(const FiniteSum&, const Options& options, bool) { return inner_stays(options); }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    return proximal_init(f, options, start, chosen);
  }
  static void step(State& s, FiniteSum& f) {
    s.inner.step(f);
    s.before.swap(s.w);
    s.w = s.inner.weights();
    const double q = f.regularizer.l2 / (f.regularizer.l2 + s.kappa), a = s.alpha;
    // α_k² + (α_{k−1}² − q) α_k − α_{k−1}² = 0
    const double middle = a * a - q, next = 0.5 * (-middle + std::sqrt(middle * middle + 4 * a * a));
    double beta = a * (1 - a) / (a * a + next);
    s.alpha = next;
    if (q == 0 && s.steps % 20 == 19) {  // periodic restart without strong convexity
      s.alpha = 1;
      beta = 0;
    }
    for (int64_t j = 0; j < f.size; ++j) (*s.inner.anchor)[j] = s.w[j] + beta * (s.w[j] - s.before[j]);
  }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State& s) { return proximal_pass(s); }
};

struct AccSvrgAppa {
  static constexpr const char* kName = "acc-svrg-appa";
  static constexpr const char* kTitle = "Accelerated SVRG inside the accelerated approximate proximal point method";
  static constexpr const char* kSource =
      "Nitanda, Murata, Suzuki (KAIS, ICDM); Nitanda, NIPS 2014; Frostig et al., ICML 2015";
  struct Options : WrapperOptions {
    Options() { inner = InnerMethod::AccSvrg; }
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table = wrapper_table<Options>(false);
      return table;
    }
  };
  using State = ProximalState;
  static std::string refuse(const FiniteSum& f, const Options&) { return no_smoothness(f); }
  static std::string stays(const FiniteSum&, const Options& options, bool) { return inner_stays(options); }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    Options own = options;
    if (!own.minibatch)
      own.minibatch = choose_minibatch(f, options.minibatch, optimal_minibatch(f), kOptimalMinibatch, chosen);
    return proximal_init(f, own, start, chosen);
  }
  static void step(State& s, FiniteSum& f) {
    s.inner.step(f);
    s.before.swap(s.w);
    s.w = s.inner.weights();
    const double mu = f.regularizer.l2, r = std::sqrt(mu / (mu + s.kappa));
    double beta = (1 - r) / (1 + r);
    if (mu == 0) {  // momentum that grows from 0, started again when it leads uphill
      double test = 0;
      for (int64_t j = 0; j < f.size; ++j) test += ((*s.inner.anchor)[j] - s.w[j]) * (s.w[j] - s.before[j]);
      s.alpha = test > 0 ? 1 : s.alpha + 1;
      beta = (s.alpha - 1) / (s.alpha + 2);
    }
    for (int64_t j = 0; j < f.size; ++j) (*s.inner.anchor)[j] = s.w[j] + beta * (s.w[j] - s.before[j]);
  }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State& s) { return proximal_pass(s); }
};

struct Qning {
  static constexpr const char* kName = "qning";
  static constexpr const char* kTitle = "Quasi-Newton on the Moreau envelope of an incremental method";
  static constexpr const char* kSource = "Lin, Mairal, Harchaoui, SIAM J. Optim. 2019, Algorithm 2";
  struct Options : WrapperOptions {
    int64_t memory = 20;
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table = wrapper_table<Options>(true).integer(
          "memory", "", &Options::memory, between(1, 200), "Pairs of the limited-memory BFGS matrix.");
      return table;
    }
  };
  struct State {
    int64_t steps = 0;
    Vector w;                            // the prox of the anchor, approximately
    Vector anchor, gradient;             // x and κ (x − w)
    double envelope = 0;                 // P(w) + (κ/2)‖w − x‖²
    std::vector<Vector> moves, changes;  // s and y, oldest first
    // Rebuilt, not kept:
    double kappa = 0;
    int64_t memory = 20;
    Proximal inner;
    Pass own;

    template <class V>
    void visit(V& v) {
      v(steps);
      v(w);
      v(anchor);
      v(gradient);
      v(envelope);
      uint64_t pairs = moves.size();
      v(pairs);
      moves.resize(pairs);
      changes.resize(pairs);
      for (uint64_t i = 0; i < pairs; ++i) {
        v(moves[i]);
        v(changes[i]);
      }
      if constexpr (std::is_same_v<V, Writer>)
        inner.solver->save(v);
      else
        inner.solver->load(v);
    }
  };
  static std::string refuse(const FiniteSum& f, const Options&) { return no_smoothness(f); }
  static std::string stays(const FiniteSum&, const Options& options, bool) { return inner_stays(options); }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    State s;
    s.kappa = proximal_weight(f, options.proximalWeight, chosen);
    s.memory = options.memory;
    s.inner = Proximal::make(f, options.inner, s.kappa, options.minibatch, options.step, start, chosen);
    s.inner.account(f);
    s.w = s.anchor = start;
    return s;
  }
  /// The envelope at the anchor `x`: inner steps from the last iterate until the prox is known well enough.
  static void evaluate(State& s, FiniteSum& f, const Vector& x, Vector& w, Vector& gradient, double& envelope) {
    *s.inner.anchor = x;
    for (int inner = 0; inner < 10; ++inner) {
      w = s.inner.weights();
      s.inner.step(f);
      const Vector& next = s.inner.weights();
      double moved = 0, distance = 0;
      for (size_t j = 0; j < w.size(); ++j) {
        moved += (next[j] - w[j]) * (next[j] - w[j]);
        distance += (x[j] - next[j]) * (x[j] - next[j]);
      }
      // The gradient κ (x − w) is known to a tenth once the last inner step moved w by a tenth of it.
      if (moved <= 0.01 * distance) break;
    }
    w = s.inner.weights();
    const Pass* pass = s.inner.solver->pass();
    if (!pass) {
      f.pass(w.data(), s.own);
      f.count_pass(f.n);
      pass = &s.own;
    }
    envelope = s.inner.sum->anchored_objective(*pass, w.data());
    gradient.resize(w.size());
    for (size_t j = 0; j < w.size(); ++j) gradient[j] = s.kappa * (x[j] - w[j]);
  }
  static double dot(const Vector& a, const Vector& b) {
    double sum = 0;
    for (size_t j = 0; j < a.size(); ++j) sum += a[j] * b[j];
    return sum;
  }
  /// H g by the two loops, H_0 = I/κ.
  static Vector direction(const State& s) {
    Vector q = s.gradient;
    std::vector<double> a(s.moves.size());
    for (size_t i = s.moves.size(); i-- > 0;) {
      a[i] = dot(s.moves[i], q) / dot(s.moves[i], s.changes[i]);
      for (size_t j = 0; j < q.size(); ++j) q[j] -= a[i] * s.changes[i][j];
    }
    for (double& value : q) value /= s.kappa;
    for (size_t i = 0; i < s.moves.size(); ++i) {
      const double b = dot(s.changes[i], q) / dot(s.moves[i], s.changes[i]);
      for (size_t j = 0; j < q.size(); ++j) q[j] += (a[i] - b) * s.moves[i][j];
    }
    return q;
  }
  static void step(State& s, FiniteSum& f) {
    if (s.gradient.empty()) {
      evaluate(s, f, s.anchor, s.w, s.gradient, s.envelope);
      return;
    }
    const Vector move = direction(s);
    const double wanted = s.envelope - dot(s.gradient, s.gradient) / (4 * s.kappa);
    Vector x(s.anchor.size()), w, gradient;
    double envelope = 0, eta = 1;
    for (int halving = 0;; ++halving) {
      if (halving == 5) eta = 0;
      for (size_t j = 0; j < x.size(); ++j) x[j] = s.anchor[j] - eta * move[j] - (1 - eta) * s.gradient[j] / s.kappa;
      evaluate(s, f, x, w, gradient, envelope);
      if (envelope <= wanted) break;
      if (halving == 5) {  // the memory has misled: it starts anew
        s.moves.clear();
        s.changes.clear();
        break;
      }
      eta /= 2;
    }
    Vector moved(x.size()), changed(x.size());
    for (size_t j = 0; j < x.size(); ++j) {
      moved[j] = x[j] - s.anchor[j];
      changed[j] = gradient[j] - s.gradient[j];
    }
    const double curvature = dot(moved, changed), square = dot(changed, changed);
    // The envelope is κ-smooth: ‖y‖² ≤ κ ⟨s, y⟩ for exact gradients. Pairs far from that are noise of the inner method.
    if (curvature > 0 && square <= 2 * s.kappa * curvature) {
      s.moves.push_back(moved);
      s.changes.push_back(changed);
      if (static_cast<int64_t>(s.moves.size()) > s.memory) {
        s.moves.erase(s.moves.begin());
        s.changes.erase(s.changes.begin());
      }
    }
    s.anchor.swap(x);
    s.w.swap(w);
    s.gradient.swap(gradient);
    s.envelope = envelope;
  }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State& s) {
    if (s.gradient.empty() || s.w != s.inner.weights()) return nullptr;
    const Pass* pass = s.inner.solver->pass();
    return pass ? pass : &s.own;
  }
};

}  // namespace meanfield
