// Dense columns. The quadratic model is held as the Gram matrix of the working set, kept from step to step for the squared loss.
#include <algorithm>
#include <cmath>

#include "native/finite_sum/gram_solver.h"
#include "native/finite_sum/restricted.h"

namespace meanfield {

namespace {

/// Gram matrix of the working set's dense columns weighted by h (null: c_i), divided by n, from columns.done on.
void form_gram(const FiniteSum& f, Columns& columns, const double* h) {
  const int64_t count = static_cast<int64_t>(columns.index.size()), ld = gram_padded(count);
  const int64_t from = columns.done / kGramTile * kGramTile;
  if (ld != columns.ld) {
    cpu::Buffer<double> larger(ld * ld);
    larger.clear(ld * ld);
    for (int64_t a = 0; a < columns.done; ++a)
      for (int64_t b = 0; b < columns.done; ++b) larger.data()[a * ld + b] = columns.gram.data()[a * columns.ld + b];
    columns.gram = std::move(larger);
    columns.ld = ld;
  }
  // Threads own columns of the matrix, pieces of equal area, so that every entry is summed over the rows in their order.
  const int64_t pieces = f.pool->threads();
  const double whole =
      static_cast<double>(count) * static_cast<double>(count) - static_cast<double>(from) * static_cast<double>(from);
  const auto edge = [&](int64_t piece) {
    const double square = static_cast<double>(from) * static_cast<double>(from) +
                          whole * static_cast<double>(piece) / static_cast<double>(pieces);
    return piece == pieces ? count : static_cast<int64_t>(std::sqrt(square)) / kGramTile * kGramTile;
  };
  for (int64_t a = 0; a < count; ++a)
    std::fill_n(columns.gram.data() + a * ld + std::max(a, from), ld - std::max(a, from), 0.0);
  const bool done = f.pool->run(
      pieces,
      [&](int64_t piece, int) {
        const int64_t first = edge(piece), cols = edge(piece + 1);
        if (cols == first) return;
        Vector block(static_cast<size_t>(kGramRows * cols)), weight(static_cast<size_t>(kGramRows)),
            scratch(static_cast<size_t>(gram_scratch(cols)));
        const int32_t* index = columns.index.data();
        for (int64_t i = 0; i < f.n; i += kGramRows) {
          const int64_t rows = std::min(kGramRows, f.n - i);
          for (int64_t r = 0; r < rows; ++r) {
            double* to = block.data() + r * cols;
            weight[r] = (h ? h[i + r] : f.weight(i + r)) / static_cast<double>(f.n);
            if (f.x.single) {
              const float* x = f.x.values32(i + r);
              for (int64_t a = 0; a < cols; ++a) to[a] = index[a] < f.d ? static_cast<double>(x[index[a]]) : 1.0;
            } else {
              const double* x = f.x.values64(i + r);
              for (int64_t a = 0; a < cols; ++a) to[a] = index[a] < f.d ? x[index[a]] : 1.0;
            }
          }
          f.x.kernels().f64.gram(block.data(), rows, cols, cols, weight.data(), columns.gram.data(), ld, first,
                                 scratch.data());
          if (f.cancel && f.cancel->cancelled()) return;
        }
      },
      f.cancel);
  if (!done) throw Error(ErrorCode::Cancelled, "cancelled");
  f.poll();
  for (int64_t a = 0; a < count; ++a)
    for (int64_t b = std::max(a + 1, from); b < count; ++b)
      columns.gram.data()[b * ld + a] = columns.gram.data()[a * ld + b];
  columns.done = count;
}

}  // namespace

void solve_dense(const Restricted& problem, Vector& weights) {
  FiniteSum& f = problem.f;
  Columns& columns = problem.columns;
  const int64_t count = static_cast<int64_t>(columns.index.size()), offset = problem.c * f.p;
  const bool squared = f.loss.kind == LossKind::Squared;
  Vector w(static_cast<size_t>(count)), delta(static_cast<size_t>(count)), linear(static_cast<size_t>(count));
  std::vector<char> free(static_cast<size_t>(count));
  for (int64_t a = 0; a < count; ++a) {
    w[a] = weights[offset + columns.index[a]];
    free[a] = columns.index[a] == f.d;
    linear[a] = problem.at.gradient[offset + columns.index[a]];
  }
  const Sweeps sweeps{f.regularizer, w, free};
  const auto write = [&](double step) {
    for (int64_t a = 0; a < count; ++a) weights[offset + columns.index[a]] = w[a] += step * delta[a];
  };
  if (squared) {
    form_gram(f, columns, nullptr);
    solve_gram(sweeps, columns.gram.data(), columns.ld, linear, delta, {problem.enough, 0, 5000}, f.x.kernels());
    write(1);
    return;
  }
  MarginLine line(f, problem.at, problem.c);
  Vector full(static_cast<size_t>(f.d) + 1);
  for (int round = 0; round < 20; ++round) {
    f.poll();
    std::fill(delta.begin(), delta.end(), 0.0);
    columns.done = 0;
    form_gram(f, columns, line.h.data());
    if (round > 0) {
      std::fill(full.begin(), full.end(), 0.0);
      f.x.rows_axpy(0, f.n, line.g.data(), full.data());
      for (int64_t i = 0; i < f.n; ++i) full[f.d] += line.g[i];
      for (int64_t a = 0; a < count; ++a) linear[a] = full[columns.index[a]] / static_cast<double>(f.n);
    }
    const double violation = solve_gram(sweeps, columns.gram.data(), columns.ld, linear, delta,
                                        {0.3 * problem.enough, 0.1, 100}, f.x.kernels());
    std::fill(full.begin(), full.end(), 0.0);
    for (int64_t a = 0; a < count; ++a) full[columns.index[a]] = delta[a];
    f.x.rows_dot(0, f.n, full.data(), line.u.data());
    if (f.intercept)
      for (double& value : line.u) value += full[f.d];
    const double step = line.search(sweeps, delta);
    if (step == 0) return;
    write(step);
    if (violation <= problem.enough) return;
  }
}

}  // namespace meanfield
