#include "native/finite_sum/problem.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

namespace meanfield {

namespace {
constexpr int64_t kBlock = 64;
}

FiniteSum::FiniteSum(DataRows rows, LinearTargets targets, Loss loss_, int outputs, bool intercept_,
                     Regularizer regularizer_, ThreadPool* pool_)
    : x(rows), y(targets), loss(loss_), k(outputs), intercept(intercept_), regularizer(regularizer_), n(rows.n),
      d(rows.d), p(rows.d + (intercept_ ? 1 : 0)), size(outputs * p), pool(pool_) {
  // Every chunk has a gradient of its own that is added to the others': an eighth of the work of the pass at most, and no more than 32 MB where there
  // are more than four and all of them wait for the first.
  constexpr int64_t kGradients = int64_t{4} << 20;
  const int64_t most = std::clamp<int64_t>(kGradients / std::max<int64_t>(size, 1), 4, 64);
  chunks_ = std::clamp<int64_t>(x.nonZeros / (8 * std::max<int64_t>(d, 1)), 1,
                                std::min<int64_t>(most, (n + kBlock - 1) / kBlock));
}

void FiniteSum::derivative(int64_t i, const double* z, double* g) const {
  const double c = weight(i);
  if (coupled()) {
    const double label = y.values[i];
    loss.gradient(z, &label, k, g);
    for (int j = 0; j < k; ++j) g[j] *= c;
  } else {
    for (int j = 0; j < k; ++j) g[j] = c * loss.derivative(z[j], target(i, j));
  }
}

void FiniteSum::prox_step(const double* from, double t, const double* a, const double* b, double* w) const {
  const double threshold = t * regularizer.l1, q = 1 / (1 + t * strong());
  for (int c = 0; c < k; ++c) {
    const int64_t first = c * p, last = first + d;
    for (int64_t j = first; j < last; ++j) {
      const double v = from[j] - t * (b ? a[j] + b[j] : a[j]);
      w[j] = q * (v - std::min(std::max(v, -threshold), threshold));
    }
    if (regularizer.nonNegative)
      for (int64_t j = first; j < last; ++j) w[j] = std::max(w[j], 0.0);
    if (intercept) w[last] = prox(from[last] - t * (b ? a[last] + b[last] : a[last]), t, false);
  }
}

void FiniteSum::drift(const Pass& pass, Vector& out) const {
  out = pass.gradient;
  if (kappa > 0)
    for (int64_t j = 0; j < size; ++j) out[j] -= kappa * (*anchor)[j];
}

double FiniteSum::penalty(const double* w) const {
  double sum = 0;
  for (int c = 0; c < k; ++c)
    for (int64_t j = c * p; j < c * p + d; ++j) sum += regularizer.value(w[j]);
  return sum;
}

void FiniteSum::over_chunks(const std::function<void(int64_t, int64_t, int64_t)>& task) const {
  const bool done =
      pool->run(chunks_, [&](int64_t chunk, int) { task(chunk, chunk_begin(chunk), chunk_begin(chunk + 1)); }, cancel);
  if (!done) throw Error(ErrorCode::Cancelled, "cancelled");
}

void FiniteSum::sum_over_chunks(double* total,
                                const std::function<void(int64_t, int64_t, int64_t, double*)>& task) const {
  std::fill(total, total + size, 0.0);
  sums_->begin();
  over_chunks([&](int64_t chunk, int64_t first, int64_t last) {
    Vector part = sums_->take(static_cast<size_t>(size));
    task(chunk, first, last, part.data());
    sums_->give(chunk, std::move(part), total);
  });
}

void FiniteSum::chunk_pass(int64_t first, int64_t last, const double* w, Pass& out, bool curvatures, double* gradient,
                           LossSums& sums) const {
  std::vector<double> z(static_cast<size_t>(kBlock * k)), a(static_cast<size_t>(kBlock)),
      labels(static_cast<size_t>(kBlock));
  const bool vector = loss.kind == LossKind::Logistic;
  for (int64_t i = first; i < last; i += kBlock) {
    const int64_t rows = std::min(kBlock, last - i);
    for (int c = 0; c < k; ++c) {
      if (w) x.rows_dot(i, rows, w + c * p, z.data() + c * kBlock);
      if (w && intercept)
        for (int64_t r = 0; r < rows; ++r) z[static_cast<size_t>(c * kBlock + r)] += w[c * p + d];
    }
    if (out.keepMargins)
      for (int c = 0; c < k; ++c)
        for (int64_t r = 0; r < rows; ++r) out.margins[(i + r) * k + c] = z[c * kBlock + r];
    if (coupled()) {
      std::vector<double> row(static_cast<size_t>(k)), g(static_cast<size_t>(k));
      for (int64_t r = 0; r < rows; ++r) {
        for (int c = 0; c < k; ++c) row[c] = z[c * kBlock + r];
        const double label = y.values[i + r], weight = this->weight(i + r);
        sums.value += weight * loss.gradient(row.data(), &label, k, g.data());
        sums.conjugate += weight * loss.conjugate(g.data(), &label, k);
        for (int c = 0; c < k; ++c) out.derivatives[(i + r) * k + c] = weight * g[c];
      }
    } else {
      for (int c = 0; c < k; ++c) {
        const double* margin = z.data() + c * kBlock;
        const double* label = y.values + i;
        if (k > 1 || y.classes) {
          for (int64_t r = 0; r < rows; ++r) labels[r] = target(i + r, c);
          label = labels.data();
        }
        if (vector) {
          double bend[kBlock];
          const LossSums part = x.kernels().logistic(margin, label, weights ? weights + i : nullptr, rows, a.data(),
                                                     curvatures ? bend : nullptr);
          sums.value += part.value;
          sums.conjugate += part.conjugate;
          if (curvatures)
            for (int64_t r = 0; r < rows; ++r) out.curvatures[(i + r) * k + c] = bend[r];
        } else {
          for (int64_t r = 0; r < rows; ++r) {
            const double weight = this->weight(i + r), g = loss.derivative(margin[r], label[r]);
            const double value = loss.value(margin + r, label + r, 1);
            a[r] = weight * g;
            sums.value += weight * value;
            sums.conjugate += weight * (margin[r] * g - value);  // Fenchel's equality
            if (curvatures) out.curvatures[(i + r) * k + c] = weight * loss.curvature(margin[r], label[r]);
          }
        }
        for (int64_t r = 0; r < rows; ++r) out.derivatives[(i + r) * k + c] = a[r];
      }
    }
    for (int c = 0; gradient && c < k; ++c) {
      double total = 0;
      for (int64_t r = 0; r < rows; ++r) total += a[r] = out.derivatives[(i + r) * k + c];
      x.rows_axpy(i, rows, a.data(), gradient + c * p);
      if (intercept) gradient[c * p + d] += total;
    }
  }
}

void FiniteSum::move_to(const LinearBackend* backend, uint64_t devices) {
  check_rows();
  std::vector<int64_t> starts;
  if (x.sparse)
    for (int64_t i = 0; i <= n; ++i) starts.push_back(x.begin(i) - x.begin(0));
  LinearShape shape{};
  shape.rows = n;
  shape.features = d;
  shape.outputs = k;
  shape.intercept = intercept;
  shape.single = x.single;
  shape.values = x.single ? static_cast<const void*>(x.values32(0)) : x.values64(0);
  shape.stride = x.stride();
  shape.columns = x.sparse ? x.columns(0) : nullptr;
  shape.starts = x.sparse ? starts.data() : nullptr;
  shape.targets = y.values;
  shape.classes = y.classes;
  shape.sampleWeights = weights;
  shape.loss = loss;
  shape.devices = devices;
  while (!(devices >> shape.device & 1)) ++shape.device;
  device = std::make_shared<LinearDevice>(backend, shape);
}

void FiniteSum::send(Pass& pass) const {
  if (!device) return;
  if (!pass.heldDerivatives && !pass.derivatives.empty()) pass.heldDerivatives = device->write(pass.derivatives.data());
  if (!pass.heldCurvatures && !pass.curvatures.empty()) pass.heldCurvatures = device->write(pass.curvatures.data());
}

void FiniteSum::check_rows() {
  if (!std::exchange(checked, true)) x.check("training");
}

void FiniteSum::pass(const double* w, Pass& out, bool curvatures) {
  out.gradient.assign(static_cast<size_t>(size), 0);
  if (device) {
    out.derivatives.clear();
    out.curvatures.clear();
    out.heldCurvatures = nullptr;
    device->pass(w, cancel, out.gradient.data(), &out.sums, &out.heldDerivatives,
                 curvatures ? &out.heldCurvatures : nullptr);
    return;
  }
  if (std::all_of(w, w + size, [](double value) { return value == 0; })) w = nullptr;  // all margins are 0
  out.derivatives.resize(static_cast<size_t>(n * k));
  if (curvatures) out.curvatures.resize(static_cast<size_t>(n * k));
  if (out.keepMargins) out.margins.resize(static_cast<size_t>(n * k));
  std::vector<LossSums> sums(static_cast<size_t>(chunks_));
  std::atomic<bool> sound{true};
  sum_over_chunks(out.gradient.data(), [&](int64_t chunk, int64_t first, int64_t last, double* gradient) {
    if (!checked && x.sparse && !x.sound(first, last)) sound = false;
    if (sound) chunk_pass(first, last, w, out, curvatures, gradient, sums[chunk]);
  });
  out.sums = {};
  const double scale = 1 / static_cast<double>(n);
  for (int64_t chunk = 0; chunk < chunks_; ++chunk) {
    out.sums.value += sums[chunk].value;
    out.sums.conjugate += sums[chunk].conjugate;
  }
  for (double& g : out.gradient) g *= scale;
  // Every number of dense rows has met a derivative: one that is not finite has made its column so.
  if (sound &&
      (x.sparse || std::all_of(out.gradient.begin(), out.gradient.end(), [](double g) { return std::isfinite(g); })))
    checked = true;
  check_rows();
}

void FiniteSum::losses(const double* w, Pass& out) {
  out.derivatives.resize(static_cast<size_t>(n * k));
  std::vector<LossSums> sums(static_cast<size_t>(chunks_));
  over_chunks([&](int64_t chunk, int64_t first, int64_t last) {
    chunk_pass(first, last, w, out, false, nullptr, sums[chunk]);
  });
  out.sums = {};
  for (const LossSums& part : sums) {
    out.sums.value += part.value;
    out.sums.conjugate += part.conjugate;
  }
}

void FiniteSum::all_margins(const double* w, double* z) {
  over_chunks([&](int64_t, int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) margins(i, w, z + i * k);
  });
}

