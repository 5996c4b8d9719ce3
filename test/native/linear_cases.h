// Finite sums of linear models on a device: cases, and every operation of kernels/linear_backend.h from its definition, in plain
// loops. Used by the tests of the emulated device and by bench/native/gpu_check.cpp.
//
// Bounds are those of rounding in double, u = 2^-53: a sum of N terms is off by at most (N + 8)·u times the sum of their sizes, and a
// derivative by its Lipschitz constant times the error of its margin.
#pragma once
#ifndef MEANFIELD_WITHOUT_DOCTEST
#include <doctest/doctest.h>
#endif

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "native/core/philox.h"
#include "native/kernels/linear_backend.h"

namespace meanfield {
namespace linear_cases {

constexpr double kRounding = 0x1p-53;

struct LinearCase {
  int64_t n, d;
  int k;
  LossKind loss;
  bool sparse, single, intercept, weighted;
  bool classes = false;  // one-vs-rest
};

inline std::string name_of(const LinearCase& c) {
  return "n=" + std::to_string(c.n) + " d=" + std::to_string(c.d) + " k=" + std::to_string(c.k) + " " +
         kLossNames[static_cast<int>(c.loss)] + (c.sparse ? " sparse" : " dense") +
         (c.single ? " float32" : " float64") + (c.intercept ? " intercept" : "") + (c.weighted ? " weighted" : "") +
         (c.classes ? " classes" : "");
}

inline std::vector<LinearCase> all_linear_cases() {
  std::vector<LinearCase> cases;
  size_t next = 0;
  const auto add = [&](int64_t n, int64_t d, int k, LossKind loss) {
    const bool margins = loss == LossKind::Logistic || loss == LossKind::SmoothHinge || loss == LossKind::SquaredHinge;
    cases.push_back(
        {n, d, k, loss, next % 2 == 1, next / 2 % 2 == 1, next / 4 % 2 == 0, next % 3 == 0, margins && k > 1});
    ++next;
  };
  for (int loss = 0; loss < 7; ++loss)
    for (const int k : {1, 3, 6})
      for (int both = 0; both < 2; ++both)
        if (loss != static_cast<int>(LossKind::Softmax) || k > 1) add(75, 11, k, static_cast<LossKind>(loss));
  for (const int64_t n : {1, 33, 300})
    for (const int64_t d : {1, 6, 40, 131})
      for (const int k : {1, 5}) add(n, d, k, k == 1 ? LossKind::Logistic : LossKind::Softmax);
  for (int both = 0; both < 2; ++both) {
    add(5, 20000, 1, LossKind::Squared);   // too wide for a partial sum in every block
    add(5000, 3, 2, LossKind::Logistic);   // columns of several segments
    add(20011, 3, 1, LossKind::Logistic);  // several chunks of rows in a block, eight lanes a row
    add(17000, 14, 2, LossKind::Softmax);  // sixteen lanes a row
  }
  return cases;
}

/// Data of a case, the same for every backend.
struct LinearSetting {
  LinearCase c;
  std::vector<double> dense, values64;
  std::vector<float> dense32, values32;
  std::vector<int32_t> columns;
  std::vector<int64_t> starts{0}, rows;
  std::vector<double> targets, weights, w, v, scale;
  Loss loss;

  int64_t p() const { return c.d + (c.intercept ? 1 : 0); }
  size_t size() const { return static_cast<size_t>(c.k * p()); }

