// Invariants of the finite-sum layer: kernels, estimators, lazy updates, scalar equations.
#include <doctest/doctest.h>

#include "native/finite_sum/amsvrg.h"
#include "native/finite_sum/dasvrda.h"
#include "native/finite_sum/katyusha.h"
#include "native/finite_sum/proximal_point.h"
#include "native/kernels/kernels.h"
#include "native/problem/loss_terms.h"
#include "test/native/finite_sum_data.h"

using namespace finite_sum_test;

TEST_CASE("linear kernels: every instruction set against plain loops, odd lengths and strides") {
  uint64_t r = 1;
  for (int set = 0; set < cpu_isa_count(); ++set) {
    if (!cpu_isa_supported(set)) continue;
    const LinearKernels& kernels = *linear_kernels(cpu_isa_name(set));
    for (int64_t cols : {1, 3, 8, 17, 40, 101}) {
      const int64_t rows = 77, stride = cols + 3;
      std::vector<double> x(static_cast<size_t>(rows * stride)), w(static_cast<size_t>(cols)),
          a(static_cast<size_t>(rows)), h(a);
      std::vector<float> xf(x.size());
      for (size_t i = 0; i < x.size(); ++i) x[i] = xf[i] = static_cast<float>(between(r, -1, 1));
      for (double& v : w) v = between(r, -1, 1);
      for (double& v : a) v = between(r, -1, 1);
      for (double& v : h) v = between(r, 0, 1);
      std::vector<double> z(static_cast<size_t>(rows)), zf(z), g(w), gf(w), plain(w);
      kernels.f64.rows_dot(x.data(), rows, cols, stride, w.data(), z.data());
      kernels.f32.rows_dot(xf.data(), rows, cols, stride, w.data(), zf.data());
      kernels.f64.rows_axpy(x.data(), rows, cols, stride, a.data(), g.data());
      kernels.f32.rows_axpy(xf.data(), rows, cols, stride, a.data(), gf.data());
      const int64_t ld = gram_padded(cols);
      std::vector<double> H(static_cast<size_t>(ld * ld), 0.0), scratch(static_cast<size_t>(gram_scratch(cols)));
      kernels.f64.gram(x.data(), rows, cols, stride, h.data(), H.data(), ld, 0, scratch.data());
      double worst = 0;
      for (int64_t i = 0; i < rows; ++i) {
        double dot = 0;
        for (int64_t j = 0; j < cols; ++j) {
          dot += x[i * stride + j] * w[j];
          plain[j] += a[i] * x[i * stride + j];
        }
        worst = std::max({worst, std::fabs(dot - z[i]), std::fabs(dot - zf[i]),
                          std::fabs(dot - kernels.f64.dot(x.data() + i * stride, w.data(), cols))});
      }
      for (int64_t j = 0; j < cols; ++j)
        worst = std::max({worst, std::fabs(plain[j] - g[j]), std::fabs(plain[j] - gf[j])});
      for (int64_t p = 0; p < cols; ++p)
        for (int64_t q = p; q < cols; ++q) {
          double sum = 0;
          for (int64_t i = 0; i < rows; ++i) sum += h[i] * x[i * stride + p] * x[i * stride + q];
          worst = std::max(worst, std::fabs(sum - H[p * ld + q]));
        }
      // A sparse column: every second place of `w`.
      const int64_t count = (cols + 1) / 2;
      std::vector<int32_t> places;
      for (int64_t e = 0; e < count; ++e) places.push_back(static_cast<int32_t>(2 * e));
      std::vector<double> moved(w), movedF(w);
      std::vector<float> scaled(static_cast<size_t>(count));
      kernels.f64.sparse_axpy(0.7, x.data(), places.data(), count, moved.data());
      kernels.f32.sparse_axpy(0.7, xf.data(), places.data(), count, movedF.data());
      const double squares = kernels.scale(xf.data(), places.data(), count, w.data(), scaled.data());
      double dot = 0, sum = 0;
      for (int64_t e = 0; e < count; ++e) {
        const double value = x[e] * w[2 * e];
        dot += value;
        sum += value * value;
        CHECK(scaled[e] == static_cast<float>(value));
        worst =
            std::max({worst, std::fabs(moved[2 * e] - w[2 * e] - 0.7 * x[e]), std::fabs(moved[2 * e] - movedF[2 * e])});
      }
      double all = 0;  // of a dense column
      for (int64_t e = 0; e < count; ++e) all += x[e] * w[e] * x[e] * w[e];
      worst = std::max({worst, std::fabs(squares - sum),
                        std::fabs(all - kernels.scale(xf.data(), nullptr, count, w.data(), scaled.data())),
                        std::fabs(dot - kernels.f64.sparse_dot(x.data(), places.data(), count, w.data())),
                        std::fabs(dot - kernels.f32.sparse_dot(xf.data(), places.data(), count, w.data()))});
      CHECK(worst < 1e-13 * static_cast<double>(rows + cols));
      // Products of columns: rows of the matrix stand for them.
      std::vector<const float*> vectors;
      for (int64_t i = 0; i < rows; ++i) vectors.push_back(xf.data() + i * stride);
      std::vector<double> G(static_cast<size_t>(rows * rows), 1);
      kernels.products(vectors.data(), rows, cols, G.data(), rows);
      for (int64_t a = 0; a < rows; ++a)
        for (int64_t b = 0; b < rows; ++b) {
          double sum = 1;
          for (int64_t j = 0; j < cols && b >= a; ++j) sum += x[a * stride + j] * x[b * stride + j];
          worst = std::max(worst, std::fabs(G[a * rows + b] - sum));
        }
      // Those of the same places that have a slot, two of three.
      std::vector<int32_t> slot(static_cast<size_t>(2 * count)), slots(static_cast<size_t>(count + 16)), found(slots);
      for (int64_t j = 0; j < 2 * count; ++j) slot[j] = static_cast<int32_t>(j / 2 % 3 == 1 ? 0 : j + 1);
      int64_t next = 0;
      const int64_t many = kernels.select(places.data(), count, slot.data(), slots.data(), found.data());
      for (int64_t e = 0; e < count; ++e)
        if (slot[places[e]] != 0) {
          CHECK(found[next] == e);
          CHECK(slots[next++] == slot[places[e]]);
        }
      CHECK(many == next);
    }
    // Its conjugate to the ends of the domain.
    std::vector<double> shares = {
        0, 1, 5e-324, 1e-308, 1e-300, 1e-17, 1 - 1e-16, 0.5, 0.70710678118654746, 0.70710678118654757};
    for (int i = 0; i < 301; ++i) shares.push_back(uniform(r));
    double entropies = 0;
    for (const double share : shares) {
      const double weight = 1.5, expected = entropy_term(share) + entropy_term(1 - share);
      CHECK(std::fabs(kernels.entropy(&share, &weight, 1) - 1.5 * expected) <= 1e-300 + 4e-15 * std::fabs(expected));
      entropies += expected;
    }
    const std::vector<double> ones(shares.size(), 1.0);
    CHECK(kernels.entropy(shares.data(), ones.data(), static_cast<int64_t>(shares.size())) ==
          doctest::Approx(entropies).epsilon(1e-14));
    // The logistic function against the scalar loss, to the ends of its range.
    const Loss loss{LossKind::Logistic, 1};
    std::vector<double> z, y;
    for (double t : {-800.0, -40.0, -37.0, -1.0, -0.3, -1e-9, 0.0, 1e-9, 0.4, 2.0, 36.0, 37.0, 45.0, 700.0, 800.0})
      for (double label : {-1.0, 1.0}) z.push_back(t), y.push_back(label);
    for (int i = 0; i < 301; ++i) z.push_back(between(r, -30, 30)), y.push_back(uniform(r) < 0.5 ? -1 : 1);
    std::vector<double> g(z.size()), h(z.size());
    const LossSums sums =
        kernels.logistic(z.data(), y.data(), nullptr, static_cast<int64_t>(z.size()), g.data(), h.data());
    double value = 0, conjugate = 0, worst = 0;
    for (size_t i = 0; i < z.size(); ++i) {
      const double slope = loss.derivative(z[i], y[i]);
      value += loss.value(&z[i], &y[i], 1);
      conjugate += loss.conjugate(&slope, &y[i], 1);
      worst = std::max({worst, std::fabs(g[i] - slope), std::fabs(h[i] - loss.curvature(z[i], y[i]))});
    }
    CHECK(worst < 1e-15);
    CHECK(sums.value == doctest::Approx(value).epsilon(1e-14));
    CHECK(sums.conjugate == doctest::Approx(conjugate).epsilon(1e-12));
  }
}

