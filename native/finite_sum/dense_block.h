// The dense columns of a sparse working set. They correlate with each other and with all others, so that sweeps which move them one at a time
// creep. They move together: their Gram matrix is small, and costs less than a sweep.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "native/finite_sum/columns.h"
#include "native/finite_sum/gram_solver.h"

namespace meanfield {

class DenseBlock {
 public:
  /// The first of the members that are dense, at most 64.
  DenseBlock(const FiniteSum& f, const Columns& columns, const std::vector<int32_t>& members) : f_(f) {
    for (size_t a = 0; a < members.size() && places_.size() < kMost; ++a) {
      const Columns::Column& x = columns.sparse[members[a]];
      if (x.rows) continue;
      // Neighbours in memory are read together.
      if (places_.empty() || scaled_.back() + f.n != x.scaled) runs_.push_back(static_cast<int64_t>(places_.size()));
      places_.push_back(static_cast<int32_t>(a));
      scaled_.push_back(x.scaled);
    }
    runs_.push_back(size());
    slopes_.resize(places_.size());
    by_ = w_ = slopes_;
    free_.resize(places_.size());
    gram_.resize(places_.size() * places_.size());
  }

  int64_t size() const { return static_cast<int64_t>(places_.size()); }
  /// Of the members, those that belong to the block.
  const std::vector<int32_t>& places() const { return places_; }

  /// X̃ᵀX̃/n of the columns scaled by √h. One formed at h' is kept while h ≤ 1.9 h', so that moves on it go down, and h is not much less on the whole.
  void form(const Vector& roots) {
    const int64_t m = size();
    if (m == 0) return;
    if (!roots_.empty()) {
      double most = 0, now = 0, then = 0;
      for (size_t i = 0; i < roots.size(); ++i) {
        most = std::max(most, roots[i] - std::sqrt(1.9) * roots_[i]);
        now += roots[i] * roots[i];
        then += roots_[i] * roots_[i];
      }
      if (most <= 0 && now >= 0.5 * then) return;
    }
    roots_ = roots;
    std::vector<Vector> parts(static_cast<size_t>(f_.chunks()));
    f_.over_chunks([&](int64_t chunk, int64_t first, int64_t last) {
      std::vector<const float*> x(scaled_.begin(), scaled_.end());
      for (const float*& each : x) each += first;
      parts[chunk].assign(gram_.size(), 0.0);
      f_.x.kernels().products(x.data(), m, last - first, parts[chunk].data(), m);
    });
    std::fill(gram_.begin(), gram_.end(), 0.0);
    for (const Vector& part : parts)
      for (size_t e = 0; e < gram_.size(); ++e) gram_[e] += part[e] / static_cast<double>(f_.n);
    for (int64_t a = 0; a < m; ++a)
      for (int64_t b = 0; b < a; ++b) gram_[a * m + b] = gram_[b * m + a];
  }

  /// Moves δ and u to the minimum over the block, to `goal`; returns the largest violation of optimality before.
  double visit(const Sweeps& sweeps, const Vector& linear, Vector& delta, float* u, double goal) {
    const int64_t m = size();
    double largest = 0;
    const FloatKernels& kernels = *f_.x.kernels().floats;
    for (size_t run = 0; run + 1 < runs_.size(); ++run)
      kernels.dots(scaled_[runs_[run]], runs_[run + 1] - runs_[run], f_.n, f_.n, u, &slopes_[runs_[run]]);
    for (int64_t s = 0; s < m; ++s) {
      const int32_t a = places_[s];
      slopes_[s] = linear[a] + slopes_[s] / static_cast<double>(f_.n);
      w_[s] = sweeps.w[a] + delta[a];
      free_[s] = sweeps.free[a];
      largest = std::max(largest, sweeps.violation(a, delta[a], slopes_[s]));
    }
    std::fill(by_.begin(), by_.end(), 0.0);
    solve_gram({sweeps.regularizer, w_, free_}, gram_.data(), m, slopes_, by_, {goal, 0, 100}, f_.x.kernels());
    for (int64_t s = 0; s < m; ++s) delta[places_[s]] += by_[s];
    if (largest > 0)
      for (size_t run = 0; run + 1 < runs_.size(); ++run)
        kernels.axpys(scaled_[runs_[run]], runs_[run + 1] - runs_[run], f_.n, f_.n, &by_[runs_[run]], u);
    return largest;
  }

 private:
  static constexpr size_t kMost = 64;
  const FiniteSum& f_;
  std::vector<int32_t> places_;
  std::vector<const float*> scaled_;
  std::vector<int64_t> runs_;  // where each begins, and the end
  Vector gram_, slopes_, by_, w_, roots_;
  std::vector<char> free_;
};

}  // namespace meanfield
