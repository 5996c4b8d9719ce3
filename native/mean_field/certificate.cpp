#include "native/mean_field/certificate.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "native/mean_field/constants.h"
#include "native/mean_field/entropy.h"

namespace meanfield {

namespace {

constexpr int kNeighbours = 10;
constexpr int64_t kBruteQueries = 4096;
constexpr int64_t kFewParticles = 500;
constexpr int64_t kResponseSteps = 60;
constexpr int64_t kTemperatures = 400, kFewestTemperatures = 50;
constexpr int64_t kFewestChains = 32;
constexpr int64_t kPilot = 1000;
constexpr double kHopeless = 0.01;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The particles of one class, in order; see gibbs.h.
std::vector<float> members(const std::vector<float>& particles, int64_t p, int64_t first, int64_t classes) {
  if (classes == 1) return particles;
  std::vector<float> chosen;
  for (size_t r = static_cast<size_t>(first); r * static_cast<size_t>(p) < particles.size();
       r += static_cast<size_t>(classes))
    chosen.insert(chosen.end(), particles.begin() + static_cast<std::ptrdiff_t>(r * static_cast<size_t>(p)),
                  particles.begin() + static_cast<std::ptrdiff_t>((r + 1) * static_cast<size_t>(p)));
  return chosen;
}

/// V of every particle.
std::vector<double> potentials(const Network& network, const Potential& potential,
                               const std::vector<float>& particles) {
  const size_t p = static_cast<size_t>(network.shape().parameters());
  std::vector<double> values = energies_of(network, potential);
  for (size_t r = 0; r < values.size(); ++r) {
    double square = 0;
    for (size_t c = r * p; c < (r + 1) * p; ++c) square += static_cast<double>(particles[c]) * particles[c];
    values[r] = potential.value(values[r]) + potential.ridge * square;
  }
  return values;
}

double average(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

class Certifier {
 public:
  Certifier(const Subject& subject, const CertificateOptions& options, ThreadPool& pool, const CancelToken* cancel)
      : subject_(subject), options_(options), network_(*subject.network), pairs_{pool, cancel, subject.network},
        lambda_(subject.potential.entropy), M_(network_.shape().particles), p_(network_.shape().parameters()),
        classes_(std::min(M_, class_count(network_.shape().neuron))), particles_(network_.read_particles()),
        V_(potentials(network_, subject.potential, particles_)) {}

  Certificate run() {
    const bool small = p_ <= 10 && M_ / classes_ >= kFewParticles;
    GapEstimator estimator = options_.estimator;
    if (estimator == GapEstimator::Auto) estimator = small ? GapEstimator::Neighbours : GapEstimator::Mixture;
    partition();
    // D(g) = F(q) − E_q V − λ log Z: by Fenchel-Young F(q) − E_q V = −(1/n) Σ ℓ*(g_i).
    result_.dual = subject_.objective - average(V_) - lambda_ * partition_.logZ;
    if (estimator == GapEstimator::TwoSample || options_.response) respond();
    switch (estimator) {
      case GapEstimator::TwoSample: two_sample(); break;
      case GapEstimator::Mixture: mixture(); break;
      default: neighbours();
    }
    result_.gap = result_.primal - result_.dual;
    result_.biasBound += lambda_ * partition_.doubt;
    result_.trusted = doubt_.empty();
    const char* within = result_.biasBound > 0
                             ? " is within the gap of the optimum, up to standard errors and the bias bound."
                             : " is within the gap of the optimum, up to standard errors.";
    result_.words = doubt_.empty() ? promise_ + within : doubt_ + "Do not rely on the gap.";
    return result_;
  }

 private:
  void partition() {
    if (p_ <= 2) {
      partition_ = quadrature_partition(subject_.another, subject_.potential);
    } else {
      // A hopeless sample is recognized by a few draws.
      const int64_t pilot = std::min(options_.draws, kPilot);
      partition_ = importance_partition(subject_.another, subject_.potential, pilot, subject_.seed);
      if (pilot < options_.draws && partition_.effectiveFraction >= kHopeless)
        partition_ = importance_partition(subject_.another, subject_.potential, options_.draws, subject_.seed);
      if (partition_.degenerate()) {
        const double before = partition_.effectiveFraction;
        int64_t chains = std::max<int64_t>(200, std::min<int64_t>(options_.draws / 20, 1000)),
                temperatures = kTemperatures;
        if (options_.work > 0) {  // two proposals a temperature
          const double steps = options_.work / proposal_flops();
          chains = std::clamp(static_cast<int64_t>(steps / (2 * kTemperatures)), kFewestChains, chains);
          temperatures = std::clamp(static_cast<int64_t>(steps / (2 * static_cast<double>(chains))),
                                    kFewestTemperatures, kTemperatures);
        }
        partition_ = annealed_partition(subject_.another, subject_.potential, whole_classes(chains), temperatures,
                                        subject_.seed);
        partition_.how += " (importance sampling from the prior had an effective sample of " + percent(before) + ")";
      }
    }
    result_.partitionEstimator = partition_.how;
    result_.effectiveSampleSize = partition_.effectiveSize;
    result_.effectiveFraction = partition_.effectiveFraction;
    if (partition_.degenerate())
      doubt_ +=
          "The log-partition has an effective sample of " + percent(partition_.effectiveFraction) + ", " +
          format_option(std::round(partition_.effectiveSize)) +
          " draws, even after annealing (5 % and 10 draws are needed). Such an estimate is too low if anything: the "
          "dual may be too high, and the gap too small, by " +
          rounded(lambda_ * partition_.doubt) + " and more. ";
  }

  /// L(q) = F(q) + λ E log q̂, the mean over the classes; the same particles decide F and log q, so that the standard error
  /// is that of V + λ log q̂, which is constant at the optimum.
  void neighbours() {
    double entropy = 0, variance = 0;
    int64_t duplicates = 0;
    for (int64_t c = 0; c < classes_; ++c) {
      const std::vector<float> own = members(particles_, p_, c, classes_);
      const Points points{own.data(), static_cast<int64_t>(own.size()) / p_, p_};
      const int k = static_cast<int>(std::min<int64_t>(kNeighbours, points.count - 1));
      if (k < 1) {
        doubt_ += "A single particle has no density. ";
        continue;
      }
      const DensityEstimate density =
          nearest_neighbour_density(points, k, p_ <= 10 ? points.count : kBruteQueries, pairs_);
      duplicates += density.duplicates;
      std::vector<double> joint;
      for (size_t i = 0; i < density.at.size(); ++i)
        joint.push_back(density.logDensity[i] + V_[static_cast<size_t>(density.at[i] * classes_ + c)] / lambda_);
      if (joint.empty()) continue;
      entropy -= mean_of(density.logDensity).value / static_cast<double>(classes_);
      const double error = mean_of(joint).standardError / static_cast<double>(classes_);
      variance += error * error;
    }
    result_.primal = subject_.objective - subject_.pluginBias - lambda_ * entropy;
    result_.standardError = lambda_ * std::hypot(std::sqrt(variance), partition_.standardError);
    result_.biasBound = lambda_ * nearest_neighbour_bias(p_);
    result_.entropyEstimator =
        std::to_string(std::min<int64_t>(kNeighbours, M_ / classes_ - 1)) + " nearest neighbours (Kozachenko-Leonenko)";
    promise_ = "The objective";
    if (p_ > 10)
      doubt_ += "The nearest-neighbour entropy is biased in dimension " + std::to_string(p_) +
                " (reliable up to 10); the mixture estimator is not. ";
    doubt_few();
    if (duplicates > 0)
      doubt_ += std::to_string(duplicates) + " particles coincide with others: the measure has no density there. ";
  }

  /// q̃ = (1/M) Σ N(centre_r, s² I) and draws from it, the same number from each centre as far as it goes.
  void mixture() {
    const double variance = 2 * options_.step * lambda_;
    const std::vector<double> e = energies_of(network_, subject_.potential);
    std::vector<float> centres(particles_.size());
    network_.gradient(0, {nullptr, subject_.potential.rows}, subject_.potential.weights.data(), centres.data());
    for (size_t i = 0; i < centres.size(); ++i) {
      const double slope = subject_.potential.slope(e[i / static_cast<size_t>(p_)]);
      centres[i] = static_cast<float>(
          particles_[i] - options_.step * (slope * centres[i] + 2 * subject_.potential.ridge * particles_[i]));
    }
    const int64_t perClass = M_ / classes_,
                  whole = std::max<int64_t>(1, std::min<int64_t>(2000 / classes_ + 1, 4 * perClass));
    const int64_t S = whole * classes_;
    const std::unique_ptr<Network> draws = subject_.another(S);
    std::vector<float> y = Normals(*draws).draw({subject_.seed, Stream::Certificate}, ~uint64_t{0} >> 24);
    for (int64_t s = 0; s < S; ++s) {
      const int64_t own =
          (s / classes_) * std::max<int64_t>(1, perClass / whole) % perClass;  // evenly over the centres
      const int64_t centre = own * classes_ + s % classes_;
      for (int64_t c = 0; c < p_; ++c) {
        float& value = y[static_cast<size_t>(s * p_ + c)];
        value = static_cast<float>(centres[static_cast<size_t>(centre * p_ + c)] + std::sqrt(variance) * value);
      }
    }
    draws->write_particles(y.data());
    const std::vector<double> V = potentials(*draws, subject_.potential, y);
    double negentropy = 0, error = 0;
    for (int64_t c = 0; c < classes_; ++c) {
      const std::vector<float> from = members(y, p_, c, classes_), about = members(centres, p_, c, classes_);
      const std::vector<double> logDensity =
          mixture_log_density({about.data(), static_cast<int64_t>(about.size()) / p_, p_}, variance,
                              {from.data(), static_cast<int64_t>(from.size()) / p_, p_}, pairs_);
      std::vector<double> joint;
      for (size_t i = 0; i < logDensity.size(); ++i)
        joint.push_back(logDensity[i] + V[i * static_cast<size_t>(classes_) + static_cast<size_t>(c)] / lambda_);
      negentropy += average(logDensity) / static_cast<double>(classes_);
      error += std::pow(mean_of(joint).standardError / static_cast<double>(classes_), 2);
    }
    result_.primal = subject_.objectiveOf(*draws) + lambda_ * negentropy;
    result_.standardError = lambda_ * std::hypot(std::sqrt(error), partition_.standardError);
    result_.entropyEstimator =
        "Gaussian mixture after a Langevin step of " + text(options_.step) + ", " + std::to_string(S) + " draws";
    promise_ = "The measure of the particles after one more Langevin step, noise included,";
  }

  /// Of one proposal of one chain: energy and gradient over all rows.
  double proposal_flops() const { return 6.0 * static_cast<double>(subject_.potential.rows) * static_cast<double>(p_); }
  /// At least one chain of every class, the same number of each.
  int64_t whole_classes(int64_t chains) const { return (chains + classes_ - 1) / classes_ * classes_; }

  /// MALA from the particles, with their potential frozen. Two samples need as many chains as particles; the outputs of the
  /// response alone do not, and then the first particles stand for all.
  void respond() {
    int64_t chains = M_;
    if (options_.work > 0 && options_.estimator != GapEstimator::TwoSample)
      chains = std::min(
          M_, whole_classes(std::max(
                  kFewestChains,
                  static_cast<int64_t>(options_.work / (proposal_flops() * (kResponseSteps + kResponseSteps / 3))))));
    response_ = subject_.another(chains);
    response_->write_particles(particles_.data());
    Mala mala(*response_, subject_.potential, subject_.seed + 1, options_.step);
    mala.run(1, kResponseSteps, true);
    acceptance_ = mala.run(1, kResponseSteps / 3, false);
    mala.finish();
    if (subject_.fenchelYoung) result_.responseGap = subject_.fenchelYoung(*response_);
  }

  void two_sample() {
    const std::vector<float> other = response_->read_particles();
    double divergence = 0, error = 0;
    for (int64_t c = 0; c < classes_; ++c) {
      const std::vector<float> q = members(particles_, p_, c, classes_), s = members(other, p_, c, classes_);
      const int64_t count = static_cast<int64_t>(q.size()) / p_;
      const int k = static_cast<int>(std::min<int64_t>(kNeighbours, count - 1));
      if (k < 1) {
        doubt_ += "A single particle has no density. ";
        continue;
      }
      const std::vector<double> terms =
          two_sample_divergences({q.data(), count, p_}, {s.data(), static_cast<int64_t>(s.size()) / p_, p_}, k,
                                 p_ <= 10 ? count : kBruteQueries, pairs_);
      if (terms.empty()) continue;
      const Mean mean = mean_of(terms);
      divergence += mean.value / static_cast<double>(classes_);
      error += std::pow(mean.standardError / static_cast<double>(classes_), 2);
    }
    result_.primal = result_.dual + lambda_ * divergence;  // gap = λ KL
    result_.standardError = lambda_ * std::sqrt(error);
    result_.biasBound =
        lambda_ * (nearest_neighbour_bias(p_) + two_sample_bias(p_, M_ / classes_, kNeighbours, divergence));
    result_.entropyEstimator = "two samples, " + std::to_string(kNeighbours) +
                               " nearest neighbours, the second by MALA (acceptance " + percent(acceptance_) + ")";
    promise_ = "The objective";
    if (p_ > 10) doubt_ += "Nearest-neighbour divergences are unreliable in dimension " + std::to_string(p_) + ". ";
    doubt_few();
    if (acceptance_ < 0.2) doubt_ += "MALA accepted " + percent(acceptance_) + " of its proposals and has not mixed. ";
  }

  void doubt_few() {
    if (M_ / classes_ < kFewParticles)
      doubt_ += "Fewer than " + std::to_string(kFewParticles) + " particles" + (classes_ > 1 ? " a class" : "") +
                " are too few for nearest neighbours. ";
  }

  /// Two digits, which is as many as estimates of errors have.
  static std::string rounded(double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.1e", value);
    return format_option(std::strtod(buffer, nullptr));
  }
  static std::string percent(double fraction) {
    return fraction < 1e-4 ? "under 0.01 %" : rounded(100 * fraction) + " %";
  }

  const Subject& subject_;
  const CertificateOptions& options_;
  const Network& network_;
  const PairWork pairs_;
  const double lambda_;
  const int64_t M_, p_, classes_;
  const std::vector<float> particles_;
  const std::vector<double> V_;
  Partition partition_;
  std::unique_ptr<Network> response_;
  double acceptance_ = 1;
  Certificate result_;
  std::string doubt_, promise_;
};

}  // namespace

double plugin_bias(const Problem& problem, const Network& network) {
  const int k = problem.outputs_per_row(), width = problem.loss.target_width(k);
  const int64_t M = network.shape().particles, n = problem.train.rows;
  const int64_t rows = std::min<int64_t>(n, std::max(4, 64 / k));
  double sum = 0;
  for (int64_t q = 0; q < rows; ++q) {
    const int32_t row = static_cast<int32_t>(q * n / rows);
    std::vector<std::vector<double>> h;  // k × M
    std::vector<double> z(static_cast<size_t>(k), 0.0), weight(static_cast<size_t>(k), 0.0);
    for (int j = 0; j < k; ++j) {
      weight[static_cast<size_t>(j)] = 1;
      h.push_back(network.energies(problem.train.matrix, {&row, 1}, weight.data()));
      weight[static_cast<size_t>(j)] = 0;
      for (double value : h.back()) z[static_cast<size_t>(j)] += value / static_cast<double>(M);
    }
    // uᵀ ℓ'' u by a central difference along u = h_r − z, short enough for the fourth derivative and long enough for rounding.
    const double* y = problem.train.values + row * width;
    const double at = problem.loss.value(z.data(), y, k);
    for (int64_t r = 0; r < M; ++r) {
      std::vector<double> up = z, down = z;
      double length = 0;
      for (int j = 0; j < k; ++j)
        length += std::pow(h[static_cast<size_t>(j)][static_cast<size_t>(r)] - z[static_cast<size_t>(j)], 2);
      if (length == 0) continue;
      const double t = 1e-3 / std::sqrt(length);
      for (size_t j = 0; j < up.size(); ++j) {
        const double u = h[j][static_cast<size_t>(r)] - z[j];
        up[j] += t * u;
        down[j] -= t * u;
      }
      sum += (problem.loss.value(up.data(), y, k) - 2 * at + problem.loss.value(down.data(), y, k)) / (t * t);
    }
  }
  return sum / 2 / static_cast<double>(rows) / static_cast<double>(std::max<int64_t>(1, M - 1)) /
         static_cast<double>(M);
}

Subject network_subject(Problem& problem, const Network& network) {
  const int k = problem.outputs_per_row(), width = problem.loss.target_width(k);
  const int64_t n = problem.train.rows;
  const double scale = 1.0 / static_cast<double>(n);
  Subject subject;
  subject.network = &network;
  subject.seed = problem.seed;
  subject.another = [&problem, shape = network.shape()](int64_t particles) {
    NetworkShape other = shape;
    other.particles = particles;
    return problem.another(other);
  };
  const auto outputs_of = [&problem, n, k](const Network& other) {
    std::vector<double> z(static_cast<size_t>(n * k));
    other.outputs(0, {nullptr, n}, z.data());
    return z;
  };
  subject.potential.rows = n;
  subject.potential.ridge = problem.ridge;
  subject.potential.entropy = problem.entropy;
  std::vector<double>& weights = subject.potential.weights;
  weights.resize(static_cast<size_t>(n * k));
  const std::vector<double> z = outputs_of(network);
  double loss = 0;
  for (int64_t i = 0; i < n; ++i)
    loss +=
        scale * problem.loss.gradient(z.data() + i * k, problem.train.values + i * width, k, weights.data() + i * k);
  for (double& weight : weights) weight *= scale;
  subject.objective = loss + problem.ridge * network.second_moment();
  subject.pluginBias = plugin_bias(problem, network);
  subject.objectiveOf = [&problem, outputs_of, n, k, width, scale](Network& other) {
    const std::vector<double> a = outputs_of(other);
    double sum = 0;
    for (int64_t i = 0; i < n; ++i)
      sum += scale * problem.loss.value(a.data() + i * k, problem.train.values + i * width, k);
    return sum + problem.ridge * other.second_moment() - plugin_bias(problem, other);
  };
  subject.fenchelYoung = [&problem, outputs_of, weights, n, k, width, scale](Network& other) {
    const std::vector<double> a = outputs_of(other);
    std::vector<double> g(static_cast<size_t>(k));
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      const double* y = problem.train.values + i * width;
      double inner = 0;
      for (int j = 0; j < k; ++j) {
        g[static_cast<size_t>(j)] = weights[static_cast<size_t>(i * k + j)] / scale;
        inner += g[static_cast<size_t>(j)] * a[static_cast<size_t>(i * k + j)];
      }
      sum += scale * (problem.loss.value(a.data() + i * k, y, k) + problem.loss.conjugate(g.data(), y, k) - inner);
    }
    return sum - plugin_bias(problem, other);
  };
  return subject;
}

Certificate certify(const Subject& subject, const CertificateOptions& options, ThreadPool& pool,
                    const CancelToken* cancel) {
  return Certifier(subject, options, pool, cancel).run();
}

}  // namespace meanfield
