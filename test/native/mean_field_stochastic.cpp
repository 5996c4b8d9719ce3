// Stochastic gradients of the mean-field family: the degenerate cases that are full batch, the variance of minibatches,
// the floor of SGD, the control variate of SVRG.
#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <vector>

#include "native/mean_field/dual_averaging.h"
#include "native/mean_field/langevin.h"
#include "native/mean_field/sgd_langevin.h"
#include "native/mean_field/svrg_langevin.h"
#include "test/native/models.h"

using namespace meanfield;

namespace {

template <class A>
std::vector<float> run(Problem& problem, const typename A::Options& options, double step, int steps) {
  typename A::State state = A::init(problem, options);
  for (int k = 0; k < steps; ++k) A::step(state, problem, options, step);
  return problem.network.read_particles();
}

}  // namespace

TEST_CASE("minibatches: distinct rows in order, the same for the same step, every row and pair equally often") {
  const int64_t n = 10, B = 3;
  const int draws = 30000;
  std::vector<int> rows(n, 0), pairs(n * n, 0);
  for (int k = 0; k < draws; ++k) {
    const std::vector<int32_t> batch = draw_minibatch(5, k, n, B);
    REQUIRE(batch == draw_minibatch(5, k, n, B));
    REQUIRE(std::set<int32_t>(batch.begin(), batch.end()).size() == B);
    REQUIRE(std::is_sorted(batch.begin(), batch.end()));
    for (int32_t i : batch) {
      REQUIRE((i >= 0 && i < n));
      ++rows[static_cast<size_t>(i)];
      for (int32_t j : batch)
        if (i < j) ++pairs[static_cast<size_t>(i * n + j)];
    }
  }
  // Binomial counts with probabilities B/n and B(B−1)/(n(n−1)): five standard deviations.
  const double p1 = 0.3, p2 = 6.0 / 90;
  for (int count : rows) CHECK(std::fabs(count - draws * p1) < 5 * std::sqrt(draws * p1 * (1 - p1)));
  for (int i = 0; i < n; ++i)
    for (int j = i + 1; j < n; ++j)
      CHECK(std::fabs(pairs[static_cast<size_t>(i * n + j)] - draws * p2) < 5 * std::sqrt(draws * p2 * (1 - p2)));
}

TEST_CASE("sgd-langevin with B = n and svrg-langevin with m = 1 are langevin, bit for bit") {
  for (const Backend* backend : {reference_backend(), cpu_backend()}) {
    TanhModel a(37, 50, 3, 0.01, 0.01, 2, backend), b(37, 50, 3, 0.01, 0.01, 2, backend),
        c(37, 50, 3, 0.01, 0.01, 2, backend);
    SgdLangevin::Options whole;
    whole.minibatch = 50;
    SvrgLangevin::Options every;
    every.minibatch = 7;
    every.anchorInterval = 1;
    const std::vector<float> expected = run<Langevin>(a.problem, {}, 0.3, 20);
    CHECK(run<SgdLangevin>(b.problem, whole, 0.3, 20) == expected);
    CHECK(run<SvrgLangevin>(c.problem, every, 0.3, 20) == expected);
  }
}

TEST_CASE("sgd-langevin with the rows in order: each row once a pass, and block after block the particles of one run") {
  const int64_t n = 23, B = 5, d = 3, M = 37, first = 2 * B;
  for (int64_t k = 0; k < 10; ++k) {
    const Minibatch batch = Minibatch::in_order(k, n, B);
    CHECK(batch.count == (k % 5 == 4 ? 3 : B));
    for (int64_t i = 0; i < batch.count; ++i) CHECK(batch.row(i) == k % 5 * B + i);
  }
  SgdLangevin::Options options;
  options.minibatch = B;
  options.order = SgdLangevin::Order::Rows;
  for (const Backend* backend : {reference_backend(), cpu_backend()}) {
    TanhModel whole(M, n, d, 0.01, 0.01, 2, backend), begin(M, first, d, 0.01, 0.01, 2, backend);
    const std::vector<float> half = run<SgdLangevin>(begin.problem, options, 0.3, 2);
    Network network(backend, TanhModel::shape(M, d, 1));
    const MatrixView<const float> rest{whole.x.data() + first * d, n - first, d};
    Problem problem(network, {network.add_matrix(rest), n - first, whole.y.data() + first}, {LossKind::Squared, 1},
                    0.01, 0.01, 1, 2);
    problem.firstStep = 2;
    problem.write_particles(half.data());
    const std::vector<float> end = run<SgdLangevin>(problem, options, 0.3, 3);
    CHECK(run<SgdLangevin>(whole.problem, options, 0.3, 5) == end);
    CHECK(end != half);
  }
}

