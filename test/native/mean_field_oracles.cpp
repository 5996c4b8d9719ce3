// Closed forms of the mean-field family: the linear model, the zero-loss Gaussian, the recursion of dual averaging.
// Tolerances are standard errors of the estimates, stated beside each.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "native/mean_field/dual_averaging.h"
#include "native/mean_field/langevin.h"
#include "native/mean_field/problem.h"
#include "test/native/models.h"

using namespace meanfield;

TEST_CASE("linear model: the mean of the particles follows m <- m - eta((1+2 ridge) m - y) with the noise's mean") {
  const double ridge = 0.2, entropy = 1e-8, eta = 0.1, target = 100;
  LinearModel model(4, target, ridge, entropy, 50);
  Langevin::State state = Langevin::init(model.problem, {});
  double m = 50;
  for (int k = 0; k < 60; ++k) {
    Langevin::step(state, model.problem, {}, eta);
    m -= eta * ((1 + 2 * ridge) * m - target);
  }
  // Noise of standard deviation sqrt(2·1e-8·0.1) ≈ 4.5e-5 a step and float32 rounding of numbers near 70 (4e-6 a step).
  CHECK(std::fabs(model.mean() - m) < 2e-3);
  CHECK(std::fabs(m - target / (1 + 2 * ridge)) < 0.5);
}

TEST_CASE("linear model: stationary spread within the swarm and of its mean, in discrete time") {
  const double ridge = 0.2, entropy = 0.3, eta = 0.1, target = 60;
  const int64_t M = 20;
  const double within = entropy / (2 * ridge) / (1 - eta * ridge);
  const double ofMean = entropy / (M * (1 + 2 * ridge) * (1 - eta * (1 + 2 * ridge) / 2));
  const double optimum = target / (1 + 2 * ridge);
  LinearModel model(M, target, ridge, entropy, optimum, 7);
  Langevin::State state = Langevin::init(model.problem, {});
  double sumWithin = 0, sumMean = 0, sumSquare = 0;
  // Thinned by 1/(2 eta ridge) = 25 steps, the autocorrelation time, so that draws are nearly independent.
  const int draws = 4000, thin = 50;
  for (int k = 0; k < 500; ++k) Langevin::step(state, model.problem, {}, eta);
  for (int draw = 0; draw < draws; ++draw) {
    for (int k = 0; k < thin; ++k) Langevin::step(state, model.problem, {}, eta);
    sumWithin += model.variance();
    const double deviation = model.mean() - optimum;
    sumMean += deviation;
    sumSquare += deviation * deviation;
  }
  // Relative standard errors: within sqrt(2/(R(M−1))), of the mean sqrt(2/R); correlation exp(−2) widens them by at most
  // sqrt((1+ρ²)/(1−ρ²)) < 1.03. Five of them are allowed.
  CHECK(std::fabs(sumWithin / draws / within - 1) < 5 * 1.03 * std::sqrt(2.0 / (draws * (M - 1))));
  CHECK(std::fabs(sumSquare / draws / ofMean - 1) < 5 * 1.03 * std::sqrt(2.0 / draws));
  CHECK(std::fabs(sumMean / draws) < 5 * std::sqrt(ofMean / draws) * 1.2);
}

TEST_CASE("linear model: the particle bias of the objective is proportional to 1/M") {
  // E F exceeds its value at infinite M by half the variance of the mean (output term), exactly lambda/(2M(1+2 ridge)…).
  const double ridge = 0.2, entropy = 0.3, eta = 0.1, target = 60, optimum = target / (1 + 2 * ridge);
  double bias[2];
  const int64_t sizes[2] = {5, 80};
  const int draws = 4000;
  for (int which = 0; which < 2; ++which) {
    LinearModel model(sizes[which], target, ridge, entropy, optimum, 11);
    Langevin::State state = Langevin::init(model.problem, {});
    double sum = 0;
    for (int k = 0; k < 300; ++k) Langevin::step(state, model.problem, {}, eta);
    for (int draw = 0; draw < draws; ++draw) {
      for (int k = 0; k < 25; ++k) Langevin::step(state, model.problem, {}, eta);
      const double deviation = model.mean() - optimum;
      sum += deviation * deviation / 2;
    }
    bias[which] = sum / draws;
  }
  // Each with relative standard error sqrt(2/R)·(1+ρ)/(1−ρ) ≲ 0.025; the ratio of two within five of the combined 0.035.
  CHECK(bias[0] / bias[1] == doctest::Approx(16).epsilon(0.18));
}