  explicit LinearSetting(const LinearCase& c_) : c(c_), loss{c_.loss, c_.loss == LossKind::SmoothHinge ? 0.7 : 1.2} {
    const RandomField field{23, Stream::Init};
    const auto normal = [&](uint64_t step, int64_t i, int64_t j) {
      return static_cast<double>(field.normal(step, static_cast<uint32_t>(i), static_cast<uint32_t>(j)));
    };
    const auto uniform = [&](uint64_t step, int64_t i, int64_t j) {
      return static_cast<double>(field.uniform(step, static_cast<uint32_t>(i), static_cast<uint32_t>(j)));
    };
    for (int64_t i = 0; i < c.n; ++i) {
      for (int64_t j = 0; j < c.d; ++j) {
        const bool stored = !c.sparse || uniform(1, i, j) < 0.4;
        const double value = stored ? static_cast<double>(static_cast<float>(normal(0, i, j))) : 0;
        dense.push_back(value);
        if (stored) {
          values64.push_back(value);
          columns.push_back(static_cast<int32_t>(j));
        }
      }
      starts.push_back(static_cast<int64_t>(columns.size()));
      const bool oneOfClasses = c.classes || c.loss == LossKind::Softmax;
      for (int o = 0; o < (oneOfClasses ? 1 : c.k); ++o) {
        if (oneOfClasses)
          targets.push_back(std::floor(uniform(2, i, o) * c.k));
        else if (loss.classifies())
          targets.push_back(uniform(2, i, o) < 0.5 ? -1 : 1);
        else
          targets.push_back(c.loss == LossKind::Poisson ? std::floor(3 * uniform(2, i, o)) : normal(2, i, o));
      }
      if (c.weighted) weights.push_back(i % 5 == 0 && c.n > 1 ? 0 : 0.5 + uniform(3, i, 0));
    }
    values32.assign(values64.begin(), values64.end());
    dense32.assign(dense.begin(), dense.end());
    for (int64_t e = 0; e < c.k * p(); ++e) {
      w.push_back(normal(4, e, 0) / std::sqrt(static_cast<double>(c.d)));
      v.push_back(normal(5, e, 0));
    }
    for (int64_t r = 0; r < std::min<int64_t>(c.n / 2 + 1, 1000); ++r) {
      rows.push_back((r * 7919 + 3) % c.n);  // not in order; some twice
      scale.push_back(0.5 + uniform(6, r, 0));
    }
  }

  /// On these devices, bit i for device i.
  LinearShape shape(uint64_t devices) const {
    int device = 0;
    while (!(devices >> device & 1)) ++device;
    const void* numbers = c.sparse ? (c.single ? static_cast<const void*>(values32.data()) : values64.data())
                                   : (c.single ? static_cast<const void*>(dense32.data()) : dense.data());
    return {c.n,
            c.d,
            c.k,
            c.intercept,
            c.single,
            numbers,
            c.d,
            c.sparse ? columns.data() : nullptr,
            c.sparse ? starts.data() : nullptr,
            targets.data(),
            c.classes,
            weights.empty() ? nullptr : weights.data(),
            loss,
            device,
            devices};
  }
  double weight(int64_t i) const { return weights.empty() ? 1 : weights[static_cast<size_t>(i)]; }
  bool coupled() const { return c.loss == LossKind::Softmax; }
  double x(int64_t i, int64_t j) const { return j < c.d ? dense[static_cast<size_t>(i * c.d + j)] : 1; }
  double target(int64_t i, int o) const {
    if (coupled()) return targets[static_cast<size_t>(i)];
    if (c.classes) return targets[static_cast<size_t>(i)] == o ? 1 : -1;
    return targets[static_cast<size_t>(i * c.k + o)];
  }
};

/// A row at w: margins, c ∂ℓ/∂z, c ∂²ℓ/∂z² (softmax: q), and how far the derivatives may be off.
struct LinearRow {
  std::vector<double> z, g, h, off;
  double value = 0, conjugate = 0;

