// Generated problems of the finite-sum tests, and reference solutions that share no code with the methods.
#pragma once
#include <Eigen/Dense>
#include <cmath>
#include <memory>
#include <vector>

#include "native/core/philox.h"
#include "native/finite_sum/fit.h"

namespace finite_sum_test {

using namespace meanfield;

/// Uniform in (0, 1), the next of a sequence.
inline double uniform(uint64_t& state) {
  const PhiloxWords words = philox4x32_10({{static_cast<uint32_t>(state++), 0, 0, 0}}, 77, 1);
  return (words.word[0] + 0.5) * 0x1p-32;
}
inline double between(uint64_t& state, double a, double b) { return a + (b - a) * uniform(state); }

struct Data {
  int64_t n, d;
  std::vector<double> dense;  // n × d
  std::vector<double> values;
  std::vector<int32_t> columns, start32;
  std::vector<int64_t> start64;
  std::vector<double> targets;

  MatrixView<const double> view() const { return MatrixView<const double>(dense.data(), n, d); }
  CsrView<double, int64_t> sparse() const { return {values.data(), columns.data(), start64.data(), n, d}; }
};

/// Normal features of which a share `density` is kept, coordinate j scaled by (j+1)^-power; targets for the loss.
inline Data make_data(int64_t n, int64_t d, LossKind loss, double density, double power, uint64_t seed,
                      int classes = 1) {
  Data data{n, d, std::vector<double>(static_cast<size_t>(n * d), 0.0), {}, {}, {0}, {0}, {}};
  const RandomField field{seed, Stream::Init};
  for (int64_t i = 0; i < n; ++i) {
    double margin = 0, other = 0;
    for (int64_t j = 0; j < d; ++j) {
      const uint32_t r = static_cast<uint32_t>(i), c = static_cast<uint32_t>(j);
      if (field.uniform(1, r, c) < density) {
        const double value = field.normal(0, r, c) * std::pow(static_cast<double>(j + 1), -power);
        data.dense[i * d + j] = value;
        data.values.push_back(value);
        data.columns.push_back(static_cast<int32_t>(j));
        margin += value * field.normal(2, 0, c);
        other += value * field.normal(2, 1, c);
      }
    }
    data.start32.push_back(static_cast<int32_t>(data.values.size()));
    data.start64.push_back(static_cast<int64_t>(data.values.size()));
    const double noise = field.normal(3, static_cast<uint32_t>(i), 0);
    double y = margin + 0.5 * noise;
    if (classes > 1)
      y = std::fmod(std::fabs(std::floor(2 * margin + other + 0.3 * noise)), classes);
    else if (loss == LossKind::Poisson)
      y = std::floor(std::exp(std::min(0.5 * margin + 0.2 * noise, 3.0)));
    else if (loss == LossKind::Logistic || loss == LossKind::SquaredHinge || loss == LossKind::SmoothHinge)
      y = margin + noise > 0.3 ? 1 : -1;
    data.targets.push_back(y);
  }
  return data;
}

/// P at w (k × p), from the definition.
inline double objective(const Data& data, const Loss& loss, int k, bool intercept, double l1, double l2,
                        const double* w, bool classes = false) {
  const int64_t p = data.d + (intercept ? 1 : 0);
  double sum = 0, penalty = 0;
  for (int64_t i = 0; i < data.n; ++i) {
    std::vector<double> z(static_cast<size_t>(k)), y(static_cast<size_t>(k));
    for (int c = 0; c < k; ++c) {
      z[c] = intercept ? w[c * p + data.d] : 0;
      for (int64_t j = 0; j < data.d; ++j) z[c] += data.dense[i * data.d + j] * w[c * p + j];
      y[c] = classes                          ? (data.targets[i] == c ? 1 : -1)
             : loss.kind == LossKind::Softmax ? data.targets[i]
                                              : data.targets[i * k + c];
    }
    sum += loss.value(z.data(), y.data(), k);
  }
  for (int c = 0; c < k; ++c)
    for (int64_t j = 0; j < data.d; ++j) penalty += l1 * std::fabs(w[c * p + j]) + l2 / 2 * w[c * p + j] * w[c * p + j];
  return sum / static_cast<double>(data.n) + penalty;
}

/// argmin P for one output and λ1 = 0 by damped Newton on the normal equations, in dense algebra.
inline double newton_optimum(const Data& data, const Loss& loss, bool intercept, double l2) {
  const int64_t p = data.d + (intercept ? 1 : 0);
  Eigen::MatrixXd X = Eigen::MatrixXd::Ones(data.n, p);
  for (int64_t i = 0; i < data.n; ++i)
    for (int64_t j = 0; j < data.d; ++j) X(i, j) = data.dense[i * data.d + j];
  Eigen::VectorXd w = Eigen::VectorXd::Zero(p), ridge = Eigen::VectorXd::Constant(p, l2);
  if (intercept) ridge(data.d) = 0;
  const double n = static_cast<double>(data.n);
  double best = objective(data, loss, 1, intercept, 0, l2, w.data());
  for (int iteration = 0; iteration < 200; ++iteration) {
    const Eigen::VectorXd z = X * w;
    Eigen::VectorXd g(data.n), h(data.n);
    for (int64_t i = 0; i < data.n; ++i) {
      g(i) = loss.derivative(z(i), data.targets[i]) / n;
      h(i) = loss.curvature(z(i), data.targets[i]) / n;
    }
    Eigen::MatrixXd H = X.transpose() * h.asDiagonal() * X;
    H += Eigen::MatrixXd(ridge.asDiagonal()) + 1e-13 * Eigen::MatrixXd::Identity(p, p);
    const Eigen::VectorXd step = H.ldlt().solve(X.transpose() * g + Eigen::VectorXd(ridge.cwiseProduct(w)));
    double t = 1;
    for (; t > 1e-12; t /= 2) {
      const Eigen::VectorXd next = w - t * step;
      const double value = objective(data, loss, 1, intercept, 0, l2, next.data());
      if (value < best) {
        best = value;
        w = next;
        break;
      }
    }
    if (t <= 1e-12) break;
  }
  return best;
}

/// min P with λ1 > 0 by plain proximal gradient steps of length 1/L, many of them.
inline double ista_optimum(const Data& data, const Loss& loss, bool intercept, double l1, double l2, int iterations,
                           Eigen::VectorXd* at = nullptr) {
  const int64_t p = data.d + (intercept ? 1 : 0);
  Eigen::MatrixXd X = Eigen::MatrixXd::Ones(data.n, p);
  for (int64_t i = 0; i < data.n; ++i)
    for (int64_t j = 0; j < data.d; ++j) X(i, j) = data.dense[i * data.d + j];
  const double n = static_cast<double>(data.n);
  const double L =
      loss.smoothness() * (X.transpose() * X).eval().selfadjointView<Eigen::Lower>().eigenvalues().maxCoeff() / n;
  Eigen::VectorXd w = Eigen::VectorXd::Zero(p);
  for (int iteration = 0; iteration < iterations; ++iteration) {
    const Eigen::VectorXd z = X * w;
    Eigen::VectorXd g(data.n);
    for (int64_t i = 0; i < data.n; ++i) g(i) = loss.derivative(z(i), data.targets[i]) / n;
    const Eigen::VectorXd v = w - X.transpose() * g / L;
    for (int64_t j = 0; j < p; ++j) {
      const double a = j < data.d ? l1 / L : 0, shrunk = v(j) > a ? v(j) - a : v(j) < -a ? v(j) + a : 0;
      w(j) = j < data.d ? shrunk / (1 + l2 / L) : v(j);
    }
  }
  if (at) *at = w;
  return objective(data, loss, 1, intercept, l1, l2, w.data());
}

inline LinearFitRequest request_of(const Data& data, const LinearData& view, const char* loss, int k, bool intercept,
                                   double l1, double l2, const std::string& algorithm) {
  LinearFitRequest request;
  request.data = view;
  request.targets = data.targets.data();
  request.targetCount = static_cast<int64_t>(data.targets.size());
  request.model = {{"loss", std::string(loss)},
                   {"outputs", static_cast<double>(k)},
                   {"intercept", intercept},
                   {"l1", l1},
                   {"l2", l2}};
  request.algorithm = algorithm;
  request.run = {{"tolerance", 0.0}, {"gap", 1e-8}, {"passes", 30000.0}, {"threads", 1.0}};
  return request;
}

inline LinearFitResult fit(const LinearFitRequest& request) {
  const CancelToken cancel;
  return LinearFit(request).run(cancel, {});
}

/// A sum on given data with a pool of its own.
struct Sum {
  ThreadPool pool;
  FiniteSum f;
  Sum(const Data& data, bool sparse, Loss loss, int k, bool intercept, Regularizer r, bool classes = false)
      : pool(1), f(sparse ? DataRows(data.sparse()) : DataRows(data.view()),
                   LinearTargets{data.targets.data(), classes}, loss, k, intercept, r, &pool) {}
};

}  // namespace finite_sum_test
