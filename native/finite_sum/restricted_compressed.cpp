// Dense columns, many of them: sweeps over a compressed copy. The quadratic model is that of the copy,
//
//     linear·δ + (1/2n) Σ_i h_i (x̂_i·δ)² + R(w + δ),
//
// with the exact gradient in `linear`, so that a step only loses what the copy rounds: iterative refinement. Within the step working sets
// grow as they do from step to step (coordinate_descent.h), but the slopes of all columns come from the copy, a quarter of a pass.
#include <algorithm>
#include <cmath>
#include <optional>

#include "native/finite_sum/restricted.h"

namespace meanfield {

namespace {

class CompressedModel {
 public:
  Vector slope, delta;  // of the smooth part at w + δ; δ

  CompressedModel(const FiniteSum& f, const CompressedColumns& x, const Sweeps& sweeps, const Vector& linear,
                  const double* h)
      : slope(linear), delta(linear.size(), 0.0), f_(f), x_(x), sweeps_(sweeps), linear_(linear),
        curvature_(linear.size(), -1.0), t_(x.rows()), h_(h ? x.rows() : 0) {
    t_.clear(x.rows());
    if (!h) return;
    h_.clear(x.rows());
    for (int64_t i = 0; i < f.n; ++i) h_.data()[i] = static_cast<float>(h[i]);
  }

  double violation(int64_t j) const { return sweeps_.violation(j, delta[j], slope[j]); }
  double at(int64_t j) const { return sweeps_.w[j] + delta[j]; }

  /// One round of the members, or of those that are not at zero; returns the largest curvature × move.
  double sweep(const std::vector<int32_t>& members) {
    const double n = static_cast<double>(f_.n);
    double largest = 0;
    for (size_t a = 0; a < members.size(); ++a) {
      const int32_t j = members[a];
      if (curvature_[j] < 0) curvature_[j] = x_.squares(j, h_.data()) / n;
      const double curvature = curvature_[j];
      if (!(curvature > 0 && std::isfinite(curvature))) continue;
      const double here = linear_[j] + x_.dot(j, t_.data(), members[std::min(a + 1, members.size() - 1)]) / n,
                   move = sweeps_.minimiser(j, delta[j], here, curvature) - delta[j];
      if (move == 0) continue;
      largest = std::max(largest, curvature * std::fabs(move));
      delta[j] += move;
      x_.axpy(j, move, h_.data(), t_.data());
    }
    return largest;
  }
  void measure() {
    x_.dots(f_, t_.data(), slope.data());
    for (size_t j = 0; j < slope.size(); ++j) slope[j] = linear_[j] + slope[j] / static_cast<double>(f_.n);
  }

 private:
  const FiniteSum& f_;
  const CompressedColumns& x_;
  const Sweeps& sweeps_;
  const Vector& linear_;
  Vector curvature_;          // −1: not known yet
  cpu::Buffer<float> t_, h_;  // h ∘ X̂ δ, h
};

}  // namespace

bool solve_compressed(const Compressed& problem, Vector& weights) {
  FiniteSum& f = problem.f;
  const int64_t p = f.p, offset = problem.c * p;
  const double l1 = f.regularizer.l1;
  const Vector w(weights.begin() + offset, weights.begin() + offset + p),
      linear(problem.at.gradient.begin() + offset, problem.at.gradient.begin() + offset + p);
  std::vector<char> free(static_cast<size_t>(p), 0);
  if (f.intercept) free[f.d] = 1;
  const Sweeps sweeps{f.regularizer, w, free};
  std::optional<MarginLine> line;
  if (f.loss.kind != LossKind::Squared) line.emplace(f, problem.at, problem.c);
  CompressedModel model(f, *f.compressed, sweeps, linear, line ? line->h.data() : f.weights);

  constexpr int kFull = 5;  // of so many sweeps one takes all members
  bool reached = false;
  std::vector<int32_t> members, moving;
  std::vector<std::pair<double, int32_t>> wanted;
  // Sweeps over m columns that take as long as their Gram matrix would, which solves what sweeps do not, and some more.
  for (double spent = 0, most = 60; spent < most;) {
    double worst = 0;
    members.clear();
    wanted.clear();
    for (int32_t j = 0; j < p; ++j) {
      if (problem.dead && j < f.d && problem.dead[j] != 0) continue;
      const double violation = model.violation(j);
      worst = std::max(worst, violation);
      if (free[j] || w[j] != 0 || model.at(j) != 0)
        members.push_back(j);
      else if (violation > 0)
        wanted.push_back({violation, j});
    }
    if ((reached = worst <= problem.enough) || !std::isfinite(worst)) break;
    const size_t room = std::max(static_cast<size_t>(problem.room), members.size());
    if (wanted.size() > room) {
      std::nth_element(wanted.begin(), wanted.begin() + static_cast<int64_t>(room), wanted.end(),
                       [](const auto& a, const auto& b) { return a > b; });
      wanted.resize(room);
    }
    for (const auto& [violation, j] : wanted) members.push_back(j);
    std::sort(members.begin(), members.end());
    most = std::max(most, 60 + static_cast<double>(members.size()) / 8);
    const double goal = std::max(0.7 * problem.enough, 0.3 * (l1 > 0 ? std::min(worst, l1) : worst));
    for (bool full = true; spent < most; ++spent) {
      f.poll();
      const double largest = model.sweep(full ? members : moving);
      if (full && largest <= goal) break;
      if (full) {
        moving.clear();
        for (int32_t j : members)
          if (free[j] || model.at(j) != 0) moving.push_back(j);
      }
      full = largest <= goal || static_cast<int>(spent) % kFull == kFull - 1 || moving.empty();
    }
    model.measure();
  }
  double step = 1;
  if (line) {
    f.over_chunks([&](int64_t, int64_t first, int64_t last) {
      f.x.rows_dot(first, last - first, model.delta.data(), line->u.data() + first);
      for (int64_t i = first; f.intercept && i < last; ++i) line->u[i] += model.delta[f.d];
    });
    step = line->search(sweeps, model.delta);
  }
  for (int64_t j = 0; j < p; ++j) weights[offset + j] = w[j] + step * model.delta[j];
  return reached && step > 0;
}

}  // namespace meanfield
