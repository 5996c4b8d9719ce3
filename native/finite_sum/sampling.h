// Minibatches. A draw is a function of (seed, counter) alone.
#pragma once
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "native/core/word_stream.h"
#include "native/finite_sum/problem.h"

namespace meanfield {

enum class Sampling { Uniform, Importance };

/// Uniform: b distinct rows (Fisher and Yates, undone after each draw so that nothing is remembered). Importance: with
/// replacement, q_i = L_i/(n L̄), by Walker's alias table.
class Sampler {
 public:
  Sampler() = default;
  Sampler(FiniteSum& f, Sampling sampling) : n_(f.n), sampling_(sampling) {
    if (sampling == Sampling::Uniform) {
      order_.resize(static_cast<size_t>(n_));
      std::iota(order_.begin(), order_.end(), 0);
    } else {
      alias(f.constants());
    }
  }
  /// rows and, beside each, 1/(n q_i): 1 when uniform.
  void draw(WordStream words, int64_t b, std::vector<int64_t>& rows, std::vector<double>& scale) {
    rows.resize(static_cast<size_t>(b));
    scale.assign(static_cast<size_t>(b), 1.0);
    if (sampling_ == Sampling::Importance) {
      for (int64_t r = 0; r < b; ++r) {
        const int64_t i = words.below(n_);
        rows[r] = words.uniform() < keep_[i] ? i : other_[i];
        scale[r] = scale_[rows[r]];
      }
    } else if (b == n_) {
      std::iota(rows.begin(), rows.end(), 0);
    } else if (b == 1) {
      rows[0] = words.below(n_);
    } else {
      swaps_.resize(static_cast<size_t>(b));
      for (int64_t r = 0; r < b; ++r) {
        swaps_[r] = r + words.below(n_ - r);
        std::swap(order_[r], order_[swaps_[r]]);
        rows[r] = order_[r];
      }
      for (int64_t r = b - 1; r >= 0; --r) std::swap(order_[r], order_[swaps_[r]]);
    }
  }

 private:
  void alias(const Constants& constants) {
    keep_.resize(static_cast<size_t>(n_));
    other_.assign(static_cast<size_t>(n_), 0);
    scale_.resize(static_cast<size_t>(n_));
    std::vector<int32_t> small, large;
    for (int64_t i = 0; i < n_; ++i) {
      // A zero row has a zero gradient; it keeps a small probability so that 1/q stays finite.
      const double q = std::max(constants.mean > 0 ? constants.rows[i] / constants.mean : 1.0, 1e-6);
      keep_[i] = q;
      scale_[i] = 1 / q;
    }
    double total = 0;
    for (double q : keep_) total += q;
    for (int64_t i = 0; i < n_; ++i) {
      keep_[i] *= static_cast<double>(n_) / total;
      scale_[i] = 1 / keep_[i];
      (keep_[i] < 1 ? small : large).push_back(static_cast<int32_t>(i));
    }
    while (!small.empty() && !large.empty()) {
      const int32_t low = small.back(), high = large.back();
      small.pop_back();
      other_[low] = high;
      keep_[high] -= 1 - keep_[low];
      if (keep_[high] < 1) {
        large.pop_back();
        small.push_back(high);
      }
    }
    for (int32_t i : small) keep_[i] = 1;
    for (int32_t i : large) keep_[i] = 1;
  }

  int64_t n_ = 0;
  Sampling sampling_ = Sampling::Uniform;
  std::vector<int32_t> order_, other_;
  std::vector<int64_t> swaps_;
  std::vector<double> keep_, scale_;
};

/// L(b) = n(b−1)/(b(n−1)) L_F + (n−b)/(b(n−1)) L_max: the smoothness that a minibatch of b distinct rows sees in
/// expectation. With importance sampling L_max becomes L̄.
inline double expected_smoothness(const Constants& c, int64_t n, int64_t b, Sampling sampling) {
  if (n <= 1) return c.max;
  const double nn = static_cast<double>(n), bb = static_cast<double>(b);
  const double one = sampling == Sampling::Importance ? c.mean : c.max;
  if (sampling == Sampling::Importance) return c.full + one / bb;  // with replacement: no finite-population factor
  return std::max(nn * (bb - 1) / (bb * (nn - 1)) * c.full + (nn - bb) / (bb * (nn - 1)) * one, 1e-300);
}

/// The rows of a minibatch at work: margins at a point, coefficients, and their sum Σ_r a_r x_r.
class Batch {
 public:
  std::vector<int64_t> rows;
  std::vector<double> scale;
  Vector coefficients;           // b × k
  std::vector<int32_t> support;  // sparse data: the columns that occur in the batch, each once
  Vector sum;                    // k × p; zero outside the support between uses

