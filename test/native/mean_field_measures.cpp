// Measures other than networks: the discrepancy objective and the minimax game.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "native/core/errors.h"
#include "native/core/philox.h"
#include "native/mean_field/minimax.h"
#include "native/mean_field/particle_measure.h"
#include "native/mean_field/torus_kernel.h"

using namespace meanfield;

namespace {

constexpr double kTurn = 6.28318530717958647692;

std::vector<double> uniforms(int64_t count, int64_t p, uint64_t seed) {
  std::vector<double> points;
  for (int64_t i = 0; i < count * p; ++i)
    points.push_back(kTurn * RandomField{seed, Stream::Certificate}.uniform(0, static_cast<uint32_t>(i), 0));
  return points;
}

MeasureRunOptions run_of(int64_t steps, uint64_t seed = 0) {
  MeasureRunOptions run;
  run.steps = steps;
  run.seed = static_cast<int64_t>(seed);
  run.traceEvery = std::max<int64_t>(1, steps);
  return run;
}

/// The equilibrium of the sigmoid game on a grid by damped exact best responses (fictitious play), and quantiles of it.
struct Equilibrium {
  static constexpr int kPoints = 401;
  static constexpr double kReach = 10, kSpacing = 2 * kReach / (kPoints - 1);
  explicit Equilibrium(double entropy) : entropy(entropy), x(respond(std::vector<double>(kPoints, 0.0))), y(x) {
    for (int k = 0; k < 600; ++k) {
      const std::vector<double> toY = respond(field(y, 1)), toX = respond(field(x, -1));
      const double share = k < 300 ? 0.05 : 0.05 / (1 + 0.05 * (k - 300));
      for (size_t i = 0; i < x.size(); ++i) {
        x[i] += share * (toY[i] - x[i]);
        y[i] += share * (toX[i] - y[i]);
      }
    }
  }
  static double at(int i) { return -kReach + i * kSpacing; }
  /// sign · ∫Q d(density)
  static std::vector<double> field(const std::vector<double>& density, double sign) {
    std::vector<double> values(kPoints, 0.0);
    for (int i = 0; i < kPoints; ++i)
      for (int j = 0; j < kPoints; ++j)
        values[static_cast<size_t>(i)] +=
            sign * payoff(Game::Sigmoid, at(i), at(j)).value * density[static_cast<size_t>(j)] * kSpacing;
    return values;
  }
  std::vector<double> respond(const std::vector<double>& values) const {
    std::vector<double> density;
    double sum = 0;
    for (int i = 0; i < kPoints; ++i)
      density.push_back(std::exp(-values[static_cast<size_t>(i)] / entropy - at(i) * at(i) / 2));
    for (double value : density) sum += value * kSpacing;
    for (double& value : density) value /= sum;
    return density;
  }
  static std::vector<double> quantiles(const std::vector<double>& density, const std::vector<double>& levels) {
    std::vector<double> points;
    for (double level : levels) {
      double below = 0;
      int i = 0;
      while (i < kPoints - 1 && below + density[static_cast<size_t>(i)] * kSpacing < level)
        below += density[static_cast<size_t>(i++)] * kSpacing;
      points.push_back(at(i) + kSpacing * ((level - below) / (density[static_cast<size_t>(i)] * kSpacing) - 0.5));
    }
    return points;
  }
  double entropy;
  std::vector<double> x, y;
};

}  // namespace

TEST_CASE("particle measure: sums of the kernel and their gradients are those of its definition") {
  constexpr double kStep = 1e-6;
  const auto kernel = [](const double* a, const double* b, int64_t p, int64_t frequencies) {
    double product = 1;
    for (int64_t c = 0; c < p; ++c) {
      double factor = 1;
      for (int64_t j = 1; j <= frequencies; ++j)
        factor += 2 * std::cos(static_cast<double>(j) * (a[c] - b[c])) / static_cast<double>(1 + j);
      product *= factor;
    }
    return product;
  };
  for (int64_t p : {1, 2, 3, 7})
    for (int64_t frequencies : {1, 4})
      for (int64_t count : {1, 63, 64, 65, 200}) {
        CAPTURE(p);
        CAPTURE(count);
        const std::vector<double> y = uniforms(count, p, 21), at = uniforms(1, p, 22);
        const TorusPoints points(y, p, frequencies);
        const auto direct = [&](const std::vector<double>& a) {
          double sum = 0;
          for (int64_t i = 0; i < count; ++i) sum += kernel(a.data(), &y[static_cast<size_t>(i * p)], p, frequencies);
          return sum / static_cast<double>(count);
        };
        std::vector<double> gradient(static_cast<size_t>(p), 0.5);
        // A term is at most κ(0)^p; so many roundings of it, and as many of its third derivative for the differences.
        const double size = std::pow(torus_factor(0, frequencies), static_cast<double>(p));
        CHECK(std::fabs(points.mean(at.data(), 2, gradient.data()) - direct(at)) < 1e-14 * size);
        for (size_t c = 0; c < gradient.size(); ++c) {
          std::vector<double> up = at, down = at;
          up[c] += kStep;
          down[c] -= kStep;
          const double slope = (direct(up) - direct(down)) / (2 * kStep);
          CHECK(std::fabs(gradient[c] - 0.5 - 2 * slope) < 1e-9 * size);
        }
      }
}

