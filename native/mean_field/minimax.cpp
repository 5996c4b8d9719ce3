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

void check(const MinimaxOptions& options) {
  const auto refuse = [](const std::string& what) { throw Error(ErrorCode::InvalidOption, "minimax: " + what); };
  if (options.particles < 2) refuse("particles is " + std::to_string(options.particles) + "; expected at least 2.");
  if (options.steps < 0 || options.innerSteps < 1) refuse("steps must be at least 0 and innerSteps at least 1.");
  if (!(options.step > 0)) refuse("step must be above 0.");
  if (!(options.entropy > 0)) refuse("entropy must be above 0; the best responses have no density without it.");
  if (!(options.curvature > 0)) refuse("curvature must be above 0, or the prior is improper.");
  if (!(options.mixing > 0 && options.mixing <= 1)) refuse("mixing must be above 0 and at most 1.");
  if (!(options.weightPower >= 0)) refuse("weightPower must be at least 0.");
}

/// The mean of f(at, opponent) over the opponents.
double average(const std::function<double(double, double)>& f, double x, const std::vector<double>& y) {
  double sum = 0;
  for (double other : y) sum += f(x, other);
  return sum / static_cast<double>(y.size());
}

/// λ KL(q‖p̂), p̂ ∝ ρ e^{−ψ/λ}: by the entropy of the sample and a grid that covers ρ and the sample.
MinimaxGap divergence(const std::vector<double>& sample, const std::function<double(double)>& psi, double entropy,
                      double curvature, ThreadPool& pool, const CancelToken* cancel) {
  const double deviation = 1 / std::sqrt(curvature);
  const auto exponent = [&](double t) { return -psi(t) / entropy - curvature * t * t / 2; };
  constexpr int kPoints = 2001;
  double reach = 10 * deviation;
  for (double t : sample) reach = std::max(reach, 2 * std::fabs(t));
  const double spacing = 2 * reach / (kPoints - 1);
  std::vector<double> values(kPoints);
  pool.run(kPoints, [&](int64_t i, int) { values[static_cast<size_t>(i)] = exponent(-reach + static_cast<double>(i) * spacing); }, cancel);
  const double top = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (double value : values) sum += std::exp(value - top) * spacing;
  const double logZ = top + std::log(sum);
  const std::vector<float> points(sample.begin(), sample.end());
  const int64_t N = static_cast<int64_t>(points.size());
  const int k = static_cast<int>(std::min<int64_t>(10, N - 1));
  const DensityEstimate density = nearest_neighbour_density({points.data(), N, 1}, k, N, pool, cancel);
  std::vector<double> terms;
  for (size_t i = 0; i < density.at.size(); ++i)
    terms.push_back(density.logDensity[i] - exponent(sample[static_cast<size_t>(density.at[i])]) + logZ);
  if (terms.empty()) return {std::numeric_limits<double>::infinity(), 0};
  const Mean mean = mean_of(terms);
  return {entropy * mean.value, entropy * mean.standardError};
}

class Play {
 public:
  Play(const Game& game, const MinimaxOptions& options, ThreadPool& pool, const CancelToken* cancel)
      : game_(game), options_(options), pool_(pool), cancel_(cancel), x_(draw(0)), y_(draw(1)) {}

