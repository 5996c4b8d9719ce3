// A. Beck, M. Teboulle, "FISTA", SIAM J. Imaging Sci. 2009; momentum of Nesterov for strong convexity; restart of
// B. O'Donoghue, E. Candès, "Adaptive restart", Found. Comput. Math. 2015.
//
//     x⁺ = prox_{R/L}(y − ∇F(y)/L),   y⁺ = x⁺ + β (x⁺ − x),
//     β = (1 − √q)/(1 + √q), q = μ/(L + μ), or (t − 1)/t⁺ with t⁺ = (1 + √(1 + 4t²))/2 when μ = 0 or while that is smaller,
//
// restarted when ⟨y − x⁺, x⁺ − x⟩ > 0. L is L_F; it is doubled when F(x⁺) lies above its quadratic model, which is looked at every
// iteration for losses without a smoothness constant and at the end of each step (ten iterations) for the others.
#pragma once
#include "native/finite_sum/method.h"

namespace meanfield {

struct Fista {
  static constexpr const char* kName = "fista";
  static constexpr const char* kTitle = "Accelerated proximal gradient, full batch";
  static constexpr const char* kSource = "Beck, Teboulle, SIAM J. Imaging Sci. 2009; O'Donoghue, Candes, 2015";
  struct Options {
    Auto<double> smoothness;
    int64_t innerSteps = 10;
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number("smoothness", "L", &Options::smoothness, above(0),
                      "First smoothness constant; auto: L_F by power iteration. Doubled where the model fails.")
              .integer("innerSteps", "", &Options::innerSteps, at_least(1),
                       "Iterations of a step, between two certificates.");
      return table;
    }
  };
  struct State {
    int64_t steps = 0;
    double L = 0, t = 1;
    Vector w, before, y;
    Pass at;
    // Rebuilt, not kept:
    int64_t inner = 10;
    Vector drift, next;
    Pass there;

    template <class V>
    void visit(V& v) {
      v(steps);
      v(L);
      v(t);
      v(w);
      v(before);
      v(y);
      at.visit(v);
    }
  };
  static std::string refuse(const FiniteSum&, const Options&) { return ""; }
  static std::string stays(const FiniteSum&, const Options&, bool) { return ""; }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    State s;
    s.inner = options.innerSteps;
    s.L = options.smoothness.value_or(f.constants().full);
    if (!options.smoothness) chosen.push_back({"smoothness", OptionValue(s.L), "L_F, by power iteration"});
    s.w = s.before = s.y = start;
    f.pass(s.w.data(), s.at);
    f.count_pass(f.n);
    return s;
  }
  /// F(x) ≤ F(y) + ⟨∇F(y), x − y⟩ + (L/2)‖x − y‖², up to rounding.
  static bool below_model(const FiniteSum& f, const State& s, const Pass& at, const Vector& x, const Pass& there) {
    const double n = static_cast<double>(f.n), base = at.sums.value / n;
    double model = base, square = 0;
    for (int64_t j = 0; j < f.size; ++j) {
      const double step = x[j] - s.y[j];
      model += at.gradient[j] * step;
      square += step * step;
    }
    return there.sums.value / n <= model + s.L / 2 * square + 1e-12 * std::fabs(base);
  }
  static void step(State& s, FiniteSum& f) {
    const bool careful = !std::isfinite(f.loss.smoothness());
    const double start = f.anchored_objective(s.at, s.w.data());
    const Vector from = s.w;
    s.next.resize(s.w.size());
    bool fresh = s.y == s.w;  // the pass at w then serves as the pass at y
    Pass local;
    bool known = false;  // `there` is the pass at w
    for (int64_t iteration = 0; iteration < s.inner; ++iteration) {
      const Pass* at = &s.at;
      if (!fresh || iteration > 0) {
        f.pass(s.y.data(), local);
        f.count_pass(f.n);
        at = &local;
      }
      f.drift(*at, s.drift);
      for (;;) {
        f.prox_step(s.y.data(), 1 / s.L, s.drift.data(), nullptr, s.next.data());
        if (!careful) break;
        f.pass(s.next.data(), s.there);
        f.count_pass(f.n);
        known = true;
        if (below_model(f, s, *at, s.next, s.there)) break;
        s.L *= 2;
        if (!std::isfinite(s.L))
          throw Error(ErrorCode::Diverged, "diverged: no step of fista goes down; scale the features.");
      }
      double test = 0;
      for (int64_t j = 0; j < f.size; ++j) test += (s.y[j] - s.next[j]) * (s.next[j] - s.w[j]);
      const double root = std::sqrt(f.strong() / (s.L + f.strong()));
      if (test > 0) s.t = 1;
      const double after = 0.5 * (1 + std::sqrt(1 + 4 * s.t * s.t));
      double beta = (s.t - 1) / after;
      if (f.strong() > 0) beta = std::min(beta, (1 - root) / (1 + root));
      s.t = after;
      for (int64_t j = 0; j < f.size; ++j) s.y[j] = s.next[j] + beta * (s.next[j] - s.w[j]);
      s.w.swap(s.next);
    }
    if (!known) {
      f.pass(s.w.data(), s.there);
      f.count_pass(f.n);
    }
    if (rose(start, f.anchored_objective(s.there, s.w.data()))) {
      s.L *= 2;
      s.w = s.y = from;
      s.t = 1;
    } else {
      s.at = s.there;
    }
  }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State& s) { return &s.at; }
};

}  // namespace meanfield
