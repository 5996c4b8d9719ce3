#include "native/mean_field/particle_measure.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "native/core/errors.h"
#include "native/core/philox.h"
#include "native/mean_field/entropy.h"
#include "native/mean_field/torus_kernel.h"

namespace meanfield {

namespace {

constexpr double kTurn = 2 * 3.14159265358979323846;

double wrap(double x) { return x - kTurn * std::floor(x / kTurn); }

/// log µ̂ at every particle by Kozachenko and Leonenko with distances on the torus; +infinity where `neighbours` coincide with it.
/// One neighbour is the paper's code; the ball is taken as Euclidean, which its radius must allow.
std::vector<double> log_density(const std::vector<double>& x, int64_t dimension, int neighbours, ThreadPool& pool,
                                const CancelToken* cancel) {
  const size_t p = static_cast<size_t>(dimension), M = x.size() / p, k = static_cast<size_t>(neighbours);
  const double offset = digamma(neighbours) - digamma(static_cast<int64_t>(M)) - log_unit_ball(dimension);
  std::vector<double> density(M);
  const bool done = pool.run(
      static_cast<int64_t>(M),
      [&](int64_t i, int) {
        std::vector<double> squares;
        for (size_t j = 0; j < M; ++j) {
          if (static_cast<size_t>(i) == j) continue;
          double square = 0;
          for (size_t c = 0; c < p; ++c) {
            const double d = std::fabs(x[static_cast<size_t>(i) * p + c] - x[j * p + c]),
                         around = std::min(d, kTurn - d);
            square += around * around;
          }
          squares.push_back(square);
        }
        std::nth_element(squares.begin(), squares.begin() + static_cast<std::ptrdiff_t>(k - 1), squares.end());
        density[static_cast<size_t>(i)] = offset - static_cast<double>(p) / 2 * std::log(squares[k - 1]);
      },
      cancel);
  if (!done) throw Error(ErrorCode::Cancelled, "the run was cancelled.");
  return density;
}

/// V = δ(G/2)/δµ at one point.
double potential(const double* at, const TorusPoints& x, const TorusPoints& y) { return x.mean(at) - y.mean(at); }

/// V on the grid of `side`^p points, p ≤ 2; the kernel is a product, so that two tables make the plane.
std::vector<double> potential_on_grid(int64_t side, const std::vector<double>& x, const std::vector<double>& y,
                                      int64_t dimension, int64_t frequencies, ThreadPool& pool) {
  const size_t p = static_cast<size_t>(dimension), points = (x.size() + y.size()) / p, own = x.size() / p;
  std::vector<double> table(static_cast<size_t>(side) * points * p);
  pool.run(side, [&](int64_t a, int) {
    for (size_t j = 0; j < points; ++j)
      for (size_t c = 0; c < p; ++c) {
        const double other = j < own ? x[j * p + c] : y[(j - own) * p + c];
        table[(c * static_cast<size_t>(side) + static_cast<size_t>(a)) * points + j] =
            torus_factor(kTurn * static_cast<double>(a) / static_cast<double>(side) - other, frequencies);
      }
  });
  const auto weight = [&](size_t j) {
    return j < own ? 1 / static_cast<double>(own) : -1 / static_cast<double>(points - own);
  };
  std::vector<double> values(static_cast<size_t>(p == 1 ? side : side * side));
  pool.run(side, [&](int64_t a, int) {
    const double* first = &table[static_cast<size_t>(a) * points];
    if (p == 1) {
      for (size_t j = 0; j < points; ++j) values[static_cast<size_t>(a)] += weight(j) * first[j];
      return;
    }
    for (int64_t b = 0; b < side; ++b) {
      const double* second = &table[static_cast<size_t>(side + b) * points];
      double sum = 0;
      for (size_t j = 0; j < points; ++j) sum += weight(j) * first[j] * second[j];
      values[static_cast<size_t>(a * side + b)] = sum;
    }
  });
  return values;
}

/// log ∫exp(−V/τ) over the torus from values of V that stand for equal parts of it.
double log_partition(const std::vector<double>& V, size_t every, double temperature, int64_t dimension, double* error) {
  double least = std::numeric_limits<double>::infinity(), sum = 0, squares = 0;
  for (size_t i = 0; i < V.size(); i += every) least = std::min(least, V[i]);
  size_t count = 0;
  for (size_t i = 0; i < V.size(); i += every, ++count) {
    const double w = std::exp(-(V[i] - least) / temperature);
    sum += w;
    squares += w * w;
  }
  const double n = static_cast<double>(count);
  if (error) *error = std::sqrt(std::max(0.0, squares * n / (sum * sum) - 1) / n);
  return -least / temperature + std::log(sum / n) + static_cast<double>(dimension) * std::log(kTurn);
}

}  // namespace

double discrepancy(const std::vector<double>& x, const std::vector<double>& y, int64_t dimension, int64_t frequencies) {
  const TorusPoints ofX(x, dimension, frequencies), ofY(y, dimension, frequencies);
  return mean_kernel(x, ofX, dimension) - 2 * mean_kernel(x, ofY, dimension) + mean_kernel(y, ofY, dimension);
}

MeasureCertificate certify_measure(const std::vector<double>& x, const std::vector<double>& y, int64_t dimension,
                                   int64_t frequencies, double temperature, uint64_t seed, ThreadPool& pool,
                                   const CancelToken* cancel) {
  constexpr int64_t kDraws = 20000, kFew = 500;
  constexpr double kLeastFraction = 0.05;
  const size_t p = static_cast<size_t>(dimension);
  const int64_t M = static_cast<int64_t>(x.size() / p);
  MeasureCertificate certificate;
  if (temperature == 0) {
    certificate.primal = certificate.gap = discrepancy(x, y, dimension, frequencies) / 2;
    certificate.words = "Half the discrepancy, whose least value is 0: the gap is exact.";
    return certificate;
  }
  if (M < 2) {
    certificate.trusted = false;
    certificate.primal = certificate.gap = certificate.standardError = std::numeric_limits<double>::infinity();
    certificate.words = "A single particle has no density. Do not rely on the gap.";
    return certificate;
  }
  const TorusPoints ofX(x, dimension, frequencies), ofY(y, dimension, frequencies);
  std::string doubt;
  double ofPartition = 0, logZ = 0;
  if (dimension <= 2) {
    const int64_t side = dimension == 1 ? 4096 : 256;
    const std::vector<double> V = potential_on_grid(side, x, y, dimension, frequencies, pool);
    logZ = log_partition(V, 1, temperature, dimension, nullptr);
    // Every second point of the second axis: a rule half as fine there.
    const double rough = log_partition(V, 2, temperature, dimension, nullptr);
    if (std::fabs(logZ - rough) > 1e-3) doubt += "The grid is too coarse for this temperature. ";
  } else {
    const RandomField field{seed, Stream::Certificate};
    std::vector<double> V(static_cast<size_t>(kDraws));
    const bool done = pool.run(
        kDraws,
        [&](int64_t s, int) {
          std::vector<double> at(p);
          for (size_t c = 0; c < p; ++c)
            at[c] = kTurn * field.uniform(0, static_cast<uint32_t>(s), static_cast<uint32_t>(c));
          V[static_cast<size_t>(s)] = potential(at.data(), ofX, ofY);
        },
        cancel);
    if (!done) throw Error(ErrorCode::Cancelled, "the run was cancelled.");
    logZ = log_partition(V, 1, temperature, dimension, &ofPartition);
    if (1 / (1 + ofPartition * ofPartition * kDraws) < kLeastFraction)
      doubt += "The log-partition has an effective sample under 5 %. ";
  }
  const double own = mean_kernel(x, ofX, dimension), other = mean_kernel(y, ofY, dimension);
  certificate.dual = (other - own) / 2 - temperature * logZ;

  const double diagonal = std::pow(torus_factor(0, frequencies), static_cast<double>(p)), m = static_cast<double>(M);
  const double unbiased = (own - diagonal / m) * m / (m - 1) - 2 * mean_kernel(x, ofY, dimension) + other;
  const std::vector<double> density =
      log_density(x, dimension, static_cast<int>(std::min<int64_t>(10, M - 1)), pool, cancel);
  std::vector<double> logs, joint;
  for (size_t i = 0; i < density.size(); ++i) {
    if (!std::isfinite(density[i])) continue;
    logs.push_back(density[i]);
    joint.push_back(density[i] + potential(&x[i * p], ofX, ofY) / temperature);
  }
  if (logs.size() < density.size()) doubt += "Some particles coincide with others: the measure has no density there. ";
  if (M < kFew)
    doubt += "Fewer than " + std::to_string(kFew) + " particles are too few for the nearest-neighbour entropy. ";
  if (dimension > 10)
    doubt +=
        "The nearest-neighbour entropy is biased in dimension " + std::to_string(dimension) + " (reliable up to 10). ";
  certificate.primal =
      logs.empty() ? std::numeric_limits<double>::infinity() : unbiased / 2 + temperature * mean_of(logs).value;
  certificate.gap = certificate.primal - certificate.dual;
  certificate.standardError = joint.size() > 1 ? temperature * std::hypot(mean_of(joint).standardError, ofPartition)
                                               : std::numeric_limits<double>::infinity();
  certificate.trusted = doubt.empty();
  certificate.words = doubt.empty() ? "The objective is within the gap of the optimum, up to the standard error."
                                    : doubt + "Do not rely on the gap.";
  return certificate;
}

void check_measure(const std::vector<double>& target, int64_t dimension, const std::vector<double>& initial,
                   const MeasureOptions& options) {
  const auto refuse = [](const std::string& what) { throw Error(ErrorCode::InvalidData, "particle-measure: " + what); };
  if (dimension < 1) refuse("the dimension is " + std::to_string(dimension) + "; expected at least 1.");
  const size_t p = static_cast<size_t>(dimension), M = static_cast<size_t>(options.particles);
  if (target.empty() || target.size() % p != 0)
    refuse("the target holds " + std::to_string(target.size()) +
           " numbers; expected a positive multiple of the dimension " + std::to_string(dimension) + ".");
  for (const std::vector<double>* points : {&target, &initial})
    for (size_t i = 0; i < points->size(); ++i)
      if (!std::isfinite((*points)[i]))
        refuse(std::string(points == &target ? "the target" : "the initial particles") + ": point " +
               std::to_string(i / p) + ", coordinate " + std::to_string(i % p) + " is " + format_option((*points)[i]) +
               "; expected finite numbers.");
  if (!initial.empty() && initial.size() != M * p)
    refuse("the initial particles hold " + std::to_string(initial.size()) + " numbers; expected " + std::to_string(M) +
           " x " + std::to_string(p) + ".");
}

MeasureResult fit_measure(const std::vector<double>& target, int64_t dimension, const std::vector<double>& initial,
                          const MeasureOptions& options, const MeasureRunOptions& run, ThreadPool& pool,
                          const CancelToken* cancel, const OnRow& onRow) {
  check_measure(target, dimension, initial, options);
  const size_t p = static_cast<size_t>(dimension), M = static_cast<size_t>(options.particles);
  const uint64_t seed = static_cast<uint64_t>(run.seed);
  std::vector<double> x = initial;
  const RandomField start{seed, Stream::Init}, noise{seed, Stream::Noise};
  if (x.empty())
    for (size_t i = 0; i < M * p; ++i)
      x.push_back(kTurn * start.uniform(0, static_cast<uint32_t>(i / p), static_cast<uint32_t>(i % p)));
  for (double& value : x) value = wrap(value);

  MeasureResult result;
  const auto record = [&](int64_t t) {
    double negentropy = std::numeric_limits<double>::infinity();
    if (M > 1) negentropy = mean_of(log_density(x, dimension, 1, pool, nullptr)).value;
    const double row[MeasureResult::kColumns] = {static_cast<double>(t),
                                                 discrepancy(x, target, dimension, options.frequencies), negentropy};
    result.trace.insert(result.trace.end(), row, row + MeasureResult::kColumns);
    if (onRow) onRow(row);
  };
  const double quietFrom = static_cast<double>(run.steps) * (1 - options.quietFraction);
  const TorusPoints ofTarget(target, dimension, options.frequencies);
  constexpr double kRound = 100;  // steps of a round of the geometric schedule
  double temperature = options.temperature;
  std::vector<double> drift(M * p);
  for (int64_t t = 0; t < run.steps; ++t) {
    if (t % run.traceEvery == 0) record(t);
    const TorusPoints ofX(x, dimension, options.frequencies);
    const bool done = pool.run(
        options.particles,
        [&](int64_t i, int) {
          double* gradient = drift.data() + static_cast<size_t>(i) * p;
          std::fill(gradient, gradient + p, 0.0);
          const double* at = x.data() + static_cast<size_t>(i) * p;
          ofX.mean(at, 1, gradient);
          ofTarget.mean(at, -1, gradient);
        },
        cancel);
    if (!done) {
      result.cancelled = true;
      break;
    }
    const double s = static_cast<double>(t) / (options.annealing == Annealing::Geometric ? kRound : 1);
    temperature =
        static_cast<double>(t) >= quietFrom ? 0 : options.temperature * annealing_factor(options.annealing, s);
    const double spread = std::sqrt(2 * options.step * temperature);
    for (size_t i = 0; i < M * p; ++i) {
      const double xi = spread == 0 ? 0
                                    : spread * noise.normal(static_cast<uint64_t>(t), static_cast<uint32_t>(i / p),
                                                            static_cast<uint32_t>(i % p));
      const double to = x[i] - options.step * drift[i] + xi;
      // Past 2^53 turns nothing is left of the angle.
      if (!(std::fabs(to) < kTurn * 9007199254740992.0))
        throw Error(ErrorCode::Diverged, "particle-measure: diverged at step " + std::to_string(t) +
                                             ": a particle left for " + format_option(to) + "; the step is " +
                                             format_option(options.step) + ", use a smaller one.");
      x[i] = wrap(to);
    }
    ++result.steps;
  }
  if (!result.cancelled) {
    record(run.steps);
    try {
      result.certificate = certify_measure(x, target, dimension, options.frequencies, temperature, seed, pool, cancel);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::Cancelled) throw;
      result.cancelled = true;
    }
  }
  result.particles = std::move(x);
  return result;
}

}  // namespace meanfield
