// Fictitious play, dual coordinate ascent and underdamped dynamics against exact recursions, and all algorithms but two-timescale
// (mean_field_two_timescale.cpp) against the exact optimum of the one-dimensional network.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <vector>

#include "native/mean_field/dual_averaging.h"
#include "native/mean_field/dual_coordinate_ascent.h"
#include "native/mean_field/fictitious_play.h"
#include "native/mean_field/langevin.h"
#include "native/mean_field/sgd_langevin.h"
#include "native/mean_field/svrg_langevin.h"
#include "native/mean_field/underdamped_langevin.h"
#include "test/native/models.h"
#include "test/native/quadrature.h"

using namespace meanfield;

TEST_CASE(
    "fictitious play with exact responses: (1−γ)^k bounds the distance to the optimum, the gap falls at every step") {
  const int64_t M = 20000;
  for (double mixing : {0.5, 0.2, 0.1, 0.05}) {
    Setting setting(M, 2);
    const Quadrature& grid = setting.grid;
    const double least = grid.primal(grid.optimum());
    Density q = Quadrature::normal(0, 0.25);
    setting.problem->write_particles(Quadrature::quantiles(q, M).data());
    FictitiousPlay::Options options;
    options.mixing = mixing;
    options.innerSteps = 1;
    FictitiousPlay::State state = FictitiousPlay::init(*setting.problem, options);
    const double start = grid.primal(q) - least;
    double gap = grid.primal(q) - grid.dual(grid.slopes(q));
    for (int k = 1; k <= 12; ++k) {
      const Density response = grid.gibbs(grid.slopes(q), grid.ridge);
      setting.problem->write_particles(Quadrature::quantiles(response, M).data());
      FictitiousPlay::step(state, *setting.problem, options, 1e-12);
      for (size_t g = 0; g < q.size(); ++g) q[g] += mixing * (response[g] - q[g]);
      CHECK(grid.primal(q) - least <= std::pow(1 - mixing, k) * start + 1e-12);
      const double next = grid.primal(q) - grid.dual(grid.slopes(q));
      CHECK(next < gap);
      gap = next;
    }
    // h̄ of the code against the mixture on the grid: quantiles are exact to O(1/M).
    const std::vector<double> z = grid.outputs(q);
    for (size_t i = 0; i < z.size(); ++i) CHECK(std::fabs(state.outputs[i] - z[i]) < 1e-4);
    // The reservoir is a sample of the mixture: |h| ≤ 1.
    setting.network->write_particles(state.reservoir.read().data());
    std::vector<double> own(Setting::n);
    setting.network->outputs(0, {nullptr, Setting::n}, own.data());
    for (size_t i = 0; i < z.size(); ++i) CHECK(std::fabs(own[i] - z[i]) < 5 / std::sqrt(static_cast<double>(M)));
  }
}

TEST_CASE(
    "fictitious play on the linear model: m ← (1−γ)m − γ(m−y)/(2λ') with exact responses, "
    "stable iff γ < 2/(1 + 1/(2λ'))") {
  const double ridge = 0.2, target = 70, optimum = target / (1 + 2 * ridge);
  for (double mixing : {0.3, 0.5, 0.6}) {
    LinearModel model(1, target, ridge, 1e-12, optimum + 1);
    FictitiousPlay::Options options;
    options.mixing = mixing;
    options.innerSteps = 1;
    FictitiousPlay::State state = FictitiousPlay::init(model.problem, options);
    double m = optimum + 1;
    for (int k = 0; k < 10; ++k) {
      // The mean of the Gaussian response; positive, where the neuron is linear, since it starts near the optimum.
      const float response = static_cast<float>(-(state.outputs[0] - target) / (2 * ridge));
      REQUIRE(response > 0);
      model.problem.write_particles(&response);
      FictitiousPlay::step(state, model.problem, options, 1e-12);
      m = (1 - mixing) * m - mixing * (m - target) / (2 * ridge);
      CHECK(std::fabs(state.outputs[0] - m) < 1e-4);  // float32 responses near 50
    }
    const bool stable = mixing < 2 / (1 + 1 / (2 * ridge));
    CHECK(stable == (mixing < 0.57));
    CHECK((std::fabs(state.outputs[0] - optimum) < 1) == stable);
  }
}