  explicit Batch(const FiniteSum& f)
      : sum(static_cast<size_t>(f.size), 0.0), seen_(f.x.sparse ? static_cast<size_t>(f.d) : 0, 0) {}

  void find_support(const FiniteSum& f) {
    for (int32_t j : support) seen_[j] = 0;
    support.clear();
    for (int64_t i : rows) {
      const int32_t* c = f.x.columns(i);
      const int64_t many = f.x.count(i);
      for (int64_t e = 0; e < many; ++e)
        if (!seen_[c[e]]) {
          seen_[c[e]] = 1;
          support.push_back(c[e]);
        }
    }
  }
  /// a_r = scale_r/b · (∂ℓ(⟨x_r, at⟩) − derivatives_r); derivatives = null counts as zero. `fresh` (b × k), when not null,
  /// receives c ∂ℓ.
  void correct(const FiniteSum& f, const double* at, const double* derivatives, double* fresh = nullptr) {
    const int64_t b = static_cast<int64_t>(rows.size()), k = f.k;
    coefficients.resize(static_cast<size_t>(b * k));
    const auto work = [&](int64_t first, int64_t last) {
      double few[16];
      Vector many(k > 16 ? static_cast<size_t>(k) : 0);
      double* z = k > 16 ? many.data() : few;
      for (int64_t r = first; r < last; ++r) {
        const int64_t i = rows[r];
        if (r + 1 < last) f.x.prefetch(rows[r + 1]);
        double* a = coefficients.data() + r * k;
        f.margins(i, at, z);
        f.derivative(i, z, a);
        if (fresh) std::copy(a, a + k, fresh + r * k);
        const double factor = scale[r] / static_cast<double>(b);
        for (int64_t c = 0; c < k; ++c) a[c] = factor * (a[c] - (derivatives ? derivatives[i * k + c] : 0));
      }
    };
    constexpr int64_t kRows = 64;
    // A thread is worth waking for tens of microseconds of work. The result is the same either way.
    if (f.pool->threads() > 1 && b > kRows && b * k * (f.x.nonZeros / f.n) > (1 << 17))
      f.pool->run((b + kRows - 1) / kRows, [&](int64_t t, int) { work(t * kRows, std::min(b, (t + 1) * kRows)); });
    else
      work(0, b);
  }
  /// sum = (1/b) Σ_r scale_r (∂ℓ(⟨x_r, at⟩) − those of the snapshot) x_r; snapshot = null counts as zero. Like the two calls
  /// below on an empty sum, or, where the data are on a device, there.
  void gradient(const FiniteSum& f, const double* at, Pass* snapshot) {
    if (f.device) {
      if (snapshot) f.send(*snapshot);
      f.device->batch(rows, scale, at, snapshot ? snapshot->heldDerivatives : nullptr,
                      1 / static_cast<double>(rows.size()), f.cancel, sum.data());
      return;
    }
    correct(f, at, snapshot ? snapshot->derivatives.data() : nullptr);
    accumulate(f);
  }
  /// sum += Σ_r a_r x_r
  void accumulate(const FiniteSum& f) {
    const int64_t b = static_cast<int64_t>(rows.size());
    for (int64_t r = 0; r < b; ++r) {
      if (r + 1 < b) f.x.prefetch(rows[r + 1]);
      f.add(rows[r], coefficients.data() + r * f.k, sum.data());
    }
  }

 private:
  std::vector<char> seen_;
};

}  // namespace meanfield
