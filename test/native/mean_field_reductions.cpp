// Each algorithm in the degenerate case where it is a simpler one, what a step counts as, and noisy gradient descent against the
// moments and the rate of the theory.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "native/mean_field/dual_coordinate_ascent.h"
#include "native/mean_field/fictitious_play.h"
#include "native/mean_field/langevin.h"
#include "native/mean_field/sgd_langevin.h"
#include "native/mean_field/svrg_langevin.h"
#include "native/mean_field/underdamped_langevin.h"
#include "test/native/models.h"
#include "test/native/quadrature.h"

using namespace meanfield;

TEST_CASE("fictitious play with γ = 1 and one inner step is langevin") {
  TanhModel a(37, 50, 3, 0.01, 0.01, 2, cpu_backend()), b(37, 50, 3, 0.01, 0.01, 2, cpu_backend());
  Langevin::State plain = Langevin::init(a.problem, {});
  FictitiousPlay::Options options;
  options.mixing = 1;
  options.innerSteps = 1;
  FictitiousPlay::State play = FictitiousPlay::init(b.problem, options);
  for (int k = 0; k < 20; ++k) {
    Langevin::step(plain, a.problem, {}, 0.3);
    const double passes = FictitiousPlay::step(play, b.problem, options, 0.3).passes;
    CHECK(passes == 2);
    CHECK(play.lastLoss == doctest::Approx(plain.lastLoss).epsilon(1e-6));
    // z + 1 (z' − z) is z' but for the last bit of a double.
    CHECK(distance(a.network.read_particles(), b.network.read_particles()) < 1e-6);
  }
  CHECK(play.reservoir.read() == b.network.read_particles());
}

TEST_CASE("underdamped dynamics without memory, γ → ∞ with h/γ = η, is langevin with the same noise") {
  TanhModel a(37, 50, 3, 0.05, 0.02, 2, cpu_backend()), b(37, 50, 3, 0.05, 0.02, 2, cpu_backend());
  const double eta = 0.3, friction = 1e6;
  Langevin::State plain = Langevin::init(a.problem, {});
  UnderdampedLangevin::Options options;
  options.friction = friction;
  UnderdampedLangevin::State kinetic = UnderdampedLangevin::init(b.problem, options);
  for (int k = 0; k < 20; ++k) {
    Langevin::step(plain, a.problem, {}, eta);
    UnderdampedLangevin::step(kinetic, b.problem, options, eta * friction);
  }
  // Velocities of √λ move a particle by √λ/γ ~ 1e-7 a step; rounding of numbers of order 1.
  CHECK(distance(a.network.read_particles(), b.network.read_particles()) < 1e-5);
}

TEST_CASE("dual coordinate ascent of one row with one particle and no damping, C = 0, is langevin") {
  const double ridge = 0.2, entropy = 0.3, eta = 0.1, target = 60;
  LinearModel a(1, target, ridge, entropy, 40, 7), b(1, target, ridge, entropy, 40, 7);
  DualCoordinateAscent::Options options;
  options.coordinates = 1;
  options.innerSteps = 1;
  DualCoordinateAscent::State ascent = DualCoordinateAscent::init(b.problem, options);
  // It begins with a sample of p[0], the prior: one step without the loss.
  Update prior;
  prior.keep = 1 - 2 * eta * ridge;
  prior.rate = eta;
  prior.noise = std::sqrt(2 * entropy * eta);
  prior.field = {7, Stream::Noise};
  a.problem.update({0.0}, prior);
  Langevin::State plain = Langevin::init(a.problem, {});
  plain.steps = 1;
  for (int k = 0; k < 50; ++k) {
    Langevin::step(plain, a.problem, {}, eta);
    DualCoordinateAscent::step(ascent, b.problem, options, eta);
    CHECK(ascent.dual[0] == doctest::Approx(ascent.lastLoss > 0 ? -std::sqrt(2 * ascent.lastLoss) : 0).epsilon(1e-6));
    CHECK(distance(a.network.read_particles(), b.network.read_particles()) < 2e-4);  // float32 near 60
  }
}

TEST_CASE("dual coordinate ascent resamples after n coordinates, or as soon as the effective sample size has fallen") {
  const int64_t n = 40;
  const auto passes = [&](double fraction, double entropy) {
    TanhModel model(60, n, 3, 0.02, entropy, 4);
    DualCoordinateAscent::Options options;
    options.coordinates = n;
    options.innerSteps = 3;
    options.bound = 1;
    options.effectiveFraction = fraction;
    DualCoordinateAscent::State state = DualCoordinateAscent::init(model.problem, options);
    DualCoordinateAscent::step(state, model.problem, options, 0.1);  // samples the prior first
    return DualCoordinateAscent::step(state, model.problem, options, 0.1).passes - 3;
  };
  CHECK(passes(1e-9, 0.02) == doctest::Approx(1));
  CHECK(passes(1, 0.02) == doctest::Approx(1.0 / n));
  const double between = passes(0.9, 0.02);
  CHECK(between > 1.0 / n);
  CHECK(between < 1);
  CHECK(passes(0.9, 100) == doctest::Approx(1));  // hot: the weights hardly move
}

