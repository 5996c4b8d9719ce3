#include "native/boosting/class_loss.h"

#include <algorithm>
#include <cmath>

#include "native/boosting/chunks.h"
#include "native/problem/loss_terms.h"

namespace meanfield {

double class_loss(ClassLossKind kind, const float* z, int64_t classes, int64_t y, float* slope) {
  if (kind == ClassLossKind::Logistic) {
    const double top = *std::max_element(z, z + classes);
    double sum = 0;
    for (int64_t k = 0; k < classes; ++k) sum += std::exp(z[k] - top);
    if (slope) {
      for (int64_t k = 0; k < classes; ++k) slope[k] = static_cast<float>(std::exp(z[k] - top) / sum);
      slope[y] -= 1;
    }
    return std::log(sum) + top - z[y];
  }
  double value = 0, total = 0;
  for (int64_t k = 0; k < classes; ++k) {
    const double room = 1 - (static_cast<double>(z[y]) - z[k]);
    value += softplus(room);
    if (!slope) continue;
    const double rise = room >= 0 ? 1 / (1 + std::exp(-room)) : std::exp(room) / (1 + std::exp(room));
    slope[k] = static_cast<float>(rise);
    if (k != y) total += rise;
  }
  if (slope) slope[y] = static_cast<float>(-total);
  return value;
}

double class_curvature(ClassLossKind kind, int64_t classes) {
  // Softmax: diag p − p pᵀ ≤ 1/2. Hinge: Σ_k σ' (e_k − e_y)(e_k − e_y)ᵀ with σ' ≤ 1/4, and the star's Laplacian has K.
  return kind == ClassLossKind::Logistic ? 0.5 : 0.25 * static_cast<double>(classes);
}

void logits(const Multiplier& multiply, const LinearClassifier& linear, const float* features, int64_t rows, float* z,
            ProductScratch& scratch) {
  const int64_t d = linear.inputs, classes = linear.classes;
  multiply({rows, classes, d, features, d, 1, linear.weights, classes, 1, z, classes}, scratch);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t k = 0; k < classes; ++k) z[i * classes + k] += linear.intercepts[k];
}

ClassSums class_pass(const Multiplier& multiply, ClassLossKind kind, const LinearClassifier& linear,
                     MatrixView<const float> features, const int32_t* classes, float* gradient,
                     const CancelToken* cancel) {
  const int64_t n = features.rows, d = linear.inputs, many = linear.classes;
  const double share = 1 / static_cast<double>(n);
  struct Sums {
    double loss = 0, right = 0, norms = 0, squares = 0;
  };
  struct Own {
    ProductScratch product;
    std::vector<float> z, slopes, rows;
  };
  std::vector<Sums> parts(static_cast<size_t>(chunk_count(n)));
  std::vector<double> margins(static_cast<size_t>(n));
  std::vector<Own> own(static_cast<size_t>(multiply.pool().threads()));
  over_chunks(multiply.pool(), n, cancel, [&](int64_t chunk, int64_t first, int64_t rows, int worker) {
    Own& mine = own[static_cast<size_t>(worker)];
    Sums& sums = parts[static_cast<size_t>(chunk)];
    mine.z.resize(static_cast<size_t>(rows * many));
    mine.slopes.resize(static_cast<size_t>(rows * many));
    logits(multiply, linear, features.row(first), rows, mine.z.data(), mine.product);
    for (int64_t i = 0; i < rows; ++i) {
      const float* z = mine.z.data() + i * many;
      const int64_t y = classes[first + i];
      sums.loss += class_loss(kind, z, many, y, mine.slopes.data() + i * many);
      float other = -std::numeric_limits<float>::infinity();
      for (int64_t k = 0; k < many; ++k)
        if (k != y) other = std::max(other, z[k]);
      margins[static_cast<size_t>(first + i)] = static_cast<double>(z[y]) - other;
      sums.right += std::max_element(z, z + many) - z == y;
    }
    for (float& slope : mine.slopes) slope = static_cast<float>(slope * share);
    mine.rows.resize(static_cast<size_t>(rows * d));
    float* g = gradient ? gradient + first * d : mine.rows.data();
    multiply({rows, d, many, mine.slopes.data(), many, 1, linear.weights, 1, many, g, d}, mine.product);
    for (int64_t i = 0; i < rows; ++i) {
      double square = 0;
      for (int64_t j = 0; j < d; ++j) square += static_cast<double>(g[i * d + j]) * g[i * d + j];
      sums.squares += square;
      sums.norms += std::sqrt(square);
    }
  });
  ClassSums total;
  double squares = 0;
  for (const Sums& part : parts) {
    total.loss += part.loss * share;
    total.accuracy += part.right * share;
    total.l1 += part.norms;
    squares += part.squares;
  }
  total.l2 = std::sqrt(static_cast<double>(n) * squares);
  std::sort(margins.begin(), margins.end());
  for (double part : kMarginQuantiles)
    total.margins.push_back(margins[static_cast<size_t>(std::floor(part * static_cast<double>(n - 1)))]);
  return total;
}

}  // namespace meanfield
