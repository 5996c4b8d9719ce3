// Sparse columns. With x̃ = √h x the quadratic model is ⟨linear, δ⟩ + ‖u‖²/(2n) + R(w + δ), u = X̃_W δ: a coordinate costs a dot product and an
// update of u along one column. Columns are copied in float32, 8 bytes a number and 4 for x̃: they shape the model, and what a round moves.
// A step starts from the gradient and the margins of the data themselves and adds its changes, so that rounding is relative to the step.
//
// Sweeps move the densest columns together (dense_block.h), and are extrapolated. Those that do not settle all the same are helped by the Gram
// matrix of the support. It is kept over rounds and steps, although h moves on: what it proposes, sweeps of the model as it is now correct; it
// is formed anew when they have too much to correct.
#include <algorithm>
#include <cmath>

#include "native/finite_sum/dense_block.h"
#include "native/finite_sum/extrapolation.h"
#include "native/finite_sum/gram_solver.h"
#include "native/finite_sum/restricted.h"

namespace meanfield {

namespace {

/// √h at least: X δ is read off X̃ δ.
constexpr double kLeast = 1e-15;

/// The quadratic model around w.
class Model {
 public:
  Vector start;  // X_Wᵀ g/n where the step starts
  Vector linear, delta;

  Model(const FiniteSum& f, Columns& columns, const std::vector<int32_t>& members, const Sweeps& sweeps)
      : start(members.size()), linear(members.size()), f_(f), columns_(columns), members_(members), sweeps_(sweeps),
        curvature_(members.size()), u_(static_cast<size_t>(f.n)), block_(f, columns, members),
        together_(members.size(), 0) {
    for (int32_t a : block_.places()) together_[a] = 1;
    for (int32_t place : members) numbers_ += static_cast<double>(columns.sparse[place].count);
  }

  double touched = 0;  // stored numbers that products have touched

  /// X_W δ.
  void margins(Vector& out) const {
    for (size_t i = 0; i < u_.size(); ++i) out[i] = static_cast<double>(u_[i]) / (*root_)[i];
  }

  /// Columns √h x and their squares, h becoming √h; `linear` is `start` + X_Wᵀ change/n, that of the derivatives since then (null: none).
  void form(Vector& h, const double* change) {
    for (double& value : h) value = std::max(std::sqrt(value), kLeast);
    root_ = &h;
    touched += numbers_;
    delta.assign(members_.size(), 0.0);
    const int64_t count = static_cast<int64_t>(members_.size()), blocks = std::min<int64_t>(count, 64);
    const double scale = 1 / static_cast<double>(f_.n);
    const bool done = f_.pool->run(
        blocks,
        [&](int64_t block, int) {
          for (int64_t a = count * block / blocks; a < count * (block + 1) / blocks; ++a) {
            const Columns::Column& x = column(a);
            curvature_[a] = f_.x.kernels().scale(x.values, x.rows, x.count, h.data(), x.scaled) * scale;
            linear[a] = start[a];
            if (change)
              linear[a] += (x.rows ? f_.x.kernels().f32.sparse_dot(x.values, x.rows, x.count, change)
                                   : f_.x.kernels().f32.dot(x.values, change, x.count)) *
                           scale;
          }
        },
        f_.cancel);
    if (!done) throw Error(ErrorCode::Cancelled, "cancelled");
    std::fill(u_.begin(), u_.end(), 0.0f);
    block_.form(h);
  }

  /// The largest distance from stationarity at δ = 0.
  double violation() const {
    double largest = 0;
    for (size_t a = 0; a < members_.size(); ++a)
      largest = std::max(largest, sweeps_.violation(static_cast<int64_t>(a), 0, linear[a]));
    return largest;
  }

  /// δ up to moves of goal / curvature. Its objective never rises.
  void solve(double goal) {
    if (!columns_.gramRoots.empty()) {
      if (columns_.gram.size() == 0) form_gram(f_, columns_);  // after a resumed checkpoint
      for (int pass = 0; pass < 2; ++pass) {
        propose(goal);
        if (sweep(goal, 4)) return;
      }
    } else if (sweep(goal, 40)) {
      return;
    }
    if (worth_a_matrix()) {
      form_gram(f_, columns_);
      for (int pass = 0; pass < 3; ++pass) {
        propose(goal);
        if (sweep(goal, 4)) return;
      }
    }
    sweep(goal, 100);
  }

