#include "native/mean_field/certificate.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace meanfield {

namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kNeighbours = 10;
constexpr int64_t kQueries = 4096;

/// ψ(n) for whole n ≥ 1.
double digamma(int64_t n) {
  constexpr double kEulerGamma = 0.57721566490153286061;
  if (n < 64) {
    double sum = -kEulerGamma;
    for (int64_t i = 1; i < n; ++i) sum += 1.0 / static_cast<double>(i);
    return sum;
  }
  const double x = static_cast<double>(n), inverse2 = 1 / (x * x);
  return std::log(x) - 0.5 / x - inverse2 * (1.0 / 12 - inverse2 * (1.0 / 120 - inverse2 / 252));
}

struct Mean {
  double value, standardError;
};

Mean mean_of(const std::vector<double>& values) {
  const double n = static_cast<double>(values.size());
  double mean = 0, square = 0;
  for (double value : values) mean += value / n;
  for (double value : values) square += (value - mean) * (value - mean);
  return {mean, n > 1 ? std::sqrt(square / (n - 1) / n) : std::numeric_limits<double>::quiet_NaN()};
}

struct Partition {
  double logZ, standardError, effectiveSampleSize;
};

/// log Z_g = (p/2) log(πλ/λ') + log E_{θ ~ N(0, v* I)} exp(−(1/λ)(1/n) Σ g_i h_i(θ)), by the sampler's draws.
Partition log_partition(const Problem& problem, Network& sampler, const std::vector<double>& weights) {
  const NetworkShape& shape = sampler.shape();
  const double p = static_cast<double>(shape.parameters()), draws = static_cast<double>(shape.particles);
  Update draw;
  draw.keep = 0;
  draw.noise = std::sqrt(problem.entropy / (2 * problem.ridge));
  draw.field = {problem.seed, Stream::Certificate};
  const std::vector<double> zero(weights.size(), 0.0);
  const Rows rows{nullptr, problem.train.rows};
  sampler.update(0, rows, zero.data(), draw);
  std::vector<double> exponent = sampler.energies(0, rows, weights.data());
  for (double& value : exponent) value = -value / problem.entropy;
  const double top = *std::max_element(exponent.begin(), exponent.end());
  double sum = 0, squares = 0;
  for (double value : exponent) {
    const double weight = std::exp(value - top);
    sum += weight;
    squares += weight * weight;
  }
  const double effective = sum * sum / squares;
  return {p / 2 * std::log(kPi * problem.entropy / problem.ridge) + top + std::log(sum / draws),
          // Delta method: var(log mean w) = (E w² / (E w)² − 1) / S.
          std::sqrt(std::max(0.0, 1 / effective - 1 / draws)), effective};
}

}  // namespace

EntropyEstimate nearest_neighbour_entropy(const float* points, int64_t count, int64_t dimension, int neighbours,
                                          int64_t queries, ThreadPool& pool, const CancelToken* cancel) {
  const int64_t asked = std::min(queries, count);
  std::vector<double> logDistance(static_cast<size_t>(asked));
  const bool done = pool.run(
      asked,
      [&](int64_t query, int) {
        const int64_t self = query * count / asked;
        const float* from = points + self * dimension;
        std::vector<double> nearest;  // a max-heap of the `neighbours` smallest squared distances
        for (int64_t other = 0; other < count; ++other) {
          if (other == self) continue;
          const float* to = points + other * dimension;
          double square = 0;
          for (int64_t c = 0; c < dimension; ++c) {
            const double difference = static_cast<double>(from[c]) - to[c];
            square += difference * difference;
          }
          if (nearest.size() < static_cast<size_t>(neighbours)) {
            nearest.push_back(square);
            std::push_heap(nearest.begin(), nearest.end());
          } else if (square < nearest.front()) {
            std::pop_heap(nearest.begin(), nearest.end());
            nearest.back() = square;
            std::push_heap(nearest.begin(), nearest.end());
          }
        }
        logDistance[static_cast<size_t>(query)] = 0.5 * std::log(nearest.front());
      },
      cancel);
  if (!done) throw Error(ErrorCode::Cancelled, "the certificate was cancelled.");
  std::vector<double> finite;
  for (double value : logDistance)
    if (std::isfinite(value)) finite.push_back(value);
  const double p = static_cast<double>(dimension);
  const double logBall = p / 2 * std::log(kPi) - std::lgamma(1 + p / 2);
  const int64_t duplicates = asked - static_cast<int64_t>(finite.size());
  if (finite.empty()) return {-std::numeric_limits<double>::infinity(), 0, duplicates};
  const Mean mean = mean_of(finite);
  return {digamma(count) - digamma(neighbours) + logBall + p * mean.value, p * mean.standardError, duplicates};
}

