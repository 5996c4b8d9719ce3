// Properties that every method of the finite-sum family must have, table by table. A new method is tested by its line in
// linear_algorithms().
#include <doctest/doctest.h>
#include <unistd.h>

#include "test/native/finite_sum_data.h"

using namespace finite_sum_test;

namespace {

struct Case {
  const char* name;
  const char* loss;
  LossKind kind;
  int k;
  bool intercept;
  double l1, l2;
  double density;
};

const Case kCases[] = {
    {"ridge", "squared", LossKind::Squared, 1, true, 0, 0.05, 1},
    {"lasso", "squared", LossKind::Squared, 1, true, 0.05, 0, 1},
    {"logistic", "logistic", LossKind::Logistic, 1, true, 0, 0.01, 1},
    {"logistic without intercept", "logistic", LossKind::Logistic, 1, false, 0, 0.01, 1},
    {"logistic l1", "logistic", LossKind::Logistic, 1, true, 0.01, 0, 1},
    {"elastic net, sparse", "logistic", LossKind::Logistic, 1, false, 0.003, 0.01, 0.1},
    {"sparse l2", "logistic", LossKind::Logistic, 1, false, 0, 0.01, 0.1},
    {"squared hinge", "squared-hinge", LossKind::SquaredHinge, 1, false, 0, 0.05, 1},
    {"smooth hinge", "smooth-hinge", LossKind::SmoothHinge, 1, false, 0, 0.05, 1},
    {"huber", "huber", LossKind::Huber, 1, true, 0, 0.05, 1},
    {"one-vs-rest", "logistic", LossKind::Logistic, 3, true, 0, 0.02, 1},
    {"softmax", "softmax", LossKind::Softmax, 3, true, 0, 0.02, 1},
};

Data data_of(const Case& c) { return make_data(120, c.density < 1 ? 40 : 8, c.kind, c.density, 0.5, 31, c.k); }

}  // namespace

TEST_CASE(
    "every method reaches a duality gap of 1e-8 on every problem, or refuses it with a reason; the gap is honest") {
  for (const Case& c : kCases) {
    const Data data = data_of(c);
    const LinearData view = c.density < 1 ? LinearData(data.sparse()) : LinearData(data.view());
    const Loss loss{c.kind, 1};
    const bool classes = c.k > 1 && c.kind != LossKind::Softmax;
    double best = 1e300;
    if (c.k == 1 && c.l1 == 0) best = newton_optimum(data, loss, c.intercept, c.l2);
    if (c.k == 1 && c.l1 > 0) best = ista_optimum(data, loss, c.intercept, c.l1, c.l2, 20000);
    int refused = 0;
    for (const LinearAlgorithm& algorithm : linear_algorithms()) {
      CAPTURE(c.name);
      CAPTURE(algorithm.name);
      try {
        const LinearFitResult result =
            fit(request_of(data, view, c.loss, c.k, c.intercept, c.l1, c.l2, algorithm.name));
        CHECK(result.stop == "gap");
        CHECK(result.gap <= 1e-8);
        CHECK(result.gap >= -1e-14);
        std::vector<double> w;
        for (int k = 0; k < c.k; ++k) {
          w.insert(w.end(), result.weights.begin() + k * data.d, result.weights.begin() + (k + 1) * data.d);
          if (c.intercept) w.push_back(result.intercepts[k]);
        }
        const double value = objective(data, loss, c.k, c.intercept, c.l1, c.l2, w.data(), classes);
        CHECK(value == doctest::Approx(result.objective).epsilon(1e-12));
        if (best < 1e300) {
          CHECK(value - best <= 1e-8 + 1e-12);  // the reference is itself exact to 1e-12
          CHECK(result.dual <= best + 1e-12);
          CHECK(result.gap >= value - best - 1e-12);
        }
      } catch (const Error& error) {
        ++refused;
        CHECK(std::string(error.what()).find("cannot solve this problem: ") != std::string::npos);
      }
    }
    MESSAGE(c.name << ": " << linear_algorithms().size() - static_cast<size_t>(refused) << " methods, " << refused
                   << " refusals");
    CHECK(refused <= 12);
  }
}