 private:
  using Column = Columns::Column;
  const Column& column(int64_t a) const { return columns_.sparse[members_[a]]; }

  double slope(int64_t a) {
    const FloatKernels& kernels = *f_.x.kernels().floats;
    const Column& x = column(a);
    touched += static_cast<double>(x.count);
    const double sum =
        x.rows ? kernels.sparse_dot(x.scaled, x.rows, x.count, u_.data()) : kernels.dot(x.scaled, u_.data(), x.count);
    return linear[a] + sum / static_cast<double>(f_.n);
  }
  void move(int64_t a, double by) {
    delta[a] += by;
    touched += static_cast<double>(column(a).count);
    const Column& x = column(a);
    const FloatKernels& kernels = *f_.x.kernels().floats;
    x.rows ? kernels.sparse_axpy(static_cast<float>(by), x.scaled, x.rows, x.count, u_.data())
           : kernels.axpys(x.scaled, 1, 0, x.count, &by, u_.data());
  }
  /// Moves coordinate a to its minimiser; curvature × move.
  double visit(int64_t a) {
    if (!(curvature_[a] > 0)) return 0;
    const double by = sweeps_.minimiser(a, delta[a], slope(a), curvature_[a]) - delta[a];
    if (by != 0) move(a, by);
    return curvature_[a] * std::fabs(by);
  }
  double visit_block(double goal) {
    touched += 2 * static_cast<double>(block_.size() * f_.n);
    return block_.size() == 0 ? 0 : block_.visit(sweeps_, linear, delta, u_.data(), 0.1 * goal);
  }
  bool supported(int64_t a) const { return curvature_[a] > 0 && (sweeps_.free[a] || sweeps_.w[a] + delta[a] != 0); }

  /// Sweeps until one over all members moves none by more than goal/curvature; between these, over the support alone. False when `most`
  /// sweeps did not do.
  bool sweep(double goal, int most) {
    const int64_t count = static_cast<int64_t>(members_.size());
    std::vector<int32_t> support;
    for (int sweep = 0; sweep < most;) {
      double largest = visit_block(goal);
      for (int64_t a = 0; a < count; ++a)
        if (!together_[a]) largest = std::max(largest, visit(a));
      ++sweep;
      if (largest <= goal) return true;
      support.clear();
      for (int64_t a = 0; a < count; ++a)
        if (!together_[a] && supported(a)) support.push_back(static_cast<int32_t>(a));
      f_.poll();
      history_.clear();
      history_.add(delta);
      for (double within = largest; sweep < most && within > std::max(goal, 0.2 * largest); ++sweep) {
        within = visit_block(goal);
        for (int32_t a : support) within = std::max(within, visit(a));
        history_.add(delta);
        if (history_.full()) {
          leap();
          history_.add(delta);
        }
      }
    }
    return false;
  }

  /// Moves δ to the limit that the last sweeps point to, if that is down.
  void leap() {
    const double here = energy(sweeps_.penalty(delta));
    Vector to(delta.size());
    if (history_.guess(to)) {
      const Vector keptDelta = delta;
      const std::vector<float> keptU = u_;
      for (size_t a = 0; a < to.size(); ++a)
        if (to[a] != delta[a]) move(static_cast<int64_t>(a), to[a] - delta[a]);
      if (!(energy(sweeps_.penalty(delta)) < here)) {
        delta = keptDelta;
        u_ = keptU;
      }
    }
    history_.clear();
  }

  /// Whether the Gram matrix of the support costs less than the tens of sweeps that it stands for; names the support in columns_.
  bool worth_a_matrix() {
    std::vector<int32_t> places;
    std::vector<int32_t> many(static_cast<size_t>(f_.n), 0);
    double numbers = 0;
    for (int64_t a = 0; a < static_cast<int64_t>(members_.size()); ++a)
      if (supported(a)) {
        places.push_back(members_[a]);
        const Column& x = column(a);
        numbers += static_cast<double>(x.count);
        for (int64_t e = 0; e < x.count; ++e) ++many[x.rows ? x.rows[e] : e];
      }
    double products = 0;
    for (int32_t count : many) products += 0.5 * count * static_cast<double>(count);
    const double m = static_cast<double>(places.size());
    if (m > 4096 || products + m * m * m / 30 > 150 * numbers) return false;
    columns_.gramPlaces = places;
    columns_.gramRoots = *root_;
    return true;
  }

