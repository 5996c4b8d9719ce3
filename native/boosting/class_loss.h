// Nitanda, Suzuki, "Functional gradient boosting based on residual network perception", ICML 2018, §2: the losses of a linear
// classifier on top of a feature map, and the functional gradient, which is their derivative in the features of every row.
#pragma once
#include <cstdint>
#include <vector>

#include "native/core/thread_pool.h"
#include "native/core/views.h"
#include "native/kernels/matrix_product.h"

namespace meanfield {

enum class ClassLossKind { Logistic, SmoothHinge };

/// Loss of one row with logits z[k] of K classes, y the right one; slope[k] = ∂/∂z_k unless null.
///   logistic:     log Σ_k e^{z_k} − z_y
///   smooth hinge: Σ_k softplus(1 − (z_y − z_k)), the constant of k = y included
double class_loss(ClassLossKind kind, const float* z, int64_t classes, int64_t y, float* slope);

/// Largest eigenvalue that the Hessian of class_loss in z can have: 1/2, or K/4.
double class_curvature(ClassLossKind kind, int64_t classes);

/// W is d × K, then K intercepts.
struct LinearClassifier {
  const float* weights;
  const float* intercepts;
  int64_t inputs, classes;
};

/// What a pass over the rows tells of the classifier on their features.
struct ClassSums {
  double loss = 0;              // mean, without the penalty
  double accuracy = 0;          // part of the rows whose largest logit is that of their class
  double l1 = 0;                // Σ_i ‖G_i‖
  double l2 = 0;                // √(n Σ_i ‖G_i‖²) ≥ l1
  std::vector<double> margins;  // z_y − max_{k≠y} z_k at kMarginQuantiles of the rows
};
constexpr double kMarginQuantiles[5] = {0.05, 0.25, 0.5, 0.75, 0.95};

/// z_i = Wᵀ features_i + b.
void logits(const Multiplier& multiply, const LinearClassifier& linear, const float* features, int64_t rows, float* z,
            ProductScratch& scratch);

/// Sums over rows; the functional gradient G_i = W ∂ℓ/∂z_i / n goes to `gradient` (n × d) unless it is null. Throws Cancelled.
ClassSums class_pass(const Multiplier& multiply, ClassLossKind kind, const LinearClassifier& linear,
                     MatrixView<const float> features, const int32_t* classes, float* gradient,
                     const CancelToken* cancel);

}  // namespace meanfield