TEST_CASE(
    "particle measure: the discrepancy is a squared norm, zero for the target, and one step moves along its "
    "derivative") {
  ThreadPool pool(1);
  const int64_t M = 6, p = 2;
  const std::vector<double> target = uniforms(10, p, 1), start = uniforms(M, p, 2);
  CHECK(std::fabs(discrepancy(target, target, p, 5)) < 1e-12);
  CHECK(discrepancy(start, target, p, 5) > 0);
  MeasureOptions options;
  options.particles = M;
  options.temperature = 0;
  options.step = 1e-3;
  const MeasureResult result = fit_measure(target, p, start, options, run_of(1), pool, nullptr);
  for (size_t i = 0; i < start.size(); ++i) {
    std::vector<double> up = start, down = start;
    up[i] += 1e-5;
    down[i] -= 1e-5;
    // The drift is M/2 times the derivative of G in one particle.
    const double slope = (discrepancy(up, target, p, 5) - discrepancy(down, target, p, 5)) / 2e-5 * M / 2;
    CHECK((start[i] - result.particles[i]) / options.step == doctest::Approx(slope).epsilon(1e-5).scale(1));
  }
  REQUIRE(result.trace.size() == 2 * MeasureResult::kColumns);
  CHECK(result.trace[MeasureResult::kColumns + 1] < result.trace[1]);
  // Without noise in the last step half the discrepancy is the gap.
  CHECK(result.certificate.gap == doctest::Approx(discrepancy(result.particles, target, p, 5) / 2));
  CHECK(result.certificate.dual == 0);
}

TEST_CASE("particle measure: annealing ends lower than plain descent (§8.6, ten targets, means of logarithms)") {
  ThreadPool pool(2);
  double annealed = 0, plain = 0;
  const int repeats = 6;
  for (uint64_t seed = 1; seed <= repeats; ++seed) {
    const std::vector<double> target = uniforms(10, 2, 50 + seed);
    MeasureOptions options;
    options.temperature = 0;
    const auto last = [&] {
      const std::vector<double> trace = fit_measure(target, 2, {}, options, run_of(600, seed), pool, nullptr).trace;
      return std::log(trace[trace.size() - 2]) / repeats;
    };
    plain += last();
    options.temperature = 20;
    options.annealing = Annealing::Harmonic;
    annealed += last();
  }
  CHECK(annealed < plain);
}

TEST_CASE("particle measure: the schedules of the temperature show in the noise of one step") {
  // One particle that is its own target feels no drift, so that a step of length 1 at t adds √(2τ_t) ξ.
  ThreadPool pool(1);
  const double tau = 1e-4;
  const auto spread = [&](Annealing kind, int64_t t) {
    MeasureOptions options;
    options.particles = 1;
    options.step = 1e-9;  // noise only: its variance is 2·10⁻⁹ τ_t/10⁻⁹ below
    options.temperature = tau / options.step;
    options.annealing = kind;
    options.quietFraction = 0;
    const std::vector<double> target = {3};
    const double before = fit_measure(target, 1, {3}, options, run_of(t), pool, nullptr).particles[0];
    const double after = fit_measure(target, 1, {3}, options, run_of(t + 1), pool, nullptr).particles[0];
    return std::fabs(after - before) / std::sqrt(2 * tau);
  };
  const auto xi = [](int64_t t) {
    return std::fabs(RandomField{0, Stream::Noise}.normal(static_cast<uint64_t>(t), 0, 0));
  };
  for (int64_t t : {0, 7, 150}) {
    const double s = static_cast<double>(t);
    CHECK(spread(Annealing::Constant, t) == doctest::Approx(xi(t)).epsilon(1e-6));
    CHECK(spread(Annealing::Harmonic, t) == doctest::Approx(xi(t) / std::sqrt(1 + s)).epsilon(1e-6));
    CHECK(spread(Annealing::Logarithmic, t) ==
          doctest::Approx(xi(t) / std::sqrt(std::log(std::exp(1.0) + s))).epsilon(1e-6));
    CHECK(spread(Annealing::Geometric, t) ==
          doctest::Approx(xi(t) * std::exp2(-std::floor(s / 100) / 2)).epsilon(1e-6));
  }
}

