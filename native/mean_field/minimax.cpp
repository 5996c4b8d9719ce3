#include "native/mean_field/minimax.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "native/core/errors.h"
#include "native/core/philox.h"
#include "native/mean_field/entropy.h"

namespace meanfield {

namespace {

struct Sigmoid {
  static Slopes at(double x, double y) {
    const double d = x - y, q = 1 / (1 + std::exp(-d * d)), slope = q * (1 - q) * 2 * d;
    return {q, slope, -slope};
  }
};
struct Gaussian {
  static Slopes at(double x, double y) {
    const double d = x - y, q = std::exp(-d * d / 2);
    return {q, -d * q, d * q};
  }
};
struct Product {
  static Slopes at(double x, double y) { return {x * y, y, x}; }
};

/// f(G{}) for the game's type, so that its formula is compiled into the loops over pairs.
template <class F>
auto with_game(Game game, F f) {
  switch (game) {
    case Game::Gaussian: return f(Gaussian{});
    case Game::Product: return f(Product{});
    default: return f(Sigmoid{});
  }
}

template <class F>
double mean_over(const std::vector<double>& opponents, F&& f) {
  double sum = 0;
  for (double opponent : opponents) sum += f(opponent);
  return sum / static_cast<double>(opponents.size());
}
/// Means over the opponents: of ∂Q/∂x at x, of ∂Q/∂y at y, of Q at x, and of Q at y.
template <class G>
double slope_at_x(double x, const std::vector<double>& opponents) {
  return mean_over(opponents, [x](double y) { return G::at(x, y).byX; });
}
template <class G>
double slope_at_y(double y, const std::vector<double>& opponents) {
  return mean_over(opponents, [y](double x) { return G::at(x, y).byY; });
}
template <class G>
double value_at_x(double x, const std::vector<double>& opponents) {
  return mean_over(opponents, [x](double y) { return G::at(x, y).value; });
}
template <class G>
double value_at_y(double y, const std::vector<double>& opponents) {
  return mean_over(opponents, [y](double x) { return G::at(x, y).value; });
}

/// One player's part: KL(q‖ρ) with ρ normalized, log ∫ρ e^−ψ, and the error of KL(q‖p̂), p̂ ∝ ρ e^−ψ.
struct Side {
  double divergence, logZ, standardError;
};
template <class Psi>
Side side_of(const std::vector<double>& sample, const Psi& psi, double curvature, ThreadPool& pool,
             const CancelToken* cancel) {
  constexpr int kPoints = 2001;
  constexpr double kLogTurn = 1.8378770664093454836;  // log 2π
  const auto log_prior = [&](double t) { return -curvature * t * t / 2 + (std::log(curvature) - kLogTurn) / 2; };
  // A grid that covers ρ and the sample: the best response lies where one of them does, or where it is pulled to from ρ.
  double reach = 10 / std::sqrt(curvature);
  for (double t : sample) reach = std::max(reach, 2 * std::fabs(t));
  std::vector<double> exponents(kPoints);
  double spacing = 0, top = 0;
  for (int widening = 0; widening < 20; ++widening, reach *= 2) {  // until e^−40 of its peak is left at the edges
    spacing = 2 * reach / (kPoints - 1);
    const bool done = pool.run(
        kPoints,
        [&](int64_t i, int) {
          const double t = -reach + static_cast<double>(i) * spacing;
          exponents[static_cast<size_t>(i)] = log_prior(t) - psi(t);
        },
        cancel);
    if (!done) throw Error(ErrorCode::Cancelled, "the certificate was cancelled.");
    top = *std::max_element(exponents.begin(), exponents.end());
    if (std::max(exponents.front(), exponents.back()) < top - 40) break;
  }
  double sum = 0;
  for (double value : exponents) sum += std::exp(value - top) * spacing;

  const std::vector<float> points(sample.begin(), sample.end());
  const int64_t N = static_cast<int64_t>(points.size());
  const DensityEstimate density = nearest_neighbour_density(
      {points.data(), N, 1}, static_cast<int>(std::min<int64_t>(10, N - 1)), N, {pool, cancel});
  std::vector<double> divergence, joint;
  for (size_t i = 0; i < density.at.size(); ++i) {
    const double t = sample[static_cast<size_t>(density.at[i])];
    divergence.push_back(density.logDensity[i] - log_prior(t));
    joint.push_back(divergence.back() + psi(t));
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (joint.size() < 2) return {kInfinity, top + std::log(sum), kInfinity};
  return {mean_of(divergence).value, top + std::log(sum), mean_of(joint).standardError};
}

template <class G>
class Play {
 public:
  Play(const MinimaxOptions& options, const MeasureRunOptions& run, const std::vector<double>& initial,
       ThreadPool& pool, const CancelToken* cancel, const OnRow& onRow)
      : options_(options), run_(run), pool_(pool), cancel_(cancel), onRow_(onRow),
        seed_(static_cast<uint64_t>(run.seed)) {
    const std::ptrdiff_t N = options.particles;
    x_ = initial.empty() ? draw(0) : std::vector<double>(initial.begin(), initial.begin() + N);
    y_ = initial.empty() ? draw(1) : std::vector<double>(initial.begin() + N, initial.end());
  }

  MinimaxResult go() {
    std::vector<double> meanX = x_, meanY = y_;  // reservoirs: the measures that are returned
    const bool direct = options_.method == MinimaxMethod::DescentAscent;
    const bool anchored = options_.method == MinimaxMethod::BestResponse;
    MinimaxResult result;
    const auto record = [&](int64_t k, double moved) {
      const double row[MinimaxResult::kColumns] = {static_cast<double>(k), moved};
      result.trace.insert(result.trace.end(), row, row + MinimaxResult::kColumns);
      if (onRow_) onRow_(row);
    };
    record(0, 0);
    double total = 0;
    for (int64_t k = 1; k <= run_.steps && !result.cancelled; ++k) {
      const std::vector<double> beforeX = meanX, beforeY = meanY;
      const double weight = std::pow(static_cast<double>(k), options_.weightPower);
      total += weight;
      const double share = direct ? 1 : anchored ? options_.mixing : weight / total;
      if (!anchored && !direct) replace(meanX, x_, share, k, 0), replace(meanY, y_, share, k, 1);
      const int64_t inner = anchored ? options_.innerSteps : 1;
      for (int64_t q = 0; q < inner && !result.cancelled; ++q, ++clock_) {
        const std::vector<double> againstX = direct ? x_ : meanX, againstY = direct ? y_ : meanY;
        result.cancelled = !move(
                               x_, [&](double x) { return slope_at_x<G>(x, againstY); }, 0) ||
                           !move(y_, [&](double y) { return -slope_at_y<G>(y, againstX); }, 1);
      }
      if (result.cancelled) {
        meanX = beforeX;
        meanY = beforeY;
        break;
      }
      if (anchored || direct) replace(meanX, x_, share, k, 0), replace(meanY, y_, share, k, 1);
      ++result.steps;
      if (k % run_.traceEvery == 0 || k == run_.steps)
        record(k, wasserstein(beforeX, meanX) + wasserstein(beforeY, meanY));
    }
    result.x = std::move(meanX);
    result.y = std::move(meanY);
    return result;
  }

 private:
  /// From ρ.
  std::vector<double> draw(uint32_t player) const {
    std::vector<double> points;
    const RandomField field{seed_, Stream::Init};
    for (int64_t i = 0; i < options_.particles; ++i)
      points.push_back(field.normal(0, static_cast<uint32_t>(i), player) / std::sqrt(options_.curvature));
    return points;
  }
  /// False, and half moved, when cancelled.
  template <class Slope>
  bool move(std::vector<double>& particles, const Slope& slope, uint32_t player) {
    const RandomField field{seed_, Stream::Noise};
    const double spread = std::sqrt(2 * options_.entropy * options_.step),
                 decay = options_.entropy * options_.curvature;
    return pool_.run(
        options_.particles,
        [&](int64_t i, int) {
          double& at = particles[static_cast<size_t>(i)];
          at += -options_.step * (slope(at) + decay * at) +
                spread * field.normal(clock_, static_cast<uint32_t>(i), player);
        },
        cancel_);
  }
  /// Each member by the present particle of its index with probability `share`: the law of the reservoir is the mixture.
  void replace(std::vector<double>& reservoir, const std::vector<double>& present, double share, int64_t k,
               uint32_t player) const {
    const RandomField field{seed_, Stream::Reservoir};
    for (size_t i = 0; i < reservoir.size(); ++i)
      if (field.uniform(static_cast<uint64_t>(k), static_cast<uint32_t>(i), player) < share) reservoir[i] = present[i];
  }

  const MinimaxOptions& options_;
  const MeasureRunOptions& run_;
  ThreadPool& pool_;
  const CancelToken* cancel_;
  const OnRow& onRow_;
  const uint64_t seed_;
  std::vector<double> x_, y_;
  uint64_t clock_ = 0;
};

}  // namespace

Slopes payoff(Game game, double x, double y) {
  return with_game(game, [&](auto g) { return decltype(g)::at(x, y); });
}

void check_minimax(const MinimaxOptions& options, const std::vector<double>& initial) {
  const auto refuse = [](const std::string& what) { throw Error(ErrorCode::InvalidData, "minimax-game: " + what); };
  if (!initial.empty() && initial.size() != static_cast<size_t>(2 * options.particles))
    refuse("the initial particles of the two players hold " + std::to_string(initial.size()) +
           " numbers; expected 2 x " + std::to_string(options.particles) + ".");
  for (size_t i = 0; i < initial.size(); ++i)
    if (!std::isfinite(initial[i]))
      refuse("initial particle " + std::to_string(i) + " is " + format_option(initial[i]) +
             "; expected finite numbers.");
}

MinimaxResult play(const MinimaxOptions& options, const MeasureRunOptions& run, const std::vector<double>& initial,
                   ThreadPool& pool, const CancelToken* cancel, const OnRow& onRow) {
  check_minimax(options, initial);
  MinimaxResult result = with_game(
      options.game, [&](auto g) { return Play<decltype(g)>(options, run, initial, pool, cancel, onRow).go(); });
  for (const std::vector<double>* side : {&result.x, &result.y})
    for (double value : *side)
      if (!std::isfinite(value))
        throw Error(ErrorCode::Diverged, "minimax-game: the particles ran off to infinity; the step is " +
                                             format_option(options.step) + ", use a smaller one.");
  if (result.cancelled) return result;
  try {
    result.certificate =
        nikaido_isoda(options.game, result.x, result.y, options.entropy, options.curvature, pool, cancel);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::Cancelled) throw;
    result.cancelled = true;
  }
  return result;
}

double wasserstein(std::vector<double> a, std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::fabs(a[i] - b[i]);
  return sum / static_cast<double>(a.size());
}

MeasureCertificate nikaido_isoda(Game game, const std::vector<double>& x, const std::vector<double>& y, double entropy,
                                 double curvature, ThreadPool& pool, const CancelToken* cancel) {
  constexpr size_t kFew = 500;
  return with_game(game, [&](auto g) {
    using G = decltype(g);
    const Side ofX = side_of(x, [&](double t) { return value_at_x<G>(t, y) / entropy; }, curvature, pool, cancel);
    const Side ofY = side_of(y, [&](double t) { return -value_at_y<G>(t, x) / entropy; }, curvature, pool, cancel);
    MeasureCertificate certificate;
    certificate.primal = entropy * (ofX.divergence + ofY.logZ);
    certificate.dual = -entropy * (ofY.divergence + ofX.logZ);
    certificate.gap = certificate.primal - certificate.dual;
    certificate.standardError = entropy * std::hypot(ofX.standardError, ofY.standardError);
    certificate.trusted = x.size() >= kFew;
    certificate.words = certificate.trusted
                            ? "Neither player can gain more than the gap, up to the standard error."
                            : "Fewer than " + std::to_string(kFew) +
                                  " particles are too few for the nearest-neighbour entropy. Do not rely on the gap.";
    return certificate;
  });
}

}  // namespace meanfield
