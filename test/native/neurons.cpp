// Neurons: gradients against finite differences, the bounds of the activations, and the constants of the 'auto' step.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "native/core/philox.h"
#include "native/core/spectrum.h"
#include "native/kernels/network.h"
#include "native/mean_field/constants.h"
#include "native/mean_field/problem.h"

using namespace meanfield;

namespace {

constexpr int64_t kInputs = 3;

std::vector<Neuron> all_neurons() {
  std::vector<Neuron> all;
  for (int activation = 0; activation < 5; ++activation)
    for (int layer = 0; layer < 3; ++layer)
      for (int signs = 0; signs < 2; ++signs)
        for (int outputs : {1, 3})
          all.push_back({static_cast<Activation>(activation), static_cast<SecondLayer>(layer),
                         static_cast<Signs>(signs), outputs, 2.5f});
  return all;
}

std::string name_of(const Neuron& neuron) {
  return std::string(kActivationNames[static_cast<int>(neuron.activation)]) + " " +
         kSecondLayerNames[static_cast<int>(neuron.secondLayer)] + " " + kSignsNames[static_cast<int>(neuron.signs)] +
         ", k = " + std::to_string(neuron.outputs);
}

/// Multiples of 2^-12, so that adding the 2^-9 of a difference quotient is exact in float32.
float dyadic(double value) { return static_cast<float>(std::round(value * 4096) / 4096); }

}  // namespace

TEST_CASE("neurons: activations against their formulas, and derivatives against central differences") {
  const double h = 1e-5;
  for (int a = 0; a < 5; ++a) {
    const Activation activation = static_cast<Activation>(a);
    INFO(kActivationNames[a]);
    for (double s = -12; s <= 12; s += 0.0371) {
      const double e = std::exp(-s);
      const double formulas[5] = {std::tanh(s), 1 / (1 + e), std::max(s, 0.0), std::log(1 + 1 / e), s / (1 + e)};
      CHECK(activation_value(activation, s) == doctest::Approx(formulas[a]).epsilon(1e-12));
      const double slope = (activation_value(activation, s + h) - activation_value(activation, s - h)) / (2 * h);
      // h²/6 · sup|σ'''| (at most 2) and the rounding of values up to 12.
      CHECK(std::fabs(slope - activation_derivative(activation, s)) < h * h / 3 + 4e-15 / h);
    }
    for (double far : {-1e4, 1e4}) CHECK(std::isfinite(activation_value(activation, far)));
    CHECK(std::isnan(activation_value(activation, std::nan(""))) == (activation != Activation::Relu));
  }
  CHECK(activation_derivative(Activation::Relu, 0) == 0);
}

TEST_CASE("neurons: sup|σ|, sup|σ'| and sup|σ''| are upper bounds, and attained") {
  for (int a = 0; a < 5; ++a) {
    const Activation activation = static_cast<Activation>(a);
    INFO(kActivationNames[a]);
    const ActivationBounds bounds = activation_bounds(activation);
    double value = 0, slope = 0, curvature = 0;
    const double h = 1e-5;
    for (double s = -30; s <= 30; s += 0.001) {
      value = std::max(value, std::fabs(activation_value(activation, s)));
      slope = std::max(slope, std::fabs(activation_derivative(activation, s)));
      if (activation != Activation::Relu)
        curvature = std::max(
            curvature,
            std::fabs(activation_derivative(activation, s + h) - activation_derivative(activation, s - h)) / (2 * h));
    }
    CHECK(value <= bounds.value);
    CHECK(slope <= bounds.slope * (1 + 1e-9));
    CHECK(slope >= bounds.slope * (1 - 1e-6));
    CHECK(curvature <= bounds.curvature * (1 + 1e-6));
    CHECK(curvature >= bounds.curvature * (1 - 1e-6));
    if (std::isfinite(bounds.value)) CHECK(value >= bounds.value * (1 - 1e-6));
  }
}