void FiniteSum::transposed(const double* a, double* out) {
  if (device) return device->transposed(a, cancel, out);
  sum_over_chunks(out, [&](int64_t, int64_t first, int64_t last, double* sum) {
    for (int64_t i = first; i < last; ++i) add(i, a + i * k, sum);
  });
  const double scale = 1 / static_cast<double>(n);
  for (int64_t j = 0; j < size; ++j) out[j] *= scale;
}

const Constants& FiniteSum::constants() {
  check_rows();
  if (constants_) return *constants_;
  auto made = std::make_shared<Constants>();
  made->rows.resize(static_cast<size_t>(n));
  const double smooth = std::isfinite(loss.smoothness()) ? loss.smoothness() : 1;  // Poisson: its curvature at margin 0
  over_chunks([&](int64_t, int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) made->rows[i] = weight(i) * smooth * squared_norm(i);
  });
  for (double value : made->rows) {
    made->max = std::max(made->max, value);
    made->mean += value / static_cast<double>(n);
  }
  // Largest eigenvalue of (smooth/n) Xᵀ C X by power iteration on at most 8192 rows, evenly spread. It never exceeds the
  // mean of L_i, the trace.
  const int64_t every = std::max<int64_t>(1, n / 8192), rows = (n + every - 1) / every;
  Vector v(static_cast<size_t>(p), 1.0), u(static_cast<size_t>(p));
  double eigen = 0;
  for (int iteration = 0; iteration < 30; ++iteration) {
    double norm = 0;
    for (double value : v) norm += value * value;
    norm = std::sqrt(norm);
    if (norm == 0) break;
    for (double& value : v) value /= norm;
    std::fill(u.begin(), u.end(), 0.0);
    for (int64_t i = 0; i < n; i += every) {
      const double a = weight(i) * (x.dot(i, v.data()) + (intercept ? v[d] : 0));
      x.axpy(i, a, u.data());
      if (intercept) u[d] += a;
    }
    double rayleigh = 0;
    for (int64_t j = 0; j < p; ++j) rayleigh += u[j] * v[j];
    v.swap(u);
    rayleigh *= smooth / static_cast<double>(rows);
    const bool settled = std::fabs(rayleigh - eigen) < 1e-3 * rayleigh;
    eigen = rayleigh;
    if (settled) break;
    poll();
  }
  made->full = std::min(1.02 * eigen, made->mean);
  if (!(made->full > 0)) made->full = made->mean;
  constants_ = made;
  return *constants_;
}

}  // namespace meanfield