TEST_CASE("svrg-langevin: on the linear model the control variate is exact, the run is langevin to rounding") {
  const std::vector<double> targets = {40, 55, 60, 70, 71, 80, 83, 90, 95};
  LinearModel a(6, targets, 0.2, 0.3, 50, 3), b(6, targets, 0.2, 0.3, 50, 3);
  SvrgLangevin::Options options;
  options.minibatch = 3;
  options.anchorInterval = 3;
  const std::vector<float> full = run<Langevin>(a.problem, {}, 0.1, 100);
  // Rounding of float32 numbers near 60, 4e-6 each of a few operations, contracted by 1 − eta a step.
  CHECK(distance(full, run<SvrgLangevin>(b.problem, options, 0.1, 100)) < 2e-4);
}

TEST_CASE(
    "svrg-langevin: the first step after an anchor is the full gradient, and its error vanishes with the distance") {
  const int64_t M = 20, n = 40;
  double errors[2];
  const double distances[2] = {0.2, 0.02};
  for (int d = 0; d < 2; ++d) {
    double sum = 0;
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      TanhModel model(M, n, 3, 0.01, 1e-30, seed);
      SvrgLangevin::Options options;
      options.minibatch = 5;
      options.anchorInterval = 8;
      SvrgLangevin::State state = SvrgLangevin::init(model.problem, options);
      SvrgLangevin::step(state, model.problem, options, 1e-9);  // the anchor, hardly moved
      std::vector<float> moved = state.anchor.read();
      for (size_t i = 0; i < moved.size(); ++i)
        moved[i] +=
            static_cast<float>(distances[d] * RandomField{seed, Stream::Output}.normal(0, static_cast<uint32_t>(i), 0));
      model.problem.write_particles(moved.data());
      std::vector<double> weights;
      model.problem.loss_weights(weights);
      std::vector<float> full(moved.size());
      model.network.gradient(model.problem.train.matrix, {nullptr, n}, weights.data(), full.data());
      const double eta = 1;
      SvrgLangevin::step(state, model.problem, options, eta);
      const std::vector<float> after = model.network.read_particles();
      for (size_t i = 0; i < moved.size(); ++i) {
        const double v = (moved[i] - after[i]) / eta - 2 * 0.01 * moved[i];
        sum += (v - full[i]) * (v - full[i]);
      }
    }
    errors[d] = sum;
  }
  // Quadratic in the distance: 100 up to curvature.
  CHECK(errors[0] / errors[1] > 50);
  CHECK(errors[0] / errors[1] < 200);
}

TEST_CASE(
    "sgd-langevin: the predicted floor eta Var(y) c_B/((1+2 ridge)(2 − eta(1+2 ridge))), whatever the particles") {
  std::vector<double> targets;
  for (int i = 0; i < 12; ++i) targets.push_back(60 + 7 * std::sin(3.0 * i));
  double mean = 0, variance = 0;
  for (double y : targets) mean += y / 12;
  for (double y : targets) variance += (y - mean) * (y - mean) / 12;
  const double ridge = 0.05, eta = 0.2, n = 12, B = 3, curvature = 1 + 2 * ridge;
  const double floor = eta * variance * (n - B) / (B * (n - 1)) / (curvature * (2 - eta * curvature));
  for (int64_t M : {int64_t{1}, int64_t{4}}) {
    LinearModel model(M, targets, ridge, 1e-30, mean / curvature, 11);
    SgdLangevin::Options options;
    options.minibatch = 3;
    SgdLangevin::State state = SgdLangevin::init(model.problem, options);
    // e ← (1 − eta curvature) e + noise: thinned to a correlation of (1 − 0.22)^10 = 0.08.
    const int draws = 4000;
    double sum = 0;
    for (int draw = 0; draw < draws; ++draw) {
      for (int k = 0; k < 10; ++k) SgdLangevin::step(state, model.problem, options, eta);
      const double e = model.mean() - mean / curvature;
      sum += e * e;
    }
    CHECK(std::fabs(sum / draws / floor - 1) < 5 * 1.1 * std::sqrt(2.0 / draws));
  }
}

