#include "native/problem/losses.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace meanfield {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Numbers this far outside the domain of a conjugate are rounding of its boundary.
constexpr double kEdge = 1e-12;

/// log(1 + e^t) without overflow.
double softplus(double t) { return t > 0 ? t + std::log1p(std::exp(-t)) : std::log1p(std::exp(t)); }

/// s log s, 0 at 0.
double entropy_term(double s) { return s > 0 ? s * std::log(s) : 0; }

double scalar_value(const Loss& loss, double z, double y) {
  switch (loss.kind) {
    case LossKind::Squared: return 0.5 * (z - y) * (z - y);
    case LossKind::Logistic: return softplus(-y * z);
    case LossKind::SmoothHinge: {
      const double room = 1 - y * z;
      if (room <= 0) return 0;
      return room >= loss.width ? room - loss.width / 2 : room * room / (2 * loss.width);
    }
    case LossKind::Huber: {
      const double r = std::fabs(z - y);
      return r <= loss.width ? 0.5 * r * r : loss.width * (r - loss.width / 2);
    }
    case LossKind::SquaredHinge: {
      const double room = std::max(1 - y * z, 0.0);
      return 0.5 * room * room;
    }
    case LossKind::Poisson: return std::exp(z) - y * z;
    case LossKind::Softmax: break;
  }
  return 0;
}

double scalar_derivative(const Loss& loss, double z, double y) {
  switch (loss.kind) {
    case LossKind::Squared: return z - y;
    case LossKind::Logistic: {
      const double t = y * z;
      return t > 0 ? -y * std::exp(-t) / (1 + std::exp(-t)) : -y / (1 + std::exp(t));
    }
    case LossKind::SmoothHinge: {
      const double room = 1 - y * z;
      return room <= 0 ? 0 : -y * std::min(room / loss.width, 1.0);
    }
    case LossKind::Huber: return std::clamp(z - y, -loss.width, loss.width);
    case LossKind::SquaredHinge: return -y * std::max(1 - y * z, 0.0);
    case LossKind::Poisson: return std::exp(z) - y;
    case LossKind::Softmax: break;
  }
  return 0;
}

double scalar_conjugate(const Loss& loss, double g, double y) {
  switch (loss.kind) {
    case LossKind::Squared: return 0.5 * g * g + g * y;
    case LossKind::Logistic: {
      const double s = -y * g;
      return s < -kEdge || s > 1 + kEdge ? kInfinity : entropy_term(s) + entropy_term(1 - s);
    }
    case LossKind::SmoothHinge: {
      const double s = -y * g;
      return s < -kEdge || s > 1 + kEdge ? kInfinity : -s + loss.width / 2 * s * s;
    }
    case LossKind::Huber: return std::fabs(g) > loss.width * (1 + kEdge) ? kInfinity : 0.5 * g * g + g * y;
    case LossKind::SquaredHinge: {
      const double s = -y * g;
      return s < -kEdge ? kInfinity : -s + 0.5 * s * s;
    }
    case LossKind::Poisson: {
      const double mean = g + y;
      return mean < -kEdge * (1 + y) ? kInfinity : entropy_term(mean) - mean;
    }
    case LossKind::Softmax: break;
  }
  return 0;
}

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

double Loss::curvature(double z, double y) const {
  switch (kind) {
    case LossKind::Squared: return 1;
    case LossKind::Logistic: {
      const double e = std::exp(-std::fabs(z));
      return e / ((1 + e) * (1 + e));
    }
    case LossKind::SmoothHinge: return y * z < 1 && 1 - y * z < width ? 1 / width : 0;
    case LossKind::Huber: return std::fabs(z - y) < width ? 1 : 0;
    case LossKind::SquaredHinge: return y * z < 1 ? 1 : 0;
    case LossKind::Poisson: return std::exp(z);
    case LossKind::Softmax: break;
  }
  return 0;
}

double Loss::conjugate(const double* g, const double* y, int outputs) const {
  double sum = 0;
  if (kind == LossKind::Softmax) {
    // ℓ*(g) = Σ_j s_j log s_j with s = g + e_y in the simplex.
    double total = 0;
    for (int j = 0; j < outputs; ++j) {
      const double s = g[j] + (j == static_cast<int>(y[0]) ? 1 : 0);
      if (s < -kEdge) return kInfinity;
      total += s;
      sum += entropy_term(s);
    }
    return std::fabs(total - 1) > kEdge * outputs ? kInfinity : sum;
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
