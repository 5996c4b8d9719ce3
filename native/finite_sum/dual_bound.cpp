// Fenchel duality of P(w) = (1/n) Σ c_i ℓ(z_i, y_i) + R(w): for every g,
//     D(g) = −(1/n) Σ_i c_i ℓ*(g_i/c_i, y_i) − R*(−Xᵀg/n) ≤ min P,        Σ_i g_i = 0 when there is an intercept.
#include <algorithm>
#include <cmath>
#include <utility>

#include "native/finite_sum/problem.h"
#include "native/problem/loss_terms.h"

namespace meanfield {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The derivative of least (sign −1) or largest mean that the dual's domain holds at row i; it is mixed into g to balance
/// the intercept. Squared loss: any number, here ±1.
double extreme(const FiniteSum& f, int64_t i, int c, int sign) {
  return extreme_derivative(f.loss, f.target(i, c), f.weight(i), sign);
}

/// Weights that mix the derivatives with fixed points of the domain so that the means vanish: g' = keep·g + Σ share·g⁰.
struct Mixture {
  double keep = 1;
  int sign = 0;  // scalar losses: which extreme
  double share = 0;
  Vector classes;  // softmax: shares of the constant distributions e_c
};

Mixture balance(const FiniteSum& f, const DualAnchors& anchors, const Pass& pass, int c) {
  Mixture mix;
  if (!f.intercept) return mix;
  if (f.coupled()) {
    // (1 − θ) ḡ + θ (π − frequency) = 0 with the least θ for which π ≥ 0.
    double ratio = kInfinity;
    for (int j = 0; j < f.k; ++j) {
      const double mean = pass.gradient[j * f.p + f.d];
      if (mean > 0) ratio = std::min(ratio, anchors.frequency[j] / mean);
    }
    const double theta = std::isfinite(ratio) ? 1 / (1 + ratio) : 0;
    mix.keep = 1 - theta;
    mix.classes.assign(static_cast<size_t>(f.k), 0);
    for (int j = 0; j < f.k; ++j)
      mix.classes[j] = std::max(0.0, theta * anchors.frequency[j] - (1 - theta) * pass.gradient[j * f.p + f.d]);
    return mix;
  }
  const double mean = pass.gradient[c * f.p + f.d];
  if (mean == 0) return mix;
  mix.sign = mean > 0 ? -1 : 1;
  const double other = std::fabs(mix.sign > 0 ? anchors.positiveMean[c] : anchors.negativeMean[c]);
  if (f.loss.kind == LossKind::Squared) {
    mix.share = std::fabs(mean) / other;
  } else {
    const double theta = std::fabs(mean) / (std::fabs(mean) + other);
    mix.keep = 1 - theta;
    mix.share = theta;
  }
  return mix;
}

/// The three sums of DualSums where the data are on a device; sums that nobody needs cost nothing beside the reading.
DualSums sums_on_device(const FiniteSum& f, const Pass& pass, const std::vector<Mixture>& mixtures, double scale) {
  Vector keep, share;
  std::vector<int32_t> sign;
  for (const Mixture& mix : mixtures) {
    keep.push_back(mix.keep);
    share.push_back(mix.share);
    sign.push_back(mix.sign);
  }
  const Vector& classes = mixtures[0].classes;
  const DualMix mix{keep.data(), share.data(), sign.data(), classes.empty() ? nullptr : classes.data(), scale};
  const HeldNumbers held = pass.heldDerivatives ? pass.heldDerivatives : f.device->write(pass.derivatives.data());
  return f.device->dual_sums(held, mix, f.cancel);
}

/// Conjugates of the logistic loss at shares s = −y g/c, added up a vector at a time.
class Shares {
 public:
  explicit Shares(const LinearKernels& kernels) : kernels_(kernels) {}
  /// What has become due.
  double add(double share, double weight) {
    if (share < -kConjugateEdge || share > 1 + kConjugateEdge) return kInfinity;
    shares_[count_] = std::min(std::max(share, 0.0), 1.0);
    weights_[count_] = weight;
    return ++count_ == kCount ? rest() : 0;
  }
  double rest() { return kernels_.entropy(shares_, weights_, std::exchange(count_, 0)); }

 private:
  static constexpr int64_t kCount = 64;
  const LinearKernels& kernels_;
  double shares_[kCount], weights_[kCount];
  int64_t count_ = 0;
};

/// Σ_i c_i ℓ*(s g'_i/c_i, y_i) over the rows, and for the squared loss the two sums that make the best s.
double conjugate_sum(const FiniteSum& f, const Pass& pass, const std::vector<Mixture>& mixtures, double scale) {
  if (f.device) return sums_on_device(f, pass, mixtures, scale).conjugate;
  std::vector<double> parts(static_cast<size_t>(f.chunks()));
  f.over_chunks([&](int64_t chunk, int64_t first, int64_t last) {
    double sum = 0;
    Vector row(static_cast<size_t>(f.k));
    Shares shares(f.x.kernels());
    for (int64_t i = first; i < last; ++i) {
      const double weight = f.weight(i);
      if (weight == 0) continue;
      const double* g = pass.derivatives.data() + i * f.k;
      if (f.coupled()) {
        const Mixture& mix = mixtures[0];
        const double label = f.y.values[i];
        double total = 0;
        for (int c = 0; c < f.k; ++c) {
          const double own = c == static_cast<int>(label) ? 1 : 0;
          // s = g + e_y is a distribution; mixing and shrinking keep it one.
          double s = g[c] / weight + own;
          if (!mix.classes.empty()) s = mix.keep * s + mix.classes[c];
          s = scale * s + (1 - scale) * own;
          total += s = std::max(s, 0.0);
          row[c] = s;
        }
        double entropy = 0;
        for (double s : row) entropy += s > 0 ? s / total * std::log(s / total) : 0;
        sum += weight * entropy;
      } else {
        for (int c = 0; c < f.k; ++c) {
          const Mixture& mix = mixtures[c];
          const double mixed = mix.keep * g[c] + (mix.sign ? mix.share * extreme(f, i, c, mix.sign) : 0);
          const double at = scale * mixed / weight, label = f.target(i, c);
          sum += f.loss.kind == LossKind::Logistic ? shares.add(-label * at, weight)
                                                   : weight * f.loss.conjugate(&at, &label, 1);
        }
      }
    }
    parts[chunk] = sum + shares.rest();
  });
  double total = 0;
  for (double part : parts) total += part;
  return total;
}

}  // namespace