TEST_CASE(
    "losses: Fenchel-Young holds with equality at the derivative, derivatives by differences, scalar prox solves its "
    "equation") {
  uint64_t r = 5;
  for (LossKind kind : {LossKind::Squared, LossKind::Logistic, LossKind::SmoothHinge, LossKind::Huber,
                        LossKind::SquaredHinge, LossKind::Poisson})
    for (int i = 0; i < 400; ++i) {
      const Loss loss{kind, between(r, 0.3, 2)};
      const double y = kind == LossKind::Poisson ? std::floor(between(r, 0, 5))
                       : loss.classifies()       ? (uniform(r) < 0.5 ? -1 : 1)
                                                 : between(r, -2, 2);
      const double z = between(r, -3, 3), other = between(r, -3, 3), g = loss.derivative(z, y), e = 1e-6;
      CHECK(loss.value(&z, &y, 1) + loss.conjugate(&g, &y, 1) == doctest::Approx(g * z).epsilon(1e-9));
      CHECK(loss.value(&other, &y, 1) + loss.conjugate(&g, &y, 1) >= g * other - 1e-12);
      const double up = z + e, down = z - e;
      CHECK((loss.value(&up, &y, 1) - loss.value(&down, &y, 1)) / (2 * e) == doctest::Approx(g).epsilon(1e-4).scale(1));
      const double s = std::exp(between(r, -8, 5));
      const auto [t, slope] = scalar_prox(loss, y, s, z, between(r, -5, 5));
      CHECK(std::fabs(t + s * loss.derivative(t, y) - z) <= 1e-11 * (1 + s) * (1 + std::fabs(z) + std::fabs(y)));
      CHECK(slope == doctest::Approx(loss.derivative(t, y)).epsilon(1e-13).scale(1));
    }
  // Logistic, from weak to very strong steps, from guesses far and near: the root is known to the rounding of t and of the three terms, and
  // its slope to that of t.
  const Loss loss{LossKind::Logistic, 1};
  double worst = 0, worstSlope = 0;
  for (int i = 0; i < 200000; ++i) {
    const double y = uniform(r) < 0.5 ? -1 : 1, s = std::exp(between(r, -8, 9)),
                 z = between(r, -1, 1) * std::exp(between(r, -3, 7));
    double guess = between(r, -1, 1) * std::exp(between(r, -3, 5));
    if (i % 2) guess = scalar_prox(loss, y, s, z, guess).t + between(r, -1, 1) * std::exp(between(r, -20, 0));
    const auto [t, slope] = scalar_prox(loss, y, s, z, guess);
    worst =
        std::max(worst, std::fabs(t + s * loss.derivative(t, y) - z) / ((1 + s / 4) * std::fabs(t) + s + std::fabs(z)));
    // Numbers below 1e-290 come near those that have fewer digits.
    const double exact = loss.derivative(t, y);
    worstSlope = std::max(worstSlope, std::fabs(slope - exact) / ((std::fabs(exact) + 1e-290) * (1 + std::fabs(t))));
  }
  CHECK(worst < 1e-14);
  CHECK(worstSlope < 1e-14);
}