TEST_CASE("underdamped: coefficients by series and by formula agree where they meet, and far below") {
  for (double friction : {0.5, 2.0, 30.0}) {
    const auto a = UnderdampedLangevin::coefficients(0.0199999 / friction, friction, 0.7);
    const auto b = UnderdampedLangevin::coefficients(0.0200001 / friction, friction, 0.7);
    CHECK(a.phi1 == doctest::Approx(b.phi1).epsilon(1e-4));
    CHECK(a.ofPosition == doctest::Approx(b.ofPosition).epsilon(1e-4));
    CHECK(a.ofVelocity == doctest::Approx(b.ofVelocity).epsilon(1e-4));
    const double h = 1e-6 / friction;
    const auto small = UnderdampedLangevin::coefficients(h, friction, 1);
    CHECK(small.phi0 == doctest::Approx(h).epsilon(1e-5));
    CHECK(small.phi1 == doctest::Approx(h * h / 2).epsilon(1e-5));
    CHECK(small.ofPosition == doctest::Approx(std::sqrt(2.0 / 3 * friction * h * h * h)).epsilon(1e-5));
    CHECK(small.ofPosition * small.ofPosition >= 0);
  }
}

namespace {

/// Stationary covariance (θθ, θv, vv) of the linear chain with potential ridge·θ², by iterating the Lyapunov equation.
std::array<double, 3> stationary(double h, double friction, double ridge, double entropy) {
  const auto c = UnderdampedLangevin::coefficients(h, friction, entropy);
  const double k = 2 * ridge, A[2][2] = {{1 - c.phi1 * k, c.phi0}, {-c.phi0 * k, c.phi2}};
  const double Q[3] = {c.ofPosition * c.ofPosition, c.ofPosition * c.across,
                       c.across * c.across + c.ofVelocity * c.ofVelocity};
  double xx = 0, xv = 0, vv = 0;
  for (int i = 0; i < 20000; ++i) {
    const double nxx = A[0][0] * A[0][0] * xx + 2 * A[0][0] * A[0][1] * xv + A[0][1] * A[0][1] * vv + Q[0];
    const double nxv =
        A[0][0] * A[1][0] * xx + (A[0][0] * A[1][1] + A[0][1] * A[1][0]) * xv + A[0][1] * A[1][1] * vv + Q[1];
    const double nvv = A[1][0] * A[1][0] * xx + 2 * A[1][0] * A[1][1] * xv + A[1][1] * A[1][1] * vv + Q[2];
    xx = nxx, xv = nxv, vv = nvv;
  }
  return {xx, xv, vv};
}

}  // namespace

TEST_CASE("underdamped: zero loss, stationary variances of the Lyapunov equation, a bias that halves with the step") {
  const double ridge = 0.3, friction = 2;
  CHECK(stationary(0.3, friction, ridge, 1)[0] == doctest::Approx(1.745).epsilon(1e-3));  // §6.3
  CHECK(stationary(0.3, friction, ridge, 1)[2] == doctest::Approx(1.046).epsilon(1e-3));
  double before = 0;
  for (double h : {0.4, 0.2, 0.1, 0.05}) {
    const double bias = stationary(h, friction, ridge, 1)[0] - 1 / (2 * ridge);
    if (before > 0) CHECK(before / bias == doctest::Approx(2).epsilon(0.06));
    before = bias;
  }
  const int64_t M = 4000;
  const std::vector<float> zeros(3, 0.f);
  const double y = 0, entropy = 0.5;
  Neuron neuron;
  neuron.secondLayer = SecondLayer::Fixed;
  Network network(cpu_backend(), {M, 3, neuron, 1});
  Problem problem(network, {network.add_matrix(MatrixView<const float>(zeros.data(), 1, 3)), 1, &y},
                  {LossKind::Squared, 1}, ridge, entropy, entropy / (2 * ridge), 3);
  problem.draw_initial(Stream::Init, 0);
  UnderdampedLangevin::Options options;
  options.friction = friction;
  UnderdampedLangevin::State state = UnderdampedLangevin::init(problem, options);
  double start = 0;
  std::vector<float> velocities = state.velocities.read();
  for (float v : velocities) start += static_cast<double>(v) * v / static_cast<double>(velocities.size());
  CHECK(std::fabs(start / entropy - 1) < 5 * std::sqrt(2.0 / (3 * M)));  // v ~ N(0, λI)
  for (int k = 0; k < 120; ++k) UnderdampedLangevin::step(state, problem, options, 0.3);
  const std::array<double, 3> expected = stationary(0.3, friction, ridge, entropy);
  double xv = 0, vv = 0;
  const std::vector<float> theta = network.read_particles();
  velocities = state.velocities.read();
  for (size_t i = 0; i < theta.size(); ++i) {
    xv += static_cast<double>(theta[i]) * velocities[i] / static_cast<double>(theta.size());
    vv += static_cast<double>(velocities[i]) * velocities[i] / static_cast<double>(theta.size());
  }
  const double error = 5 * std::sqrt(2.0 / (3 * M));  // relative, of a variance from 3M independent numbers
  CHECK(std::fabs(network.second_moment() / 3 / expected[0] - 1) < error);
  CHECK(std::fabs(vv / expected[2] - 1) < error);
  CHECK(std::fabs(xv - expected[1]) < error * std::sqrt(expected[0] * expected[2]));
}

