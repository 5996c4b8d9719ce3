#include "native/finite_sum/coordinate_descent.h"

#include <algorithm>
#include <cmath>

namespace meanfield {

namespace {
/// From here on the columns that join in a step are to take no more memory than a 32nd of the data's numbers would: copies stay small beside it.
constexpr int64_t kLarge = int64_t{1} << 24;
/// More candidates than these are swept on a compressed copy: their Gram matrix would take longer than the sweeps it saves.
constexpr int64_t kFew = 256;

/// What a step on the copy aims at, a violation: a gap of τ P is left by one of about 5 τ λ1, and a step gains three digits or so, so that the fewest
/// steps share the way there.
double aim(const FiniteSum& f, double largest) {
  const double l1 = f.regularizer.l1, from = l1 > 0 ? std::min(largest, l1) : largest, to = 5 * f.tolerance * l1;
  if (!(to > 0 && to < from)) return from / 30;
  return from * std::pow(to / from, 1 / std::ceil(std::log(from / to) / std::log(1000)));
}

void give_up(CoordinateDescent::State& s, FiniteSum& f) {
  s.compressing = -1;
  f.compressed.reset();
}

/// Columns of the class that may move: the support and those that violate optimality.
int64_t candidates(const FiniteSum& f, const Vector& w, const Vector& gradient, int c) {
  int64_t count = 0;
  for (int64_t at = c * f.p; at < (c + 1) * f.p; ++at)
    count += !f.penalised(at) || w[at] != 0 || f.regularizer.violation(0, gradient[at]) > 0;
  return count;
}
}  // namespace

std::string CoordinateDescent::refuse(const FiniteSum& f, const Options&) {
  if (f.coupled()) return "softmax joins the coordinates of all classes; use one-vs-rest, or 'fista', 'saga', 'svrg'";
  return "";
}

CoordinateDescent::State CoordinateDescent::init(FiniteSum& f, const Options& options, const Vector& start,
                                                 LinearChoices& chosen) {
  State s;
  s.w = start;
  s.at.keepMargins = true;
  f.pass(s.w.data(), s.at);
  f.count_pass(f.n);
  s.size = options.workingSet.value_or(f.x.sparse ? 3000 : 100);
  s.room = options.workingSet.value_or(500);
  if (!options.workingSet)
    chosen.push_back({"workingSet", OptionValue(static_cast<double>(s.size)),
                      f.x.sparse ? "sparse columns cost what they hold"
                                 : "dense columns meet in a Gram matrix; 500 when more than 256 may move"});
  s.screening =
      options.screening && f.regularizer.l1 > 0 && f.regularizer.l2 == 0 && std::isfinite(f.loss.smoothness());
  s.columns.resize(static_cast<size_t>(f.k));
  s.local.assign(static_cast<size_t>(f.d + 1), -1);
  s.dead.assign(s.screening ? static_cast<size_t>(f.k * f.d) : 0, 0);
  s.anchors = dual_anchors(f);
  if (s.screening) {
    s.squares.assign(static_cast<size_t>(f.d), 0);
    for (int64_t i = 0; i < f.n; ++i)
      f.x.each(i, [&](int64_t j, double value) { s.squares[j] += f.weight(i) * value * value; });
  }
  if (f.x.sparse && !options.workingSet && f.x.nonZeros > kLarge) {
    s.counts.assign(static_cast<size_t>(f.d), 0);
    for (int64_t i = 0; i < f.n; ++i)
      for (int64_t e = 0, end = f.x.count(i); e < end; ++e) ++s.counts[f.x.columns(i)[e]];
  }
  return s;
}

bool CoordinateDescent::on_copy(State& s, FiniteSum& f, double violation) {
  if (s.compressing == 0 && !f.x.sparse)
    for (int c = 0; c < f.k; ++c)
      if (candidates(f, s.w, s.at.gradient, c) > kFew) s.compressing = 1;
  if (s.compressing != 1) return false;
  if (s.violation > 0) s.stalled = violation > 0.5 * s.violation ? s.stalled + 1 : 0;
  s.violation = violation;
  // What the copy has rounded weighs too much; or a model far from the optimum is a poor one, which only the squared loss never has.
  if (s.stalled == (f.loss.kind == LossKind::Squared ? 2 : 6)) give_up(s, f);
  try {
    if (s.compressing == 1 && !f.compressed) f.compressed = std::make_shared<CompressedColumns>(f);
  } catch (const std::bad_alloc&) {
    give_up(s, f);
  }
  return s.compressing == 1;
}

void CoordinateDescent::step(State& s, FiniteSum& f) {
  const DualBound bound = s.screening ? dual_bound(f, s.anchors, s.at, s.w.data()) : DualBound();
  if (s.screening && std::isfinite(bound.gap)) {
    // |x_jᵀ(g − g*)|/n ≤ √(Σ c x_ij²) √(2 α gap/n), α the smoothness of the loss.
    const double radius = std::sqrt(2 * f.loss.smoothness() * std::max(bound.gap, 0.0) / static_cast<double>(f.n));
    for (int c = 0; c < f.k; ++c)
      for (int64_t j = 0; j < f.d; ++j)
        if (std::fabs(bound.point[c * f.d + j]) + std::sqrt(s.squares[j]) * radius < f.regularizer.l1 * (1 - 1e-9)) {
          s.dead[c * f.d + j] = 1;
          s.w[c * f.p + j] = 0;
        }
  }
  // A gap made of a shrunk dual point is proportional to the largest violation; a step aims at a thirtieth of both, and at a hundredth once few
  // columns are still missing in the working set, so that the pass is worth its time.
  double largest = 0;
  for (int64_t at = 0; at < f.size; ++at)
    largest = std::max(
        largest, f.penalised(at) ? f.regularizer.violation(s.w[at], s.at.gradient[at]) : std::fabs(s.at.gradient[at]));
  if (on_copy(s, f, largest)) {
    bool solved = true;
    for (int c = 0; c < f.k; ++c)
      solved &=
          solve_compressed({f, s.at, c, aim(f, largest), s.room, s.screening ? s.dead.data() + c * f.d : nullptr}, s.w);
    if (!solved) give_up(s, f);
    f.pass(s.w.data(), s.at);
    f.count_pass(f.n);
    return;
  }
  const double enough = largest / (largest > 10 * f.regularizer.l1 ? 30 : 100);
  for (int c = 0; c < f.k; ++c) {
    Columns& columns = s.columns[c];
    // Members are those that have joined and are not at zero to stay; the worst violators join, as many as the support has.
    std::vector<std::pair<double, int32_t>> wanted;
    std::vector<int32_t> members;
    const auto dead = [&](int64_t j) { return s.screening && s.dead[c * f.d + j] != 0; };
    for (size_t a = 0; a < columns.index.size(); ++a) {
      const int32_t j = columns.index[a];
      const int64_t at = c * f.p + j;
      s.local[j] = 0;
      if (!f.penalised(at) || s.w[at] != 0 || (!dead(j) && f.regularizer.violation(0, s.at.gradient[at]) > 0))
        members.push_back(static_cast<int32_t>(a));
    }
    int64_t support = 0;
    for (int64_t j = 0; j < f.p; ++j) {
      const int64_t at = c * f.p + j;
      if (s.w[at] != 0) ++support;
      if (s.local[j] == 0) continue;
      if (!f.penalised(at) || s.w[at] != 0) {
        wanted.push_back({std::numeric_limits<double>::infinity(), static_cast<int32_t>(j)});
      } else if (!dead(j)) {
        const double violation = f.regularizer.violation(0, s.at.gradient[at]);
        if (violation > 0) wanted.push_back({violation, static_cast<int32_t>(j)});
      }
    }
    for (int32_t j : columns.index) s.local[j] = -1;
    const int64_t room = std::max(s.size, support);
    const auto before = [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    };
    if (static_cast<int64_t>(wanted.size()) > room) {
      std::nth_element(wanted.begin(), wanted.begin() + room, wanted.end(), before);
      wanted.resize(static_cast<size_t>(room));
    }
    std::sort(wanted.begin(), wanted.end(), before);
    if (!s.counts.empty()) {
      size_t fit = 0;
      for (int64_t bytes = 0; fit < wanted.size(); ++fit) {
        const auto& [violation, j] = wanted[fit];
        bytes += gathered_bytes(f.n, j < f.d ? s.counts[j] : f.n);
        if (std::isfinite(violation) && fit > 0 && bytes > gathered_bytes(f.n, 1) * (f.x.nonZeros / 32)) break;
      }
      wanted.resize(fit);
    }
    for (const auto& [violation, j] : wanted) {
      members.push_back(static_cast<int32_t>(columns.index.size()));
      columns.index.push_back(j);
    }
    const Restricted problem{f, columns, members, s.at, c, enough};
    if (f.x.sparse)
      solve_sparse(problem, s.w);
    else
      solve_dense(problem, s.w);
  }
  f.pass(s.w.data(), s.at);
  f.count_pass(f.n);
}

}  // namespace meanfield
