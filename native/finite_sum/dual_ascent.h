// Methods that keep one dual number a row and output, g_i, and v = −Xᵀ(c g)/n (+ κ·anchor), w = ∇R*(v) = S(v, λ1)/μ:
//
//  * sdca: S. Shalev-Shwartz, T. Zhang, "Accelerated proximal stochastic dual coordinate ascent", ICML 2014: g_i solves the
//    dual along coordinate i, which is t + s ℓ'(t) = z_i + s g_i with s = c_i‖x_i‖²/(μ n), g_i = ℓ'(t);
//  * dual-coordinate-descent: C.-J. Hsieh et al., ICML 2008 and H.-F. Yu, F.-L. Huang, C.-J. Lin, Mach. Learn. 2011: the
//    same step, rows in a new random order each pass (blocks of 16 neighbours from 4096 rows on);
//  * miso: J. Mairal, SIAM J. Optim. 2015, in the form of Cyanure: g_i ← (1 − δ) g_i + δ ℓ'(z_i), δ = min(1, n μ/(2 L)).
//
// A minibatch takes its steps from the same w, with s (or 1/δ) multiplied by β = 1 + (b − 1) σ, σ = min(1, L_F/L̄ · n/(n−1)) so that
// the sum cannot overshoot (Takac, Bijral, Richtarik, Srebro, ICML 2013). Memory n k + 2 k d; a step costs O(nnz of a row).
#pragma once
#include <algorithm>

#include "native/finite_sum/method.h"
#include "native/finite_sum/scalar_prox.h"

namespace meanfield {

enum class DualRule { Exact, Fixed };

/// The last move of the iteration for a dual number: what is left is below a thousandth of the change, and no pass more is needed for it.
constexpr double kLastMove = 0x1p-5;

struct DualState {
  int64_t steps = 0, draws = 0;
  Vector g;     // n × k
  Vector v, w;  // k × p: v without the anchor's part
  // Rebuilt, not kept:
  int64_t b = 1;
  double beta = 1;   // of the minibatch
  double delta = 1;  // δ of miso
  std::vector<int32_t> order;