TEST_CASE("dual step: the maximizer of −ℓ*(g) + a(g − ḡ) − c(g − ḡ)²/2, for every loss") {
  for (LossKind kind : {LossKind::Squared, LossKind::Huber, LossKind::SmoothHinge, LossKind::Logistic}) {
    const Loss loss{kind, 0.7};
    for (double y : {-1.0, 1.0})
      for (double a : {-2.0, 0.3, 1.5})
        for (double c : {0.0, 0.5, 20.0}) {
          const double current = -y * 0.3;
          const auto value = [&](double g) {
            return -loss.conjugate(&g, &y, 1) + a * (g - current) - c / 2 * (g - current) * (g - current);
          };
          const double best = dual_step(loss, a, current, c, y);
          CHECK(std::isfinite(value(best)));
          for (double move : {-0.1, -1e-3, 1e-3, 0.1}) CHECK(value(best + move) <= value(best) + 1e-12);
        }
  }
  // Softmax: with c = 0 the loss's gradient at a, where Fenchel's inequality is tight; otherwise an ascent.
  const Loss softmax{LossKind::Softmax, 1};
  const std::vector<double> a = {0.3, -1, 2};
  const double y = 1, current[3] = {0.2, -0.5, 0.3};
  std::vector<double> gradient(3);
  softmax.gradient(a.data(), &y, 3, gradient.data());
  const std::vector<double> free = softmax_dual_step(softmax, a, current, 0, &y),
                            short_ = softmax_dual_step(softmax, a, current, 9, &y);
  const auto value = [&](const double* g, double c) {
    double linear = 0, length = 0;
    for (int j = 0; j < 3; ++j)
      linear += a[static_cast<size_t>(j)] * (g[j] - current[j]), length += std::fabs(g[j] - current[j]);
    return -softmax.conjugate(g, &y, 3) + linear - c / 2 * length * length;
  };
  for (size_t j = 0; j < 3; ++j) CHECK(free[j] == doctest::Approx(gradient[j]).epsilon(1e-6));
  CHECK(value(short_.data(), 9) > value(current, 9));
}

TEST_CASE(
    "dual coordinate ascent with exact integrals: the dual rises at every step, at least 0.5 nats of the gap an "
    "epoch") {
  Setting setting(1);
  const Quadrature& grid = setting.grid;
  const double least = grid.primal(grid.optimum()), c = 1 / (Setting::n * grid.entropy);
  std::vector<double> g(Setting::n, 0.0);
  double dual = grid.dual(g), first = 0;
  const int epochs = 6;
  for (int t = 0; t < epochs * Setting::n; ++t) {
    const size_t i =
        static_cast<size_t>(RandomField{3, Stream::Coordinate}.uniform(static_cast<uint64_t>(t), 0, 0) * Setting::n);
    const Density p = grid.gibbs(g, grid.ridge);
    const double a = Quadrature::integral([&](int b) { return Quadrature::at(grid.h[i], b) * Quadrature::at(p, b); });
    const double change = dual_step({LossKind::Squared, 1}, a, g[i], c, grid.y[i]) - g[i];
    // The weights of the particles, r ∝ exp(−h δ/(nλ)), are the ratio of the two densities exactly.
    g[i] += change;
    if (t % 40 == 0) {
      Density moved = p;
      const Density after = grid.gibbs(g, grid.ridge);
      for (size_t b = 0; b < moved.size(); ++b) moved[b] *= std::exp(-grid.h[i][b] * change * c);
      const double total = Quadrature::integral([&](int b) { return Quadrature::at(moved, b); });
      for (size_t b = 0; b < moved.size(); b += 100) CHECK(std::fabs(moved[b] / total - after[b]) < 1e-12);
    }
    const double next = grid.dual(g);
    CHECK(next >= dual - 1e-13);
    dual = next;
    if (t == Setting::n - 1) first = least - dual;
  }
  CHECK(std::log(first / (least - dual)) / (epochs - 1) > 0.5);
}

