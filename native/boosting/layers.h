// Residual layers: Z ← keep Z + scale Σ_b e_b M_b with embeddings e_b of the features Z, and of the inputs X in the Frank-Wolfe
// form. Rows are independent of each other, so that a model applied to any of them gives what the fit had, bit for bit.
#pragma once
#include <functional>
#include <vector>

#include "native/boosting/perceptron.h"
#include "native/core/cancel.h"
#include "native/core/views.h"

namespace meanfield {

struct Layer {
  std::vector<float> parameters;  // of the embeddings: all weights, then all biases
  std::vector<float> matrices;    // M_b, D × d each
  float keep = 1, scale = 0;
};

/// What embeds the rows of a layer: the first network sees Z, the second, where there is one, X.
class Embeddings {
 public:
  Embeddings(const Multiplier& multiply, std::vector<Perceptron> networks)
      : multiply_(multiply), networks_(std::move(networks)) {}

  const std::vector<Perceptron>& networks() const { return networks_; }
  const Multiplier& multiply() const { return multiply_; }
  int64_t parameters() const;
  int64_t matrices() const;  // numbers of all M_b

  /// e_bᵀ G of each branch, D × d: in float32 within 256 rows, in double over them. Throws Cancelled.
  std::vector<std::vector<double>> products(const std::vector<float>& parameters, MatrixView<const float> z,
                                            MatrixView<const float> x, MatrixView<const float> gradient,
                                            const CancelToken* cancel) const;
  /// Σ_b e_b M_b for all rows into `direction`, n × d; returns the sum of squares. Throws Cancelled.
  double directions(const Layer& layer, MatrixView<const float> z, MatrixView<const float> x, float* direction,
                    const CancelToken* cancel) const;
  /// Z ← keep Z + scale Σ_b e_b M_b in place. Throws Cancelled.
  void apply(const Layer& layer, MatrixView<const float> x, float* z, const CancelToken* cancel) const;

 private:
  void embed(const float* parameters, size_t branch, const float* input, int64_t rows, Tape& tape,
             const float*& output) const;
  double direction(const Layer& layer, const float* z, const float* x, int64_t rows, Tape& tape, float* to) const;

  Multiplier multiply_;
  std::vector<Perceptron> networks_;
};

/// z ← keep z + scale d, the one place where this is rounded.
void mix(const Layer& layer, const float* direction, int64_t count, float* z);

}  // namespace meanfield