TEST_CASE("regularizer: prox optimality, conjugate, soft threshold") {
  uint64_t r = 9;
  for (int i = 0; i < 2000; ++i) {
    const Regularizer reg{between(r, 0, 1), uniform(r) < 0.3 ? 0 : between(r, 0, 1), uniform(r) < 0.3};
    const double v = between(r, -3, 3), t = between(r, 0.01, 3), w = reg.prox(v, t);
    // (v − w)/t ∈ ∂r(w)
    CHECK(reg.violation(w, (w - v) / t) < 1e-12);
    if (reg.l2 > 0) {
      double best = soft_threshold(v, reg.l1) / reg.l2;  // argmax ⟨v, w⟩ − r(w)
      if (reg.nonNegative) best = std::max(best, 0.0);
      CHECK(reg.conjugate(v) == doctest::Approx(v * best - reg.value(best)).epsilon(1e-10).scale(1));
    }
  }
}

TEST_CASE("lazy updates equal the step by step recursion to 1e-12 in thousands of cases") {
  uint64_t r = 3;
  double worst = 0;
  for (int i = 0; i < 20000; ++i) {
    const double eta = std::exp(between(r, -5, 1)), l2 = uniform(r) < 0.3 ? 0 : std::exp(between(r, -8, 0)),
                 l1 = uniform(r) < 0.3 ? 0 : between(r, 0, 0.5);
    const bool nonNegative = uniform(r) < 0.2;
    const double C = -eta * between(r, -1, 1), P = eta * l1, q = 1 / (1 + eta * l2);
    double w = between(r, nonNegative ? 0 : -2, 2);
    if (uniform(r) < 0.2) w = 0;
    const int64_t K = static_cast<int64_t>(between(r, 0, 400));
    const Powers powers(q, 100);
    const double fast = skip_steps(w, C, P, powers, K, nonNegative);
    double slow = w, largest = std::fabs(w);
    for (int64_t k = 0; k < K; ++k) {
      const double t = soft_threshold(slow + C, P);
      slow = nonNegative && t < 0 ? 0 : q * t;
      largest = std::max(largest, std::fabs(slow));
    }
    worst = std::max(worst, std::fabs(fast - slow) / (largest + std::fabs(C) * static_cast<double>(K) + 1e-300));
  }
  CHECK(worst < 1e-12);

  worst = 0;
  for (int i = 0; i < 5000; ++i) {
    const double eta = std::exp(between(r, -5, 1)), l2 = uniform(r) < 0.3 ? 0 : std::exp(between(r, -6, 0)),
                 l1 = uniform(r) < 0.3 ? 0 : between(r, 0, 0.5);
    const bool nonNegative = uniform(r) < 0.2;
    const int64_t m = 1 + static_cast<int64_t>(between(r, 0, 200)),
                  from = static_cast<int64_t>(between(r, 0, static_cast<double>(m))),
                  to = from + static_cast<int64_t>(uniform(r) * static_cast<double>(m - from + 1));
    const DasvrdaTables tables(eta, l2, m);
    const double y = between(r, -2, 2), G = uniform(r) < 0.1 ? 0 : between(r, -1, 1),
                 A = DasvrdaTables::s_of(from) * between(r, -1, 1);
    double slow = 0, scale = 1e-300, a = A;
    for (int64_t k = from + 1; k <= to; ++k) {
      const double half = 0.5 * static_cast<double>(k), s = DasvrdaTables::s_of(k);
      a += half * G;
      const Regularizer reg{l1, l2, nonNegative};
      const double z = reg.prox(y - eta * a, eta * s);
      slow += half * z;
      scale += half * (std::fabs(y) + eta * (std::fabs(a) + l1 * s) / (1 + eta * s * l2));
    }
    const double fast =
        dasvrda_skip(tables, y - eta * (A - G * DasvrdaTables::s_of(from)), eta * G, eta * l1, nonNegative, from, to);
    worst = std::max(worst, std::fabs(fast - slow) / scale);
  }
  CHECK(worst < 1e-12);

  worst = 0;
  for (int i = 0; i < 2000; ++i) {
    const double eta = std::exp(between(r, -5, 0)), mu = std::exp(between(r, -8, 0)), root = std::sqrt(eta * mu),
                 beta = (1 - root) / (1 + root), q = 1 / (1 + eta * mu);
    const double G = between(r, -1, 1);
    double x = between(r, -2, 2), y = between(r, -2, 2), largest = 1;
    const int64_t K = static_cast<int64_t>(between(r, 0, 300));
    const MomentumPowers powers(q, beta, eta, 300);
    const auto& a = powers[K];
    const double fastX = a[0] * x + a[1] * y + a[2] * G, fastY = a[3] * x + a[4] * y + a[5] * G;
    for (int64_t k = 0; k < K; ++k) {
      const double next = q * (y - eta * G);
      y = next + beta * (next - x);
      x = next;
      largest = std::max(largest, std::fabs(y));
    }
    // Momentum sums up its own rounding: an error made once grows like the number of steps.
    worst = std::max({worst, std::fabs(fastX - x) / largest, std::fabs(fastY - y) / largest});
  }
  CHECK(worst < 1e-12);
}