TEST_CASE("dual coordinate ascent: the code reaches the optimal dual variables, with either sampler") {
  for (auto sampler : {DualCoordinateAscent::Sampler::Langevin, DualCoordinateAscent::Sampler::Mala}) {
    const int64_t M = 5000;
    Setting setting(M, 6);
    DualCoordinateAscent::Options options;
    options.sampler = sampler;
    options.coordinates = Setting::n;
    options.bound = 1;
    options.innerSteps = 10;
    DualCoordinateAscent::State state = DualCoordinateAscent::init(*setting.problem, options);
    for (int t = 0; t < 40; ++t) DualCoordinateAscent::step(state, *setting.problem, options, 0.05);
    const std::vector<double> best = setting.grid.slopes(setting.grid.optimum());
    // Fixed point g_i = E_p h_i − y_i with E from M particles, |h| ≤ 1.
    for (size_t i = 0; i < best.size(); ++i)
      CHECK(std::fabs(state.dual[i] - best[i]) < 5 / std::sqrt(static_cast<double>(M)));
    CHECK(setting.grid.primal(setting.grid.optimum()) - setting.grid.dual(state.dual) < 1e-3);
  }
}

namespace {

/// Runs A on the one-dimensional network with 50,000 particles and compares its certificate with the exact optimum.
template <class A>
void check_against_quadrature(typename A::Options options, double eta, int steps) {
  const int64_t M = 50000;
  Setting setting(M, 12);
  const double least = setting.grid.primal(setting.grid.optimum());
  typename A::State state = A::init(*setting.problem, options);
  for (int k = 0; k < steps; ++k) A::step(state, *setting.problem, options, eta);
  ThreadPool pool(2);
  CertificateOptions certificateOptions;
  certificateOptions.step = eta;
  const Certificate c = certify(A::subject(state, *setting.problem), certificateOptions, pool, nullptr);
  CAPTURE(A::kName);
  CAPTURE(c.standardError);
  // The steps' own biases are of second order in the gap and below a tenth of the standard error of about 1e-4.
  CHECK(c.trusted);
  CHECK(c.standardError < 2e-4);
  CHECK(std::fabs(c.primal - least) < 3 * c.standardError);
  CHECK(std::fabs(c.dual - least) < 3 * c.standardError);
  CHECK(std::fabs(c.gap) < 3 * c.standardError);
}

}  // namespace

TEST_CASE(
    "all algorithms of the master objective with 50,000 particles: primal, dual and gap within three standard errors "
    "of the exact optimum") {
  check_against_quadrature<Langevin>({}, 0.08, 330);
  SgdLangevin::Options sgd;
  sgd.minibatch = 10;
  check_against_quadrature<SgdLangevin>(sgd, 0.03, 700);
  SvrgLangevin::Options svrg;
  svrg.minibatch = 5;
  svrg.anchorInterval = 4;
  check_against_quadrature<SvrgLangevin>(svrg, 0.08, 330);
  DualAveraging::Options averaging;
  averaging.innerSteps = 8;
  check_against_quadrature<DualAveraging>(averaging, 0.08, 70);
  DualCoordinateAscent::Options ascent;
  ascent.coordinates = Setting::n;
  ascent.bound = 1;
  ascent.innerSteps = 12;
  check_against_quadrature<DualCoordinateAscent>(ascent, 0.08, 24);
  FictitiousPlay::Options play;
  play.mixing = 0.2;
  play.innerSteps = 10;
  check_against_quadrature<FictitiousPlay>(play, 0.08, 45);
  UnderdampedLangevin::Options underdamped;
  underdamped.friction = 1;
  check_against_quadrature<UnderdampedLangevin>(underdamped, 0.08, 450);
}
