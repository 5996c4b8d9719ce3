// Gram matrices under coordinate descent: the Cholesky factor in the kernels, sweeps with Newton's steps, and the sparse path that keeps
// such a matrix while the curvatures move on.
#include "native/finite_sum/gram_solver.h"

#include <doctest/doctest.h>
#include "test/native/finite_sum_data.h"

using namespace meanfield;
using namespace finite_sum_test;

namespace {

/// XᵀX/rows + ridge of normal rows with a common part, both triangles, rows of gram_padded(m).
Vector correlated(int64_t m, int64_t rows, double ridge, uint64_t seed) {
  const int64_t ld = gram_padded(m);
  const RandomField field{seed, Stream::Init};
  Vector Q(static_cast<size_t>(ld * ld), 0.0), x(static_cast<size_t>(m));
  for (int64_t i = 0; i < rows; ++i) {
    const uint32_t r = static_cast<uint32_t>(i);
    for (int64_t j = 0; j < m; ++j) x[j] = field.normal(0, r, static_cast<uint32_t>(j)) + 2 * field.normal(1, r, 0);
    for (int64_t a = 0; a < m; ++a)
      for (int64_t b = 0; b < m; ++b) Q[a * ld + b] += x[a] * x[b] / static_cast<double>(rows);
  }
  for (int64_t a = 0; a < m; ++a) Q[a * ld + a] += ridge;
  return Q;
}

LinearFitResult fit_with(LinearFitRequest request, double threads) {
  request.run = {{"tolerance", 1e-12}, {"threads", threads}};
  LinearFit fit(request);
  return fit.run(CancelToken(), {});
}

}  // namespace

TEST_CASE(
    "the Cholesky factor solves systems of every size around the panels; matrices that are not positive are refused") {
  for (const int64_t m : {1, 2, 15, 16, 17, 63, 64, 65, 130, 200}) {
    CAPTURE(m);
    const int64_t ld = gram_padded(m);
    const Vector A = correlated(m, 40, 0.1, 3);
    Vector U = A, x(static_cast<size_t>(m));
    for (int64_t j = 0; j < m; ++j) x[j] = std::cos(static_cast<double>(j));
    REQUIRE(cholesky(U.data(), m, ld, linear_kernels()));
    cholesky_solve(U.data(), m, ld, x.data(), linear_kernels());
    for (int64_t a = 0; a < m; ++a) {
      double sum = 0;
      for (int64_t b = 0; b < m; ++b) sum += A[a * ld + b] * x[b];
      CHECK(std::fabs(sum - std::cos(static_cast<double>(a))) <= 1e-10);
    }
    Vector indefinite = A;
    indefinite[(m - 1) * ld + m - 1] = -1;
    CHECK_FALSE(cholesky(indefinite.data(), m, ld, linear_kernels()));
  }
}

TEST_CASE(
    "the minimiser on a Gram matrix is stationary: with L1, elastic net, w >= 0 and free coordinates, from zero and "
    "from a start") {
  for (const Regularizer& r : {Regularizer{0.3, 0, false}, Regularizer{0.3, 0.2, false}, Regularizer{0.05, 0, true}})
    for (const double start : {0.0, 0.7})
      for (const int64_t m : {1, 7, 90}) {
        CAPTURE(m);
        CAPTURE(start);
        const int64_t ld = gram_padded(m);
        const Vector Q = correlated(m, 2 * m + 5, 0, 11);
        Vector w(static_cast<size_t>(m)), linear(w), delta(w);
        std::vector<char> free(static_cast<size_t>(m), 0);
        if (m > 1) free[m - 1] = 1;
        for (int64_t j = 0; j < m; ++j) {
          w[j] = start * std::fabs(std::sin(static_cast<double>(3 * j)));
          linear[j] = 2 * std::sin(static_cast<double>(5 * j + 1));
        }
        solve_gram({r, w, free}, Q.data(), ld, linear, delta, {1e-12, 0, 2000}, linear_kernels());
        for (int64_t a = 0; a < m; ++a) {
          double slope = linear[a];
          for (int64_t b = 0; b < m; ++b) slope += Q[a * ld + b] * delta[b];
          CHECK((free[a] ? std::fabs(slope) : r.violation(w[a] + delta[a], slope)) <= 1e-9);
          if (r.nonNegative && !free[a]) CHECK(w[a] + delta[a] >= 0);
        }
      }
}