TEST_CASE("minibatch estimator: unbiased by enumeration, finite-population variance, zero variance at the snapshot") {
  const Data data = make_data(6, 3, LossKind::Logistic, 1, 0, 1);
  Sum sum(data, false, {LossKind::Logistic, 1}, 1, true, {0, 0.1, false});
  FiniteSum& f = sum.f;
  const Vector snapshot = {0.3, -0.2, 0.1, 0.05}, point = {-0.5, 0.4, 0.9, -0.2};
  Pass at, here;
  f.pass(snapshot.data(), at);
  f.pass(point.data(), here);
  const auto estimate = [&](const std::vector<int64_t>& rows, const std::vector<double>& scale, const Vector& w) {
    Batch batch(f);
    batch.rows = rows;
    batch.scale = scale;
    batch.correct(f, w.data(), at.derivatives.data());
    batch.accumulate(f);
    for (int64_t j = 0; j < f.size; ++j) batch.sum[j] += at.gradient[j];
    return batch.sum;
  };
  for (int64_t b = 1; b <= 6; ++b) {
    Vector mean(4, 0.0);
    double variance = 0;
    int count = 0;
    for (int mask = 0; mask < 64; ++mask) {
      if (__builtin_popcount(static_cast<unsigned>(mask)) != b) continue;
      std::vector<int64_t> rows;
      for (int i = 0; i < 6; ++i)
        if (mask >> i & 1) rows.push_back(i);
      const Vector v = estimate(rows, std::vector<double>(rows.size(), 1.0), point);
      for (int j = 0; j < 4; ++j) {
        mean[j] += v[j];
        variance += (v[j] - here.gradient[j]) * (v[j] - here.gradient[j]);
      }
      ++count;
      const Vector still = estimate(rows, std::vector<double>(rows.size(), 1.0), snapshot);
      for (int j = 0; j < 4; ++j) CHECK(std::fabs(still[j] - at.gradient[j]) < 1e-15);
    }
    double single = 0;  // population variance of one row's estimator
    for (int64_t i = 0; i < 6; ++i) {
      const Vector v = estimate({i}, {1.0}, point);
      for (int j = 0; j < 4; ++j) single += (v[j] - here.gradient[j]) * (v[j] - here.gradient[j]) / 6;
    }
    for (int j = 0; j < 4; ++j) CHECK(mean[j] / count == doctest::Approx(here.gradient[j]).epsilon(1e-12));
    CHECK(variance / count == doctest::Approx((6.0 - b) / (b * 5.0) * single).epsilon(1e-10).scale(1e-3));
  }
  // Importance sampling: Σ_i q_i · (1/(n q_i)) (…) is the same mean, for any q.
  Vector mean(4, 0.0);
  for (int64_t i = 0; i < 6; ++i) {
    const double q = f.constants().rows[i] / (6 * f.constants().mean);
    const Vector v = estimate({i}, {1 / (6 * q)}, point);
    for (int j = 0; j < 4; ++j) mean[j] += q * v[j];
  }
  for (int j = 0; j < 4; ++j) CHECK(mean[j] == doctest::Approx(here.gradient[j]).epsilon(1e-12));
}