TEST_CASE(
    "dual averaging by minibatches: the weights are those of the sum written out, and rows not drawn cost nothing") {
  const std::vector<double> y = {8, 9, 11, 10, 12, 7};
  const int64_t n = static_cast<int64_t>(y.size());
  LinearModel model(3, y, 0.2, 0.1, 4, 5);
  DualAveraging::Options options;
  options.innerSteps = 2;
  options.minibatch = 2;
  DualAveraging::State state = DualAveraging::init(model.problem, options);
  const std::vector<float> frozen = model.network.read_particles();
  std::vector<std::vector<int32_t>> drawn;
  for (int t = 1; t <= 12; ++t) {
    drawn.push_back(draw_minibatch(5, t - 1, n, 2));
    const double passes = DualAveraging::step(state, model.problem, options, 1e-9).passes;
    std::vector<double> expected(y.size(), 0.0);
    std::vector<bool> seen(y.size(), false);
    for (int s = 1; s <= t; ++s)
      for (int32_t i : drawn[static_cast<size_t>(s - 1)]) {
        expected[static_cast<size_t>(i)] += 2.0 * s / ((t + 1.0) * (t + 2)) * (4 - y[static_cast<size_t>(i)]) / 2;
        seen[static_cast<size_t>(i)] = true;
      }
    for (size_t i = 0; i < y.size(); ++i) CHECK(state.weights[i] == doctest::Approx(expected[i]).epsilon(1e-12));
    const double part = static_cast<double>(std::count(seen.begin(), seen.end(), true)) / static_cast<double>(n);
    CHECK(passes == doctest::Approx(2.0 / static_cast<double>(n) + 2 * part));
    model.problem.write_particles(frozen.data());
  }
}

TEST_CASE("dual averaging by minibatches: all rows are the finite-sum form, bit for bit") {
  TanhModel one(40, 30, 3, 0.01, 0.01), other(40, 30, 3, 0.01, 0.01);
  DualAveraging::Options all, some;
  some.minibatch = 30;
  DualAveraging::State a = DualAveraging::init(one.problem, all), b = DualAveraging::init(other.problem, some);
  for (int t = 0; t < 5; ++t) {
    DualAveraging::step(a, one.problem, all, 0.1);
    DualAveraging::step(b, other.problem, some, 0.1);
  }
  CHECK(one.network.read_particles() == other.network.read_particles());
}

TEST_CASE(
    "dual averaging by minibatches of one: the error of the linear model has the variance of its recursion, like 1/t") {
  // e_{t+1} = ((t − 1 − 2a) e_t + 2a ε_t)/(t + 1) with exact inner loops, a = 1/(2λ'), ε the noise of one row's target.
  const double ridge = 1, a = 1 / (2 * ridge), optimum = 10 / (1 + 2 * ridge);
  constexpr int kRuns = 400, kSteps = 40;
  double variance = 0, sum = 0;
  for (int t = 1; t <= kSteps; ++t)
    variance = (std::pow(t - 1 - 2 * a, 2) * variance + 4 * a * a) / std::pow(t + 1, 2);  // Var ε = 1
  for (uint64_t seed = 1; seed <= kRuns; ++seed) {
    LinearModel model(1, {9, 11}, ridge, 1e-12, optimum, seed);
    DualAveraging::Options options;
    options.innerSteps = 1;
    options.minibatch = 1;
    DualAveraging::State state = DualAveraging::init(model.problem, options);
    for (int t = 1; t <= kSteps; ++t) {
      DualAveraging::step(state, model.problem, options, 1e-12);
      const float mean = static_cast<float>(-(state.weights[0] + state.weights[1]) / (2 * ridge * t / (t + 2.0)));
      model.problem.write_particles(&mean);
    }
    sum += std::pow(model.mean() - optimum, 2);
  }
  CHECK(4 * a * a / ((3 + 4 * a) * kSteps) == doctest::Approx(variance).epsilon(0.1));
  // The mean of 400 squares of nearly normal errors spreads by √(2/400) = 7 %; four of them.
  CHECK(sum / kRuns == doctest::Approx(variance).epsilon(4 * std::sqrt(2.0 / kRuns)));
}
