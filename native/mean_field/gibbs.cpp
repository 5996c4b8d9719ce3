#include "native/mean_field/gibbs.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "native/mean_field/entropy.h"

namespace meanfield {

namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kAcceptance = 0.574;  // optimal in high dimension (Roberts, Rosenthal, 1998)
constexpr double kIncrement = 0.15;
constexpr int64_t kSweeps = 2;  // MALA steps a temperature

double log_prior_partition(const Potential& potential, int64_t p) {
  return static_cast<double>(p) / 2 * std::log(kPi * potential.entropy / potential.ridge);
}

std::unique_ptr<Network> prior_draws(const NetworkFactory& another, const Potential& potential, int64_t draws,
                                     uint64_t seed) {
  std::unique_ptr<Network> network = another(draws);
  std::vector<float> points = Normals(*network).draw({seed, Stream::Certificate}, 0);
  const float deviation = static_cast<float>(std::sqrt(potential.prior_variance()));
  for (float& value : points) value *= deviation;
  network->write_particles(points.data());
  return network;
}

/// log mean exp over one class of `exponents` (every `classes`-th from `first`), with its effective fraction.
struct LogMean {
  double value, fraction;
  int64_t count;
};
LogMean log_mean_exp(const std::vector<double>& exponents, int64_t first, int64_t classes) {
  double top = -std::numeric_limits<double>::infinity(), sum = 0, squares = 0;
  int64_t count = 0;
  for (size_t i = static_cast<size_t>(first); i < exponents.size(); i += static_cast<size_t>(classes))
    top = std::max(top, exponents[i]);
  for (size_t i = static_cast<size_t>(first); i < exponents.size(); i += static_cast<size_t>(classes), ++count) {
    const double weight = std::exp(exponents[i] - top);
    sum += weight;
    squares += weight * weight;
  }
  const double n = static_cast<double>(count);
  return {top + std::log(sum / n), sum * sum / squares / n, count};
}

/// Weights in logarithms, all classes; the delta method: var(log mean w) = (E w²/(E w)² − 1)/S.
Partition from_weights(const std::vector<double>& logWeights, int64_t classes) {
  Partition partition;
  double variance = 0;
  for (int64_t c = 0; c < classes; ++c) {
    const LogMean mean = log_mean_exp(logWeights, c, classes);
    partition.logZ += mean.value / static_cast<double>(classes);
    variance += std::max(0.0, 1 / mean.fraction - 1) / static_cast<double>(mean.count);
    partition.effectiveFraction = std::min(partition.effectiveFraction, mean.fraction);
    partition.effectiveSize += mean.fraction * static_cast<double>(mean.count);
  }
  partition.standardError = std::sqrt(variance) / static_cast<double>(classes);
  return partition;
}

}  // namespace

std::vector<double> energies_of(const Network& network, const Potential& potential) {
  return network.energies(0, {nullptr, potential.rows}, potential.weights.data());
}

Mala::Mala(Network& network, const Potential& potential, uint64_t seed, double step, uint64_t clock)
    : network_(network), potential_(potential), normals_(network), seed_(seed), step_(step), clock_(clock),
      particles_(network.read_particles()) {
  evaluate(particles_, energies_, gradient_);
}

void Mala::evaluate(const std::vector<float>& particles, std::vector<double>& energies, std::vector<float>& gradient) {
  network_.write_particles(particles.data());
  energies = energies_of(network_, potential_);
  gradient.resize(particles.size());
  network_.gradient(0, {nullptr, potential_.rows}, potential_.weights.data(), gradient.data());
}