TEST_CASE("neurons: gradient of Σ_j weight_j h_j against central differences in every parameter") {
  const RandomField field{3, Stream::Init};
  const float h = 0x1p-9f;
  for (const Neuron& neuron : all_neurons()) {
    INFO(name_of(neuron));
    const size_t p = static_cast<size_t>(kInputs + neuron.tail());
    for (int64_t r = 0; r < 6; ++r) {
      std::vector<float> theta, x;
      std::vector<double> weight, h0(static_cast<size_t>(neuron.outputs)), gradient(p, 0.5);
      for (uint32_t c = 0; c < p; ++c) theta.push_back(dyadic(field.normal(0, static_cast<uint32_t>(r), c)));
      for (uint32_t c = 0; c < kInputs; ++c) x.push_back(dyadic(field.normal(1, static_cast<uint32_t>(r), c)));
      for (uint32_t j = 0; j < static_cast<uint32_t>(neuron.outputs); ++j)
        weight.push_back(field.normal(2, static_cast<uint32_t>(r), j));
      neuron.add_gradient(r, theta.data(), x.data(), kInputs, weight.data(), gradient.data());
      const auto energy = [&](const std::vector<float>& at) {
        neuron.value(r, at.data(), x.data(), kInputs, h0.data());
        double sum = 0;
        for (size_t j = 0; j < weight.size(); ++j) sum += weight[j] * h0[j];
        return sum;
      };
      double total = 0;
      for (double w : weight) total += std::fabs(w);
      for (size_t c = 0; c < p; ++c) {
        std::vector<float> above = theta, below = theta;
        above[c] += h;
        below[c] -= h;
        const double slope = (energy(above) - energy(below)) / (2 * static_cast<double>(h));
        // h²/6 times the third derivative: at most R·|x|³·2 in a weight and 2R·|σ| in the tail, here below 60.
        CHECK(std::fabs(slope - (gradient[c] - 0.5)) < 60 * total * static_cast<double>(h) * h / 6);
      }
    }
  }
}

TEST_CASE("neurons: outputs are bounded by R where the activation is bounded by 1") {
  const RandomField field{4, Stream::Init};
  for (const Neuron& neuron : all_neurons()) {
    if (!(activation_bounds(neuron.activation).value <= 1)) continue;
    INFO(name_of(neuron));
    std::vector<double> h(static_cast<size_t>(neuron.outputs));
    for (uint32_t r = 0; r < 50; ++r) {
      std::vector<float> theta, x;
      for (uint32_t c = 0; c < kInputs + static_cast<uint32_t>(neuron.tail()); ++c)
        theta.push_back(20 * field.normal(0, r, c));
      for (uint32_t c = 0; c < kInputs; ++c) x.push_back(field.normal(1, r, c));
      neuron.value(r, theta.data(), x.data(), kInputs, h.data());
      for (double value : h) CHECK(std::fabs(value) <= neuron.scale * (1 + 1e-12));
    }
  }
}

TEST_CASE("neurons: fixed signs serve every output equally, alternating when balanced") {
  Neuron neuron;
  CHECK(neuron.sign(0, 0) == 1);
  CHECK(neuron.sign(1, 0) == 1);
  neuron.signs = Signs::Balanced;
  CHECK(neuron.sign(0, 0) == 1);
  CHECK(neuron.sign(1, 0) == -1);
  neuron.outputs = 3;
  for (int output = 0; output < 3; ++output) {
    int served = 0, sum = 0;
    for (int64_t r = 0; r < 12; ++r) {
      served += neuron.sign(r, output) != 0;
      sum += neuron.sign(r, output);
    }
    CHECK(served == 4);
    CHECK(sum == 0);
  }
}

TEST_CASE("constants: Gaussian means by quadrature against closed forms") {
  for (double variance : {0.01, 1.0, 30.0}) {
    const auto mean = [&](auto f) { return gaussian_mean(variance, f); };
    CHECK(mean([](double) { return 1.0; }) == doctest::Approx(1).epsilon(1e-12));
    CHECK(mean([](double t) { return t * t; }) == doctest::Approx(variance).epsilon(1e-10));
    CHECK(mean([](double t) { return std::cos(t); }) == doctest::Approx(std::exp(-variance / 2)).epsilon(1e-10));
    CHECK(mean([](double t) { return t > 0 ? 1.0 : 0.0; }) == doctest::Approx(0.5).epsilon(1e-12));
    CHECK(mean([](double t) { return t > 0 ? t * t : 0; }) == doctest::Approx(variance / 2).epsilon(1e-10));
  }
}

