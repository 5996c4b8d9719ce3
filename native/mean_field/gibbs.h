// Gibbs densities of the mean-field family and what can be known of them by sampling:
//
//     p(θ) = exp(−V(θ)/λ)/Z,      V(θ) = φ(e_θ) + λ'‖θ‖²,      e_θ = Σ_ij ω_ij h_θ(x_i)_j,
//
// φ(e) = e for the linearized objective of a network with ω = ℓ_z/n, and −(c/2) e² for the network whose second layer is solved
// by ridge (two-timescale). The prior N(0, v* I), v* = λ/(2λ'), is the case φ = 0; its Z is (πλ/λ')^{p/2}.
//
// A particle's class is its index modulo the number of fixed output weights (signs, outputs): p and Z exist once for each
// class, and log Z below is the mean over the classes, as in the dual of a network with fixed proportions.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "native/mean_field/normals.h"

namespace meanfield {

struct Potential {
  std::vector<double> weights;  // ω; n × k over all rows of matrix 0
  int64_t rows = 0;             // n
  double curvature = 0;         // c; 0: φ(e) = e
  double ridge = 0;             // λ'
  double entropy = 0;           // λ

  double value(double e) const { return curvature == 0 ? e : -curvature / 2 * e * e; }
  double slope(double e) const { return curvature == 0 ? 1 : -curvature * e; }
  double prior_variance() const { return entropy / (2 * ridge); }
};

/// Number of classes of a neuron: 1 when its output weights are trained.
inline int64_t class_count(const Neuron& neuron) {
  return neuron.secondLayer == SecondLayer::Bounded ? 1 : neuron.outputs * (neuron.signs == Signs::Balanced ? 2 : 1);
}

/// e_θ of all particles of a network.
std::vector<double> energies_of(const Network& network, const Potential& potential);

/// The Metropolis-adjusted Langevin algorithm on every particle of a network at once, each a chain of its own. One proposal is
/// a Langevin step of size η; targets p_β with βφ in the place of φ. The network's particles are the chains' states.
class Mala {
 public:
  /// Starts from the network's particles, with noise number clock + 1. Both references must outlive the sampler.
  Mala(Network& network, const Potential& potential, uint64_t seed, double step, uint64_t clock = 0);
  /// `steps` proposals; η moves towards an acceptance of 0.574 while `adapt`. Returns the mean acceptance.
  double run(double beta, int64_t steps, bool adapt);
  /// Once after the last run: puts the states back into the network.
  void finish() { network_.write_particles(particles_.data()); }
  const std::vector<double>& energies() const { return energies_; }  // e_θ
  double step() const { return step_; }
  const std::vector<float>& particles() const { return particles_; }

 private:
  void evaluate(const std::vector<float>& particles, std::vector<double>& energies, std::vector<float>& gradient);

  Network& network_;
  const Potential& potential_;
  Normals normals_;
  uint64_t seed_;
  double step_;
  uint64_t clock_;
  std::vector<float> particles_, gradient_;  // M × p
  std::vector<double> energies_;             // M
};

/// Weighted samples are taken at their word from this share of the draws, and this many of them, on.
constexpr double kLeastFraction = 0.05, kLeastSize = 10;

struct Partition {
  double logZ = 0;
  double standardError = 0;
  double effectiveFraction = 1;  // (Σ w)²/Σ w² over the number of draws, least over the classes
  double effectiveSize = 0;      // the same times the draws
  bool degenerate() const { return effectiveFraction < kLeastFraction || effectiveSize < kLeastSize; }
  double doubt = 0;  // what the estimate may be off by beyond the standard error
  std::string how;
};

using NetworkFactory = std::function<std::unique_ptr<Network>(int64_t particles)>;

/// p ≤ 2: the trapezoid rule, spectrally accurate for these densities, on a grid over ±12 √v*, widened or narrowed to where
/// the density is; `doubt` is the difference to the grid of twice the spacing.
Partition quadrature_partition(const NetworkFactory& another, const Potential& potential);
/// (πλ/λ')^{p/2} E_prior exp(−φ/λ) by draws from the prior; the standard error by the delta method.
Partition importance_partition(const NetworkFactory& another, const Potential& potential, int64_t draws, uint64_t seed);
/// Annealed importance sampling (R. Neal, 2001): β from 0 to 1 with MALA in between, the next β where the weights' increments
/// have standard deviation 0.15, at most `temperatures` of them; unbiased for Z. When the weights degenerate (fraction
/// under 5 %), thermodynamic integration of E_β φ along the same path instead, its doubt the difference of the two.
Partition annealed_partition(const NetworkFactory& another, const Potential& potential, int64_t chains,
                             int64_t temperatures, uint64_t seed);

}  // namespace meanfield
