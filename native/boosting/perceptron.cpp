#include "native/boosting/perceptron.h"

#include <algorithm>
#include <limits>

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

constexpr int64_t kPadding = 16;  // of buffers, so that native vectors may run over their end

/// z ← σ(z + bias) in a buffer with padding.
void activate(Ending ending, float* z, const float* bias, int64_t rows, int64_t units, const ProductTiles& tiles) {
  // No branches inside: which units are on is not to be predicted. What is not a number stays so.
  const float floor = ending == Ending::Relu ? 0 : -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < rows; ++i) {
    float* row = z + i * units;
    for (int64_t j = 0; j < units; ++j) {
      const float value = row[j] + bias[j];
      row[j] = value < floor ? floor : value;
    }
  }
  if (ending != Ending::Tanh) return;
  const int64_t count = rows * units, whole = (count + kPadding - 1) / kPadding * kPadding;
  std::fill(z + count, z + whole, 0.0f);
  tiles.tanh(z, whole);
}

/// slope · σ'(z) from a = σ(z).
void through(Ending ending, const float* a, const float* slope, int64_t count, float* to) {
  if (ending == Ending::Relu)
    for (int64_t i = 0; i < count; ++i) {
      const float kept = slope[i];  // read in any case, so that there is no branch
      to[i] = a[i] > 0 ? kept : 0;
    }
  else if (ending == Ending::Tanh)
    for (int64_t i = 0; i < count; ++i) to[i] = slope[i] * (1 - a[i] * a[i]);
  else
    std::copy(slope, slope + count, to);
}

}  // namespace

const float* Perceptron::forward(const Multiplier& multiply, const float* weights, const float* biases,
                                 const float* input, int64_t rows, Tape& tape) const {
  const size_t layers = sizes_.size() - 1;
  tape.values.resize(std::max(tape.values.size(), layers));
  for (size_t l = 0; l < layers; ++l) {
    const int64_t from = sizes_[l], to = sizes_[l + 1];
    tape.values[l].resize(rows * to + kPadding);
    float* z = tape.values[l].data();
    multiply({rows, to, from, input, from, 1, weights, to, 1, z, to}, tape.product);
    activate(l + 1 == layers ? output_ : Ending::Relu, z, biases, rows, to, multiply.tiles());
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
