#include "native/finite_sum/coordinate_descent.h"

#include <algorithm>
#include <cmath>

#include "native/finite_sum/quadratic_sweeps.h"

namespace meanfield {

namespace {

using Columns = CoordinateDescent::Columns;
using State = CoordinateDescent::State;

/// Appends the columns of the data that are in columns.index from columns.done on; one reading of the rows.
void gather_sparse(const FiniteSum& f, Columns& columns, std::vector<int32_t>& local) {
  const int64_t first = columns.done, count = static_cast<int64_t>(columns.index.size()) - first;
  for (int64_t a = 0; a < count; ++a) local[columns.index[first + a]] = static_cast<int32_t>(a);
  struct Entry {
    int32_t column, row;
    double value;
  };
  std::vector<std::vector<Entry>> found(static_cast<size_t>(f.chunks()));
  f.over_chunks([&](int64_t chunk, int64_t from, int64_t to) {
    std::vector<Entry>& entries = found[chunk];
    for (int64_t i = from; i < to; ++i) {
      f.x.each(i, [&](int64_t j, double value) {
        if (local[j] >= 0) entries.push_back({local[j], static_cast<int32_t>(i), value});
      });
      if (f.intercept && local[f.d] >= 0) entries.push_back({local[f.d], static_cast<int32_t>(i), 1.0});
    }
  });
  std::vector<int64_t> many(static_cast<size_t>(count + 1), 0);
  for (const auto& entries : found)
    for (const Entry& e : entries) ++many[e.column + 1];
  const int64_t base = static_cast<int64_t>(columns.rows.size());
  if (columns.start.empty()) columns.start.push_back(0);
  for (int64_t a = 0; a < count; ++a) {
    many[a + 1] += many[a];
    columns.start.push_back(base + many[a + 1]);
  }
  columns.rows.resize(static_cast<size_t>(base + many[count]));
  columns.values.resize(static_cast<size_t>(base + many[count]));
  for (const auto& entries : found)
    for (const Entry& e : entries) {
      const int64_t at = base + many[e.column]++;
      columns.rows[at] = e.row;
      columns.values[at] = e.value;
    }
  for (int64_t a = 0; a < count; ++a) local[columns.index[first + a]] = -1;
  columns.done = first + count;
}

/// Gram matrix of the working set's dense columns weighted by h (null: c_i), divided by n, from columns.done on.
void form_gram(const FiniteSum& f, Columns& columns, const double* h) {
  const int64_t count = static_cast<int64_t>(columns.index.size()), ld = gram_padded(count);
  const int64_t from = columns.done / kGramTile * kGramTile;
  if (ld != columns.ld) {
    Vector larger(static_cast<size_t>(ld * ld), 0.0);
    for (int64_t a = 0; a < columns.done; ++a)
      for (int64_t b = 0; b < columns.done; ++b) larger[a * ld + b] = columns.gram[a * columns.ld + b];
    columns.gram.swap(larger);
    columns.ld = ld;
  }
  // Parts with sums of their own; a function of the data alone.
  const int64_t parts = std::clamp<int64_t>(f.n / 2048, 1, 8);
  std::vector<Vector> partial(static_cast<size_t>(parts));
  const bool done = f.pool->run(
      parts,
      [&](int64_t part, int) {
        Vector& H = partial[part];
        H.assign(static_cast<size_t>(ld * ld), 0);
        Vector block(static_cast<size_t>(kGramRows * count)), weight(static_cast<size_t>(kGramRows)),
            scratch(static_cast<size_t>(gram_scratch(count)));
        const int64_t first = f.n * part / parts, last = f.n * (part + 1) / parts;
        for (int64_t i = first; i < last; i += kGramRows) {
          const int64_t rows = std::min(kGramRows, last - i);
          for (int64_t r = 0; r < rows; ++r) {
            double* to = block.data() + r * count;
            const int32_t* index = columns.index.data();
            weight[r] = h ? h[i + r] : f.weight(i + r);
            if (f.x.single) {
              const float* x = f.x.values32(i + r);
              for (int64_t a = 0; a < count; ++a) to[a] = index[a] < f.d ? static_cast<double>(x[index[a]]) : 1.0;
            } else {
              const double* x = f.x.values64(i + r);
              for (int64_t a = 0; a < count; ++a) to[a] = index[a] < f.d ? x[index[a]] : 1.0;
            }
          }
          f.x.kernels().f64.gram(block.data(), rows, count, count, weight.data(), H.data(), ld, from, scratch.data());
        }
      },
      f.cancel);
  if (!done) throw Error(ErrorCode::Cancelled, "cancelled");
  const double scale = 1 / static_cast<double>(f.n);
  for (int64_t a = 0; a < count; ++a)
    for (int64_t b = std::max(a, from); b < count; ++b) {
      double sum = 0;
      for (const Vector& H : partial) sum += H[a * ld + b];
      columns.gram[a * ld + b] = sum * scale;
      if (b > a) columns.gram[b * ld + a] = sum * scale;
    }
  columns.done = count;
}

/// Mean loss of class c at margins z + t u, and its derivatives.
double class_loss(const FiniteSum& f, int c, const Vector& z, double t, const Vector& u, Vector& labels, Vector& at,
                  Vector& g, Vector* h) {
  for (int64_t i = 0; i < f.n; ++i) at[i] = z[i] + t * u[i];
  if (f.loss.kind == LossKind::Logistic)
    return f.x.kernels().logistic(at.data(), labels.data(), f.weights, f.n, g.data(), h ? h->data() : nullptr).value /
           static_cast<double>(f.n);
  double sum = 0;
  const double floor =
      f.loss.kind == LossKind::Poisson || f.loss.kind == LossKind::Squared ? 0 : 0.05 * f.loss.smoothness();
  for (int64_t i = 0; i < f.n; ++i) {
    const double weight = f.weight(i);
    sum += weight * f.loss.value(&at[i], &labels[i], 1);
    g[i] = weight * f.loss.derivative(at[i], labels[i]);
    // Piecewise quadratic losses have flat parts; a floor keeps the model from running away there.
    if (h) (*h)[i] = weight * std::max(f.loss.curvature(at[i], labels[i]), floor);
  }
  (void)c;
  return sum / static_cast<double>(f.n);
}

/// The problem of class c on its working set, solved until its violation of optimality is at most `enough`.
void solve_class(State& s, FiniteSum& f, int c, double enough) {
  Columns& columns = s.columns[c];
  const int64_t count = static_cast<int64_t>(columns.index.size()), n = f.n;
  const bool squared = f.loss.kind == LossKind::Squared;
  if (f.x.sparse) {
    gather_sparse(f, columns, s.local);
  } else if (squared) {
    form_gram(f, columns, nullptr);
  }
  Vector w(static_cast<size_t>(count)), delta(static_cast<size_t>(count)), linear(static_cast<size_t>(count));
  std::vector<char> free(static_cast<size_t>(count));
  for (int64_t a = 0; a < count; ++a) {
    w[a] = s.w[c * f.p + columns.index[a]];
    free[a] = columns.index[a] == f.d;
  }
  const Sweeps sweeps{f.regularizer, w, free};
  const auto write = [&](double t) {
    for (int64_t a = 0; a < count; ++a) s.w[c * f.p + columns.index[a]] = w[a] += t * delta[a];
  };
  if (squared && !f.x.sparse) {
    for (int64_t a = 0; a < count; ++a) linear[a] = s.at.gradient[c * f.p + columns.index[a]];
    gram_sweeps(sweeps, columns.gram.data(), columns.ld, linear, delta, {enough, 0, 5000}, f.x.kernels());
    write(1);
    return;
  }
  Vector z(static_cast<size_t>(n)), u(static_cast<size_t>(n), 0.0), g(z), h(z), at(z), labels(z), t;
  for (int64_t i = 0; i < n; ++i) {
    z[i] = s.at.margins[i * f.k + c];
    labels[i] = f.target(i, c);
  }
  double loss = class_loss(f, c, z, 0, u, labels, at, g, &h);
  for (int round = 0; round < (squared ? 1 : 20); ++round) {
    f.poll();
    std::fill(delta.begin(), delta.end(), 0.0);
    double violation;
    const SweepGoal goal = squared ? SweepGoal{enough, 0, 500} : SweepGoal{0.3 * enough, 0.1, 100};
    if (f.x.sparse) {
      t = g;
      violation = sparse_sweeps(sweeps, columns.start, columns.rows, columns.values, h, t, delta, goal, n);
    } else {
      columns.done = 0;
      form_gram(f, columns, h.data());
      Vector full(static_cast<size_t>(f.d) + 1, 0.0);
      f.x.rows_axpy(0, n, g.data(), full.data());
      for (int64_t i = 0; i < n; ++i) full[f.d] += g[i];
      for (int64_t a = 0; a < count; ++a) linear[a] = full[columns.index[a]] / static_cast<double>(n);
      violation = gram_sweeps(sweeps, columns.gram.data(), columns.ld, linear, delta, goal, f.x.kernels());
    }
    if (squared) {
      write(1);
      return;
    }
    // u = X_W δ, and a line search on P along δ.
    std::fill(u.begin(), u.end(), 0.0);
    double slope = 0;
    if (f.x.sparse) {
      for (int64_t a = 0; a < count; ++a) {
        if (delta[a] == 0) continue;
        for (int64_t e = columns.start[a]; e < columns.start[a + 1]; ++e)
          u[columns.rows[e]] += delta[a] * columns.values[e];
      }
    } else {
      Vector full(static_cast<size_t>(f.p), 0.0);
      for (int64_t a = 0; a < count; ++a) full[columns.index[a]] = delta[a];
      f.x.rows_dot(0, n, full.data(), u.data());
      if (f.intercept)
        for (double& value : u) value += full[f.d];
    }
    for (int64_t i = 0; i < n; ++i) slope += g[i] * u[i];
    slope /= static_cast<double>(n);
    const auto penalty = [&](double step) {
      double sum = 0;
      for (int64_t a = 0; a < count; ++a)
        if (!free[a]) sum += f.regularizer.value(w[a] + step * delta[a]);
      return sum;
    };
    const double before = loss + penalty(0), model = slope + penalty(1) - penalty(0);
    // Close to the optimum the decrease is lost in the rounding of the objective; the full step is then as good as any.
    const double rounding = 1e-15 * std::fabs(before);
    if (!(model < rounding)) break;
    double step = 1;
    for (;; step /= 2) {
      const double after = class_loss(f, c, z, step, u, labels, at, g, &h);
      if (after + penalty(step) <= before + 1e-4 * step * model + rounding) {
        loss = after;
        break;
      }
      if (step < 1e-8) break;
    }
    if (step < 1e-8) break;
    write(step);
    z.swap(at);
    if (violation <= enough) break;
  }
}

}  // namespace

std::string CoordinateDescent::refuse(const FiniteSum& f, const Options&) {
  if (f.coupled()) return "softmax joins the coordinates of all classes; use one-vs-rest, or 'fista', 'saga', 'svrg'";
  return "";
}

CoordinateDescent::State CoordinateDescent::init(FiniteSum& f, const Options& options, const Vector& start,
                                                 LinearChoices&) {
  State s;
  s.w = start;
  s.size = options.workingSet;
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
  s.at.keepMargins = true;
  f.pass(s.w.data(), s.at);
  f.count_pass(f.n);
  return s;
}

void CoordinateDescent::step(State& s, FiniteSum& f) {
  const DualBound bound = dual_bound(f, s.anchors, s.at, s.w.data());
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
  // A gap made of a shrunk dual point is proportional to the largest violation; a step aims at a thirtieth of both.
  double largest = 0;
  for (int64_t at = 0; at < f.size; ++at)
    largest = std::max(
        largest, f.penalised(at) ? f.regularizer.violation(s.w[at], s.at.gradient[at]) : std::fabs(s.at.gradient[at]));
  const double enough = largest / 30;
  for (int c = 0; c < f.k; ++c) {
    Columns& columns = s.columns[c];
    // Everything that has joined stays; the worst violators join, as many as there are members.
    std::vector<std::pair<double, int32_t>> wanted;
    for (int32_t j : columns.index) s.local[j] = 0;
    int64_t support = 0;
    for (int64_t j = 0; j < f.p; ++j) {
      const int64_t at = c * f.p + j;
      const bool member = s.local[j] == 0;
      if (s.w[at] != 0) ++support;
      if (member) continue;
      if (!f.penalised(at) || s.w[at] != 0) {
        wanted.push_back({std::numeric_limits<double>::infinity(), static_cast<int32_t>(j)});
      } else if (!s.screening || s.dead[c * f.d + j] == 0) {
        const double violation = f.regularizer.violation(0, s.at.gradient[at]);
        if (violation > 0) wanted.push_back({violation, static_cast<int32_t>(j)});
      }
    }
    for (int32_t j : columns.index) s.local[j] = -1;
    const int64_t room = std::max<int64_t>(s.size, support);
    const auto before = [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    };
    if (static_cast<int64_t>(wanted.size()) > room) {
      std::nth_element(wanted.begin(), wanted.begin() + room, wanted.end(), before);
      wanted.resize(static_cast<size_t>(room));
    }
    std::sort(wanted.begin(), wanted.end(), before);
    for (const auto& [violation, j] : wanted) columns.index.push_back(j);
    solve_class(s, f, c, enough);
  }
  f.pass(s.w.data(), s.at);
  f.count_pass(f.n);
}

}  // namespace meanfield