TEST_CASE(
    "sparse and dense data give the same iterates; one thread or three give the same bits; the data are untouched") {
  for (const Case& c : {kCases[5], kCases[6]}) {
    const Data data = data_of(c), copy = data;
    for (const LinearAlgorithm& algorithm : linear_algorithms()) {
      CAPTURE(algorithm.name);
      LinearFitRequest request = request_of(data, data.sparse(), c.loss, 1, c.intercept, c.l1, c.l2, algorithm.name);
      // Coordinate descent has a model of its own for each: there the solutions are compared.
      const bool solved = algorithm.name == "coordinate-descent";
      request.run = {{"steps", solved ? 40.0 : 2.0}, {"tolerance", 0.0}, {"threads", 1.0}};
      LinearFitRequest dense = request;
      dense.data = data.view();
      LinearFitRequest narrow = request;
      narrow.data =
          CsrView<double, int32_t>{data.values.data(), data.columns.data(), data.start32.data(), data.n, data.d};
      try {
        const LinearFitResult a = fit(request), b = fit(dense), e = fit(narrow);
        double worst = 0, largest = 0;
        for (size_t j = 0; j < a.weights.size(); ++j) {
          worst = std::max(worst, std::fabs(a.weights[j] - b.weights[j]));
          largest = std::max(largest, std::fabs(a.weights[j]));
        }
        // Sums in another order, through two stages.
        CHECK(worst <= (solved ? 1e-6 : 1e-9) * (largest + 1e-300));
        CHECK(a.weights == e.weights);
        request.run[2].second = 3.0;
        const LinearFitResult t = fit(request);
        CHECK(t.weights == a.weights);
        CHECK(t.objective == a.objective);
        dense.run[2].second = 3.0;
        CHECK(fit(dense).weights == b.weights);
      } catch (const Error& error) {
        CHECK(std::string(error.what()).find("cannot solve this problem: ") != std::string::npos);
      }
    }
    CHECK(data.dense == copy.dense);
    CHECK(data.values == copy.values);
    CHECK(data.targets == copy.targets);
  }
}

TEST_CASE("threads: large minibatches and many chunks, bit for bit") {
  const Data data = make_data(6000, 60, LossKind::Logistic, 1, 0.3, 5);
  for (const char* algorithm : {"svrg", "acc-svrg-appa", "dasvrda", "newton", "fista"}) {
    CAPTURE(algorithm);
    LinearFitRequest request = request_of(data, data.view(), "logistic", 1, true, 0, 1e-4, algorithm);
    if (std::string(algorithm) == "svrg" || std::string(algorithm) == "dasvrda")
      request.algorithmOptions = {{"minibatch", 3000.0}};
    request.run = {{"steps", 2.0}, {"tolerance", 0.0}, {"threads", 1.0}};
    const LinearFitResult one = fit(request);
    request.run[2].second = 4.0;
    const LinearFitResult four = fit(request);
    CHECK(one.weights == four.weights);
    CHECK(one.dual == four.dual);
  }
}

TEST_CASE("a run resumed from a checkpoint is bit-identical to one that was never stopped") {
  const Case& c = kCases[6];
  const Data data = data_of(c);
  const std::string file = "/tmp/meanfield-linear-checkpoint-" + std::to_string(::getpid());
  for (const LinearAlgorithm& algorithm : linear_algorithms()) {
    CAPTURE(algorithm.name);
    LinearFitRequest request = request_of(data, data.sparse(), c.loss, 1, c.intercept, c.l1, c.l2, algorithm.name);
    request.run = {{"steps", 6.0}, {"tolerance", 0.0}, {"threads", 1.0}};
    const LinearFitResult whole = fit(request);
    request.run[0].second = 3.0;
    request.checkpoint = file;
    fit(request);
    request.run[0].second = 6.0;
    request.resume = file;
    const LinearFitResult resumed = fit(request);
    CHECK(resumed.resumedFrom == 3);
    CHECK(resumed.weights == whole.weights);
    CHECK(resumed.passes == whole.passes);
    CHECK(resumed.queries == whole.queries);
    CHECK(resumed.gap == whole.gap);
  }
  ::unlink(file.c_str());
}

