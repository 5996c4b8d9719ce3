#include "native/problem/losses.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "native/problem/loss_terms.h"

namespace meanfield {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// log Σ_j exp(z_j)
double log_sum_exp(const double* z, int outputs) {
  const double top = *std::max_element(z, z + outputs);
  double sum = 0;
  for (int j = 0; j < outputs; ++j) sum += std::exp(z[j] - top);
  return top + std::log(sum);
}

}  // namespace

double Loss::value(const double* z, const double* y, int outputs) const {
  if (kind == LossKind::Softmax) return log_sum_exp(z, outputs) - z[static_cast<int>(y[0])];
  double sum = 0;
  for (int j = 0; j < outputs; ++j) sum += scalar_value(*this, z[j], y[j]);
  return sum;
}

double Loss::gradient(const double* z, const double* y, int outputs, double* gradient) const {
  if (kind == LossKind::Softmax) {
    const double total = log_sum_exp(z, outputs);
    const int label = static_cast<int>(y[0]);
    for (int j = 0; j < outputs; ++j) gradient[j] = std::exp(z[j] - total) - (j == label ? 1 : 0);
    return total - z[label];
  }
  for (int j = 0; j < outputs; ++j) gradient[j] = scalar_derivative(*this, z[j], y[j]);
  return value(z, y, outputs);
}

double Loss::derivative(double z, double y) const { return scalar_derivative(*this, z, y); }

double Loss::curvature(double z, double y) const { return scalar_curvature(*this, z, y); }

double Loss::conjugate(const double* g, const double* y, int outputs) const {
  double sum = 0;
  if (kind == LossKind::Softmax) {
    // ℓ*(g) = Σ_j s_j log s_j with s = g + e_y in the simplex.
    double total = 0;
    for (int j = 0; j < outputs; ++j) {
      const double s = g[j] + (j == static_cast<int>(y[0]) ? 1 : 0);
      if (s < -kConjugateEdge) return kInfinity;
      total += s;
      sum += entropy_term(s);
    }
    return std::fabs(total - 1) > kConjugateEdge * outputs ? kInfinity : sum;
  }
  for (int j = 0; j < outputs; ++j) sum += scalar_conjugate(*this, g[j], y[j]);
  return sum;
}

double Loss::smoothness() const {
  switch (kind) {
    case LossKind::Logistic: return 0.25;
    case LossKind::SmoothHinge: return 1 / width;
    case LossKind::Softmax: return 0.5;
    case LossKind::Poisson: return kInfinity;
    default: return 1;
  }
}

double Loss::box_curvature(int outputs) const { return kind == LossKind::Softmax ? 1 : outputs * smoothness(); }

double Loss::gradient_bound(int outputs) const {
  switch (kind) {
    case LossKind::Squared:
    case LossKind::SquaredHinge:
    case LossKind::Poisson: return kInfinity;
    case LossKind::Huber: return outputs * width;
    case LossKind::Softmax: return 2;
    default: return outputs;
  }
}

void Loss::check_targets(const double* targets, int64_t n, int outputs) const {
  const int perRow = target_width(outputs);
  for (int64_t i = 0; i < n; ++i) {
    for (int j = 0; j < perRow; ++j) {
      const double y = targets[i * perRow + j];
      std::string expected;
      if (kind == LossKind::Softmax) {
        if (!(y >= 0 && y < outputs && y == std::floor(y)))
          expected =
              "a class from 0 to " + std::to_string(outputs - 1) + ". Give the network as many outputs as classes.";
      } else if (classifies()) {
        if (y != 1 && y != -1) expected = "-1 or +1. Recode the two classes, or use the squared loss for numbers.";
      } else if (!std::isfinite(y)) {
        expected = "a finite number. Drop or impute the row first.";
      } else if (kind == LossKind::Poisson && y < 0) {
        expected = "a count of at least 0.";
      }
      if (!expected.empty())
        throw Error(ErrorCode::InvalidData, std::string("the ") + kLossNames[static_cast<int>(kind)] +
                                                " loss: target of row " + std::to_string(i) + " is " +
                                                std::to_string(y) + "; expected " + expected);
    }
  }
}

}  // namespace meanfield
