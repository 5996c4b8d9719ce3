// Counters, constants of the methods, bounds, degenerate cases of the accelerated methods, bad input.
#include <doctest/doctest.h>

#include "native/finite_sum/amsvrg.h"
#include "native/finite_sum/dasvrda.h"
#include "native/finite_sum/katyusha.h"
#include "test/native/finite_sum_data.h"

using namespace finite_sum_test;

TEST_CASE("counters: passes and queries are those of the formulas") {
  const Data data = make_data(120, 6, LossKind::Logistic, 1, 0, 2);
  const auto count = [&](const char* algorithm, OptionValues options, int steps) {
    LinearFitRequest request = request_of(data, data.view(), "logistic", 1, false, 0, 0.01, algorithm);
    request.algorithmOptions = std::move(options);
    request.run = {{"tolerance", 0.0}, {"steps", static_cast<double>(steps)}, {"threads", 1.0}};
    return fit(request);
  };
  const double n = 120, b = 8, m = 15;
  // A stage: n + b m evaluations and n/b + m queries, after a first full gradient.
  for (const char* name : {"svrg", "acc-svrg", "dasvrda", "katyusha"}) {
    const LinearFitResult r = count(name, {{"minibatch", b}}, 3);
    CHECK(r.passes == doctest::Approx(1 + 3 * (n + b * m) / n).epsilon(1e-14));
    CHECK(r.queries == doctest::Approx(n / b + 3 * (n / b + m)).epsilon(1e-14));
  }
  const LinearFitResult sarah = count("sarah", {{"minibatch", b}}, 3);
  CHECK(sarah.passes == doctest::Approx(1 + 3 * (n + 2 * b * (m - 1)) / n).epsilon(1e-14));
  const LinearFitResult saga = count("saga", {{"minibatch", b}}, 4);
  CHECK(saga.passes == doctest::Approx(1 + 4).epsilon(1e-14));
  CHECK(saga.queries == doctest::Approx(n / b + 4 * m).epsilon(1e-14));
  CHECK(count("sdca", {}, 5).passes == doctest::Approx(5).epsilon(1e-14));
  CHECK(count("fista", {{"innerSteps", 7.0}}, 1).passes == doctest::Approx(1 + 6 + 1).epsilon(1e-14));
  // AMSVRG, R1: minibatches ⌈n(k+2)/(p(n−1)+k+2)⌉ until they sum to n.
  double used = 0;
  for (int k = 0; used < n; ++k) used += static_cast<double>(Amsvrg::minibatch(120, 0.1, k));
  CHECK(count("amsvrg", {}, 1).passes == doctest::Approx(2 + used / n).epsilon(1e-14));
}

TEST_CASE("DASVRDA with b = n is accelerated dual averaging without noise, over stages and to rounding") {
  const Data data = make_data(30, 5, LossKind::Logistic, 1, 0.5, 8);
  for (const bool sparse : {false, true}) {
    Sum sum(data, sparse, {LossKind::Logistic, 1}, 1, true, {0.01, 0.05, false});
    FiniteSum& f = sum.f;
    LinearChoices chosen;
    const Vector zero(static_cast<size_t>(f.size), 0.0);
    const double eta = 0.2, gamma = 3;
    const int m = 6;
    Dasvrda::Options options;
    options.minibatch = 30;
    options.innerSteps = m;
    options.step = eta;
    options.gamma = gamma;
    options.sampling = Sampling::Uniform;
    options.restart = Dasvrda::Restart::Fixed;
    options.stages = 100;
    SolverOf<Dasvrda> dasvrda(f, options, zero, chosen);
    Vector x = zero, xBefore = zero, zOuter = zero;  // x~, the one before, z~
    Pass pass;
    for (int s = 1; s <= 3; ++s) {
      dasvrda.step();
      const double now = (1 - 1 / gamma) * (s + 2) / 2, before = s == 1 ? 1 - 1 / gamma : (1 - 1 / gamma) * (s + 1) / 2;
      Vector start(zero), xk, zk, yk(zero), mean(zero);
      for (int64_t j = 0; j < f.size; ++j)
        start[j] = x[j] + (before - 1) / now * (x[j] - xBefore[j]) + before / now * (zOuter[j] - x[j]);
      xk = zk = start;
      for (int k = 1; k <= m; ++k) {
        const double theta = (k + 1) / 2.0, last = k / 2.0;
        for (int64_t j = 0; j < f.size; ++j) yk[j] = (1 - 1 / theta) * xk[j] + zk[j] / theta;
        f.pass(yk.data(), pass);
        for (int64_t j = 0; j < f.size; ++j) {
          mean[j] = (1 - 1 / theta) * mean[j] + pass.gradient[j] / theta;
          zk[j] = f.prox(start[j] - eta * theta * last * mean[j], eta * theta * last, f.penalised(j));
          xk[j] = (1 - 1 / theta) * xk[j] + zk[j] / theta;
        }
      }
      xBefore = x;
      x = xk;
      zOuter = zk;
      for (int64_t j = 0; j < f.size; ++j) CHECK(std::fabs(dasvrda.weights()[j] - x[j]) < 1e-12);
    }
  }
}