TEST_CASE("zero-loss Gaussian: stationary variance v*/(1 - eta ridge) in every coordinate, chi-square on the norm") {
  const double ridge = 0.5, entropy = 0.4, eta = 0.3;
  const int64_t M = 2000, p = 6;
  Neuron neuron;
  neuron.secondLayer = SecondLayer::Fixed;
  Network network(reference_backend(), {M, p, neuron, 1});
  const std::vector<float> zeros(static_cast<size_t>(p), 0.f);  // x = 0: every neuron outputs tanh(0) = 0 = y
  const double y = 0;
  Problem problem(network, {network.add_matrix(MatrixView<const float>(zeros.data(), 1, p)), 1, &y},
                  {LossKind::Squared, 1}, ridge, entropy, entropy / (2 * ridge), 3);
  problem.draw_initial(Stream::Init, 0);
  Langevin::State state = Langevin::init(problem, {});
  for (int k = 0; k < 60; ++k) Langevin::step(state, problem, {}, eta);
  const double expected = entropy / (2 * ridge) / (1 - eta * ridge);
  // E‖θ‖² over M·p independent coordinates: relative standard error sqrt(2/(M p)).
  CHECK(std::fabs(network.second_moment() / p / expected - 1) < 5 * std::sqrt(2.0 / (M * p)));
}

TEST_CASE(
    "dual averaging: inner loop at a fixed target is an AR(1) of variance lambda/(a(1 - eta a/2)), a = 2 ridge "
    "t/(t+2)") {
  const double ridge = 0.5, entropy = 0.4, eta = 0.3;
  const int64_t M = 20000;
  Neuron neuron;
  neuron.secondLayer = SecondLayer::Fixed;
  Network network(reference_backend(), {M, 1, neuron, 1});
  const float zero = 0;
  const double y = 0;
  Problem problem(network, {network.add_matrix(MatrixView<const float>(&zero, 1, 1)), 1, &y}, {LossKind::Squared, 1},
                  ridge, entropy, 1, 5);
  problem.draw_initial(Stream::Init, 0);
  DualAveraging::Options options;
  options.innerSteps = 120;
  DualAveraging::State state = DualAveraging::init(problem, options);
  for (int t = 1; t <= 3; ++t) {
    DualAveraging::step(state, problem, options, eta);
    const double a = 2 * ridge * t / (t + 2.0);
    const double expected = entropy / (a * (1 - eta * a / 2));
    CHECK(std::fabs(network.second_moment() / expected - 1) < 5 * std::sqrt(2.0 / M));
  }
}

TEST_CASE("dual averaging: weights of a frozen network are t/(t+2) times the loss derivative") {
  LinearModel model(3, 10, 0.2, 0.1, 4);
  DualAveraging::Options options;
  options.innerSteps = 1;
  DualAveraging::State state = DualAveraging::init(model.problem, options);
  const std::vector<float> frozen = model.network.read_particles();
  for (int t = 1; t <= 40; ++t) {
    DualAveraging::step(state, model.problem, options, 1e-9);
    CHECK(state.weights[0] == doctest::Approx(t / (t + 2.0) * (4 - 10)).epsilon(1e-12));
    model.problem.write_particles(frozen.data());
  }
}

TEST_CASE(
    "dual averaging: exact inner solves of the linear model obey e_{t+1} = ((t-1-1/ridge)/(t+1)) e_t, zero from K+2") {
  const double ridge = 0.2, target = 7, optimum = target / (1 + 2 * ridge);  // 1/ridge = 5 = K
  LinearModel model(1, target, ridge, 1e-12, optimum - 0.1);
  DualAveraging::Options options;
  DualAveraging::State state = DualAveraging::init(model.problem, options);
  double error = model.mean() - optimum;
  for (int t = 1; t <= 12; ++t) {
    DualAveraging::step(state, model.problem, options, 1e-12);
    // The mean of the Gaussian target density: the inner loop solved exactly.
    const float mean = static_cast<float>(-state.weights[0] / (2 * ridge * t / (t + 2.0)));
    model.problem.write_particles(&mean);
    error *= (t - 1 - 1 / ridge) / (t + 1);
    // float32 particles near 5: 3e-7 an evaluation, amplified at most 2.5-fold by the recursion.
    CHECK(std::fabs(model.mean() - optimum - error) < 1e-5);
    if (t <= 5) CHECK(std::fabs(error) > 0.01);
  }
}

TEST_CASE("dual averaging with one inner step and fresh weights is a Langevin step on tempered weights") {
  LinearModel a(5, 12, 0.2, 0.1, 4, 9), b(5, 12, 0.2, 0.1, 4, 9);
  DualAveraging::Options options;
  options.innerSteps = 1;
  DualAveraging::State dual = DualAveraging::init(a.problem, options);
  DualAveraging::step(dual, a.problem, options, 0.1);
  // t = 1: weights and ridge both tempered by 1/3.
  std::vector<double> weights;
  b.problem.loss_weights(weights);
  for (double& weight : weights) weight /= 3;
  Update update;
  update.keep = 1 - 2 * 0.1 * 0.2 / 3;
  update.rate = 0.1;
  update.noise = std::sqrt(2 * 0.1 * 0.1);
  update.field = {9, Stream::Noise};
  b.problem.update(weights, update);
  CHECK(a.network.read_particles() == b.network.read_particles());
}
