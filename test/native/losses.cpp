// Losses: value, derivative, conjugate, constants and the domain of the targets, each against its definition.
// Points are drawn from the random field with fixed seeds; kinks are of the derivative only, never of the value.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "native/core/philox.h"
#include "native/problem/losses.h"

using namespace meanfield;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kPoints = 300;

struct Case {
  Loss loss;
  int outputs;
  std::string name() const {
    return std::string(kLossNames[static_cast<int>(loss.kind)]) + " of width " + std::to_string(loss.width) +
           ", k = " + std::to_string(outputs);
  }
};

std::vector<Case> all_losses() {
  std::vector<Case> all;
  for (int k : {1, 3})
    for (double width : {0.5, 1.0, 2.0})
      for (LossKind kind : {LossKind::Squared, LossKind::Logistic, LossKind::SmoothHinge, LossKind::Huber})
        if (width == 1 || kind == LossKind::SmoothHinge || kind == LossKind::Huber) all.push_back({{kind, width}, k});
  for (int k : {2, 5}) all.push_back({{LossKind::Softmax, 1}, k});
  return all;
}

/// A point z with a target the loss accepts.
struct Point {
  Point(const Case& c, uint32_t index) {
    const RandomField field{31, Stream::Init};
    for (uint32_t j = 0; j < static_cast<uint32_t>(c.outputs); ++j) {
      z.push_back(2.5 * field.normal(0, index, j));
      const double t = field.normal(1, index, j);
      y.push_back(c.loss.kind == LossKind::Softmax
                      ? static_cast<double>(field.bits(2, index, j) % static_cast<uint32_t>(c.outputs))
                  : c.loss.classifies() ? (t > 0 ? 1 : -1)
                                        : t);
    }
    y.resize(static_cast<size_t>(c.loss.target_width(c.outputs)));
  }
  std::vector<double> z, y;
};

/// ℓ as the literature writes it, without any care for overflow.
double naive(const Case& c, const std::vector<double>& z, const std::vector<double>& y) {
  if (c.loss.kind == LossKind::Softmax) {
    double sum = 0;
    for (double value : z) sum += std::exp(value);
    return -std::log(std::exp(z[static_cast<size_t>(y[0])]) / sum);
  }
  double total = 0;
  for (size_t j = 0; j < z.size(); ++j) {
    const double margin = y[j] * z[j], r = std::fabs(z[j] - y[j]), w = c.loss.width;
    switch (c.loss.kind) {
      case LossKind::Squared: total += r * r / 2; break;
      case LossKind::Logistic: total += std::log(1 + std::exp(-margin)); break;
      case LossKind::SmoothHinge:
        total += margin >= 1 ? 0 : margin <= 1 - w ? 1 - margin - w / 2 : (1 - margin) * (1 - margin) / (2 * w);
        break;
      case LossKind::Huber: total += r <= w ? r * r / 2 : w * r - w * w / 2; break;
      default: break;  // softmax above; the other losses have tests of their own
    }
  }
  return total;
}

std::vector<double> gradient(const Case& c, const Point& at) {
  std::vector<double> g(at.z.size());
  CHECK(c.loss.gradient(at.z.data(), at.y.data(), c.outputs, g.data()) ==
        c.loss.value(at.z.data(), at.y.data(), c.outputs));
  return g;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t j = 0; j < a.size(); ++j) sum += a[j] * b[j];
  return sum;
}

}  // namespace

TEST_CASE("losses: value against the formula of the literature") {
  for (const Case& c : all_losses())
    for (uint32_t i = 0; i < kPoints; ++i) {
      INFO(c.name());
      const Point at(c, i);
      const double expected = naive(c, at.z, at.y);
      // The naive formulas lose the digits of log(1 + small): absolute error of a few units of rounding.
      CHECK(std::fabs(c.loss.value(at.z.data(), at.y.data(), c.outputs) - expected) <= 1e-14 * (1 + expected) * 10);
    }
}

TEST_CASE("losses: derivative against central differences") {
  // |difference quotient − derivative| ≤ L h for a derivative of Lipschitz constant L, and rounding of values/h.
  const double h = 1e-6;
  for (const Case& c : all_losses())
    for (uint32_t i = 0; i < kPoints; ++i) {
      INFO(c.name());
      Point at(c, i);
      const std::vector<double> g = gradient(c, at);
      for (size_t j = 0; j < at.z.size(); ++j) {
        const double z = at.z[j];
        at.z[j] = z + h;
        const double above = c.loss.value(at.z.data(), at.y.data(), c.outputs);
        at.z[j] = z - h;
        const double below = c.loss.value(at.z.data(), at.y.data(), c.outputs);
        at.z[j] = z;
        CHECK(std::fabs((above - below) / (2 * h) - g[j]) <= c.loss.smoothness() * h + 1e-15 * (1 + above) / h * 4);
      }
    }
}