TEST_CASE("sampler: distinct rows, every row equally often; importance in proportion to L_i") {
  const Data data = make_data(20, 3, LossKind::Logistic, 1, 0, 4);
  Sum sum(data, false, {LossKind::Logistic, 1}, 1, true, {0, 0.1, false});
  for (const Sampling sampling : {Sampling::Uniform, Sampling::Importance}) {
    Sampler sampler(sum.f, sampling);
    std::vector<double> often(20, 0.0);
    std::vector<int64_t> rows;
    std::vector<double> scale;
    const int draws = 20000, b = 7;
    for (int draw = 0; draw < draws; ++draw) {
      sampler.draw(WordStream(3, Stream::Minibatch, static_cast<uint64_t>(draw)), b, rows, scale);
      std::vector<int64_t> sorted = rows;
      std::sort(sorted.begin(), sorted.end());
      if (sampling == Sampling::Uniform) CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
      for (int64_t row : rows) ++often[row];
    }
    for (int i = 0; i < 20; ++i) {
      const double q =
          sampling == Sampling::Uniform ? 1.0 / 20 : sum.f.constants().rows[i] / (20 * sum.f.constants().mean);
      // Five standard errors of a binomial count.
      CHECK(std::fabs(often[i] / (draws * b) - q) < 5 * std::sqrt(q / (draws * b)));
    }
  }
}

