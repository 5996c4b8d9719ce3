// Sparse columns. With x̃ = √h x the quadratic model is ⟨linear, δ⟩ + ‖u‖²/(2n) + R(w + δ), u = X̃_W δ: a coordinate costs a dot product and an
// update of u along one column. Columns are copied in float32, 8 bytes a number and 4 for x̃: they shape the model, and what a round moves.
// A step starts from the gradient and the margins of the data themselves and adds its changes, so that rounding is relative to the step.
//
// Sweeps are extrapolated. Those that do not settle all the same are helped by the Gram matrix of the support. It is kept over rounds and
// steps, although h moves on: what it proposes, sweeps of the model as it is now correct; it is formed anew when they have too much to correct.
#include <algorithm>
#include <cmath>

#include "native/finite_sum/extrapolation.h"
#include "native/finite_sum/gram_solver.h"
#include "native/finite_sum/restricted.h"

namespace meanfield {

namespace {

/// Those numbers of row i whose column has a slot.
class Selected {
 public:
  Selected(const FiniteSum& f, const std::vector<int32_t>& slot) : f_(f), slot_(slot) {}
  /// How many there are; slots() and value(e) are of this row until the next.
  int64_t row(int64_t i) {
    const int64_t count = f_.x.count(i);
    if (static_cast<size_t>(count) + 16 > slots_.size()) {
      slots_.resize(static_cast<size_t>(2 * count) + 16);
      places_.resize(slots_.size());
    }
    i_ = i;
    return f_.x.kernels().select(f_.x.columns(i), count, slot_.data(), slots_.data(), places_.data());
  }
  const int32_t* slots() const { return slots_.data(); }
  double value(int64_t e) const {
    return f_.x.single ? static_cast<double>(f_.x.values32(i_)[places_[e]]) : f_.x.values64(i_)[places_[e]];
  }

 private:
  const FiniteSum& f_;
  const std::vector<int32_t>& slot_;
  std::vector<int32_t> slots_, places_;
  int64_t i_ = 0;
};

/// Appends the columns of the data that are in columns.index from columns.done on: the rows are read twice, to count and to copy.
void gather(const FiniteSum& f, Columns& columns) {
  const int64_t first = columns.done, count = static_cast<int64_t>(columns.index.size()) - first;
  if (count == 0) return;
  std::vector<int32_t> slot(static_cast<size_t>(f.d) + 1, 0);
  for (int64_t a = 0; a < count; ++a) slot[columns.index[first + a]] = static_cast<int32_t>(a + 1);
  const int32_t intercept = f.intercept ? slot[f.d] : 0;
  std::vector<std::vector<int64_t>> place(static_cast<size_t>(f.chunks()));  // by chunk and slot: count, then place
  f.over_chunks([&](int64_t chunk, int64_t from, int64_t to) {
    std::vector<int64_t>& many = place[chunk];
    many.assign(static_cast<size_t>(count) + 1, 0);
    Selected selected(f, slot);
    for (int64_t i = from; i < to; ++i)
      for (int64_t e = 0, end = selected.row(i); e < end; ++e) ++many[selected.slots()[e]];
    if (intercept) many[intercept] += to - from;
  });
  int64_t end = 0;
  std::vector<int64_t> start;
  for (int64_t a = 1; a <= count; ++a) {
    start.push_back(end);
    for (std::vector<int64_t>& many : place) {
      const int64_t own = many[a];
      many[a] = end;
      end += own;
    }
  }
  start.push_back(end);
  int32_t* rows = columns.rows.emplace_back(end).data();
  float* values = columns.values.emplace_back(end).data();
  for (int64_t a = 0; a < count; ++a)
    columns.sparse.push_back({rows + start[a], values + start[a], start[a + 1] - start[a]});
  f.over_chunks([&](int64_t chunk, int64_t from, int64_t to) {
    std::vector<int64_t>& next = place[chunk];
    Selected selected(f, slot);
    const auto put = [&](int64_t i, int32_t at, double value) {
      const int64_t here = next[at]++;
      rows[here] = static_cast<int32_t>(i);
      values[here] = static_cast<float>(value);
    };
    for (int64_t i = from; i < to; ++i) {
      for (int64_t e = 0, end = selected.row(i); e < end; ++e) put(i, selected.slots()[e], selected.value(e));
      if (intercept) put(i, intercept, 1.0);
    }
  });
  columns.done = first + count;
}

/// Q = X̃ᵀX̃/n of columns.gramPlaces at √h = columns.gramRoots: every row adds the products of its own numbers.
void form_gram(const FiniteSum& f, Columns& columns) {
  const int64_t m = static_cast<int64_t>(columns.gramPlaces.size()), ld = gram_padded(m);
  columns.ld = ld;
  columns.gram.resize(ld * ld);
  columns.gram.clear(ld * ld);
  // In the order of the data's columns, so that places increase along a row.
  std::sort(columns.gramPlaces.begin(), columns.gramPlaces.end(),
            [&](int32_t a, int32_t b) { return columns.index[a] < columns.index[b]; });
  std::vector<int32_t> slot(static_cast<size_t>(f.d) + 1, 0);
  for (int64_t s = 0; s < m; ++s) slot[columns.index[columns.gramPlaces[s]]] = static_cast<int32_t>(s + 1);
  const int64_t pieces = f.pool->threads();
  const double scale = 1 / static_cast<double>(f.n);
  // Threads own rows of Q, so that every entry is summed over the rows of the data in their order.
  const bool done = f.pool->run(
      pieces,
      [&](int64_t piece, int) {
        Selected selected(f, slot);
        std::vector<int32_t> place(static_cast<size_t>(m) + 1);
        Vector value(place.size());
        for (int64_t i = 0; i < f.n; ++i) {
          int64_t count = selected.row(i);
          const double root = columns.gramRoots[i];
          for (int64_t e = 0; e < count; ++e) {
            place[e] = selected.slots()[e] - 1;
            value[e] = root * selected.value(e);
          }
          if (f.intercept && slot[f.d] != 0) {
            place[count] = slot[f.d] - 1;
            value[count++] = root;
          }
          for (int64_t e = 0; e < count; ++e)
            if (pieces == 1 || place[e] % pieces == piece)
              f.x.kernels().f64.sparse_axpy(value[e] * scale, value.data() + e, place.data() + e, count - e,
                                            columns.gram.data() + place[e] * ld);
          if (i % 4096 == 0 && f.cancel && f.cancel->cancelled()) return;
        }
      },
      f.cancel);
  if (!done) throw Error(ErrorCode::Cancelled, "cancelled");
  f.poll();
  for (int64_t a = 0; a < m; ++a)
    for (int64_t b = a + 1; b < m; ++b) columns.gram.data()[b * ld + a] = columns.gram.data()[a * ld + b];
}

/// The quadratic model around w.
class Model {
 public:
  Vector start;  // X_Wᵀ g/n where the step starts
  Vector linear, delta;