TEST_CASE("losses: conjugate meets value at the derivative and exceeds the line everywhere else (Fenchel-Young)") {
  for (const Case& c : all_losses())
    for (uint32_t i = 0; i < kPoints; ++i) {
      INFO(c.name());
      const Point at(c, i), other(c, i + kPoints);
      const std::vector<double> g = gradient(c, at);
      const double value = c.loss.value(at.z.data(), at.y.data(), c.outputs);
      const double conjugate = c.loss.conjugate(g.data(), at.y.data(), c.outputs);
      const double scale = 1 + std::fabs(value) + std::fabs(conjugate);
      CHECK(std::fabs(value + conjugate - dot(g, at.z)) <= 1e-13 * scale);
      CHECK(c.loss.value(other.z.data(), at.y.data(), c.outputs) + conjugate >= dot(g, other.z) - 1e-13 * scale);
      // The middle of two points of the domain belongs to it: ℓ* is convex.
      const Point there{c, i + 2 * kPoints};
      std::vector<double> far(g.size()), middle(g.size());
      c.loss.gradient(there.z.data(), at.y.data(), c.outputs, far.data());
      for (size_t j = 0; j < g.size(); ++j) middle[j] = (g[j] + far[j]) / 2;
      const double farConjugate = c.loss.conjugate(far.data(), at.y.data(), c.outputs);
      CHECK(c.loss.conjugate(middle.data(), at.y.data(), c.outputs) <=
            (conjugate + farConjugate) / 2 + 1e-13 * (scale + std::fabs(farConjugate)));
    }
}

TEST_CASE("losses: the conjugate is infinite outside its domain and finite on its boundary") {
  const auto conjugate = [](LossKind kind, double width, double g, double y) {
    return Loss{kind, width}.conjugate(&g, &y, 1);
  };
  CHECK(conjugate(LossKind::Squared, 1, 1e6, 2) == 0.5e12 + 2e6);
  for (double y : {-1.0, 1.0}) {
    for (LossKind kind : {LossKind::Logistic, LossKind::SmoothHinge}) {
      CHECK(conjugate(kind, 1, 0.001 * y, y) == kInfinity);
      CHECK(conjugate(kind, 1, -1.001 * y, y) == kInfinity);
    }
    CHECK(conjugate(LossKind::Logistic, 1, 0, y) == 0);
    CHECK(conjugate(LossKind::Logistic, 1, -y, y) == 0);
    CHECK(conjugate(LossKind::Logistic, 1, -y / 2, y) == doctest::Approx(-std::log(2.0)));
    CHECK(conjugate(LossKind::SmoothHinge, 0.5, -y, y) == doctest::Approx(-1 + 0.25));
  }
  CHECK(conjugate(LossKind::Huber, 0.5, 0.501, 3) == kInfinity);
  CHECK(conjugate(LossKind::Huber, 0.5, -0.5, 3) == doctest::Approx(0.125 - 1.5));
  const Loss softmax{LossKind::Softmax, 1};
  const double y = 1;
  const double corner[3] = {1, -1, 0}, centre[3] = {1.0 / 3, -2.0 / 3, 1.0 / 3}, off[3] = {0.5, -0.5, 0.1},
               negative[3] = {-0.1, 0.1, 0};
  CHECK(softmax.conjugate(corner, &y, 3) == 0);
  CHECK(softmax.conjugate(centre, &y, 3) == doctest::Approx(-std::log(3.0)));
  CHECK(softmax.conjugate(off, &y, 3) == kInfinity);
  CHECK(softmax.conjugate(negative, &y, 3) == kInfinity);
}

TEST_CASE("losses: the derivative is Lipschitz with the stated constant, and the constant is the smallest") {
  for (const Case& c : all_losses()) {
    INFO(c.name());
    double largest = 0;
    for (uint32_t i = 0; i < 20 * kPoints; ++i) {
      const Point a(c, i);
      Point b(c, i + 1);
      // Pairs near and far; the y of the first.
      const double near = i % 2 == 0 ? 1e-3 : 1;
      for (size_t j = 0; j < b.z.size(); ++j) b.z[j] = a.z[j] + near * b.z[j];
      b.y = a.y;
      const std::vector<double> ga = gradient(c, a), gb = gradient(c, b);
      double change = 0, distance = 0;
      for (size_t j = 0; j < ga.size(); ++j) {
        change += (ga[j] - gb[j]) * (ga[j] - gb[j]);
        distance += (a.z[j] - b.z[j]) * (a.z[j] - b.z[j]);
      }
      CHECK(std::sqrt(change) <= c.loss.smoothness() * std::sqrt(distance) + 1e-14);
      largest = std::max(largest, std::sqrt(change / distance));
    }
    // Random points come near the supremum; for softmax it needs two equal logits and all others far below.
    if (c.loss.kind != LossKind::Softmax) CHECK(largest >= 0.95 * c.loss.smoothness());
  }
  const Loss softmax{LossKind::Softmax, 1};
  const double y = 2, h = 1e-4;
  const double left[3] = {-h, h, -40}, right[3] = {h, -h, -40};
  double gl[3], gr[3];
  softmax.gradient(left, &y, 3, gl);
  softmax.gradient(right, &y, 3, gr);
  CHECK(std::hypot(gr[0] - gl[0], gr[1] - gl[1]) / std::hypot(2 * h, 2 * h) == doctest::Approx(0.5).epsilon(1e-6));
}