TEST_CASE(
    "particle measure: the certificate of a converged run closes in every dimension, and bounds the gap from below "
    "elsewhere") {
  ThreadPool pool(2);
  for (int64_t p : {1, 2, 3}) {
    const std::vector<double> target = uniforms(4, p, 7);
    MeasureOptions options;
    options.particles = 800;
    options.frequencies = p == 3 ? 1 : 2;
    options.temperature = 0.5;
    options.step = 0.02;
    options.quietFraction = 0;
    MeasureRunOptions run = run_of(300, 3);
    const MeasureCertificate last = fit_measure(target, p, {}, options, run, pool, nullptr).certificate;
    run.steps = 1;
    const MeasureCertificate first = fit_measure(target, p, {}, options, run, pool, nullptr).certificate;
    CAPTURE(p);
    CHECK(last.trusted);
    // Three standard errors, the entropy's bias at this size (0.05 τ) and the O(η) bias of the step (0.02).
    const double allowed = 3 * last.standardError + 0.05 * options.temperature + 0.02;
    CHECK(std::fabs(last.gap) < allowed);
    CHECK(first.gap > last.gap);
    // The duals are bounds for one and the same optimum: none is above another run's primal.
    CHECK(first.dual < last.primal + allowed);
    CHECK(last.dual > first.dual);
  }
  // A uniform measure and no interaction felt (τ large): KL to the Gibbs density of V/τ → 0, primal → −τ p log 2π + G/2.
  const std::vector<double> x = uniforms(4000, 1, 11), target = uniforms(3, 1, 12);
  const MeasureCertificate hot = certify_measure(x, target, 1, 2, 100, 1, pool, nullptr);
  CHECK(hot.gap / 100 < 3 * hot.standardError / 100 + 0.05);
  CHECK(hot.dual == doctest::Approx(-100 * std::log(kTurn)).epsilon(0.02));
}

TEST_CASE(
    "particle measure and minimax: threads change no bit, seeds do; bad input is refused; cancelling keeps whole "
    "steps") {
  ThreadPool one(1), three(3);
  const std::vector<double> target = uniforms(5, 2, 3);
  MeasureOptions options;
  options.particles = 30;
  const MeasureRunOptions run = run_of(20);
  const std::vector<double> expected = fit_measure(target, 2, {}, options, run, one, nullptr).particles;
  CHECK(fit_measure(target, 2, {}, options, run, three, nullptr).particles == expected);
  CHECK(fit_measure(target, 2, {}, options, run_of(20, 9), one, nullptr).particles != expected);
  CHECK_THROWS_AS(fit_measure({1, 2, 3}, 2, {}, options, run, one, nullptr), Error);
  CHECK_THROWS_AS(fit_measure({1, std::nan("")}, 2, {}, options, run, one, nullptr), Error);
  CHECK_THROWS_AS(fit_measure(target, 2, {1, 2}, options, run, one, nullptr), Error);
  MinimaxOptions game;
  game.particles = 50;
  for (MinimaxMethod method :
       {MinimaxMethod::DescentAscent, MinimaxMethod::AveragedGradient, MinimaxMethod::BestResponse}) {
    game.method = method;
    const std::vector<double> whole = play(game, run, {}, one, nullptr).x;
    CHECK(play(game, run, {}, three, nullptr).x == whole);
    CancelToken cancel;
    MeasureRunOptions traced = run;
    traced.traceEvery = 1;
    const MinimaxResult part = play(game, traced, {}, one, &cancel, [&](const double* row) {
      if (row[0] == 7) cancel.cancel();
    });
    CHECK(part.cancelled);
    CHECK(part.steps == 7);
    CHECK(part.x == play(game, run_of(7), {}, one, nullptr).x);
  }
  CHECK_THROWS_AS(play(game, run, {1, 2, 3}, one, nullptr), Error);
  CHECK_THROWS_AS(MinimaxOptions::table().parse("minimax-game", {{"entropy", 0.0}}), Error);
  CHECK_THROWS_AS(MeasureOptions::table().parse("particle-measure", {{"step", 0.0}}), Error);
}