TEST_CASE("b = n: SVRG is proximal gradient, Acc-SVRG is accelerated proximal gradient, to rounding") {
  const Data data = make_data(30, 5, LossKind::Logistic, 1, 0.5, 8);
  for (const bool sparse : {false, true}) {
    Sum sum(data, sparse, {LossKind::Logistic, 1}, 1, true, {0.01, 0.05, false});
    FiniteSum& f = sum.f;
    LinearChoices chosen;
    const Vector zero(static_cast<size_t>(f.size), 0.0);
    Svrg::Options options;
    options.minibatch = 30;
    options.innerSteps = 4;
    options.step = 0.3;
    AccSvrg::Options accelerated;
    accelerated.minibatch = 30;
    accelerated.innerSteps = 4;
    accelerated.step = 0.3;
    SolverOf<Svrg> svrg(f, options, zero, chosen);
    SolverOf<AccSvrg> acc(f, accelerated, zero, chosen);
    svrg.step();
    acc.step();
    Vector w = zero, x = zero, y = zero, before;
    Pass pass;
    const double root = std::sqrt(0.05 * 0.3), beta = (1 - root) / (1 + root);
    for (int k = 0; k < 4; ++k) {
      f.pass(w.data(), pass);
      for (int64_t j = 0; j < f.size; ++j) w[j] = f.prox(w[j] - 0.3 * pass.gradient[j], 0.3, f.penalised(j));
      f.pass(y.data(), pass);
      before = x;
      for (int64_t j = 0; j < f.size; ++j) {
        x[j] = f.prox(y[j] - 0.3 * pass.gradient[j], 0.3, f.penalised(j));
        y[j] = x[j] + beta * (x[j] - before[j]);
      }
    }
    for (int64_t j = 0; j < f.size; ++j) {
      CHECK(std::fabs(svrg.weights()[j] - w[j]) < 1e-13);
      CHECK(std::fabs(acc.weights()[j] - x[j]) < 1e-13);
    }
  }
}
