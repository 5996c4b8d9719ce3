// The losses at one number z, the same on the host and on devices: value, derivative, curvature, conjugate, and the ends of
// the conjugate's domain. losses.h has them for whole rows.
#pragma once
#include <cmath>

#include "native/core/host_device.h"
#include "native/problem/losses.h"

namespace meanfield {

/// Numbers this far outside the domain of a conjugate are rounding of its boundary.
constexpr double kConjugateEdge = 1e-12;

/// log(1 + e^t) without overflow.
MEANFIELD_HOST_DEVICE inline double softplus(double t) { return t > 0 ? t + log1p(exp(-t)) : log1p(exp(t)); }

/// s log s, 0 at 0.
MEANFIELD_HOST_DEVICE inline double entropy_term(double s) { return s > 0 ? s * log(s) : 0; }

MEANFIELD_HOST_DEVICE inline double scalar_value(const Loss& loss, double z, double y) {
  switch (loss.kind) {
    case LossKind::Squared: return 0.5 * (z - y) * (z - y);
    case LossKind::Logistic: return softplus(-y * z);
    case LossKind::SmoothHinge: {
      const double room = 1 - y * z;
      if (room <= 0) return 0;
      return room >= loss.width ? room - loss.width / 2 : room * room / (2 * loss.width);
    }
    case LossKind::Huber: {
      const double r = fabs(z - y);
      return r <= loss.width ? 0.5 * r * r : loss.width * (r - loss.width / 2);
    }
    case LossKind::SquaredHinge: {
      const double room = 1 - y * z < 0 ? 0 : 1 - y * z;
      return 0.5 * room * room;
    }
    case LossKind::Poisson: return exp(z) - y * z;
    case LossKind::Softmax: break;
  }
  return 0;
}

MEANFIELD_HOST_DEVICE inline double scalar_derivative(const Loss& loss, double z, double y) {
  switch (loss.kind) {
    case LossKind::Squared: return z - y;
    case LossKind::Logistic: {
      const double t = y * z;
      const double e = exp(-fabs(t));
      return -y * (t > 0 ? e : 1) / (1 + e);
    }
    case LossKind::SmoothHinge: {
      const double room = 1 - y * z;
      return room <= 0 ? 0 : -y * (room > loss.width ? 1 : room / loss.width);
    }
    case LossKind::Huber: return z - y < -loss.width ? -loss.width : z - y > loss.width ? loss.width : z - y;
    case LossKind::SquaredHinge: return -y * (1 - y * z < 0 ? 0 : 1 - y * z);
    case LossKind::Poisson: return exp(z) - y;
    case LossKind::Softmax: break;
  }
  return 0;
}

/// One of its values where it jumps.
MEANFIELD_HOST_DEVICE inline double scalar_curvature(const Loss& loss, double z, double y) {
  switch (loss.kind) {
    case LossKind::Squared: return 1;
    case LossKind::Logistic: {
      const double e = exp(-fabs(z));
      return e / ((1 + e) * (1 + e));
    }
    case LossKind::SmoothHinge: return y * z < 1 && 1 - y * z < loss.width ? 1 / loss.width : 0;
    case LossKind::Huber: return fabs(z - y) < loss.width ? 1 : 0;
    case LossKind::SquaredHinge: return y * z < 1 ? 1 : 0;
    case LossKind::Poisson: return exp(z);
    case LossKind::Softmax: break;
  }
  return 0;
}

/// ℓ*(g, y); infinite outside its domain.
MEANFIELD_HOST_DEVICE inline double scalar_conjugate(const Loss& loss, double g, double y) {
  const double infinite = HUGE_VAL, s = -y * g;
  switch (loss.kind) {
    case LossKind::Squared: return 0.5 * g * g + g * y;
    case LossKind::Logistic:
      return s < -kConjugateEdge || s > 1 + kConjugateEdge ? infinite : entropy_term(s) + entropy_term(1 - s);
    case LossKind::SmoothHinge:
      return s < -kConjugateEdge || s > 1 + kConjugateEdge ? infinite : -s + loss.width / 2 * s * s;
    case LossKind::Huber: return fabs(g) > loss.width * (1 + kConjugateEdge) ? infinite : 0.5 * g * g + g * y;
    case LossKind::SquaredHinge: return s < -kConjugateEdge ? infinite : -s + 0.5 * s * s;
    case LossKind::Poisson: {
      const double mean = g + y;
      return mean < -kConjugateEdge * (1 + y) ? infinite : entropy_term(mean) - mean;
    }
    case LossKind::Softmax: break;
  }
  return 0;
}

/// c times the least (sign −1) or largest derivative in the domain of the conjugate: what a dual point is mixed with to balance
/// an intercept. Squared loss: any number, here ±1.
MEANFIELD_HOST_DEVICE inline double extreme_derivative(const Loss& loss, double y, double weight, int sign) {
  switch (loss.kind) {
    case LossKind::Huber: return sign * weight * loss.width;
    case LossKind::Squared: return sign * weight;
    case LossKind::Poisson: return sign > 0 ? weight : -weight * y;
    default: return sign * y < 0 ? sign * weight : 0;  // margin losses: −y s with s in [0, 1]
  }
}

}  // namespace meanfield