double Mala::run(double beta, int64_t steps, bool adapt) {
  const int64_t M = network_.shape().particles, p = network_.shape().parameters();
  const double lambda = potential_.entropy, ridge = potential_.ridge;
  const RandomField noise{seed_, Stream::Certificate}, accept{seed_, Stream::Accept};
  std::vector<float> proposal(particles_.size()), proposalGradient;
  std::vector<double> proposalEnergies;
  double accepted = 0;
  for (int64_t k = 0; k < steps; ++k) {
    const std::vector<float> xi = normals_.draw(noise, ++clock_);
    const double spread = std::sqrt(2 * lambda * step_);
    const auto mean = [&](const std::vector<float>& theta, const std::vector<float>& gradient, double e, size_t c) {
      return theta[c] - step_ * (beta * potential_.slope(e) * gradient[c] + 2 * ridge * theta[c]);
    };
    for (int64_t r = 0; r < M; ++r)
      for (size_t c = static_cast<size_t>(r * p); c < static_cast<size_t>((r + 1) * p); ++c)
        proposal[c] =
            static_cast<float>(mean(particles_, gradient_, energies_[static_cast<size_t>(r)], c) + spread * xi[c]);
    evaluate(proposal, proposalEnergies, proposalGradient);
    int64_t taken = 0;
    for (int64_t r = 0; r < M; ++r) {
      const size_t at = static_cast<size_t>(r), first = static_cast<size_t>(r * p),
                   last = first + static_cast<size_t>(p);
      const double before = energies_[at], after = proposalEnergies[at];
      double change = beta * (potential_.value(after) - potential_.value(before));  // of the potential
      double forward = 0, backward = 0;
      for (size_t c = first; c < last; ++c) {
        const double from = particles_[c], to = proposal[c];
        change += ridge * (to * to - from * from);
        const double there = to - mean(particles_, gradient_, before, c);
        const double back = from - mean(proposal, proposalGradient, after, c);
        forward += there * there;
        backward += back * back;
      }
      const double logRatio = -change / lambda - (backward - forward) / (4 * lambda * step_);
      if (!(std::log(accept.uniform(clock_, static_cast<uint32_t>(r), 0)) < logRatio)) continue;
      ++taken;
      energies_[at] = after;
      std::copy(proposal.begin() + static_cast<std::ptrdiff_t>(first),
                proposal.begin() + static_cast<std::ptrdiff_t>(last),
                particles_.begin() + static_cast<std::ptrdiff_t>(first));
      std::copy(proposalGradient.begin() + static_cast<std::ptrdiff_t>(first),
                proposalGradient.begin() + static_cast<std::ptrdiff_t>(last),
                gradient_.begin() + static_cast<std::ptrdiff_t>(first));
    }
    const double rate = static_cast<double>(taken) / static_cast<double>(M);
    accepted += rate;
    if (adapt) step_ *= std::exp(rate - kAcceptance);
  }
  return steps > 0 ? accepted / static_cast<double>(steps) : 1;
}

Partition quadrature_partition(const NetworkFactory& another, const Potential& potential) {
  const std::unique_ptr<Network> probe = another(1);
  const int64_t p = probe->shape().parameters(), classes = class_count(probe->shape().neuron);
  const int64_t side = p == 1 ? 4097 : 257, grid = p == 1 ? side : side * side;
  const std::unique_ptr<Network> network = another(grid * classes);
  double low[2], high[2];
  const double reach = 12 * std::sqrt(potential.prior_variance());
  for (int c = 0; c < 2; ++c) low[c] = -reach, high[c] = reach;

  std::vector<double> exponents;
  const auto coordinate = [&](int64_t point, int c) {
    const int64_t index = c == 0 ? point % side : point / side;
    return static_cast<double>(
        static_cast<float>(low[c] + (high[c] - low[c]) * static_cast<double>(index) / static_cast<double>(side - 1)));
  };
  const auto evaluate = [&] {
    std::vector<float> points(static_cast<size_t>(grid * classes * p));
    for (int64_t i = 0; i < grid * classes; ++i)
      for (int c = 0; c < p; ++c)
        points[static_cast<size_t>(i * p + c)] = static_cast<float>(coordinate(i / classes, c));
    network->write_particles(points.data());
    exponents = energies_of(*network, potential);
    for (int64_t i = 0; i < grid * classes; ++i) {
      double square = 0;
      for (int c = 0; c < p; ++c) square += coordinate(i / classes, c) * coordinate(i / classes, c);
      double& e = exponents[static_cast<size_t>(i)];
      e = -(potential.value(e) + potential.ridge * square) / potential.entropy;
    }
  };
  // First wide enough: doubled while the edge is not e^-40 below the peak. Then narrow enough: the box of all points above
  // that, until it no longer shrinks by half.
  for (int pass = 0; pass < 40; ++pass) {
    evaluate();
    const double top = *std::max_element(exponents.begin(), exponents.end());
    double inner[2] = {high[0], high[1]}, outer[2] = {low[0], low[1]};
    for (int64_t i = 0; i < grid * classes; ++i)
      if (exponents[static_cast<size_t>(i)] > top - 40)
        for (int c = 0; c < p; ++c) {
          inner[c] = std::min(inner[c], coordinate(i / classes, c));
          outer[c] = std::max(outer[c], coordinate(i / classes, c));
        }
    bool moved = false;
    for (int c = 0; c < p; ++c) {
      const double width = high[c] - low[c], cell = width / static_cast<double>(side - 1);
      if (inner[c] < low[c] + cell / 2 || outer[c] > high[c] - cell / 2) {
        low[c] -= width / 2;
        high[c] += width / 2;
        moved = true;
      } else if (outer[c] - inner[c] + 4 * cell < width / 2) {
        low[c] = inner[c] - 2 * cell;
        high[c] = outer[c] + 2 * cell;
        moved = true;
      }
    }
    if (!moved) break;
  }

  Partition partition;
  partition.how = "quadrature, " + std::to_string(grid) + " points";
  for (int64_t c = 0; c < classes; ++c) {
    double volume = 1;
    for (int a = 0; a < p; ++a) volume *= (high[a] - low[a]) / static_cast<double>(side - 1);
    std::vector<double> fine, coarse;
    for (int64_t g = 0; g < grid; ++g) {
      const double e = exponents[static_cast<size_t>(g * classes + c)];
      fine.push_back(e);
      if (g % side % 2 == 0 && (p == 1 || g / side % 2 == 0)) coarse.push_back(e);
    }
    const auto integral = [](const std::vector<double>& values, double cell) {
      return log_mean_exp(values, 0, 1).value + std::log(static_cast<double>(values.size()) * cell);
    };
    const double value = integral(fine, volume), rough = integral(coarse, volume * (p == 1 ? 2 : 4));
    partition.logZ += value / static_cast<double>(classes);
    partition.doubt = std::max(partition.doubt, std::fabs(value - rough));
  }
  partition.effectiveSize = static_cast<double>(grid);
  return partition;
}

