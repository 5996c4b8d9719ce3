// Problems with known answers, for the tests of the mean-field family.
#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "native/mean_field/problem.h"

namespace meanfield {

/// h_θ(x) = relu(θ x) is linear in θ where θ x > 0; with particles far above 0 the network is the linear model h_θ = θ on
/// the single input x = 1, with one row for each target.
struct LinearModel {
  LinearModel(int64_t particles, std::vector<double> targets, double ridge, double entropy, double start,
              uint64_t seed = 1, const Backend* backend = reference_backend())
      : ones(targets.size(), 1.f), network(backend, shape(particles)), y(std::move(targets)),
        problem(network, {network.add_matrix(inputs()), static_cast<int64_t>(y.size()), y.data()},
                {LossKind::Squared, 1}, ridge, entropy, entropy / (2 * ridge), seed) {
    problem.another = [this](const NetworkShape& other) {
      std::unique_ptr<Network> made = network.alike(other);
      made->add_matrix(inputs());
      return made;
    };
    const std::vector<float> initial(static_cast<size_t>(particles), static_cast<float>(start));
    problem.write_particles(initial.data());
  }
  LinearModel(int64_t particles, double target, double ridge, double entropy, double start, uint64_t seed = 1)
      : LinearModel(particles, std::vector<double>{target}, ridge, entropy, start, seed) {}
  static NetworkShape shape(int64_t particles) {
    Neuron neuron;
    neuron.activation = Activation::Relu;
    neuron.secondLayer = SecondLayer::Fixed;
    return {particles, 1, neuron, 1};
  }
  MatrixView<const float> inputs() const { return {ones.data(), static_cast<int64_t>(ones.size()), 1}; }
  double mean() {
    double sum = 0;
    for (float value : network.read_particles()) sum += value;
    return sum / static_cast<double>(network.shape().particles);
  }
  /// Variance within the swarm, divisor M − 1.
  double variance() {
    const double m = mean();
    double sum = 0;
    for (float value : network.read_particles()) sum += (value - m) * (value - m);
    return sum / static_cast<double>(network.shape().particles - 1);
  }
  std::vector<float> ones;
  Network network;
  std::vector<double> y;
  Problem problem;
};

/// n rows of d standard normals; y = tanh(Σ_c x_c (c+1)/d) + 0.1 N(0, 1); neurons tanh(wᵀx), M of them from N(0, I).
struct TanhModel {
  TanhModel(int64_t particles, int64_t rows, int64_t features, double ridge, double entropy, uint64_t seed = 1,
            const Backend* backend = reference_backend(), int threads = 1)
      : x(static_cast<size_t>(rows * features)), y(static_cast<size_t>(rows)), features(features),
        network(backend, shape(particles, features, threads)),
        problem(network, {network.add_matrix(fill(rows, seed)), rows, y.data()}, {LossKind::Squared, 1}, ridge, entropy,
                1, seed) {
    problem.another = [this, rows](const NetworkShape& other) {
      std::unique_ptr<Network> made = network.alike(other);
      made->add_matrix({x.data(), rows, this->features});
      return made;
    };
    problem.draw_initial(Stream::Init, 0);
  }
  static NetworkShape shape(int64_t particles, int64_t features, int threads) {
    Neuron neuron;
    neuron.secondLayer = SecondLayer::Fixed;
    return {particles, features, neuron, threads};
  }
  MatrixView<const float> fill(int64_t rows, uint64_t seed) {
    const RandomField field{seed + 1000, Stream::Init};
    for (int64_t i = 0; i < rows; ++i) {
      double s = 0;
      for (int64_t c = 0; c < features; ++c) {
        const float value = field.normal(1, static_cast<uint32_t>(i), static_cast<uint32_t>(c));
        x[static_cast<size_t>(i * features + c)] = value;
        s += value * static_cast<double>(c + 1) / static_cast<double>(features);
      }
      y[static_cast<size_t>(i)] = std::tanh(s) + 0.1 * field.normal(2, static_cast<uint32_t>(i), 0);
    }
    return {x.data(), rows, features};
  }
  std::vector<float> x;
  std::vector<double> y;
  int64_t features;
  Network network;
  Problem problem;
};

/// The largest difference of two sets of particles.
inline double distance(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::fabs(static_cast<double>(a[i]) - b[i]));
  return most;
}

}  // namespace meanfield
