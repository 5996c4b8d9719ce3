#include "native/mean_field/particle_measure.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "native/core/errors.h"
#include "native/core/philox.h"
#include "native/mean_field/entropy.h"

namespace meanfield {

namespace {

constexpr double kTurn = 2 * 3.14159265358979323846;

/// One factor of the kernel and its derivative.
void factor(double x, int64_t frequencies, double* value, double* slope) {
  *value = 1;
  *slope = 0;
  for (int64_t j = 1; j <= frequencies; ++j) {
    const double weight = 2.0 / static_cast<double>(1 + j);
    *value += weight * std::cos(static_cast<double>(j) * x);
    *slope -= weight * static_cast<double>(j) * std::sin(static_cast<double>(j) * x);
  }
}

double kernel(const double* a, const double* b, int64_t dimension, int64_t frequencies) {
  double product = 1, value, slope;
  for (int64_t c = 0; c < dimension; ++c) {
    factor(a[c] - b[c], frequencies, &value, &slope);
    product *= value;
  }
  return product;
}

/// gradient += weight Σ_j ∇k(a − y_j)
void add_gradient(const double* a, const std::vector<double>& y, int64_t dimension, int64_t frequencies, double weight,
                  double* gradient) {
  std::vector<double> values(static_cast<size_t>(dimension)), slopes(static_cast<size_t>(dimension));
  for (size_t at = 0; at < y.size(); at += static_cast<size_t>(dimension)) {
    for (size_t c = 0; c < values.size(); ++c) factor(a[c] - y[at + c], frequencies, &values[c], &slopes[c]);
    for (size_t c = 0; c < values.size(); ++c) {
      double product = slopes[c];
      for (size_t other = 0; other < values.size(); ++other)
        if (other != c) product *= values[other];
      gradient[c] += weight * product;
    }
  }
}

double mean_kernel(const std::vector<double>& x, const std::vector<double>& y, int64_t dimension, int64_t frequencies) {
  double sum = 0;
  const size_t p = static_cast<size_t>(dimension);
  for (size_t i = 0; i < x.size(); i += p)
    for (size_t j = 0; j < y.size(); j += p) sum += kernel(&x[i], &y[j], dimension, frequencies);
  return sum / (static_cast<double>(x.size() / p) * static_cast<double>(y.size() / p));
}

/// ∫ρ log ρ by Kozachenko and Leonenko with one neighbour and distances on the torus.
double negentropy(const std::vector<double>& x, int64_t dimension) {
  const size_t p = static_cast<size_t>(dimension), M = x.size() / p;
  double sum = 0;
  for (size_t i = 0; i < M; ++i) {
    double nearest = std::numeric_limits<double>::infinity();
    for (size_t j = 0; j < M; ++j) {
      if (i == j) continue;
      double square = 0;
      for (size_t c = 0; c < p; ++c) {
        const double d = std::fabs(x[i * p + c] - x[j * p + c]), around = std::min(d, kTurn - d);
        square += around * around;
      }
      nearest = std::min(nearest, square);
    }
    sum += 0.5 * std::log(nearest);
  }
  return -(digamma(static_cast<int64_t>(M)) - digamma(1) + log_unit_ball(dimension) +
           static_cast<double>(p) * sum / static_cast<double>(M));
}

double wrap(double x) { return x - kTurn * std::floor(x / kTurn); }

}  // namespace

double discrepancy(const std::vector<double>& x, const std::vector<double>& y, int64_t dimension, int64_t frequencies) {
  return mean_kernel(x, x, dimension, frequencies) - 2 * mean_kernel(x, y, dimension, frequencies) +
         mean_kernel(y, y, dimension, frequencies);
}

MeasureResult fit_measure(const std::vector<double>& target, int64_t dimension, int64_t particles,
                          const std::vector<double>& initial, const MeasureOptions& options, ThreadPool& pool,
                          const CancelToken* cancel) {
  const auto refuse = [](const std::string& what) { throw Error(ErrorCode::InvalidOption, "particle measure: " + what); };
  if (dimension < 1) refuse("dimension is " + std::to_string(dimension) + "; expected at least 1.");
  if (particles < 1) refuse("particles is " + std::to_string(particles) + "; expected at least 1.");
  if (!(options.step > 0)) refuse("step must be above 0.");
  if (!(options.temperature >= 0)) refuse("temperature must be at least 0.");
  if (options.steps < 0 || options.frequencies < 1 || options.traceEvery < 1) refuse("steps must be at least 0, frequencies and traceEvery at least 1.");
  if (!(options.quietFraction >= 0 && options.quietFraction <= 1)) refuse("quietFraction must be between 0 and 1.");
  if (target.empty() || target.size() % static_cast<size_t>(dimension) != 0)
    throw Error(ErrorCode::InvalidData, "particle measure: the target holds " + std::to_string(target.size()) +
                                            " numbers; expected a positive multiple of the dimension " + std::to_string(dimension) + ".");
  for (const std::vector<double>* points : {&target, &initial})
    for (double value : *points)
      if (!std::isfinite(value)) throw Error(ErrorCode::InvalidData, "particle measure: the points must be finite numbers.");
  const size_t p = static_cast<size_t>(dimension), M = static_cast<size_t>(particles);
  if (!initial.empty() && initial.size() != M * p)
    throw Error(ErrorCode::InvalidData, "particle measure: initial particles hold " + std::to_string(initial.size()) + " numbers; expected " +
                                            std::to_string(M * p) + ".");

  std::vector<double> x = initial;
  const RandomField start{options.seed, Stream::Init}, noise{options.seed, Stream::Noise};
  if (x.empty())
    for (size_t i = 0; i < M * p; ++i)
      x.push_back(kTurn * start.uniform(0, static_cast<uint32_t>(i / p), static_cast<uint32_t>(i % p)));
  for (double& value : x) value = wrap(value);

  MeasureResult result;
  const auto record = [&](int64_t t) {
    result.steps.push_back(t);
    result.discrepancy.push_back(discrepancy(x, target, dimension, options.frequencies));
    result.negentropy.push_back(M > 1 ? negentropy(x, dimension) : std::numeric_limits<double>::infinity());
  };
  const double quietFrom = static_cast<double>(options.steps) * (1 - options.quietFraction);
  std::vector<double> drift(M * p);
  for (int64_t t = 0; t < options.steps; ++t) {
    if (t % options.traceEvery == 0) record(t);
    const bool done = pool.run(particles, [&](int64_t i, int) {
      double* gradient = drift.data() + static_cast<size_t>(i) * p;
      std::fill(gradient, gradient + p, 0.0);
      const double* at = x.data() + static_cast<size_t>(i) * p;
      add_gradient(at, x, dimension, options.frequencies, 1 / static_cast<double>(M), gradient);
      add_gradient(at, target, dimension, options.frequencies, -1 / (static_cast<double>(target.size()) / static_cast<double>(p)), gradient);
    }, cancel);
    if (!done) throw Error(ErrorCode::Cancelled, "the run was cancelled.");
    const double temperature = static_cast<double>(t) >= quietFrom ? 0
                               : options.harmonic ? options.temperature / static_cast<double>(t + 1)
                                                  : options.temperature;
    const double spread = std::sqrt(2 * options.step * temperature);
    for (size_t i = 0; i < M * p; ++i) {
      const double xi = spread == 0 ? 0 : spread * noise.normal(static_cast<uint64_t>(t), static_cast<uint32_t>(i / p), static_cast<uint32_t>(i % p));
      x[i] = wrap(x[i] - options.step * drift[i] + xi);
    }
  }
  record(options.steps);
  result.particles = std::move(x);
  return result;
}

}  // namespace meanfield
