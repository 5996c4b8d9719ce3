// A multi-layer perceptron in float32 and its gradient: rectified linear units inside, and one of three functions at its end.
#pragma once
#include <cstdint>
#include <vector>

#include "native/kernels/matrix_product.h"

namespace meanfield {

enum class Ending { Identity, Relu, Tanh };

/// What one pass of rows leaves behind, for the way back; one a thread.
struct Tape {
  ProductScratch product;
  std::vector<cpu::Buffer<float>> values;  // after each layer, rows × units
  cpu::Buffer<float> slopes[2];
};

/// Only the shape: parameters are the caller's. A layer's weights are inputs × units, row-major.
class Perceptron {
 public:
  Perceptron(std::vector<int64_t> sizes, Ending output) : sizes_(std::move(sizes)), output_(output) {}
  int64_t inputs() const { return sizes_.front(); }
  int64_t outputs() const { return sizes_.back(); }
  int64_t weights() const;
  int64_t biases() const;
  const std::vector<int64_t>& sizes() const { return sizes_; }

  /// The outputs, rows × outputs(), which belong to the tape.
  const float* forward(const Multiplier& multiply, const float* weights, const float* biases, const float* input,
                       int64_t rows, Tape& tape) const;
  /// Gradient of Σ_i ⟨slopes_i, output_i⟩ after forward() of the same rows: overwrites both arrays.
  void backward(const Multiplier& multiply, const float* weights, const float* input, int64_t rows, const float* slopes,
                Tape& tape, float* weightGradient, float* biasGradient) const;

 private:
  std::vector<int64_t> sizes_;
  Ending output_;
};

}  // namespace meanfield
