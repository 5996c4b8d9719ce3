// The one-dimensional network of §10.3 on a grid, where densities are numbers and every quantity of the theory an integral:
// n = 20, x ~ N(0, 1), y = tanh(1.3 x) + 0.1 N(0, 1), h_θ(x) = tanh(θ x), squared loss, λ = 0.05, λ' = 0.1.
#pragma once
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "native/mean_field/problem.h"

namespace meanfield {

constexpr double kPi = 3.14159265358979323846;
using Density = std::vector<double>;  // values on the grid

/// The master objective, its dual and its Gibbs densities on the grid [−12, 12].
struct Quadrature {
  static constexpr int kPoints = 4801;
  static constexpr double kReach = 12, kSpacing = 2 * kReach / (kPoints - 1);
  double entropy, ridge;
  std::vector<double> y;
  std::vector<Density> h;  // h[i][g] = h_θg(x_i)

  static double theta(int g) { return -kReach + g * kSpacing; }
  static double integral(const std::function<double(int)>& f) {
    double sum = 0;
    for (int g = 0; g < kPoints; ++g) sum += f(g) * (g == 0 || g == kPoints - 1 ? 0.5 : 1) * kSpacing;
    return sum;
  }
  static double xlogx(double x) { return x > 0 ? x * std::log(x) : 0; }
  std::vector<double> outputs(const Density& q) const {
    std::vector<double> z;
    for (const Density& hi : h) z.push_back(integral([&](int g) { return hi[static_cast<size_t>(g)] * at(q, g); }));
    return z;
  }
  static double at(const Density& q, int g) { return q[static_cast<size_t>(g)]; }
  double primal(const Density& q) const {
    const std::vector<double> z = outputs(q);
    double loss = 0;
    for (size_t i = 0; i < z.size(); ++i) loss += (z[i] - y[i]) * (z[i] - y[i]) / 2 / static_cast<double>(z.size());
    return loss + ridge * integral([&](int g) { return theta(g) * theta(g) * at(q, g); }) +
           entropy * integral([&](int g) { return xlogx(at(q, g)); });
  }
  /// ℓ_z at q.
  std::vector<double> slopes(const Density& q) const {
    std::vector<double> g = outputs(q);
    for (size_t i = 0; i < g.size(); ++i) g[i] -= y[i];
    return g;
  }
  /// exp{−(1/λ)[(1/n) Σ g_i h_i(θ) + pull·θ²]}, normalized; its logarithm's normalizer into `logZ`.
  Density gibbs(const std::vector<double>& g, double pull, double* logZ = nullptr) const {
    Density exponent(kPoints);
    double top = -1e300;
    for (int a = 0; a < kPoints; ++a) {
      double sum = pull * theta(a) * theta(a);
      for (size_t i = 0; i < g.size(); ++i) sum += g[i] * h[i][static_cast<size_t>(a)] / static_cast<double>(g.size());
      exponent[static_cast<size_t>(a)] = -sum / entropy;
      top = std::max(top, exponent[static_cast<size_t>(a)]);
    }
    for (double& value : exponent) value = std::exp(value - top);
    const double Z = integral([&](int a) { return at(exponent, a); });
    for (double& value : exponent) value /= Z;
    if (logZ) *logZ = top + std::log(Z);
    return exponent;
  }
  double dual(const std::vector<double>& g) const {
    double logZ = 0, conjugate = 0;
    gibbs(g, ridge, &logZ);
    for (size_t i = 0; i < g.size(); ++i) conjugate += (g[i] * g[i] / 2 + g[i] * y[i]) / static_cast<double>(g.size());
    return -conjugate - entropy * logZ;
  }
  double divergence(const Density& q, const Density& p) const {
    return integral([&](int g) { return at(q, g) > 0 ? at(q, g) * std::log(at(q, g) / at(p, g)) : 0; });
  }
  /// q* by the damped fixed-point iteration q ← (1 − γ) q + γ p_q (entropic fictitious play).
  Density optimum() const {
    Density q = gibbs(std::vector<double>(y.size(), 0.0), ridge);
    for (int k = 0; k < 600; ++k) {
      const Density p = gibbs(slopes(q), ridge);
      for (size_t g = 0; g < q.size(); ++g) q[g] += 0.1 * (p[g] - q[g]);
    }
    return q;
  }
  /// The quantiles (r + ½)/M: particles whose means are integrals over q to O(1/M).
  static std::vector<float> quantiles(const Density& q, int64_t M) {
    std::vector<float> particles;
    double below = 0;
    int g = 0;
    for (int64_t r = 0; r < M; ++r) {
      const double level = (static_cast<double>(r) + 0.5) / static_cast<double>(M);
      double mass = 0;
      while (g < kPoints - 1 && below + (mass = kSpacing * (at(q, g) + at(q, g + 1)) / 2) < level) {
        below += mass;
        ++g;
      }
      particles.push_back(static_cast<float>(theta(g) + kSpacing * (level - below) / mass));
    }
    return particles;
  }
  static Density normal(double mean, double variance) {
    Density q(kPoints);
    for (int g = 0; g < kPoints; ++g)
      q[static_cast<size_t>(g)] =
          std::exp(-(theta(g) - mean) * (theta(g) - mean) / (2 * variance)) / std::sqrt(2 * kPi * variance);
    return q;
  }
};

/// The network of §10.3, on the grid and as particles.
struct Setting {
  static constexpr int64_t n = 20;
  explicit Setting(int64_t M, uint64_t seed = 1, double entropy = 0.05, double ridge = 0.1) {
    const RandomField field{77, Stream::Init};
    grid.entropy = entropy;
    grid.ridge = ridge;
    for (uint32_t i = 0; i < n; ++i) {
      x.push_back(field.normal(0, i, 0));
      y.push_back(std::tanh(1.3 * x.back()) + 0.1 * field.normal(0, i, 1));
      Density h;
      for (int g = 0; g < Quadrature::kPoints; ++g) h.push_back(std::tanh(Quadrature::theta(g) * x.back()));
      grid.h.push_back(h);
    }
    grid.y = y;
    Neuron neuron;
    neuron.secondLayer = SecondLayer::Fixed;
    network = std::make_unique<Network>(cpu_backend(), NetworkShape{M, 1, neuron, 1});
    problem = std::make_unique<Problem>(
        *network, Targets{network->add_matrix(MatrixView<const float>(x.data(), n, 1)), n, y.data()},
        Loss{LossKind::Squared, 1}, ridge, entropy, entropy / (2 * ridge), seed);
    problem->another = [this](const NetworkShape& other) {
      std::unique_ptr<Network> made = network->alike(other);
      made->add_matrix(MatrixView<const float>(x.data(), n, 1));
      return made;
    };
    problem->draw_initial(Stream::Init, 0);
  }
  /// (1/n) Σ (z_i − expected_i)²
  double error(const std::vector<double>& expected) {
    double sum = 0;
    for (size_t i = 0; i < expected.size(); ++i) sum += std::pow(problem->outputs()[i] - expected[i], 2) / n;
    return sum;
  }
  std::vector<float> x;
  std::vector<double> y;
  Quadrature grid;
  std::unique_ptr<Network> network;
  std::unique_ptr<Problem> problem;
};

}  // namespace meanfield