  template <class V>
  void visit(V& visitor) {
    visitor(steps);
    visitor(draws);
    visitor(g);
    visitor(v);
    visitor(w);
  }
};

inline std::string dual_refusal(const FiniteSum& f) {
  if (!std::isfinite(f.loss.smoothness())) return no_smoothness(f);
  if (!(f.strong() > 0)) return "its dual needs a strongly convex regularizer; use l2 above 0";
  if (f.intercept && f.kappa == 0)
    return "an unpenalised intercept ties all dual numbers together by Σ g_i = 0, which coordinate steps cannot move "
           "along; "
           "use intercept: false, or a primal method";
  return "";
}

/// v = −Xᵀ g / n anew, so that rounding does not pile up; w follows.
inline void dual_refresh(DualState& s, FiniteSum& f) {
  f.transposed(s.g.data(), s.v.data());
  for (double& value : s.v) value = -value;
}

/// D at the dual numbers themselves: close to the optimum the better bound, as that of the derivatives at w lags behind. −∞ for an inner
/// problem, whose dual is another.
inline double dual_value(const DualState& s, const FiniteSum& f) {
  if (f.kappa > 0) return -std::numeric_limits<double>::infinity();
  std::vector<double> parts(static_cast<size_t>(f.chunks()));
  f.over_chunks([&](int64_t chunk, int64_t first, int64_t last) {
    Vector own(static_cast<size_t>(f.k));
    for (int64_t i = first; i < last; ++i) {
      const double c = f.weight(i);
      if (c == 0) continue;
      for (int j = 0; j < f.k; ++j) own[j] = s.g[i * f.k + j] / c;
      if (f.coupled()) {
        parts[chunk] += c * f.loss.conjugate(own.data(), &f.y.values[i], f.k);
      } else {
        for (int j = 0; j < f.k; ++j) {
          const double label = f.target(i, j);
          parts[chunk] += c * f.loss.conjugate(&own[j], &label, 1);
        }
      }
    }
  });
  double sum = 0, penalty = 0;
  for (double part : parts) sum += part;
  for (double v : s.v) penalty += f.regularizer.conjugate(v);
  return -sum / static_cast<double>(f.n) - penalty;
}

inline DualState dual_init(FiniteSum& f, const Auto<int64_t>& minibatch, const Vector& start, LinearChoices& chosen) {
  DualState s;
  s.b = choose_minibatch(f, minibatch, 1, "1: a dual step uses the newest weights", chosen);
  const Constants& constants = f.constants();
  s.beta = 1 + static_cast<double>(s.b - 1) * std::min(1.0, 1.1 * constants.full / constants.mean);
  s.g.assign(static_cast<size_t>(f.n * f.k), 0);
  s.v.assign(static_cast<size_t>(f.size), 0);
  s.w.assign(static_cast<size_t>(f.size), 0);
  // A warm start enters through its derivatives, the dual point that belongs to it. From zero the dual starts at zero.
  if (std::any_of(start.begin(), start.end(), [](double value) { return value != 0; })) {
    Pass pass;
    f.pass(start.data(), pass);
    f.count_pass(s.b);
    for (int64_t i = 0; i < f.n; ++i)
      for (int c = 0; c < f.k; ++c) s.g[i * f.k + c] = pass.derivatives[i * f.k + c];
    dual_refresh(s, f);
  }
  return s;
}

/// One pass over the rows in the order of `row(t)`.
template <DualRule kRule, class Row>
void dual_epoch(DualState& s, FiniteSum& f, Row row) {
  const int64_t k = f.k;
  const double mu = f.strong(), scale = 1 / (mu * static_cast<double>(f.n));
  // c_i‖x_i‖²/(μ n), times β: the constants hold it times the smoothness of the loss.
  const double* smoothness = f.constants().rows.data();
  const double curvatureOf = s.beta * scale / f.loss.smoothness();
  // w = v/μ: the row is added to w alone, and v follows at the end.
  const bool direct = f.regularizer.l1 == 0 && !f.regularizer.nonNegative && f.kappa == 0;
  Vector anchorPart(f.kappa > 0 ? static_cast<size_t>(f.size) : 0);
  if (f.kappa > 0)
    for (int64_t j = 0; j < f.size; ++j) anchorPart[j] = f.kappa * (*f.anchor)[j];
  const auto weight_of = [&](int64_t at) {
    const double v = s.v[at] + (f.kappa > 0 ? anchorPart[at] : 0);
    if (!f.penalised(at)) return v / f.kappa;
    const double shrunk = soft_threshold(v, f.regularizer.l1);
    return (f.regularizer.nonNegative && shrunk < 0 ? 0 : shrunk) / mu;
  };
  for (int64_t at = 0; at < f.size; ++at) s.w[at] = weight_of(at);

  Vector z(static_cast<size_t>(k)), fresh(static_cast<size_t>(k)), change(static_cast<size_t>(s.b * k));
  std::vector<int64_t> rows(static_cast<size_t>(s.b));
  for (int64_t t = 0; t + s.b <= f.n; t += s.b) {
    if (t % 4096 < s.b) f.poll();
    for (int64_t r = 0; r < s.b; ++r) {
      const int64_t i = rows[r] = row(t + r);
      f.margins(i, s.w.data(), z.data());
      double* g = s.g.data() + i * k;  // c_i times the dual number
      const double c = f.weight(i);
      double* delta = change.data() + r * k;
      if (c == 0) {
        std::fill(delta, delta + k, 0.0);
        continue;
      }
      const double curvature = curvatureOf * smoothness[i];
      if (f.coupled()) {
        // Softmax: along the segment to u = ∇ℓ(z), at least γ/2‖u − g‖² with γ = 1/smoothness is gained (Option III of SDCA).
        const double label = f.y.values[i];
        const double value = f.loss.gradient(z.data(), &label, f.k, fresh.data());
        double distance = 0, fenchel = value;
        for (int64_t j = 0; j < k; ++j) {
          const double own = g[j] / c;
          distance += (fresh[j] - own) * (fresh[j] - own);
          fenchel -= z[j] * own;
          z[j] = own;
        }
        const double gamma = 1 / f.loss.smoothness();
        fenchel += f.loss.conjugate(z.data(), &label, f.k);
        double part = 0;
        if (distance > 0)
          part =
              kRule == DualRule::Exact ? (fenchel + gamma / 2 * distance) / (distance * (gamma + curvature)) : s.delta;
        part = std::clamp(part, 0.0, 1.0);
        for (int64_t j = 0; j < k; ++j) delta[j] = part * c * (fresh[j] - z[j]);
      } else {
        for (int64_t j = 0; j < k; ++j) {
          const double own = g[j] / c, y = f.target(i, static_cast<int>(j));
          double next;
          if (kRule == DualRule::Exact) {
            next = curvature > 0 ? scalar_prox(f.loss, y, curvature, z[j] + curvature * own, z[j], kLastMove).slope
                                 : f.loss.derivative(z[j], y);
          } else {
            next = (1 - s.delta) * own + s.delta * f.loss.derivative(z[j], y);
          }
          delta[j] = c * (next - own);
        }
      }
    }
    for (int64_t r = 0; r < s.b; ++r) {
      const int64_t i = rows[r];
      double* delta = change.data() + r * k;
      for (int64_t j = 0; j < k; ++j) {
        s.g[i * k + j] += delta[j];
        delta[j] *= -1 / (static_cast<double>(f.n) * (direct ? mu : 1));
      }
      f.add(i, delta, direct ? s.w.data() : s.v.data());
      if (direct) continue;
      for (int64_t j = 0; j < k; ++j) {
        if (delta[j] == 0) continue;
        f.x.each(i, [&](int64_t column, double) { s.w[j * f.p + column] = weight_of(j * f.p + column); });
        if (f.intercept) s.w[j * f.p + f.d] = weight_of(j * f.p + f.d);
      }
    }
    f.count_batch(s.b);
  }
  if (direct)
    for (int64_t at = 0; at < f.size; ++at) s.v[at] = mu * s.w[at];
  if (s.steps % 10 == 9) dual_refresh(s, f);  // counts for nothing: no gradient is evaluated
}

struct DualOptions {
  Auto<int64_t> minibatch;
};
template <class O>
OptionTable<O> dual_table() {
  OptionTable<O> table;
  table.integer("minibatch", "b", static_cast<Auto<int64_t> O::*>(&DualOptions::minibatch), at_least(1),
                "Rows whose steps are taken from the same weights; auto: 1.");
  return table;
}

struct Sdca {
  static constexpr const char* kName = "sdca";
  static constexpr const char* kTitle = "Stochastic dual coordinate ascent";
  static constexpr const char* kSource = "Shalev-Shwartz, Zhang, ICML 2014";
  struct Options : DualOptions {
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table = dual_table<Options>();
      return table;
    }
  };
  using State = DualState;
  static std::string refuse(const FiniteSum& f, const Options&) { return dual_refusal(f); }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    return dual_init(f, options.minibatch, start, chosen);
  }
  static void step(State& s, FiniteSum& f) {
    WordStream words(f.seed, Stream::Minibatch, static_cast<uint64_t>(s.draws++));
    dual_epoch<DualRule::Exact>(s, f, [&](int64_t) { return words.below(f.n); });
  }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State&) { return nullptr; }
  static double dual(const State& s, const FiniteSum& f) { return dual_value(s, f); }
};