TEST_CASE("AMSVRG: a stage begins with a full gradient step; Option II never raises the objective, whatever the step") {
  const Data data = make_data(200, 6, LossKind::Logistic, 1, 0.3, 13);
  for (const Amsvrg::Restart restart : {Amsvrg::Restart::R1, Amsvrg::Restart::R2, Amsvrg::Restart::R3})
    for (const double scale : {0.5, 1.0, 1.9}) {
      Sum sum(data, false, {LossKind::Logistic, 1}, 1, true, {0, 1e-3, false});
      FiniteSum& f = sum.f;
      LinearChoices chosen;
      Vector w(static_cast<size_t>(f.size), 0.0);
      Amsvrg::Options options;
      options.restart = restart;
      options.output = Amsvrg::Output::Monotone;
      // y_1 descends for every step below 2/L.
      options.step = scale / (f.constants().mean + 1e-3);
      Amsvrg::State s = Amsvrg::init(f, options, w, chosen);
      double before = f.objective(s.at, s.w.data());
      for (int stage = 0; stage < 12; ++stage) {
        Amsvrg::step(s, f);
        Pass pass;
        f.pass(s.w.data(), pass);
        const double after = f.objective(pass, s.w.data());
        CHECK(after <= before + 1e-14);
        before = after;
        // x_1 = y_0: the minibatch correction vanishes, whatever the rows drawn.
        Batch batch(f);
        batch.rows = {3, 17, 90};
        batch.scale = {1, 1, 1};
        batch.correct(f, s.w.data(), s.at.derivatives.data());
        for (double a : batch.coefficients) CHECK(std::fabs(a) < 1e-15);
      }
    }
  // A step beyond all reason ends, and is halved until it descends.
  LinearFitRequest request = request_of(data, data.view(), "logistic", 1, false, 0, 1e-2, "amsvrg");
  for (const char* restart : {"R1", "R2", "R3"}) {
    request.algorithmOptions = {{"step", 1e4}, {"restart", std::string(restart)}};
    CHECK(fit(request).stop == "gap");
  }
}

TEST_CASE("Katyusha: the weights of the snapshot sum to one, so that a constant iterate is its own mean") {
  // One step a stage: the mean is y itself, y = prox of x − g/(3L*) with x = x~ at the start.
  const Data data = make_data(60, 4, LossKind::Logistic, 1, 0.5, 3);
  Sum sum(data, false, {LossKind::Logistic, 1}, 1, false, {0, 0.01, false});
  FiniteSum& f = sum.f;
  LinearChoices chosen;
  Katyusha::Options options;
  options.minibatch = 60;
  options.innerSteps = 1;
  Katyusha::State s = Katyusha::init(f, options, Vector(4, 0.0), chosen);
  const double step = 1 / (3 * Katyusha::steps_of(s, f).smooth);
  Vector expected(4);
  for (int64_t j = 0; j < 4; ++j) expected[j] = f.prox(-step * s.at.gradient[j], step, true);
  Katyusha::step(s, f);
  for (int64_t j = 0; j < 4; ++j) CHECK(s.w[j] == doctest::Approx(expected[j]).epsilon(1e-13));
}