TEST_CASE("svrg-langevin: an anchor's own step is langevin's; what steps count as") {
  const int64_t n = 40, B = 5, m = 4;
  TanhModel a(23, n, 3, 0.02, 0.01, 6, cpu_backend()), b(23, n, 3, 0.02, 0.01, 6, cpu_backend());
  SvrgLangevin::Options options;
  options.minibatch = B;
  options.anchorInterval = m;
  SvrgLangevin::State reduced = SvrgLangevin::init(b.problem, options);
  double passes = 0;
  for (int k = 0; k < 3 * m; ++k) {
    const std::vector<float> before = b.network.read_particles();
    passes += SvrgLangevin::step(reduced, b.problem, options, 0.2).passes;
    if (k % m != 0) continue;
    a.problem.write_particles(before.data());
    Langevin::State plain = Langevin::init(a.problem, {});
    plain.steps = k;
    Langevin::step(plain, a.problem, {}, 0.2);
    CHECK(distance(a.network.read_particles(), b.network.read_particles()) < 1e-6);
  }
  CHECK(passes == doctest::Approx(3 * (1 + (m - 1) * 2.0 * B / n)));  // n at an anchor, 2B in between
  SgdLangevin::Options stochastic;
  stochastic.minibatch = B;
  SgdLangevin::State sgd = SgdLangevin::init(a.problem, stochastic);
  CHECK(SgdLangevin::step(sgd, a.problem, stochastic, 0.2).passes == static_cast<double>(B) / n);
}

TEST_CASE(
    "linear model: mean and variance of many particles step by step, and the objective within the rate of Theorem 2") {
  const double ridge = 0.2, entropy = 0.3, eta = 0.1, target = 60, optimum = target / (1 + 2 * ridge);
  const double optimalV = entropy / (2 * ridge);
  const int64_t M = 50000;
  LinearModel model(M, {target}, ridge, entropy, 0, 3, cpu_backend());
  double m = optimum + 2, v = 6 * optimalV;
  std::vector<float> start;
  for (uint32_t r = 0; r < M; ++r)
    start.push_back(static_cast<float>(m + std::sqrt(v) * RandomField{8, Stream::Init}.normal(0, r, 0)));
  model.problem.write_particles(start.data());
  const auto objective = [&](double mean, double variance) {
    return 0.5 * (mean - target) * (mean - target) + ridge * (mean * mean + variance) -
           entropy / 2 * std::log(2 * kPi * std::exp(1.0) * variance);
  };
  const double least = objective(optimum, optimalV), first = objective(m, v) - least;
  // α = 2λ'/λ: the bound falls by e^{−αληk}; its floor is the excess of the stationary law, of variance v*/(1 − ηλ').
  const double floor = objective(optimum, optimalV / (1 - eta * ridge)) - least;
  CHECK(floor < 1e-3 * first);
  Langevin::State state = Langevin::init(model.problem, {});
  for (int k = 1; k <= 60; ++k) {
    Langevin::step(state, model.problem, {}, eta);
    m -= eta * ((1 + 2 * ridge) * m - target);
    v = std::pow(1 - 2 * eta * ridge, 2) * v + 2 * entropy * eta;
    // Sampling errors of a mean and a variance of M numbers, five of them; the start's are the largest.
    CHECK(std::fabs(model.mean() - m) < 5 * std::sqrt(6 * optimalV / M));
    CHECK(std::fabs(model.variance() / v - 1) < 5 * std::sqrt(2.0 / M));
    CHECK(objective(m, v) - least <= std::exp(-2 * ridge * eta * k) * first + floor);
  }
  CHECK(std::fabs(m - optimum) < 1e-3);
}

TEST_CASE(
    "three-point inequality: L(q) + ∫δL/δq(q)(q' − q) + λ KL(q'‖q) ≤ L(q'), its left side least at the Gibbs density "
    "of q") {
  const Setting setting(1);
  const Quadrature& grid = setting.grid;
  const std::vector<Density> all = {Quadrature::normal(0, 1), Quadrature::normal(1.5, 0.4), Quadrature::normal(-1, 2),
                                    grid.optimum()};
  for (const Density& q : all) {
    const std::vector<double> g = grid.slopes(q);
    const Density response = grid.gibbs(g, grid.ridge);
    const auto left = [&](const Density& other) {
      const double slope = Quadrature::integral([&](int a) {
        double derivative = grid.ridge * Quadrature::theta(a) * Quadrature::theta(a);
        for (size_t i = 0; i < g.size(); ++i)
          derivative += g[i] * Quadrature::at(grid.h[i], a) / static_cast<double>(g.size());
        const double density = Quadrature::at(q, a);
        if (density > 0) derivative += grid.entropy * std::log(density);
        return derivative * (Quadrature::at(other, a) - density);
      });
      return grid.primal(q) + slope + grid.entropy * grid.divergence(other, q);
    };
    for (const Density& other : all) {
      CHECK(left(other) <= grid.primal(other) + 1e-9);
      CHECK(left(response) <= left(other) + 1e-9);
    }
    CHECK(left(q) == doctest::Approx(grid.primal(q)));
  }
}
