#include "native/problem/neurons.h"

#include <cmath>
#include <limits>
#include <vector>

namespace meanfield {

namespace {

double logistic(double s) { return s >= 0 ? 1 / (1 + std::exp(-s)) : std::exp(s) / (1 + std::exp(s)); }

double preactivation(const float* theta, const float* x, int64_t inputs) {
  double s = 0;
  for (int64_t c = 0; c < inputs; ++c) s += static_cast<double>(theta[c]) * x[c];
  return s;
}

}  // namespace

double activation_value(Activation activation, double s) {
  switch (activation) {
    case Activation::Tanh: return std::tanh(s);
    case Activation::Sigmoid: return logistic(s);
    case Activation::Relu: return s > 0 ? s : 0;
    case Activation::Softplus: return s > 0 ? s + std::log1p(std::exp(-s)) : std::log1p(std::exp(s));
    case Activation::Silu: return s * logistic(s);
  }
  return 0;
}

double activation_derivative(Activation activation, double s) {
  switch (activation) {
    case Activation::Tanh: return 1 - std::tanh(s) * std::tanh(s);
    case Activation::Sigmoid: return logistic(s) * logistic(-s);
    case Activation::Relu: return s > 0 ? 1 : 0;
    case Activation::Softplus: return logistic(s);
    case Activation::Silu: return logistic(s) * (1 + s * logistic(-s));
  }
  return 0;
}

ActivationBounds activation_bounds(Activation activation) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (activation) {
    case Activation::Tanh: return {1, 1, 0.76980035891950105};         // 4/(3√3)
    case Activation::Sigmoid: return {1, 0.25, 0.096225044864937627};  // 1/(6√3)
    case Activation::Relu: return {kInfinity, 1, 0};
    case Activation::Softplus: return {kInfinity, 1, 0.25};
    case Activation::Silu: return {kInfinity, 1.0998393194, 0.5};
  }
  return {kInfinity, kInfinity, kInfinity};
}

void Neuron::output_weights(int64_t particle, const float* tail, double* c, double* e) const {
  for (int j = 0; j < outputs; ++j) {
    e[j] = 0;
    switch (secondLayer) {
      case SecondLayer::Fixed: c[j] = static_cast<double>(scale) * sign(particle, j); break;
      case SecondLayer::Bounded: c[j] = scale * std::tanh(static_cast<double>(tail[j])); break;
      case SecondLayer::Parity:
        c[j] = static_cast<double>(scale) / 3 * sign(particle, j);
        e[j] = 2 * c[j] * std::tanh(static_cast<double>(tail[0]));
        break;
    }
  }
}

void Neuron::value(int64_t particle, const float* theta, const float* x, int64_t inputs, double* h) const {
  std::vector<double> c(static_cast<size_t>(outputs)), e(static_cast<size_t>(outputs));
  output_weights(particle, theta + inputs, c.data(), e.data());
  const double a = activation_value(activation, preactivation(theta, x, inputs));
  for (int j = 0; j < outputs; ++j) h[j] = c[static_cast<size_t>(j)] * a + e[static_cast<size_t>(j)];
}

void Neuron::add_gradient(int64_t particle, const float* theta, const float* x, int64_t inputs, const double* weight,
                          double* gradient) const {
  std::vector<double> c(static_cast<size_t>(outputs)), e(static_cast<size_t>(outputs));
  const float* tail = theta + inputs;
  output_weights(particle, tail, c.data(), e.data());
  const double s = preactivation(theta, x, inputs);
  const double a = activation_value(activation, s);
  double outer = 0, fixed = 0;  // Σ_j weight_j c_j, and with a_j in the place of c_j
  for (int j = 0; j < outputs; ++j) {
    outer += weight[j] * c[static_cast<size_t>(j)];
    fixed += weight[j] * sign(particle, j);
  }
  const double delta = outer * activation_derivative(activation, s);
  for (int64_t q = 0; q < inputs; ++q) gradient[q] += delta * x[q];
  const auto sech2 = [](double t) { return 1 - std::tanh(t) * std::tanh(t); };
  if (secondLayer == SecondLayer::Bounded)
    for (int j = 0; j < outputs; ++j) gradient[inputs + j] += weight[j] * scale * sech2(tail[j]) * a;
  if (secondLayer == SecondLayer::Parity) gradient[inputs] += 2.0 / 3 * scale * fixed * sech2(tail[0]);
}

}  // namespace meanfield
