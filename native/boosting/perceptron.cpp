#include "native/boosting/perceptron.h"

#include <cmath>

namespace meanfield {

int64_t Perceptron::weights() const {
  int64_t count = 0;
  for (size_t l = 0; l + 1 < sizes_.size(); ++l) count += sizes_[l] * sizes_[l + 1];
  return count;
}

int64_t Perceptron::biases() const {
  int64_t count = 0;
  for (size_t l = 1; l < sizes_.size(); ++l) count += sizes_[l];
  return count;
}

namespace {

void activate(Ending activation, float* z, const float* bias, int64_t rows, int64_t units) {
  for (int64_t i = 0; i < rows; ++i, z += units)
    for (int64_t j = 0; j < units; ++j) {
      const float value = z[j] + bias[j];
      if (activation == Ending::Relu)
        z[j] = value > 0 ? value : value * 0;  // not a number stays one
      else
        z[j] = activation == Ending::Tanh ? std::tanh(value) : value;
    }
}

/// slope · σ'(z) from a = σ(z).
void through(Ending activation, const float* a, const float* slope, int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) {
    if (activation == Ending::Relu)
      to[i] = a[i] > 0 ? slope[i] : 0;
    else
      to[i] = activation == Ending::Tanh ? slope[i] * (1 - a[i] * a[i]) : slope[i];
  }
}

}  // namespace

const float* Perceptron::forward(const Multiplier& multiply, const float* weights, const float* biases, const float* input,
                              int64_t rows, Tape& tape) const {
  const size_t layers = sizes_.size() - 1;
  tape.values.resize(std::max(tape.values.size(), layers));
  for (size_t l = 0; l < layers; ++l) {
    const int64_t from = sizes_[l], to = sizes_[l + 1];
    tape.values[l].resize(rows * to);
    float* z = tape.values[l].data();
    multiply({rows, to, from, input, from, 1, weights, to, 1, z, to}, tape.product);
    activate(l + 1 == layers ? output_ : Ending::Relu, z, biases, rows, to);
    input = z;
    weights += from * to;
    biases += to;
  }
  return input;
}

void Perceptron::backward(const Multiplier& multiply, const float* weights, const float* input, int64_t rows,
                       const float* slopes, Tape& tape, float* weightGradient, float* biasGradient) const {
  const size_t layers = sizes_.size() - 1;
  int64_t weightEnd = this->weights(), biasEnd = biases();
  for (size_t l = layers; l-- > 0;) {
    const int64_t from = sizes_[l], to = sizes_[l + 1];
    weightEnd -= from * to;
    biasEnd -= to;
    tape.slopes[0].resize(rows * to);
    float* dz = tape.slopes[0].data();
    through(l + 1 == layers ? output_ : Ending::Relu, tape.values[l].data(), slopes, rows * to, dz);
    const float* below = l == 0 ? input : tape.values[l - 1].data();
    multiply({from, to, rows, below, 1, from, dz, to, 1, weightGradient + weightEnd, to}, tape.product);
    float* bias = biasGradient + biasEnd;
    for (int64_t j = 0; j < to; ++j) bias[j] = 0;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < to; ++j) bias[j] += dz[i * to + j];
    if (l == 0) return;
    tape.slopes[1].resize(rows * from);
    multiply({rows, from, to, dz, to, 1, weights + weightEnd, 1, to, tape.slopes[1].data(), from}, tape.product);
    slopes = tape.slopes[1].data();
  }
}

}  // namespace meanfield