TEST_CASE(
    "sparse columns that go together: the dense solution, the same bits for any threads, with float32 data and an "
    "intercept too") {
  Data data = make_data(2500, 150, LossKind::Logistic, 0.3, 0.1, 21);
  const RandomField field{5, Stream::Init};
  // A common part in every stored number: sweeps then settle slowly and the Gram matrix of the support takes over.
  for (int64_t i = 0, e = 0; i < data.n; ++i)
    for (int64_t j = 0; j < data.d; ++j)
      if (data.dense[i * data.d + j] != 0)
        data.values[e++] = data.dense[i * data.d + j] =
            0.2 * data.dense[i * data.d + j] + field.normal(7, static_cast<uint32_t>(i), 0);
  for (const char* loss : {"logistic", "squared"})
    for (const bool intercept : {false, true}) {
      CAPTURE(loss);
      CAPTURE(intercept);
      LinearFitRequest request;
      request.data = data.sparse();
      request.targets = data.targets.data();
      request.targetCount = data.n;
      request.model = {{"loss", std::string(loss)}, {"intercept", intercept}, {"l1", 0.002}};
      request.algorithm = "coordinate-descent";
      const LinearFitResult a = fit_with(request, 1), b = fit_with(request, 3);
      CHECK(a.stop == "gap");
      CHECK(a.weights == b.weights);
      CHECK(a.intercepts == b.intercepts);
      CHECK(a.nonZeros > 20);
      request.data = data.view();
      const LinearFitResult dense = fit_with(request, 1);
      CHECK(std::fabs(dense.objective - a.objective) <= 2e-12 * std::fabs(a.objective));
      const std::vector<float> narrow(data.values.begin(), data.values.end());
      request.data = CsrView<float, int64_t>{narrow.data(), data.columns.data(), data.start64.data(), data.n, data.d};
      const LinearFitResult f32 = fit_with(request, 1);
      CHECK(f32.stop == "gap");
      CHECK(std::fabs(f32.objective - a.objective) <= 1e-5 * std::fabs(a.objective));
    }
}

TEST_CASE(
    "sparse columns of all frequencies, the dense of them in a block and beyond it: the solution on dense rows, the "
    "same "
    "bits for any threads, with weights, w >= 0 and one-vs-rest") {
  const Data full = make_data(1500, 120, LossKind::Logistic, 0.95, 0.1, 3, 3);
  const RandomField field{8, Stream::Init};
  Data data{full.n, full.d, full.dense, {}, {}, {}, {0}, full.targets};
  std::vector<double> weights;
  for (int64_t i = 0; i < data.n; ++i) {
    const uint32_t r = static_cast<uint32_t>(i);
    for (int64_t j = 0; j < data.d; ++j) {
      // 70 columns hold most rows, 6 more than the block takes; the last hold a hundredth. A common part correlates them.
      double& value = data.dense[i * data.d + j];
      if (field.uniform(0, r, static_cast<uint32_t>(j)) > (j < 70 ? 0.9 : 10.0 / static_cast<double>(j * j - 4800)))
        value = 0;
      if (value == 0) continue;
      value += 0.5 * field.normal(1, r, 0);
      data.values.push_back(value);
      data.columns.push_back(static_cast<int32_t>(j));
    }
    data.start64.push_back(static_cast<int64_t>(data.values.size()));
    weights.push_back(field.uniform(2, r, 0) + 0.1);
  }
  for (const bool nonNegative : {false, true})
    for (const bool intercept : {false, true}) {
      CAPTURE(nonNegative);
      CAPTURE(intercept);
      LinearFitRequest request =
          request_of(data, data.sparse(), "logistic", 3, intercept, 0.002, 0.001, "coordinate-descent");
      request.model.push_back({"nonNegative", nonNegative});
      request.sampleWeights = weights.data();
      request.sampleWeightCount = data.n;
      const LinearFitResult a = fit_with(request, 1), b = fit_with(request, 3);
      CHECK(a.stop == "gap");
      CHECK(a.weights == b.weights);
      CHECK(a.intercepts == b.intercepts);
      request.data = data.view();
      const LinearFitResult dense = fit_with(request, 1);
      CHECK(std::fabs(dense.objective - a.objective) <= 2e-12 * std::fabs(a.objective));
      if (!nonNegative) CHECK(a.nonZeros > 70);
    }
}

TEST_CASE("dual coordinate descent knows a bound of its own: a valid one, closer than that of the derivatives") {
  const Data data = make_data(6000, 400, LossKind::Logistic, 0.05, 0.2, 9);
  LinearFitRequest request;
  request.data = data.sparse();
  request.targets = data.targets.data();
  request.targetCount = data.n;
  request.model = {{"loss", std::string("logistic")}, {"intercept", false}, {"l2", 1e-5}};
  request.algorithm = "newton";
  const LinearFitResult optimum = fit_with(request, 1);
  request.algorithm = "dual-coordinate-descent";
  request.run = {{"steps", 12.0}, {"tolerance", 0.0}, {"threads", 1.0}};
  LinearFit fit(request);
  const LinearFitResult run = fit.run(CancelToken(), {});
  const size_t columns = linear_trace_columns().size();
  for (size_t row = 0; row < run.trace.size() / columns; ++row) {
    const double primal = run.trace[row * columns + 3], dual = run.trace[row * columns + 5];
    CHECK(dual <= optimum.objective + 1e-12);
    // The gap of a dual method is of the order of the error of its primal.
    if (row >= 4) CHECK(primal - dual <= 20 * (primal - optimum.objective) + 1e-10);
  }
}