/// 0 … n − 1 in random order: blocks of neighbours in random order, each in random order. Neighbours share pages of memory; rows each on
/// pages of their own take three times as long to read.
inline void shuffle_blocks(std::vector<int32_t>& order, int64_t n, WordStream& words) {
  const int64_t size = n >= 4096 ? 16 : 1, blocks = (n + size - 1) / size;
  std::vector<int32_t> first(static_cast<size_t>(blocks));
  std::iota(first.begin(), first.end(), 0);
  for (int64_t i = blocks - 1; i > 0; --i) std::swap(first[i], first[words.below(i + 1)]);
  int64_t at = 0;
  for (int32_t block : first) {
    const int64_t begin = at;
    for (int64_t i = block * size; i < std::min(n, (block + 1) * size); ++i) order[at++] = static_cast<int32_t>(i);
    for (int64_t i = at - 1; i > begin; --i) std::swap(order[i], order[begin + words.below(i - begin + 1)]);
  }
}

struct DualCoordinateDescent {
  static constexpr const char* kName = "dual-coordinate-descent";
  static constexpr const char* kTitle = "Dual coordinate descent in random order";
  static constexpr const char* kSource = "Hsieh et al., ICML 2008; Yu, Huang, Lin, Mach. Learn. 2011";
  using Options = Sdca::Options;
  using State = DualState;
  static std::string refuse(const FiniteSum& f, const Options&) { return dual_refusal(f); }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    State s = dual_init(f, options.minibatch, start, chosen);
    s.order.resize(static_cast<size_t>(f.n));
    return s;
  }
  static void step(State& s, FiniteSum& f) {
    WordStream words(f.seed, Stream::Minibatch, static_cast<uint64_t>(s.draws++));
    shuffle_blocks(s.order, f.n, words);
    dual_epoch<DualRule::Exact>(s, f, [&](int64_t t) {
      if (t + 4 < f.n) f.x.prefetch(s.order[t + 4]);
      return int64_t{s.order[t]};
    });
  }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State&) { return nullptr; }
  static double dual(const State& s, const FiniteSum& f) { return dual_value(s, f); }
};

struct Miso {
  static constexpr const char* kName = "miso";
  static constexpr const char* kTitle = "Incremental majorization-minimization (MISO, Finito)";
  static constexpr const char* kSource = "Mairal, SIAM J. Optim. 2015; Defazio, Caetano, Domke, ICML 2014";
  using Options = Sdca::Options;
  using State = DualState;
  static std::string refuse(const FiniteSum& f, const Options&) { return dual_refusal(f); }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    State s = dual_init(f, options.minibatch, start, chosen);
    const double largest = f.constants().max;
    s.delta = largest > 0 ? std::min(1.0, static_cast<double>(f.n) * f.strong() / (2 * largest)) / s.beta : 1;
    chosen.push_back({"delta", OptionValue(s.delta), "min(1, n μ/(2 L_max)), divided by β of the minibatch"});
    return s;
  }
  static void step(State& s, FiniteSum& f) {
    WordStream words(f.seed, Stream::Minibatch, static_cast<uint64_t>(s.draws++));
    dual_epoch<DualRule::Fixed>(s, f, [&](int64_t) { return words.below(f.n); });
  }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State&) { return nullptr; }
  static double dual(const State& s, const FiniteSum& f) { return dual_value(s, f); }
};

}  // namespace meanfield