  /// Moves δ to the minimiser of the model that the Gram matrix makes of it, if the model as it is agrees that this is down.
  void propose(double goal) {
    std::vector<int32_t> position(columns_.index.size(), -1);
    for (size_t a = 0; a < members_.size(); ++a) position[members_[a]] = static_cast<int32_t>(a);
    const int64_t m = static_cast<int64_t>(columns_.gramPlaces.size());
    Vector w(static_cast<size_t>(m), 0.0), slopes(w), by(w);
    std::vector<char> free(static_cast<size_t>(m), 0);
    double before = sweeps_.penalty(delta);
    for (int64_t s = 0; s < m; ++s) {
      const int32_t a = position[columns_.gramPlaces[s]];
      if (a < 0) continue;  // left the working set at zero, and without a slope stays there
      w[s] = sweeps_.w[a] + delta[a];
      free[s] = sweeps_.free[a];
      slopes[s] = slope(a);
    }
    const double here = energy(before);
    const Vector keptDelta = delta;
    const std::vector<float> keptU = u_;
    solve_gram({sweeps_.regularizer, w, free}, columns_.gram.data(), columns_.ld, slopes, by, {0.1 * goal, 0, 500},
               f_.x.kernels());
    for (int64_t s = 0; s < m; ++s) {
      const int32_t a = position[columns_.gramPlaces[s]];
      if (a >= 0 && by[s] != 0) move(a, by[s]);
    }
    if (energy(sweeps_.penalty(delta)) <= here) return;
    delta = keptDelta;
    u_ = keptU;
  }
  /// The model at δ.
  double energy(double penalty) const {
    double squares = 0, sum = penalty;
    for (float value : u_) squares += static_cast<double>(value) * static_cast<double>(value);
    for (size_t a = 0; a < delta.size(); ++a) sum += linear[a] * delta[a];
    return sum + 0.5 * squares / static_cast<double>(f_.n);
  }

  const FiniteSum& f_;
  Columns& columns_;
  const std::vector<int32_t>& members_;
  const Sweeps& sweeps_;
  double numbers_ = 0;  // stored, of all members
  const Vector* root_ = nullptr;
  Vector curvature_;
  std::vector<float> u_;  // X̃_W δ
  DenseBlock block_;
  std::vector<char> together_;  // whether a member is of the block
  Extrapolation history_;
};

}  // namespace

void solve_sparse(const Restricted& problem, Vector& weights) {
  FiniteSum& f = problem.f;
  const int64_t offset = problem.c * f.p;
  gather(f, problem.columns);
  const std::vector<int32_t>& members = problem.members;
  const int64_t count = static_cast<int64_t>(members.size());
  Vector w(static_cast<size_t>(count));
  std::vector<char> free(static_cast<size_t>(count));
  for (int64_t a = 0; a < count; ++a) {
    const int32_t column = problem.columns.index[members[a]];
    w[a] = weights[offset + column];
    free[a] = column == f.d;
  }
  const Sweeps sweeps{f.regularizer, w, free};
  MarginLine line(f, problem.at, problem.c);
  Model model(f, problem.columns, members, sweeps);
  for (int64_t a = 0; a < count; ++a) model.start[a] = problem.at.gradient[offset + problem.columns.index[members[a]]];

  for (int round = 0; round < 20; ++round) {
    f.poll();
    for (int64_t i = 0; i < f.n; ++i) line.u[i] = line.g[i] - problem.at.derivatives[i * f.k + problem.c];
    model.form(line.h, round > 0 ? line.u.data() : nullptr);
    // Rounds that cost less than the pass that ends a step go on.
    const double violation = model.violation(),
                 enough = model.touched < static_cast<double>(f.x.nonZeros) ? 0.01 * problem.enough : problem.enough;
    if (violation <= enough) return;
    model.solve(std::max(0.3 * enough, 0.1 * violation));
    model.margins(line.u);
    const double step = line.search(sweeps, model.delta);
    if (step == 0) return;
    for (int64_t a = 0; a < count; ++a)
      weights[offset + problem.columns.index[members[a]]] = w[a] += step * model.delta[a];
  }
}

}  // namespace meanfield
