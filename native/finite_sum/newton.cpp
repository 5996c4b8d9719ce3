#include "native/finite_sum/newton.h"

#include <Eigen/Cholesky>
#include <cmath>

namespace meanfield {

namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr int64_t kDirectColumns = 512;

/// ∇P = ∇F + λ2 w on the penalised coordinates.
Vector full_gradient(const FiniteSum& f, const Pass& at, const Vector& w) {
  Vector g = at.gradient;
  for (int64_t j = 0; j < f.size; ++j)
    if (f.penalised(j)) g[j] += f.regularizer.l2 * w[j];
  return g;
}

double norm_of(const Vector& v) {
  double sum = 0;
  for (double value : v) sum += value * value;
  return std::sqrt(sum);
}

/// H of class c at the curvatures of `at`, then its Cholesky factor; by chunks of rows in a fixed order.
void form_factor(FiniteSum& f, const Pass& at, Vector& factor) {
  const int64_t p = f.p, d = f.d, ld = gram_padded(d);
  factor.resize(static_cast<size_t>(f.k * p * p));
  // Few enough partial sums that they stay a small part of the work.
  const int64_t parts = std::clamp<int64_t>(f.n / (4 * std::max<int64_t>(p, 1)), 1, 16);
  std::vector<Vector> partial(static_cast<size_t>(parts));
  Vector side(static_cast<size_t>(f.size));
  if (f.intercept) f.transposed(at.curvatures.data(), side.data());
  for (int c = 0; c < f.k; ++c) {
    const bool done = f.pool->run(
        parts,
        [&](int64_t part, int) {
          Vector& H = partial[part];
          H.assign(static_cast<size_t>(ld * ld), 0);
          const int64_t first = f.n * part / parts, last = f.n * (part + 1) / parts;
          if (f.x.sparse) {
            for (int64_t i = first; i < last; ++i) {
              const double h = at.curvatures[i * f.k + c];
              if (h != 0)
                f.x.each(i, [&](int64_t a, double va) {
                  f.x.each(i, [&](int64_t b, double vb) {
                    if (b >= a) H[a * ld + b] += h * va * vb;
                  });
                });
            }
            return;
          }
          Vector scratch(static_cast<size_t>(gram_scratch(d))), h(static_cast<size_t>(kGramRows));
          for (int64_t i = first; i < last; i += kGramRows) {
            const int64_t rows = std::min(kGramRows, last - i);
            for (int64_t r = 0; r < rows; ++r) h[r] = at.curvatures[(i + r) * f.k + c];
            f.x.gram(i, rows, h.data(), H.data(), ld, scratch.data());
          }
        },
        f.cancel);
    if (!done) throw Error(ErrorCode::Cancelled, "cancelled");
    Eigen::Map<Matrix> L(factor.data() + c * p * p, p, p);
    L.setZero();
    const double scale = 1 / static_cast<double>(f.n);
    double largest = 0;
    for (int64_t a = 0; a < d; ++a)
      for (int64_t b = a; b < d; ++b) {
        double sum = 0;
        for (const Vector& H : partial) sum += H[a * ld + b];
        L(b, a) = L(a, b) = sum * scale;
      }
    if (f.intercept) {
      for (int64_t j = 0; j <= d; ++j) L(d, j) = L(j, d) = side[c * p + j];
    }
    for (int64_t j = 0; j < p; ++j) largest = std::max(largest, L(j, j));
    for (int64_t j = 0; j < d; ++j) L(j, j) += f.regularizer.l2;
    // Flat directions (no curvature, no penalty) get the least ridge that a factorization needs.
    for (double ridge = 0;; ridge = ridge == 0 ? 1e-14 * (largest + f.regularizer.l2) + 1e-300 : 100 * ridge) {
      Matrix trial = L;
      for (int64_t j = 0; j < p; ++j) trial(j, j) += ridge;
      Eigen::LLT<Eigen::Ref<Matrix>> llt(trial);
      if (llt.info() != Eigen::Success && ridge < largest + 1) continue;
      L = trial;
      break;
    }
  }
}

Vector solve_factor(const FiniteSum& f, const Vector& factor, const Vector& g) {
  Vector step = g;
  for (int c = 0; c < f.k; ++c) {
    Eigen::Map<const Matrix> L(factor.data() + c * f.p * f.p, f.p, f.p);
    Eigen::Map<Eigen::VectorXd> x(step.data() + c * f.p, f.p);
    L.triangularView<Eigen::Lower>().solveInPlace(x);
    L.transpose().triangularView<Eigen::Upper>().solveInPlace(x);
  }
  return step;
}

/// The penalty's part of H v.
void add_ridge(FiniteSum& f, const Vector& v, Vector& out) {
  for (int64_t j = 0; j < f.size; ++j)
    if (f.penalised(j)) out[j] += f.regularizer.l2 * v[j];
  f.count_pass(f.n);
}

/// H v for the loss at `at`: for softmax from the probabilities in the derivatives.
void hessian_vector(FiniteSum& f, const Pass& at, const Vector& v, Vector& margins, Vector& out) {
  if (f.device) {
    f.device->hessian_times(v.data(), at.heldDerivatives, at.heldCurvatures, f.cancel, out.data());
    add_ridge(f, v, out);
    return;
  }
  margins.resize(static_cast<size_t>(f.n * f.k));
  f.all_margins(v.data(), margins.data());
  const int64_t k = f.k;
  if (f.coupled()) {
    Vector probability(static_cast<size_t>(k));
    for (int64_t i = 0; i < f.n; ++i) {
      const double c = f.weight(i);
      if (c == 0) {
        std::fill_n(margins.data() + i * k, k, 0.0);
        continue;
      }
      double mean = 0;
      for (int64_t j = 0; j < k; ++j) {
        probability[j] = at.derivatives[i * k + j] / c + (j == static_cast<int64_t>(f.y.values[i]) ? 1 : 0);
        mean += probability[j] * margins[i * k + j];
      }
      for (int64_t j = 0; j < k; ++j) margins[i * k + j] = c * probability[j] * (margins[i * k + j] - mean);
    }
  } else {
    for (int64_t e = 0; e < f.n * k; ++e) margins[e] *= at.curvatures[e];
  }
  f.transposed(margins.data(), out.data());
  add_ridge(f, v, out);
}

/// A diagonal with the penalty's part, 1 where nothing bends.
Vector with_ridge(const FiniteSum& f, Vector diagonal) {
  for (int64_t j = 0; j < f.size; ++j) {
    if (f.penalised(j)) diagonal[j] += f.regularizer.l2;
    if (!(diagonal[j] > 0)) diagonal[j] = 1;
  }
  return diagonal;
}

/// Diagonal of H; rows are read once.
Vector hessian_diagonal(FiniteSum& f, const Pass& at) {
  Vector diagonal(static_cast<size_t>(f.size), 0.0);
  if (f.device) {
    f.device->hessian_diagonal(at.heldDerivatives, at.heldCurvatures, f.cancel, diagonal.data());
    return with_ridge(f, std::move(diagonal));
  }
  f.sum_over_chunks(diagonal.data(), [&](int64_t, int64_t first, int64_t last, double* sum) {
    for (int64_t i = first; i < last; ++i)
      for (int c = 0; c < f.k; ++c) {
        double h;
        if (f.coupled()) {
          const double weight = f.weight(i);
          if (weight == 0) continue;
          const double q = at.derivatives[i * f.k + c] / weight + (c == static_cast<int>(f.y.values[i]) ? 1 : 0);
          h = weight * q * (1 - q);
        } else {
          h = at.curvatures[i * f.k + c];
        }
        double* to = sum + c * f.p;
        f.x.each(i, [&](int64_t j, double value) { to[j] += h * value * value; });
        if (f.intercept) to[f.d] += h;
      }
  });
  for (double& value : diagonal) value /= static_cast<double>(f.n);
  return with_ridge(f, std::move(diagonal));
}

Vector conjugate_gradients(FiniteSum& f, const Pass& at, const Vector& g) {
  const Vector diagonal = hessian_diagonal(f, at);
  Vector x(g.size(), 0.0), r = g, z(g.size()), q, Hq(g.size()), margins;
  const double start = norm_of(g), enough = std::min(0.1, std::sqrt(start)) * start;
  double rz = 0;
  for (size_t j = 0; j < r.size(); ++j) rz += r[j] * (z[j] = r[j] / diagonal[j]);
  q = z;
  const int64_t limit = std::min<int64_t>(f.size + 10, 250);
  for (int64_t iteration = 0; iteration < limit && norm_of(r) > enough; ++iteration) {
    hessian_vector(f, at, q, margins, Hq);
    double curvature = 0;
    for (size_t j = 0; j < q.size(); ++j) curvature += q[j] * Hq[j];
    if (!(curvature > 0)) break;  // a flat direction: what has been found so far is a descent direction
    const double alpha = rz / curvature;
    for (size_t j = 0; j < x.size(); ++j) {
      x[j] += alpha * q[j];
      r[j] -= alpha * Hq[j];
    }
    double next = 0;
    for (size_t j = 0; j < r.size(); ++j) next += r[j] * (z[j] = r[j] / diagonal[j]);
    const double beta = next / rz;
    rz = next;
    for (size_t j = 0; j < q.size(); ++j) q[j] = z[j] + beta * q[j];
  }
  if (norm_of(x) == 0)
    for (size_t j = 0; j < x.size(); ++j) x[j] = g[j] / diagonal[j];
  return x;
}

/// w ← w − t·move with the largest t of 1, 1/2, 1/4, … that goes down enough; false when none does, which is rounding.
bool line_search(FiniteSum& f, const Vector& gradient, const Vector& move, Vector& w, Pass& at) {
  const double before = f.objective(at, w.data());
  double slope = 0;
  for (size_t j = 0; j < move.size(); ++j) slope += gradient[j] * move[j];
  Vector next(w.size());
  Pass trial;
  for (double t = 1; t > 1e-10; t /= 2) {
    for (size_t j = 0; j < w.size(); ++j) next[j] = w[j] - t * move[j];
    f.pass(next.data(), trial, true);
    f.count_pass(f.n);
    if (f.objective(trial, next.data()) <= before - 1e-4 * t * slope + 1e-15 * std::fabs(before)) {
      w.swap(next);
      at = std::move(trial);
      return true;
    }
  }
  return false;
}

/// Every `every`-th row of dense data.
struct Sample {
  std::vector<double> targets, weights;
  std::unique_ptr<FiniteSum> sum;