Certificate certify(Problem& problem, Network& sampler, ThreadPool& pool, const CancelToken* cancel) {
  const int k = problem.outputs_per_row(), width = problem.loss.target_width(k);
  const double n = static_cast<double>(problem.train.rows), lambda = problem.entropy;
  const int64_t M = problem.network.shape().particles, p = problem.network.shape().parameters();

  std::vector<double> weights;
  const double loss = problem.loss_weights(weights);
  double conjugate = 0;
  std::vector<double> g(static_cast<size_t>(k));
  for (int64_t i = 0; i < problem.train.rows; ++i) {
    for (int j = 0; j < k; ++j) g[static_cast<size_t>(j)] = weights[static_cast<size_t>(i * k + j)] * n;
    conjugate += problem.loss.conjugate(g.data(), problem.train.values + i * width, k) / n;
  }
  const int neighbours = static_cast<int>(std::min<int64_t>(kNeighbours, M - 1));
  const std::vector<float> particles = problem.network.read_particles();
  const EntropyEstimate entropy =
      nearest_neighbour_entropy(particles.data(), M, p, neighbours, kQueries, pool, cancel);
  const Partition partition = log_partition(problem, sampler, weights);

  Certificate certificate;
  certificate.primal = loss + problem.penalty() - lambda * entropy.entropy;
  certificate.dual = -conjugate - lambda * partition.logZ;
  certificate.gap = certificate.primal - certificate.dual;
  certificate.standardError = lambda * std::hypot(entropy.standardError, partition.standardError);
  certificate.entropyEstimator = std::to_string(neighbours) + " nearest neighbours (Kozachenko-Leonenko)";
  certificate.partitionEstimator = "importance sampling from the prior, " +
                                   std::to_string(sampler.shape().particles) + " draws";
  certificate.effectiveSampleSize = partition.effectiveSampleSize;
  certificate.effectiveFraction = partition.effectiveSampleSize / static_cast<double>(sampler.shape().particles);
  // Measured on N(0, I): within 0.05 at p ≤ 5 and 0.2 at p = 10 with 2000 points, above 1 at p = 20.
  certificate.biasBound = p <= 5 ? 0.05 * lambda : p <= 10 ? 0.2 * lambda : std::numeric_limits<double>::quiet_NaN();

  std::string doubt;
  if (p > 10)
    doubt += "The nearest-neighbour entropy is biased in dimension " + std::to_string(p) + " (reliable up to 10). ";
  if (M < 500) doubt += "Fewer than 500 particles are too few for the entropy. ";
  if (entropy.duplicates > 0)
    doubt += std::to_string(entropy.duplicates) + " particles coincide with others: the measure has no density there. ";
  if (certificate.effectiveFraction < 0.05)
    doubt += "The importance sample of the log-partition has an effective size of " +
             std::to_string(static_cast<int64_t>(partition.effectiveSampleSize)) + " of " +
             std::to_string(sampler.shape().particles) + " draws (5 % is needed): the dual is biased up, the gap down. ";
  certificate.trusted = doubt.empty();
  certificate.words = doubt.empty() ? "The objective is within the gap of the optimum, up to the standard error." : doubt + "Do not rely on the gap.";
  return certificate;
}

}  // namespace meanfield