TEST_CASE(
    "Acc-SVRG far below its minibatch with a long step: the guard undoes the stages that rise, and it still arrives") {
  const Data data = make_data(400, 6, LossKind::Logistic, 1, 0.8, 17);
  LinearFitRequest request = request_of(data, data.view(), "logistic", 1, false, 0, 1e-3, "acc-svrg");
  request.algorithmOptions = {{"minibatch", 1.0}, {"step", 50.0}};
  const LinearFitResult result = fit(request);
  CHECK(result.stop == "gap");
  const size_t width = linear_trace_columns().size();
  for (size_t row = width; row < result.trace.size(); row += width)
    CHECK(result.trace[row + 3] <= result.trace[row + 3 - width] * (1 + 1e-12));
}

TEST_CASE("constants of the methods: AMSVRG's minibatch rule, DASVRDA's sum, Katyusha's weights") {
  for (int64_t n : {50, 1000, 16384})
    for (double p : {0.1, 0.4, 3.0})
      for (int64_t k = 0; k < 200; ++k) {
        const double b = static_cast<double>(Amsvrg::minibatch(n, p, k)), nn = static_cast<double>(n);
        const double delta = (nn - b) / (b * (nn - 1)), alpha = static_cast<double>(k + 2) / 4;  // L = 1/η = 1
        CHECK(4 * delta * alpha <= p * (1 + 1e-12));
      }
  double sum = 0;
  for (int64_t k = 1; k < 500; ++k) {
    sum += 0.5 * static_cast<double>(k);
    CHECK(sum == doctest::Approx((static_cast<double>(k) + 1) / 2 * (static_cast<double>(k) / 2)));
  }
  const Data data = make_data(400, 5, LossKind::Logistic, 1, 1, 6);
  for (double l2 : {0.0, 1e-6, 1e-3, 0.1})
    for (int64_t b : {1, 8, 20, 100, 400}) {
      Sum problem(data, false, {LossKind::Logistic, 1}, 1, false, {0, l2, false});
      Katyusha::Options options;
      options.minibatch = b;
      LinearChoices chosen;
      Katyusha::State s = Katyusha::init(problem.f, options, Vector(5, 0.0), chosen);
      const Katyusha::Steps c = Katyusha::steps_of(s, problem.f);
      CHECK(c.tau1 > 0);
      CHECK(c.tau1 + c.tau2 <= 1 + 1e-15);
    }
}

TEST_CASE("bounds: gap >= P - P*, for every loss, with and without intercept, weights, L1 and L2") {
  uint64_t r = 12;
  for (LossKind kind : {LossKind::Squared, LossKind::Logistic, LossKind::SmoothHinge, LossKind::Huber,
                        LossKind::SquaredHinge, LossKind::Poisson})
    for (const bool intercept : {false, true}) {
      const Data data = make_data(40, 4, kind, 1, 0, 3);
      const Loss loss{kind, 0.7};
      const double l2 = 0.05, best = newton_optimum(data, loss, intercept, l2);
      Sum sum(data, false, loss, 1, intercept, {0, l2, false});
      const DualAnchors anchors = dual_anchors(sum.f);
      Pass pass;
      double smallest = 1e300;
      for (int i = 0; i < 60; ++i) {
        Vector w(static_cast<size_t>(sum.f.size));
        for (double& v : w) v = between(r, -1, 1) * std::pow(0.9, i);
        sum.f.pass(w.data(), pass);
        const DualBound bound = dual_bound(sum.f, anchors, pass, w.data());
        CHECK(bound.primal == doctest::Approx(objective(data, loss, 1, intercept, 0, l2, w.data())).epsilon(1e-12));
        CHECK(bound.dual <= best + 1e-12);
        smallest = std::min(smallest, bound.gap);
      }
      CHECK(smallest < 1e300);
    }
}

TEST_CASE("L1: the solution is zero exactly when l1 >= |X'y/2|/n") {
  const Data data = make_data(50, 6, LossKind::Logistic, 1, 0, 21);
  double top = 0;
  for (int64_t j = 0; j < 6; ++j) {
    double sum = 0;
    for (int64_t i = 0; i < 50; ++i) sum += data.dense[i * 6 + j] * data.targets[i] / 2;
    top = std::max(top, std::fabs(sum) / 50);
  }
  for (const char* algorithm : {"coordinate-descent", "svrg", "saga", "fista"}) {
    CHECK(fit(request_of(data, data.view(), "logistic", 1, false, top * 1.0001, 0, algorithm)).nonZeros == 0);
    CHECK(fit(request_of(data, data.view(), "logistic", 1, false, top * 0.98, 0, algorithm)).nonZeros > 0);
  }
}