  Model(const FiniteSum& f, Columns& columns, const std::vector<int32_t>& members, const Sweeps& sweeps)
      : start(members.size()), linear(members.size()), f_(f), columns_(columns), members_(members), sweeps_(sweeps),
        curvature_(members.size()) {
    int64_t total = 0;
    for (size_t a = 0; a < members.size(); ++a) {
      at_.push_back(total);
      total += length(static_cast<int64_t>(a));
    }
    scaled_.resize(total);
  }

  double touched = 0;  // stored numbers that products have touched

  int64_t length(int64_t a) const { return columns_.sparse[members_[a]].count; }
  const int32_t* rows(int64_t a) const { return columns_.sparse[members_[a]].rows; }
  const float* values(int64_t a) const { return columns_.sparse[members_[a]].values; }

  /// Columns √h x and their squares, h becoming √h; `linear` is `start` + X_Wᵀ change/n, the derivatives' change since then. Null: none.
  void form(Vector& h, const double* change) {
    for (double& value : h) value = std::sqrt(value);
    root_ = &h;
    touched += static_cast<double>(scaled_.size());
    delta.assign(members_.size(), 0.0);
    u_.assign(h.size(), 0.0);
    const int64_t count = static_cast<int64_t>(members_.size()), blocks = std::min<int64_t>(count, 64);
    const double scale = 1 / static_cast<double>(f_.n);
    const bool done = f_.pool->run(
        blocks,
        [&](int64_t block, int) {
          for (int64_t a = count * block / blocks; a < count * (block + 1) / blocks; ++a) {
            const int32_t* i = rows(a);
            const float* x = values(a);
            const int64_t many = length(a);
            curvature_[a] = f_.x.kernels().sparse_scale(x, i, many, h.data(), scaled_.data() + at_[a]) * scale;
            linear[a] = start[a];
            if (change) linear[a] += f_.x.kernels().f32.sparse_dot(x, i, many, change) * scale;
          }
        },
        f_.cancel);
    if (!done) throw Error(ErrorCode::Cancelled, "cancelled");
  }