DualAnchors dual_anchors(FiniteSum& f) {
  DualAnchors anchors;
  if (!f.intercept) return anchors;
  Vector a(static_cast<size_t>(f.n * f.k)), out(static_cast<size_t>(f.size));
  if (f.coupled()) {
    for (int64_t i = 0; i < f.n; ++i)
      for (int c = 0; c < f.k; ++c) a[i * f.k + c] = c == static_cast<int>(f.y.values[i]) ? f.weight(i) : 0;
    f.transposed(a.data(), out.data());
    anchors.columnSum.assign(static_cast<size_t>(f.d), 0);
    for (int c = 0; c < f.k; ++c) {
      anchors.frequency.push_back(out[c * f.p + f.d]);
      for (int64_t j = 0; j < f.d; ++j) {
        anchors.classSum.push_back(out[c * f.p + j]);
        anchors.columnSum[j] += out[c * f.p + j];
      }
    }
    return anchors;
  }
  for (const int sign : {-1, 1}) {
    for (int64_t i = 0; i < f.n; ++i)
      for (int c = 0; c < f.k; ++c) a[i * f.k + c] = extreme(f, i, c, sign);
    f.transposed(a.data(), out.data());
    Vector& vectors = sign > 0 ? anchors.positive : anchors.negative;
    Vector& means = sign > 0 ? anchors.positiveMean : anchors.negativeMean;
    for (int c = 0; c < f.k; ++c) {
      vectors.insert(vectors.end(), out.begin() + c * f.p, out.begin() + c * f.p + f.d);
      means.push_back(out[c * f.p + f.d]);
    }
  }
  return anchors;
}

DualBound dual_bound(const FiniteSum& f, const DualAnchors& anchors, const Pass& pass, const double* w) {
  DualBound bound;
  bound.primal = f.objective(pass, w);
  // v = −Xᵀg'/n of the balanced dual point.
  Vector v(static_cast<size_t>(f.k * f.d));
  std::vector<Mixture> mixtures;
  bool moved = false;
  for (int c = 0; c < f.k; ++c) {
    mixtures.push_back(balance(f, anchors, pass, c));
    const Mixture& mix = mixtures.back();
    moved |= mix.sign != 0 || !mix.classes.empty();
    for (int64_t j = 0; j < f.d; ++j) {
      double sum = mix.keep * pass.gradient[c * f.p + j];
      if (!mix.classes.empty()) {
        double total = 0;
        for (double share : mix.classes) total += share;
        sum += mix.classes[c] * anchors.columnSum[j] - total * anchors.classSum[c * f.d + j];
      } else if (mix.sign) {
        sum += mix.share * (mix.sign > 0 ? anchors.positive : anchors.negative)[c * f.d + j];
      }
      v[c * f.d + j] = -sum;
    }
  }
  double scale = 1;
  const Regularizer& r = f.regularizer;
  if (r.l2 == 0) {
    double largest = 0;
    for (double value : v) largest = std::max(largest, r.nonNegative ? value : std::fabs(value));
    double most = largest > 0 ? r.l1 / largest : 1;
    if (r.l1 == 0 && largest > 0) {
      bound.dual = -kInfinity;
      bound.gap = kInfinity;
      return bound;
    }
    if (f.loss.kind == LossKind::Squared) {
      // D(s g) = −(s²‖g‖²/2 + s⟨g, y⟩)/n is largest at s = −⟨g, y⟩/‖g‖².
      double squares = 0, product = 0;
      if (f.device) {
        const DualSums sums = sums_on_device(f, pass, mixtures, 1);
        squares = sums.squares;
        product = sums.product;
      }
      for (int64_t i = 0; i < (f.device ? 0 : f.n); ++i)
        for (int c = 0; c < f.k; ++c) {
          const double weight = f.weight(i);
          if (weight == 0) continue;
          const Mixture& mix = mixtures[c];
          const double g =
              mix.keep * pass.derivatives[i * f.k + c] + (mix.sign ? mix.share * extreme(f, i, c, mix.sign) : 0);
          squares += g * g / weight;
          product += g * f.target(i, c);
        }
      const double best = squares > 0 ? -product / squares : 1;
      scale = r.nonNegative ? std::clamp(best, 0.0, most) : std::clamp(best, -most, most);
    } else {
      scale = std::min(1.0, most);
    }
  }
  const double conjugates = moved || scale != 1 ? conjugate_sum(f, pass, mixtures, scale) : pass.sums.conjugate;
  double penalty = 0;
  if (r.l2 > 0)
    for (double value : v) penalty += r.conjugate(value);
  bound.dual = -conjugates / static_cast<double>(f.n) - penalty;
  bound.gap = bound.primal - bound.dual;
  for (double& value : v) value *= scale;
  bound.point = std::move(v);
  return bound;
}

}  // namespace meanfield