  Sample(const FiniteSum& f, int64_t every) {
    const int64_t rows = (f.n + every - 1) / every, width = f.coupled() || f.y.classes ? 1 : f.k;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < width; ++c) targets.push_back(f.y.values[r * every * width + c]);
      if (f.weights) weights.push_back(f.weights[r * every]);
    }
    const DataRows x =
        f.x.single
            ? DataRows(MatrixView<const float>(f.x.values32(0), rows, f.d, f.x.stride() * every), f.x.kernels())
            : DataRows(MatrixView<const double>(f.x.values64(0), rows, f.d, f.x.stride() * every), f.x.kernels());
    sum = std::make_unique<FiniteSum>(x, LinearTargets{targets.data(), f.y.classes}, f.loss, f.k, f.intercept,
                                      f.regularizer, f.pool);
    if (f.weights) sum->weights = weights.data();
    sum->cancel = f.cancel;
  }
};

/// Newton on samples of n/64 and n/8 rows: a start for all rows, and the factor of the larger sample.
void solve_samples(Newton::State& s, FiniteSum& f) {
  for (int64_t every : {64 * (f.n / s.sample) / 8, f.n / s.sample}) {
    if (every < 2 || f.n / every < 20 * f.p) continue;
    Sample sample(f, every);
    FiniteSum& part = *sample.sum;
    Pass at;
    part.pass(s.w.data(), at, true);
    for (int iteration = 0; iteration < 12; ++iteration) {
      const Vector g = full_gradient(part, at, s.w);
      form_factor(part, at, s.factor);
      const Vector move = solve_factor(part, s.factor, g);
      double decrement = 0;
      for (size_t j = 0; j < g.size(); ++j) decrement += g[j] * move[j];
      // Closer than the sample is to the whole is of no use: p/(2 rows) is its statistical error.
      if (decrement <
          1e-2 * static_cast<double>(part.p) / static_cast<double>(part.n) * std::fabs(part.objective(at, s.w.data())))
        break;
      if (!line_search(part, g, move, s.w, at)) break;
    }
    f.examples += part.examples;
    s.stale = false;
  }
}

}  // namespace