TEST_CASE(
    "minimax: Wasserstein distance on the line; slopes of the games; the Nikaido-Isoda gap of two normals in closed "
    "form") {
  CHECK(wasserstein({0, 1, 2}, {3, 2, 1}) == doctest::Approx(1));
  for (Game game : {Game::Sigmoid, Game::Gaussian, Game::Product})
    for (double x : {-1.0, 0.3, 2.0}) {
      const double y = 0.7, h = 1e-6;
      CHECK(payoff(game, x, y).byX ==
            doctest::Approx((payoff(game, x + h, y).value - payoff(game, x - h, y).value) / (2 * h)).epsilon(1e-6));
      CHECK(payoff(game, x, y).byY ==
            doctest::Approx((payoff(game, x, y + h).value - payoff(game, x, y - h).value) / (2 * h)).epsilon(1e-6));
    }
  // xy with µ = N(a, 1/c), ν = N(b, 1/c): best responses N(∓·/(λc), 1/c), so that the gap is (λc/2)[(a + b/(λc))² + (b − a/(λc))²].
  ThreadPool pool(2);
  const double lambda = 0.5, c = 2, a = 0.3, b = -0.4;
  const int64_t N = 4000;
  std::vector<double> x, y;
  for (uint32_t i = 0; i < N; ++i) {
    x.push_back(a + RandomField{5, Stream::Init}.normal(0, i, 0) / std::sqrt(c));
    y.push_back(b + RandomField{5, Stream::Init}.normal(0, i, 1) / std::sqrt(c));
  }
  const MeasureCertificate certificate = nikaido_isoda(Game::Product, x, y, lambda, c, pool, nullptr);
  const double exact = lambda * c / 2 * (std::pow(a + b / (lambda * c), 2) + std::pow(b - a / (lambda * c), 2));
  // Beside the certificate's own error: that of the sample means, through which the responses move.
  CHECK(std::fabs(certificate.gap - exact) < 5 * certificate.standardError + 5 * 2 / std::sqrt(c * N));
  CHECK(certificate.primal - certificate.dual == doctest::Approx(certificate.gap));
}

TEST_CASE("minimax: the product game stays at its equilibrium, the prior") {
  ThreadPool pool(2);
  MinimaxOptions options;
  options.game = Game::Product;
  options.particles = 2000;
  options.entropy = 0.5;
  options.step = 0.1;
  options.weightPower = 0;
  for (MinimaxMethod method : {MinimaxMethod::AveragedGradient, MinimaxMethod::BestResponse}) {
    options.method = method;
    const MeasureCertificate gap = play(options, run_of(100), {}, pool, nullptr).certificate;
    // Means wander by 1/√N, and a gap by half its square (1 + 1/λ²) λ, far below the bias of the entropies.
    CHECK(std::fabs(gap.gap) < 5 * gap.standardError + 0.05 * options.entropy);
  }
}

TEST_CASE("minimax: averaged gradient and best response end at the equilibrium, as near as samples of it are") {
  ThreadPool pool(2);
  MinimaxOptions options;
  options.particles = 600;
  options.entropy = 0.05;
  const Equilibrium exact(options.entropy);
  // W1 of N independent draws to the exact law: mean and deviation over 40 samples of both players.
  double mean = 0, square = 0;
  const int samples = 40;
  std::vector<double> even;
  for (int64_t i = 0; i < options.particles; ++i)
    even.push_back((static_cast<double>(i) + 0.5) / static_cast<double>(options.particles));
  const std::vector<double> quantilesX = Equilibrium::quantiles(exact.x, even),
                            quantilesY = Equilibrium::quantiles(exact.y, even);
  for (int s = 0; s < samples; ++s) {
    std::vector<double> ux, uy;
    for (uint32_t i = 0; i < options.particles; ++i) {
      ux.push_back(RandomField{static_cast<uint64_t>(s), Stream::Output}.uniform(0, i, 0));
      uy.push_back(RandomField{static_cast<uint64_t>(s), Stream::Output}.uniform(0, i, 1));
    }
    const double distance = wasserstein(Equilibrium::quantiles(exact.x, ux), quantilesX) +
                            wasserstein(Equilibrium::quantiles(exact.y, uy), quantilesY);
    mean += distance / samples;
    square += distance * distance / samples;
  }
  const double allowed = mean + 5 * std::sqrt(square - mean * mean);
  const auto distance = [&](MinimaxMethod method, int64_t steps) {
    options.method = method;
    const MinimaxResult result = play(options, run_of(steps, 4), {}, pool, nullptr);
    return wasserstein(result.x, quantilesX) + wasserstein(result.y, quantilesY);
  };
  CHECK(distance(MinimaxMethod::AveragedGradient, 0) > 2 * allowed);
  CHECK(distance(MinimaxMethod::AveragedGradient, 800) < allowed);
  CHECK(distance(MinimaxMethod::BestResponse, 80) < allowed);
}