  LinearRow(const LinearSetting& s, int64_t i, const double* w) {
    const int k = s.c.k;
    const double weight = s.weight(i), terms = static_cast<double>(s.p()) + 8;
    double reach = 0;
    for (int o = 0; o < k; ++o) {
      double sum = 0, sizes = 0;
      for (int64_t j = 0; j < s.p(); ++j) {
        const double term = s.x(i, j) * w[o * s.p() + j];
        sum += term;
        sizes += std::fabs(term);
      }
      z.push_back(sum);
      reach = std::max(reach, sizes);
    }
    g.resize(z.size());
    if (s.coupled()) {
      const double label = s.target(i, 0);
      value = weight * s.loss.gradient(z.data(), &label, k, g.data());
      for (int o = 0; o < k; ++o) {
        const double q = g[static_cast<size_t>(o)] + (o == static_cast<int>(label) ? 1 : 0);
        h.push_back(q);
        conjugate += q > 0 ? weight * q * std::log(q) : 0;
      }
    } else {
      for (int o = 0; o < k; ++o) {
        const double y = s.target(i, o), margin = z[static_cast<size_t>(o)];
        g[static_cast<size_t>(o)] = s.loss.derivative(margin, y);
        h.push_back(weight * s.loss.curvature(margin, y));
        value += weight * s.loss.value(&margin, &y, 1);
        conjugate += weight * s.loss.conjugate(&g[static_cast<size_t>(o)], &y, 1);
      }
    }
    for (size_t o = 0; o < z.size(); ++o) {
      const double lipschitz = s.c.loss == LossKind::Poisson ? std::exp(z[o]) : 1 / std::min(s.loss.width, 1.0);
      off.push_back(weight * kRounding *
                    (lipschitz * terms * (reach + 1) + 8 * (std::fabs(g[o]) + std::fabs(z[o]) + 2)));
      g[o] *= weight;
    }
  }
};

/// A vector of k × p numbers with its bound.
struct Bounded {
  std::vector<double> value, bound;
  explicit Bounded(size_t size) : value(size, 0.0), bound(size, 1e-300) {}
  /// += a x_i e_oᵀ, a off by at most `off`; n terms in all.
  void add(const LinearSetting& s, int64_t i, int o, double a, double off, double terms, bool squared = false) {
    for (int64_t j = 0; j < s.p(); ++j) {
      const double x = squared ? s.x(i, j) * s.x(i, j) : s.x(i, j);
      value[static_cast<size_t>(o * s.p() + j)] += a * x;
      bound[static_cast<size_t>(o * s.p() + j)] += std::fabs(x) * (off + (terms + 8) * kRounding * std::fabs(a));
    }
  }
  /// Largest error in units of its bound.
  double worst(const std::vector<double>& actual) const {
    double worst = 0;
    for (size_t e = 0; e < value.size(); ++e) {
      const double error = std::fabs(actual[e] - value[e]) / bound[e];
      if (!(error <= worst)) worst = std::isnan(error) ? INFINITY : error;
    }
    return worst;
  }
};

struct LinearErrors {
  double pass = 0, batch = 0, hessian = 0, transposed = 0, dual = 0;
  bool again = true;  // the same bits a second time
  double all() const { return std::max({pass, batch, hessian, transposed, dual, again ? 0.0 : INFINITY}); }
  void join(const LinearErrors& other) {
    pass = std::fmax(pass, other.pass);
    batch = std::fmax(batch, other.batch);
    hessian = std::fmax(hessian, other.hessian);
    transposed = std::fmax(transposed, other.transposed);
    dual = std::fmax(dual, other.dual);
    again = again && other.again;
  }
};

/// Error over a bound of 1e-12 of the sum of sizes: some thousand terms with a dozen roundings each.
inline double of_sum(double actual, double expected, double sizes) {
  if (std::isinf(expected) || std::isinf(actual)) return actual == expected ? 0 : INFINITY;
  return std::fabs(actual - expected) / (1e-12 * (sizes + 1));
}

/// Every operation of a backend against the definitions, on these devices (bit i for device i).
inline LinearErrors linear_errors(const LinearBackend* backend, uint64_t devices, const LinearCase& c) {
  const LinearSetting s(c);
  const LinearShape shape = s.shape(devices);
  void* sum = nullptr;
  REQUIRE(backend->open(&shape, &sum) == Status::Ok);
  LinearErrors errors;
  const double n = static_cast<double>(c.n);
  const size_t count = static_cast<size_t>(c.n) * static_cast<size_t>(c.k);
  std::vector<LinearRow> at;
  Bounded gradient(s.size());
  double value = 0, conjugate = 0, sizes = 0;
  for (int64_t i = 0; i < c.n; ++i) {
    at.emplace_back(s, i, s.w.data());
    const LinearRow& row = at.back();
    value += row.value;
    conjugate += row.conjugate;
    for (int o = 0; o < c.k; ++o) {
      sizes += std::fabs(row.value) + std::fabs(row.g[o] * row.z[o]);
      gradient.add(s, i, o, row.g[o] / n, row.off[o] / n, n);
    }
  }
  std::vector<double> out(s.size()), second(s.size()), numbers(count);
  LossSums sums;
  int32_t g = kNoSlot, h = kNoSlot, other = kNoSlot;
  REQUIRE(backend->pass(sum, s.w.data(), nullptr, out.data(), &sums, &g, s.coupled() ? nullptr : &h) == Status::Ok);
  errors.pass =
      std::max({gradient.worst(out), of_sum(sums.value, value, sizes), of_sum(sums.conjugate, conjugate, sizes)});
  REQUIRE(backend->read(sum, g, numbers.data()) == Status::Ok);
  for (size_t e = 0; e < count; ++e) {
    const LinearRow& row = at[e / static_cast<size_t>(c.k)];
    const size_t o = e % static_cast<size_t>(c.k);
    errors.pass = std::fmax(errors.pass, std::fabs(numbers[e] - row.g[o]) / (row.off[o] + 1e-300));
  }
  REQUIRE(backend->pass(sum, s.w.data(), nullptr, second.data(), &sums, &other, nullptr) == Status::Ok);
  errors.again = out == second;
  backend->release(sum, other);

  // Xᵀ a/n of numbers of our own.
  for (size_t e = 0; e < count; ++e) numbers[e] = std::sin(static_cast<double>(e));
  Bounded product(s.size());
  for (size_t e = 0; e < count; ++e)
    product.add(s, static_cast<int64_t>(e) / c.k, static_cast<int>(e % static_cast<size_t>(c.k)), numbers[e] / n, 0, n);
  REQUIRE(backend->write(sum, numbers.data(), &other) == Status::Ok);
  REQUIRE(backend->transposed(sum, other, nullptr, out.data()) == Status::Ok);
  errors.transposed = product.worst(out);

  // A minibatch at v, with those numbers as the snapshot and without.
  for (const bool snapshot : {true, false}) {
    Bounded batch(s.size());
    const double b = static_cast<double>(s.rows.size());
    for (size_t r = 0; r < s.rows.size(); ++r) {
      const int64_t i = s.rows[r];
      const LinearRow row(s, i, s.v.data());
      for (int o = 0; o < c.k; ++o) {
        const double old = snapshot ? numbers[static_cast<size_t>(i * c.k + o)] : 0, part = s.scale[r] / b;
        batch.add(s, i, o, part * (row.g[o] - old), part * (row.off[o] + 4 * kRounding * std::fabs(old)), b);
      }
    }
    const auto compute = [&](std::vector<double>& to) {
      REQUIRE(backend->batch(sum, s.rows.data(), s.scale.data(), static_cast<int64_t>(s.rows.size()), s.v.data(),
                             snapshot ? other : kNoSlot, 1 / b, nullptr, to.data()) == Status::Ok);
    };
    compute(out);
    compute(second);
    errors.batch = std::fmax(errors.batch, batch.worst(out));
    errors.again = errors.again && out == second;
  }

  // Products with the Hessian at w, and its diagonal. Poisson's curvature is e^z, as far off as its derivative.
  Bounded times(s.size()), diagonal(s.size());
  for (int64_t i = 0; i < c.n; ++i) {
    const LinearRow& row = at[static_cast<size_t>(i)];
    const LinearRow along(s, i, s.v.data());
    double mean = 0, reach = 0;
    for (int o = 0; o < c.k; ++o) {
      if (s.coupled()) mean += row.h[o] * along.z[o];
      double length = 0;
      for (int64_t j = 0; j < s.p(); ++j) length += std::fabs(s.x(i, j) * s.v[static_cast<size_t>(o * s.p() + j)]);
      reach = std::fmax(reach, length);
    }
    const double terms = static_cast<double>(s.p() + c.k) + 16;
    for (int o = 0; o < c.k; ++o) {
      const double weight = s.weight(i);
      const double bend = s.coupled() ? weight * row.h[o] : row.h[o];
      const double off = 2 * row.off[o] * (reach + std::fabs(mean)) + terms * kRounding * (bend + weight) * (reach + 1);
      times.add(s, i, o, bend * (along.z[o] - mean) / n, off / n, n);
      const double curve = s.coupled() ? bend * (1 - row.h[o]) : bend;
      diagonal.add(s, i, o, curve / n, (2 * row.off[o] + 8 * kRounding * weight) / n, n, true);
    }
  }
  REQUIRE(backend->hessian_times(sum, s.v.data(), g, h, nullptr, out.data()) == Status::Ok);
  errors.hessian = times.worst(out);
  REQUIRE(backend->hessian_diagonal(sum, g, h, nullptr, out.data()) == Status::Ok);
  errors.hessian = std::fmax(errors.hessian, diagonal.worst(out));

  // The gap's sums at a mixture.
  std::vector<double> keep, share, classes;
  std::vector<int32_t> sign;
  for (int o = 0; o < c.k; ++o) {
    keep.push_back(s.coupled() || s.c.loss != LossKind::Squared ? 0.8 : 1);
    share.push_back(0.2);
    sign.push_back(o % 3 - 1);
    classes.push_back(0.2 / c.k);
  }
  const DualMix mix{keep.data(), share.data(), sign.data(), s.coupled() ? classes.data() : nullptr, 0.9};
  double dual = 0, squares = 0, along = 0, dualSizes = 0;
  for (int64_t i = 0; i < c.n; ++i) {
    const double weight = s.weight(i);
    if (weight == 0) continue;
    const LinearRow& row = at[static_cast<size_t>(i)];
    if (s.coupled()) {
      std::vector<double> q;
      double total = 0;
      for (int o = 0; o < c.k; ++o) {
        const double own = o == static_cast<int>(s.target(i, 0)) ? 1 : 0;
        q.push_back(mix.scale * (keep[0] * row.h[o] + classes[static_cast<size_t>(o)]) + (1 - mix.scale) * own);
        total += q.back();
      }
      for (double part : q) dual += part > 0 ? weight * part / total * std::log(part / total) : 0;
      dualSizes += weight * std::log(static_cast<double>(c.k));
      continue;
    }
    for (int o = 0; o < c.k; ++o) {
      // The ends of the domain of ℓ*: slopes −1 and 0 along y z for margins, ±width for Huber, −y and any for Poisson.
      const double y = s.target(i, o);
      double extreme = sign[static_cast<size_t>(o)];
      if (s.loss.classifies()) extreme = extreme * y < 0 ? extreme : 0;
      if (c.loss == LossKind::Huber) extreme *= s.loss.width;
      if (c.loss == LossKind::Poisson && extreme < 0) extreme = -y;
      const double mixed = keep[static_cast<size_t>(o)] * row.g[o] + share[static_cast<size_t>(o)] * weight * extreme;
      const double point = mix.scale * mixed / weight, part = weight * s.loss.conjugate(&point, &y, 1);
      dual += part;
      squares += mixed * mixed / weight;
      along += mixed * y;
      dualSizes += std::fabs(part) + std::fabs(mixed * y) + mixed * mixed / weight;
    }
  }
  DualSums three{};
  REQUIRE(backend->dual_sums(sum, g, &mix, nullptr, &three) == Status::Ok);
  errors.dual = of_sum(three.conjugate, dual, dualSizes);
  if (!s.coupled())
    errors.dual =
        std::max({errors.dual, of_sum(three.squares, squares, dualSizes), of_sum(three.product, along, dualSizes)});
  backend->close(sum);
  return errors;
}

}  // namespace linear_cases
}  // namespace meanfield