TEST_CASE("constants: the automatic step of fixed ReLU neurons is the formula written out") {
  Neuron neuron;
  neuron.activation = Activation::Relu;
  neuron.secondLayer = SecondLayer::Fixed;
  neuron.scale = 2;
  // E[c²] = R², E[σ'²] = ½, σ'' = 0, no tail: L = β R² λ_x/2 + 2λ'.
  const Choice choice = auto_step(neuron, {LossKind::Logistic, 1}, {9, 5}, 0.3, 1, 0);
  CHECK(1 / choice.value == doctest::Approx(0.25 * 4 * 0.5 * 5 + 0.6));
  CHECK(choice.why.find("λ_x = 5") != std::string::npos);
}

TEST_CASE("constants: ridge and output scale left to 'auto'") {
  NetworkOptions options;
  options.entropy = 1e-3;
  // Under the prior N(0, λ/(2λ') I), E s² = λ/(2λ') E‖x̃‖² is to be 4.
  const double ridge = auto_ridge(options, {13, 2}).value;
  CHECK(options.entropy / (2 * ridge) * 13 == doctest::Approx(4));
  CHECK(auto_output_scale(options).value == 3);
  options.loss = LossKind::Softmax;
  CHECK(auto_output_scale(options).value == 10);
}

TEST_CASE("constants: 1/L of the automatic step bounds the curvature of the swarm where it starts") {
  // The largest eigenvalue of the Jacobian of θ ↦ (∇δF/δq(θ_r))_r by power iteration on finite differences, at draws of
  // the initial law.
  const int64_t n = 40, d = 3, M = 120;
  const RandomField field{8, Stream::Init};
  std::vector<float> x;
  for (uint32_t i = 0; i < n * d; ++i) x.push_back(field.normal(0, i, 0));
  const MatrixView<const float> matrix(x.data(), n, d);
  DataConstants data;
  for (float value : x) data.meanSquare += static_cast<double>(value) * value / n;
  data.meanSquare += 1;
  data.largestEigen = second_moment_norm(matrix, true);
  for (LossKind kind : {LossKind::Squared, LossKind::Logistic, LossKind::Softmax})
    for (const Neuron& shape : all_neurons()) {
      if ((kind == LossKind::Softmax) != (shape.outputs > 1)) continue;
      if (shape.activation == Activation::Relu) continue;  // its slope jumps: no Lipschitz constant to measure
      INFO(kLossNames[static_cast<int>(kind)], " ", name_of(shape));
      const Loss loss{kind, 1};
      const double ridge = 1e-3, variance = 0.5;
      std::vector<double> y;
      for (uint32_t i = 0; i < n; ++i)
        y.push_back(kind == LossKind::Softmax ? i % 3 : loss.classifies() ? (i % 2 ? 1 : -1) : field.normal(1, i, 0));
      Network network(reference_backend(), {M, d + 1, shape, 1});
      Problem problem(network, {network.add_matrix(matrix), n, y.data()}, loss, ridge, 1e-3, variance, 6);
      problem.draw_initial(Stream::Init, 0);
      const std::vector<float> start = network.read_particles();
      std::vector<double> weights;
      problem.loss_weights(weights);
      double slope = 0;
      for (double weight : weights) slope += std::fabs(weight);
      const double L = 1 / auto_step(shape, loss, data, ridge, variance, slope).value;

      const auto drift = [&](const std::vector<float>& particles) {
        problem.write_particles(particles.data());
        problem.loss_weights(weights);
        std::vector<float> g(particles.size());
        network.gradient(0, {nullptr, n}, weights.data(), g.data());
        return std::vector<double>(g.begin(), g.end());
      };
      std::vector<double> direction(start.size());
      for (uint32_t c = 0; c < direction.size(); ++c) direction[c] = field.normal(2, c, 0);
      double eigen = 0;
      for (int iteration = 0; iteration < 12; ++iteration) {
        double norm = 0;
        for (double value : direction) norm += value * value;
        norm = std::sqrt(norm);
        std::vector<float> above = start, below = start;
        const double h = 0.01;
        for (size_t c = 0; c < start.size(); ++c) {
          above[c] += static_cast<float>(h * direction[c] / norm);
          below[c] -= static_cast<float>(h * direction[c] / norm);
        }
        const std::vector<double> up = drift(above), down = drift(below);
        eigen = 0;
        for (size_t c = 0; c < start.size(); ++c) {
          direction[c] = (up[c] - down[c]) / (2 * h) + 2 * ridge * direction[c] / norm;
          eigen += direction[c] * direction[c];
        }
        eigen = std::sqrt(eigen);
      }
      CHECK(eigen <= L);
    }
}