TEST_CASE("losses: curvature along the box and bound of the derivative") {
  for (const Case& c : all_losses()) {
    INFO(c.name());
    double curvature = 0, sum = 0;
    const double h = 1e-4;
    for (uint32_t i = 0; i < 3 * kPoints; ++i) {
      Point at(c, i), direction(c, i + 7);
      for (double& u : direction.z) u = u > 0 ? 1 : -1;
      const std::vector<double> g = gradient(c, at);
      double absolute = 0;
      for (double value : g) absolute += std::fabs(value);
      sum = std::max(sum, absolute);
      for (size_t j = 0; j < at.z.size(); ++j) at.z[j] += h * direction.z[j];
      const std::vector<double> moved = gradient(c, at);
      curvature = std::max(curvature, (dot(moved, direction.z) - dot(g, direction.z)) / h);
    }
    CHECK(curvature <= c.loss.box_curvature(c.outputs) * (1 + 1e-9));
    CHECK(sum <= c.loss.gradient_bound(c.outputs) * (1 + 1e-12));
    // Three margins are seldom all at the curvature's summit at once.
    if (c.outputs == 1 || c.loss.kind == LossKind::Squared) CHECK(curvature >= 0.95 * c.loss.box_curvature(c.outputs));
    if (c.outputs == 1 && std::isfinite(c.loss.gradient_bound(1))) CHECK(sum >= 0.95 * c.loss.gradient_bound(1));
  }
}

TEST_CASE("losses: no overflow far out, and what is not a number stays so") {
  for (const Case& c : all_losses()) {
    INFO(c.name());
    Point at(c, 0);
    std::vector<double> g(at.z.size());
    for (double far : {1e4, -1e4, 1e150, -1e150}) {
      std::fill(at.z.begin(), at.z.end(), 0.0);
      at.z[0] = far;
      const double value = c.loss.gradient(at.z.data(), at.y.data(), c.outputs, g.data());
      CHECK(std::isfinite(value));
      CHECK(value >= 0);
      for (double slope : g) CHECK(std::isfinite(slope));
    }
    at.z[0] = std::nan("");
    CHECK(std::isnan(c.loss.gradient(at.z.data(), at.y.data(), c.outputs, g.data())));
    CHECK(std::isnan(g[0]));
  }
}

TEST_CASE("losses: targets outside the domain are refused with row, value and remedy") {
  const auto message = [](const Case& c, std::vector<double> y) -> std::string {
    const int64_t rows = static_cast<int64_t>(y.size()) / c.loss.target_width(c.outputs);
    try {
      c.loss.check_targets(y.data(), rows, c.outputs);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::InvalidData);
      return error.what();
    }
    return "";
  };
  const Case squared{{LossKind::Squared, 1}, 1}, huber{{LossKind::Huber, 1}, 2}, logistic{{LossKind::Logistic, 1}, 1},
      hinge{{LossKind::SmoothHinge, 1}, 1}, softmax{{LossKind::Softmax, 1}, 3};
  CHECK(message(squared, {-1e300, 0, 1e300}).empty());
  CHECK(message(logistic, {1, -1, 1}).empty());
  CHECK(message(softmax, {0, 1, 2}).empty());
  CHECK(message(squared, {1, std::nan("")}).find("target of row 1 is nan; expected a finite number") !=
        std::string::npos);
  CHECK(message(huber, {1, 2, 3, kInfinity}).find("row 1 is inf") != std::string::npos);
  CHECK(message(logistic, {1, 0}).find("row 1 is 0.000000; expected -1 or +1. Recode") != std::string::npos);
  CHECK(message(hinge, {2}).find("smooth-hinge loss: target of row 0") != std::string::npos);
  CHECK(message(softmax, {0, 2, 3}).find("row 2 is 3.000000; expected a class from 0 to 2") != std::string::npos);
  CHECK_FALSE(message(softmax, {-1}).empty());
  CHECK_FALSE(message(softmax, {0.5}).empty());
  CHECK_FALSE(message(softmax, {std::nan("")}).empty());
}
