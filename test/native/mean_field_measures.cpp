// Measures other than networks: the discrepancy objective and the minimax game.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "native/core/errors.h"
#include "native/core/philox.h"
#include "native/mean_field/minimax.h"
#include "native/mean_field/particle_measure.h"

using namespace meanfield;

namespace {

std::vector<double> uniforms(int64_t count, int64_t p, uint64_t seed) {
  std::vector<double> points;
  for (int64_t i = 0; i < count * p; ++i)
    points.push_back(6.28318530717958647692 * RandomField{seed, Stream::Certificate}.uniform(0, static_cast<uint32_t>(i), 0));
  return points;
}

}  // namespace

TEST_CASE("particle measure: the discrepancy is a squared norm, zero for the target, and one step moves along its derivative") {
  ThreadPool pool(1);
  const int64_t M = 6, p = 2;
  const std::vector<double> target = uniforms(10, p, 1), start = uniforms(M, p, 2);
  CHECK(std::fabs(discrepancy(target, target, p, 5)) < 1e-12);
  CHECK(discrepancy(start, target, p, 5) > 0);
  MeasureOptions options;
  options.steps = 1;
  options.temperature = 0;
  options.step = 1e-3;
  const MeasureResult result = fit_measure(target, p, M, start, options, pool, nullptr);
  for (size_t i = 0; i < start.size(); ++i) {
    std::vector<double> up = start, down = start;
    up[i] += 1e-5;
    down[i] -= 1e-5;
    // The drift is M/2 times the derivative of G in one particle.
    const double slope = (discrepancy(up, target, p, 5) - discrepancy(down, target, p, 5)) / 2e-5 * M / 2;
    CHECK((start[i] - result.particles[i]) / options.step == doctest::Approx(slope).epsilon(1e-5).scale(1));
  }
  CHECK(result.discrepancy.back() < result.discrepancy.front());
}

TEST_CASE("particle measure: annealing ends lower than plain descent (§8.6, ten targets, means of logarithms)") {
  ThreadPool pool(2);
  double annealed = 0, plain = 0;
  const int repeats = 6;
  for (uint64_t seed = 1; seed <= repeats; ++seed) {
    const std::vector<double> target = uniforms(10, 2, 50 + seed);
    MeasureOptions options;
    options.seed = seed;
    options.traceEvery = 1000;
    options.steps = 600;
    options.temperature = 0;
    plain += std::log(fit_measure(target, 2, 50, {}, options, pool, nullptr).discrepancy.back()) / repeats;
    options.temperature = 20;
    options.harmonic = true;
    annealed += std::log(fit_measure(target, 2, 50, {}, options, pool, nullptr).discrepancy.back()) / repeats;
  }
  CHECK(annealed < plain);
}

TEST_CASE("particle measure and minimax: threads change no bit, seeds do; bad options are refused") {
  ThreadPool one(1), three(3);
  const std::vector<double> target = uniforms(5, 2, 3);
  MeasureOptions options;
  options.steps = 20;
  const std::vector<double> expected = fit_measure(target, 2, 30, {}, options, one, nullptr).particles;
  CHECK(fit_measure(target, 2, 30, {}, options, three, nullptr).particles == expected);
  options.seed = 9;
  CHECK(fit_measure(target, 2, 30, {}, options, one, nullptr).particles != expected);
  CHECK_THROWS_AS(fit_measure({1, 2, 3}, 2, 30, {}, options, one, nullptr), Error);
  options.step = 0;
  CHECK_THROWS_AS(fit_measure(target, 2, 30, {}, options, one, nullptr), Error);
  MinimaxOptions game;
  game.particles = 50;
  game.steps = 10;
  CHECK(play(sigmoid_game(), game, one, nullptr).x == play(sigmoid_game(), game, three, nullptr).x);
  game.entropy = 0;
  CHECK_THROWS_AS(play(sigmoid_game(), game, one, nullptr), Error);
}

TEST_CASE("minimax: Wasserstein distance on the line, slopes of the game, a game without interaction stays at its prior") {
  CHECK(wasserstein({0, 1, 2}, {3, 2, 1}) == doctest::Approx(1));
  const Game game = sigmoid_game();
  for (double x : {-1.0, 0.3, 2.0}) {
    const double y = 0.7, h = 1e-6;
    CHECK(game.byX(x, y) == doctest::Approx((game.value(x + h, y) - game.value(x - h, y)) / (2 * h)).epsilon(1e-6));
    CHECK(game.byY(x, y) == doctest::Approx((game.value(x, y + h) - game.value(x, y - h)) / (2 * h)).epsilon(1e-6));
  }
  ThreadPool pool(2);
  const auto nothing = [](double, double) { return 0.0; };
  MinimaxOptions options;
  options.steps = 100;
  options.particles = 2000;
  options.entropy = 0.5;
  options.step = 0.1;
  options.method = MinimaxMethod::DescentAscent;
  const MinimaxResult result = play({nothing, nothing, nothing}, options, pool, nullptr);
  const MinimaxGap gap = nikaido_isoda({nothing, nothing, nothing}, result.x, result.y, 0.5, 1, pool, nullptr);
  CHECK(std::fabs(gap.gap) < 5 * gap.standardError + 0.01 * options.entropy);
}

TEST_CASE("minimax: averaged gradient and anchored best response agree and close the Nikaido-Isoda gap") {
  ThreadPool pool(2);
  MinimaxOptions options;
  options.particles = 400;
  options.entropy = 0.05;
  options.step = 0.3;
  options.method = MinimaxMethod::AveragedGradient;
  options.steps = 400;
  const MinimaxResult averaged = play(sigmoid_game(), options, pool, nullptr);
  options.method = MinimaxMethod::AnchoredBestResponse;
  options.steps = 60;
  const MinimaxResult anchored = play(sigmoid_game(), options, pool, nullptr);
  options.steps = 0;
  const MinimaxResult start = play(sigmoid_game(), options, pool, nullptr);
  const auto gap = [&](const MinimaxResult& result) {
    return nikaido_isoda(sigmoid_game(), result.x, result.y, options.entropy, options.curvature, pool, nullptr);
  };
  const MinimaxGap before = gap(start), a = gap(averaged), b = gap(anchored);
  CHECK(a.gap < before.gap / 4);
  CHECK(b.gap < before.gap / 4);
  CHECK(a.gap > -5 * a.standardError);
  CHECK(b.gap > -5 * b.standardError);
}