  MinimaxResult run() {
    std::vector<double> meanX = x_, meanY = y_;  // reservoirs: the measures that are returned
    const bool direct = options_.method == MinimaxMethod::DescentAscent;
    const bool anchored = options_.method == MinimaxMethod::AnchoredBestResponse;
    MinimaxResult result;
    double total = 0;
    for (int64_t k = 1; k <= options_.steps; ++k) {
      const std::vector<double> beforeX = meanX, beforeY = meanY;
      const double weight = std::pow(static_cast<double>(k), options_.weightPower);
      total += weight;
      double share = direct ? 1 : anchored ? options_.mixing : weight / total;
      if (!anchored && !direct) replace(meanX, x_, share, k, 0), replace(meanY, y_, share, k, 1);
      const int64_t inner = anchored ? options_.innerSteps : 1;
      for (int64_t q = 0; q < inner; ++q) {
        const std::vector<double> againstX = direct ? x_ : meanX, againstY = direct ? y_ : meanY;
        move(x_, [&](double x) { return average(game_.byX, x, againstY); }, 0);
        move(y_, [&](double y) { return -average([&](double b, double a) { return game_.byY(a, b); }, y, againstX); }, 1);
        ++clock_;
      }
      if (anchored || direct) replace(meanX, x_, share, k, 0), replace(meanY, y_, share, k, 1);
      result.moved.push_back(wasserstein(beforeX, meanX) + wasserstein(beforeY, meanY));
    }
    result.x = std::move(meanX);
    result.y = std::move(meanY);
    return result;
  }

 private:
  /// From ρ.
  std::vector<double> draw(uint32_t player) const {
    std::vector<double> points;
    const RandomField field{options_.seed, Stream::Init};
    for (int64_t i = 0; i < options_.particles; ++i)
      points.push_back(field.normal(0, static_cast<uint32_t>(i), player) / std::sqrt(options_.curvature));
    return points;
  }
  void move(std::vector<double>& particles, const std::function<double(double)>& slope, uint32_t player) {
    const RandomField field{options_.seed, Stream::Noise};
    const double spread = std::sqrt(2 * options_.entropy * options_.step), decay = options_.entropy * options_.curvature;
    const bool done = pool_.run(options_.particles, [&](int64_t i, int) {
      double& at = particles[static_cast<size_t>(i)];
      at += -options_.step * (slope(at) + decay * at) + spread * field.normal(clock_, static_cast<uint32_t>(i), player);
    }, cancel_);
    if (!done) throw Error(ErrorCode::Cancelled, "the run was cancelled.");
  }
  /// Each member by the present particle of its index with probability `share`: the law of the reservoir is the mixture.
  void replace(std::vector<double>& reservoir, const std::vector<double>& present, double share, int64_t k, uint32_t player) const {
    const RandomField field{options_.seed, Stream::Reservoir};
    for (size_t i = 0; i < reservoir.size(); ++i)
      if (field.uniform(static_cast<uint64_t>(k), static_cast<uint32_t>(i), player) < share) reservoir[i] = present[i];
  }

  const Game& game_;
  const MinimaxOptions& options_;
  ThreadPool& pool_;
  const CancelToken* cancel_;
  std::vector<double> x_, y_;
  uint64_t clock_ = 0;
};

}  // namespace

Game sigmoid_game() {
  const auto value = [](double x, double y) { return 1 / (1 + std::exp(-(x - y) * (x - y))); };
  const auto slope = [value](double x, double y) {
    const double q = value(x, y);
    return q * (1 - q) * 2 * (x - y);
  };
  return {value, slope, [slope](double x, double y) { return -slope(x, y); }};
}

MinimaxResult play(const Game& game, const MinimaxOptions& options, ThreadPool& pool, const CancelToken* cancel) {
  check(options);
  return Play(game, options, pool, cancel).run();
}

double wasserstein(std::vector<double> a, std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::fabs(a[i] - b[i]);
  return sum / static_cast<double>(a.size());
}

MinimaxGap nikaido_isoda(const Game& game, const std::vector<double>& x, const std::vector<double>& y, double entropy,
                         double curvature, ThreadPool& pool, const CancelToken* cancel) {
  const MinimaxGap ofX = divergence(x, [&](double t) { return average(game.value, t, y); }, entropy, curvature, pool, cancel);
  const MinimaxGap ofY = divergence(y, [&](double t) { return -average([&](double b, double a) { return game.value(a, b); }, t, x); },
                                    entropy, curvature, pool, cancel);
  return {ofX.gap + ofY.gap, std::hypot(ofX.standardError, ofY.standardError)};
}

}  // namespace meanfield