  /// The largest distance from stationarity at δ = 0.
  double violation() const {
    double largest = 0;
    for (size_t a = 0; a < members_.size(); ++a)
      largest = std::max(
          largest, sweeps_.free[a] ? std::fabs(linear[a]) : sweeps_.regularizer.violation(sweeps_.w[a], linear[a]));
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
  double slope(int64_t a) {
    touched += static_cast<double>(length(a));
    return linear[a] + f_.x.kernels().f32.sparse_dot(scaled_.data() + at_[a], rows(a), length(a), u_.data()) /
                           static_cast<double>(f_.n);
  }
  void move(int64_t a, double by) {
    delta[a] += by;
    touched += static_cast<double>(length(a));
    f_.x.kernels().f32.sparse_axpy(by, scaled_.data() + at_[a], rows(a), length(a), u_.data());
  }
  /// Moves coordinate a to its minimiser; curvature × move.
  double visit(int64_t a) {
    if (!(curvature_[a] > 0)) return 0;
    const double by = sweeps_.minimiser(a, delta[a], slope(a), curvature_[a]) - delta[a];
    if (by != 0) move(a, by);
    return curvature_[a] * std::fabs(by);
  }
  bool supported(int64_t a) const { return curvature_[a] > 0 && (sweeps_.free[a] || sweeps_.w[a] + delta[a] != 0); }

  /// Sweeps until one over all members moves none by more than goal/curvature; between these, over the support alone. False when `most`
  /// sweeps did not do.
  bool sweep(double goal, int most) {
    const int64_t count = static_cast<int64_t>(members_.size());
    std::vector<int32_t> support;
    for (int sweep = 0; sweep < most;) {
      double largest = 0;
      for (int64_t a = 0; a < count; ++a) largest = std::max(largest, visit(a));
      ++sweep;
      if (largest <= goal) return true;
      support.clear();
      for (int64_t a = 0; a < count; ++a)
        if (supported(a)) support.push_back(static_cast<int32_t>(a));
      f_.poll();
      history_.clear();
      history_.add(delta);
      for (double within = largest; sweep < most && within > std::max(goal, 0.2 * largest); ++sweep) {
        within = 0;
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
      const Vector keptDelta = delta, keptU = u_;
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
        numbers += static_cast<double>(length(a));
        for (int64_t e = 0; e < length(a); ++e) ++many[rows(a)[e]];
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
    const Vector keptDelta = delta, keptU = u_;
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
    for (double value : u_) squares += value * value;
    for (size_t a = 0; a < delta.size(); ++a) sum += linear[a] * delta[a];
    return sum + 0.5 * squares / static_cast<double>(f_.n);
  }

  const FiniteSum& f_;
  Columns& columns_;
  const std::vector<int32_t>& members_;
  const Sweeps& sweeps_;
  std::vector<int64_t> at_;    // of each member in scaled_
  cpu::Buffer<float> scaled_;  // x̃
  const Vector* root_ = nullptr;
  Vector curvature_, u_;
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
  Model model(f, problem.columns, members, sweeps);
  for (int64_t a = 0; a < count; ++a) model.start[a] = problem.at.gradient[offset + problem.columns.index[members[a]]];

  MarginLine line(f, problem.at, problem.c);
  Vector& change = line.u;  // which is filled after the change has been used
  for (int round = 0; round < 20; ++round) {
    f.poll();
    for (int64_t i = 0; i < f.n; ++i) change[i] = line.g[i] - problem.at.derivatives[i * f.k + problem.c];
    model.form(line.h, round > 0 ? change.data() : nullptr);
    // Rounds that cost less than the pass that ends a step go on.
    const double violation = model.violation(),
                 enough = model.touched < static_cast<double>(f.x.nonZeros) ? 0.01 * problem.enough : problem.enough;
    if (violation <= enough) return;
    model.solve(std::max(0.3 * enough, 0.2 * violation));
    std::fill(line.u.begin(), line.u.end(), 0.0);
    for (int64_t a = 0; a < count; ++a)
      if (model.delta[a] != 0)
        f.x.kernels().f32.sparse_axpy(model.delta[a], model.values(a), model.rows(a), model.length(a), line.u.data());
    const double step = line.search(sweeps, model.delta);
    if (step == 0) return;
    for (int64_t a = 0; a < count; ++a)
      weights[offset + problem.columns.index[members[a]]] = w[a] += step * model.delta[a];
  }
}

}  // namespace meanfield