TEST_CASE(
    "sample weights: integer weights equal repeated rows; warm starts cost less; float32 data solve the rounded "
    "problem") {
  const Data data = make_data(60, 5, LossKind::Logistic, 1, 0.3, 5);
  std::vector<double> weights(60, 1.0);
  Data repeated = data;
  for (int64_t i = 0; i < 60; i += 3) {
    weights[i] = 3;
    for (int copy = 0; copy < 2; ++copy) {
      repeated.dense.insert(repeated.dense.end(), data.dense.begin() + i * 5, data.dense.begin() + (i + 1) * 5);
      repeated.targets.push_back(data.targets[i]);
      ++repeated.n;
    }
  }
  const double best = newton_optimum(repeated, {LossKind::Logistic, 1}, true, 0.05);
  for (const char* algorithm :
       {"svrg", "saga", "dasvrda", "katyusha", "fista", "newton", "coordinate-descent", "point-saga"}) {
    CAPTURE(algorithm);
    LinearFitRequest request = request_of(data, data.view(), "logistic", 1, true, 0, 0.05, algorithm);
    request.sampleWeights = weights.data();
    request.sampleWeightCount = 60;
    const LinearFitResult result = fit(request);
    CHECK(result.gap <= 1e-8);
    CHECK(std::fabs(result.objective - best) < 1e-8);
    CHECK(result.dual <= best + 1e-12);
    if (std::string(algorithm) == "coordinate-descent" || std::string(algorithm) == "svrg") {
      std::vector<double> start = result.weights;
      start.push_back(result.intercepts[0]);
      request.initial = start.data();
      request.initialCount = 6;
      CHECK(fit(request).steps == 0);
    }
  }
  std::vector<float> narrow(data.dense.begin(), data.dense.end());
  LinearFitRequest single =
      request_of(data, MatrixView<const float>(narrow.data(), 60, 5), "logistic", 1, true, 0, 0.05, "newton");
  single.run = {{"tolerance", 1e-12}};
  CHECK(fit(single).stop == "gap");
}

TEST_CASE(
    "a method that is measured by passes of their own is measured when the gap may be small enough, always where that "
    "is "
    "asked for, and where it is cancelled") {
  const Data data = make_data(2000, 100, LossKind::Logistic, 0.1, 0.2, 13);
  const std::string file = "/tmp/meanfield-linear-measured-" + std::to_string(::getpid());
  const size_t columns = linear_trace_columns().size();
  LinearFitRequest request = request_of(data, data.sparse(), "logistic", 1, false, 0, 2e-4, "dual-coordinate-descent");
  request.run = {{"tolerance", 1e-8}, {"threads", 1.0}};
  const LinearFitResult run = fit(request);
  CHECK(run.stop == "gap");
  CHECK(run.gap <= 1e-8 * run.objective);
  CHECK(run.trace.size() / columns < static_cast<size_t>(run.steps) / 2);

  request.run.push_back({"traceEvery", 1.0});
  const LinearFitResult every = fit(request);
  CHECK(every.trace.size() / columns == static_cast<size_t>(every.steps) + 1);
  // The rate foreseen is the one that held: at most a few steps are too many.
  CHECK(run.steps >= every.steps);
  CHECK(run.steps <= every.steps + every.steps / 4 + 1);

  // Stopped between two measurements and resumed, it is measured where it would have been.
  request.checkpoint = file;
  for (double steps = 2; steps < static_cast<double>(run.steps); ++steps) {
    request.run = {{"tolerance", 1e-8}, {"threads", 1.0}, {"steps", steps}};
    request.resume = "";
    fit(request);
    request.run.pop_back();
    request.resume = file;
    const LinearFitResult resumed = fit(request);
    CHECK(resumed.steps == run.steps);
    CHECK(resumed.trace.size() == run.trace.size());
    CHECK(resumed.weights == run.weights);
  }
  ::unlink(file.c_str());

  // Cancelled at the third point: the certificate is about the weights that are handed back.
  request.checkpoint = request.resume = "";
  request.run = {{"tolerance", 1e-8}, {"threads", 1.0}};
  CancelToken cancel;
  int points = 0;
  const LinearFitResult cut = LinearFit(request).run(cancel, [&](const double*) {
    if (++points == 3) cancel.cancel();
  });
  CHECK(cut.stop == "cancelled");
  CHECK(cut.objective ==
        doctest::Approx(objective(data, {LossKind::Logistic, 1}, 1, false, 0, 2e-4, cut.weights.data())));
  CHECK(cut.gap == doctest::Approx(cut.objective - cut.dual));
}