std::string Newton::refuse(const FiniteSum& f, const Options& options) {
  if (f.regularizer.l1 > 0 || f.regularizer.nonNegative)
    return "it is a method for smooth objectives; use l1 = 0, or 'coordinate-descent'";
  if (f.coupled() && options.system == System::Cholesky)
    return "the Hessian of softmax joins all classes; use system: 'conjugate-gradients'";
  return "";
}

std::string Newton::stays(const FiniteSum& f, const Options& options, bool asked) {
  if (options.system == System::Cholesky)
    return "its Hessian is formed and factored on the CPU; with system 'conjugate-gradients' it runs there";
  if (!asked && options.system == System::Auto && !f.coupled() && f.p <= kDirectColumns)
    return "its Hessian has only " + std::to_string(f.p) + " columns a class and is factored on the CPU";
  return "";
}

Newton::State Newton::init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
  State s;
  s.direct = options.system == System::Cholesky ||
             (options.system == System::Auto && !f.device && !f.coupled() && f.p <= kDirectColumns);
  if (options.system == System::Auto)
    chosen.push_back({"system", OptionValue(std::string(s.direct ? "cholesky" : "conjugate-gradients")),
                      f.coupled() ? "softmax joins all classes"
                      : f.device  ? "products with the Hessian are made on the device"
                                  : std::to_string(f.p) + " columns; Cholesky up to 512"});
  s.w = start;
  if (s.direct && !f.x.sparse) {
    const int64_t rows = options.hessianRows.value_or(f.n / f.p > 200 ? f.n / 8 : f.n);
    s.sample = rows < f.n ? rows : 0;
    if (!options.hessianRows)
      chosen.push_back({"hessianRows", OptionValue(static_cast<double>(rows)),
                        s.sample ? "n/8: more than 200 rows a column" : "n: no more than 200 rows a column"});
    if (s.sample) solve_samples(s, f);
  }
  f.pass(s.w.data(), s.at, true);
  f.count_pass(f.n);
  return s;
}

void Newton::step(State& s, FiniteSum& f) {
  const Vector g = full_gradient(f, s.at, s.w);
  const double norm = norm_of(g);
  if (norm == 0) return;
  Vector move;
  if (s.direct) {
    if (s.steps > 0 && norm > 0.25 * s.norm) s.stale = true;
    if (s.stale) {
      form_factor(f, s.at, s.factor);
      s.stale = s.sample == 0;  // without samples every step has its own Hessian
    }
    move = solve_factor(f, s.factor, g);
  } else {
    f.send(s.at);
    move = conjugate_gradients(f, s.at, g);
  }
  s.norm = norm;
  if (!line_search(f, g, move, s.w, s.at)) s.stale = true;
}

}  // namespace meanfield