TEST_CASE("bad data are refused by name before any work") {
  Data data = make_data(20, 4, LossKind::Logistic, 0.7, 0, 2);
  const auto message = [&](const LinearFitRequest& request) -> std::string {
    try {
      fit(request);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  LinearFitRequest good = request_of(data, data.view(), "logistic", 1, true, 0, 0.1, "svrg");
  CHECK(message(good).empty());
  LinearFitRequest many = good;
  many.algorithmOptions = {{"minibatch", 21.0}};
  CHECK(message(many).find("minibatch is 21 but the data have 20 rows") != std::string::npos);
  LinearFitRequest negative = good;
  negative.model = {{"l1", -1.0}};
  CHECK(message(negative).find("option 'l1' is -1") != std::string::npos);
  Data unsorted = data;
  std::swap(unsorted.columns[0], unsorted.columns[1]);
  CHECK(message(request_of(unsorted, unsorted.sparse(), "logistic", 1, true, 0, 0.1, "svrg"))
            .find("increasing columns") != std::string::npos);
  unsorted.columns[0] = unsorted.columns[1];
  CHECK(message(request_of(unsorted, unsorted.sparse(), "logistic", 1, true, 0, 0.1, "svrg"))
            .find("without repetition") != std::string::npos);
  Data nan = data;
  nan.dense[5] = std::nan("");
  CHECK(
      message(request_of(nan, nan.view(), "logistic", 1, true, 0, 0.1, "svrg")).find("row 1, column 1 is not finite") !=
      std::string::npos);
  LinearFitRequest l2 = good;
  l2.model = {{"l2", -0.5}};
  CHECK(message(l2).find("option 'l2' is -0.5") != std::string::npos);
  Data stored = data;
  stored.values[2] = INFINITY;
  CHECK(message(request_of(stored, stored.sparse(), "logistic", 1, true, 0, 0.1, "svrg")).find("not finite") !=
        std::string::npos);
  Data outside = data;
  outside.columns[0] = 9;
  CHECK(message(request_of(outside, outside.sparse(), "logistic", 1, true, 0, 0.1, "svrg")).find("column 9") !=
        std::string::npos);
  Data number = data;
  number.targets[7] = std::nan("");
  CHECK(message(request_of(number, number.view(), "squared", 1, true, 0, 0.1, "svrg")).find("target of row 7") !=
        std::string::npos);
  CHECK(message(request_of(number, number.view(), "logistic", 1, true, 0, 0.1, "svrg")).find("target of row 7") !=
        std::string::npos);
  Data label = data;
  label.targets[3] = 2;
  CHECK(message(request_of(label, label.view(), "logistic", 1, true, 0, 0.1, "svrg")).find("target of row 3 is 2") !=
        std::string::npos);
  CHECK(message(request_of(data, data.view(), "logistic", 1, true, 0, 0.1, "sdca")).find("unpenalised intercept") !=
        std::string::npos);
  CHECK(message(request_of(data, data.view(), "logistic", 1, true, 0, 0.1, "svgr")).find("Did you mean 'svrg'?") !=
        std::string::npos);
  // Zero rows, zero columns: nothing to refuse, and a solution.
  Data zero = data;
  for (int64_t j = 0; j < 4; ++j) zero.dense[4 + j] = 0;
  for (int64_t i = 0; i < 20; ++i) zero.dense[i * 4 + 2] = 0;
  for (const char* algorithm : {"svrg", "newton", "coordinate-descent", "saga"})
    CHECK(fit(request_of(zero, zero.view(), "logistic", 1, true, 0, 0.1, algorithm)).stop == "gap");
  CHECK(fit(request_of(zero, zero.view(), "logistic", 1, false, 0, 0.1, "sdca")).stop == "gap");
  CHECK(fit(request_of(zero, zero.view(), "logistic", 1, false, 0, 0.1, "point-saga")).stop == "gap");
}