Partition importance_partition(const NetworkFactory& another, const Potential& potential, int64_t draws,
                               uint64_t seed) {
  const std::unique_ptr<Network> network = prior_draws(another, potential, draws, seed);
  std::vector<double> logWeights = energies_of(*network, potential);
  for (double& e : logWeights) e = -potential.value(e) / potential.entropy;
  Partition partition = from_weights(logWeights, class_count(network->shape().neuron));
  partition.logZ += log_prior_partition(potential, network->shape().parameters());
  partition.how = "importance sampling from the prior, " + std::to_string(draws) + " draws";
  return partition;
}

Partition annealed_partition(const NetworkFactory& another, const Potential& potential, int64_t chains,
                             int64_t temperatures, uint64_t seed) {
  const std::unique_ptr<Network> network = prior_draws(another, potential, chains, seed);
  const int64_t p = network->shape().parameters(), classes = class_count(network->shape().neuron);
  // At β = 0 the target is the prior; this step has good acceptance there.
  Mala mala(*network, potential, seed, 0.5 / potential.ridge * std::pow(static_cast<double>(p), -1.0 / 3));
  std::vector<double> logWeights(static_cast<size_t>(chains), 0.0), integral(static_cast<size_t>(chains), 0.0);
  double beta = 0;
  int64_t used = 0;
  while (beta < 1) {
    std::vector<double> phi(static_cast<size_t>(chains));
    double mean = 0, square = 0;
    for (size_t r = 0; r < phi.size(); ++r) {
      phi[r] = potential.value(mala.energies()[r]) / potential.entropy;
      mean += phi[r] / static_cast<double>(chains);
    }
    for (double value : phi) square += (value - mean) * (value - mean);
    const double deviation = std::sqrt(square / static_cast<double>(chains));
    // What is left is divided evenly once the temperatures run short.
    const double least = (1 - beta) / static_cast<double>(std::max<int64_t>(1, temperatures - used));
    const double next = std::min(1.0, beta + std::max(kIncrement / std::max(deviation, 1e-300), least));
    for (size_t r = 0; r < phi.size(); ++r) {
      logWeights[r] -= (next - beta) * phi[r];
      integral[r] -= (next - beta) / 2 * phi[r];
    }
    const double width = next - beta;
    beta = next;
    ++used;
    mala.run(beta, kSweeps, true);
    for (size_t r = 0; r < phi.size(); ++r)
      integral[r] -= width / 2 * potential.value(mala.energies()[r]) / potential.entropy;
  }
  Partition partition = from_weights(logWeights, classes);
  partition.how = "annealed importance sampling, " + std::to_string(chains) + " chains through " +
                  std::to_string(used) + " temperatures";
  if (partition.degenerate()) {
    const Mean integrated = mean_of(integral);  // the chains are independent
    partition.doubt = std::fabs(integrated.value - partition.logZ);
    partition.logZ = integrated.value;
    partition.standardError = integrated.standardError;
    partition.how = "thermodynamic integration, " + std::to_string(chains) + " chains through " + std::to_string(used) +
                    " temperatures";
  }
  partition.logZ += log_prior_partition(potential, p);
  return partition;
}

}  // namespace meanfield