TEST_CASE("a tolerance below rounding ends with stop 'precision', not for ever") {
  const Data data = make_data(80, 5, LossKind::Logistic, 1, 0.3, 5);
  LinearFitRequest request = request_of(data, data.view(), "logistic", 1, true, 0, 0.05, "svrg");
  request.run = {{"tolerance", 1e-300}, {"threads", 1.0}};
  const LinearFitResult result = fit(request);
  CHECK((result.stop == "precision" || result.gap <= 0));
  CHECK(result.gap < 1e-12);
}

TEST_CASE("regularization path: every point equals a cold start, screening drops only zeros, points are certified") {
  for (const bool sparse : {false, true}) {
    const Data data = make_data(90, 30, LossKind::Logistic, sparse ? 0.3 : 1, 0.2, 15);
    const LinearData view = sparse ? LinearData(data.sparse()) : LinearData(data.view());
    for (const char* loss : {"logistic", "squared"}) {
      LinearFitRequest request = request_of(data, view, loss, 1, true, 1, 0, "auto");
      request.path = 12;
      request.pathRatio = 0.02;
      request.run = {{"tolerance", 1e-10}, {"threads", 1.0}};
      const LinearFitResult path = fit(request);
      CHECK(path.path.size() == 12);
      CHECK(path.path.front().nonZeros == 0);
      for (size_t i = 0; i < path.path.size(); i += 3) {
        const PathPoint& point = path.path[i];
        LinearFitRequest cold = request_of(data, view, loss, 1, true, point.l1, 0, "coordinate-descent");
        cold.run = {{"tolerance", 1e-11}, {"threads", 1.0}};
        const LinearFitResult alone = fit(cold);
        CHECK(point.gap <= 1e-10 * point.objective);
        CHECK(point.objective == doctest::Approx(alone.objective).epsilon(2e-10));
        // At λ_max itself one column stands on the border: its weight is a rounding, or none.
        CHECK((i == 0 ? alone.nonZeros <= 1 : point.nonZeros == alone.nonZeros));
      }
    }
  }
}

TEST_CASE("non-negative weights and Poisson: certified against ISTA and Newton") {
  const Data data = make_data(90, 8, LossKind::Squared, 1, 0.2, 15);
  LinearFitRequest request = request_of(data, data.view(), "squared", 1, true, 0.01, 0, "coordinate-descent");
  request.model.push_back({"nonNegative", true});
  double value = 0;
  for (const char* algorithm : {"coordinate-descent", "svrg", "saga", "fista", "dasvrda", "katyusha", "catalyst"}) {
    CAPTURE(algorithm);
    request.algorithm = algorithm;
    const LinearFitResult result = fit(request);
    CHECK(result.gap <= 1e-8);
    for (double w : result.weights) CHECK(w >= 0);
    if (value != 0) CHECK(result.objective == doctest::Approx(value).epsilon(1e-7));
    value = result.objective;
  }
  const Data counts = make_data(90, 6, LossKind::Poisson, 1, 0.2, 19);
  const double best = newton_optimum(counts, {LossKind::Poisson, 1}, true, 0.05);
  int solved = 0;
  for (const LinearAlgorithm& algorithm : linear_algorithms()) {
    CAPTURE(algorithm.name);
    try {
      const LinearFitResult result =
          fit(request_of(counts, counts.view(), "poisson", 1, true, 0, 0.05, algorithm.name));
      CHECK(result.gap <= 1e-8);
      CHECK(std::fabs(result.objective - best) < 1e-8);
      ++solved;
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("Poisson") != std::string::npos);
    }
  }
  CHECK(solved == 3);
}
