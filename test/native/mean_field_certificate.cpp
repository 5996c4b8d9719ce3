// The estimators of the certificate against closed forms, against quadrature and against each other.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "native/mean_field/certificate.h"
#include "native/mean_field/entropy.h"
#include "native/mean_field/langevin.h"
#include "test/native/models.h"
#include "test/native/quadrature.h"

using namespace meanfield;

namespace {

std::vector<float> normals(int64_t count, int64_t dimension, uint64_t seed, double mean = 0, double deviation = 1) {
  const RandomField field{seed, Stream::Init};
  std::vector<float> points(static_cast<size_t>(count * dimension));
  for (int64_t r = 0; r < count; ++r)
    for (int64_t c = 0; c < dimension; ++c)
      points[static_cast<size_t>(r * dimension + c)] =
          static_cast<float>(mean + deviation * field.normal(0, static_cast<uint32_t>(r), static_cast<uint32_t>(c)));
  return points;
}

double normal_entropy(double p, double variance) { return p / 2 * std::log(2 * kPi * std::exp(1.0) * variance); }

}  // namespace

TEST_CASE("neighbours: the k-d tree and brute force find what sorting finds") {
  ThreadPool pool(2);
  for (int64_t p : {1, 2, 5, 10, 11, 20}) {
    const int64_t M = 400, k = 7;
    const std::vector<float> points = normals(M, p, 5);
    std::vector<int64_t> self;
    for (int64_t r = 0; r < M; ++r) self.push_back(r);
    const Points all{points.data(), M, p};
    const std::vector<double> found = log_neighbour_distances(all, all, self, static_cast<int>(k), {pool});
    for (int64_t r = 0; r < M; ++r) {
      std::vector<double> squares;
      for (int64_t s = 0; s < M; ++s) {
        double square = 0;
        for (int64_t c = 0; c < p; ++c) square += std::pow(static_cast<double>(all[r][c]) - all[s][c], 2);
        if (s != r) squares.push_back(square);
      }
      std::sort(squares.begin(), squares.end());
      CHECK(found[static_cast<size_t>(r)] ==
            doctest::Approx(0.5 * std::log(squares[static_cast<size_t>(k - 1)])).epsilon(1e-12));
    }
  }
}

TEST_CASE(
    "entropy by nearest neighbours: standard normals, within the stated bias by dimension; duplicates are counted") {
  ThreadPool pool(2);
  const int64_t M = 2000;
  for (int64_t p : {1, 2, 5, 10}) {
    const std::vector<float> points = normals(M, p, 17);
    const EntropyEstimate estimate = nearest_neighbour_entropy(points.data(), M, p, 10, M, {pool});
    // The density's logarithm has variance p/2.
    const double allowed = 5 * std::sqrt(static_cast<double>(p) / 2 / M) + nearest_neighbour_bias(p);
    CHECK(std::fabs(estimate.entropy - normal_entropy(static_cast<double>(p), 1)) < allowed);
    CHECK(estimate.duplicates == 0);
  }
  std::vector<float> points = normals(M, 3, 17);
  for (int copy = 1; copy <= 12; ++copy) std::copy(points.begin(), points.begin() + 3, points.begin() + 3 * 100 * copy);
  CHECK(nearest_neighbour_entropy(points.data(), M, 3, 10, M, {pool}).duplicates == 13);
}

TEST_CASE("density of a Gaussian mixture: one centre, and two centres by hand") {
  ThreadPool pool(1);
  const std::vector<float> centres = {0, 0, 3, 1}, at = {1, 2};
  const double v = 0.7, near = std::exp(-5 / (2 * v)), far = std::exp(-5 / (2 * v));  // both are at distance √5
  const double expected = std::log((near + far) / 2 / (2 * kPi * v));
  CHECK(mixture_log_density({centres.data(), 2, 2}, v, {at.data(), 1, 2}, {pool})[0] == doctest::Approx(expected));
  CHECK(mixture_log_density({centres.data(), 1, 2}, v, {at.data(), 1, 2}, {pool})[0] ==
        doctest::Approx(std::log(near / (2 * kPi * v))));
}

TEST_CASE("two samples: the divergence of two Gaussians") {
  ThreadPool pool(2);
  const int64_t M = 4000, p = 2;
  const std::vector<float> q = normals(M, p, 1), other = normals(M, p, 2, 0.5, 1.3);
  const double v = 1.3 * 1.3, exact = 0.5 * static_cast<double>(p) * ((1 + 0.25) / v - 1 + std::log(v));
  const Mean mean = mean_of(two_sample_divergences({q.data(), M, p}, {other.data(), M, p}, 10, M, {pool}));
  // Terms share neighbours: twice the error of independent ones is allowed for, five times over.
  CHECK(std::fabs(mean.value - exact) < 10 * mean.standardError + 0.01);
}

TEST_CASE("log-partition: quadrature, importance sampling, annealing and thermodynamic integration agree") {
  // p = 2 (weight and bias), tanh with balanced signs: two classes.
  const int64_t n = 30;
  const std::vector<float> x = normals(n, 1, 9);
  Neuron neuron;
  neuron.secondLayer = SecondLayer::Fixed;
  neuron.signs = Signs::Balanced;
  const NetworkFactory another = [&](int64_t particles) {
    auto network = std::make_unique<Network>(cpu_backend(), NetworkShape{particles, 2, neuron, 1});
    network->add_matrix(MatrixView<const float>(x.data(), n, 1));
    return network;
  };
  Potential potential;
  potential.rows = n;
  potential.ridge = 0.1;
  for (double entropy : {0.2, 0.02}) {
    potential.entropy = entropy;
    potential.weights.clear();
    for (int64_t i = 0; i < n; ++i)
      potential.weights.push_back(std::sin(static_cast<double>(i) + 0.5) / static_cast<double>(n) + 0.02);
    for (double curvature : {0.0, 2.0}) {
      potential.curvature = curvature;
      const Partition exact = quadrature_partition(another, potential);
      const Partition sampled = importance_partition(another, potential, 20000, 3);
      const Partition annealed = annealed_partition(another, potential, 400, 300, 3);
      CAPTURE(entropy);
      CAPTURE(curvature);
      CHECK(exact.doubt < 1e-7 / entropy);  // float32 energies
      CHECK(std::fabs(sampled.logZ - exact.logZ) < 5 * sampled.standardError);
      CHECK(std::fabs(annealed.logZ - exact.logZ) < 5 * annealed.standardError);
      CHECK(annealed.how.find("annealed") == 0);
    }
  }
}

TEST_CASE("MALA: samples of the Gibbs density, whatever the starting points") {
  const int64_t M = 4000;
  Setting setting(M);
  Potential potential;
  potential.rows = Setting::n;
  potential.ridge = 0.1;
  potential.entropy = 0.05;
  const std::vector<double> g(Setting::n, -0.7);
  std::vector<double> signs = g;
  for (size_t i = 0; i < signs.size(); ++i) signs[i] = setting.x[i] > 0 ? -0.7 : 0.4;
  potential.weights = signs;
  for (double& weight : potential.weights) weight /= Setting::n;
  const Density target = setting.grid.gibbs(signs, 0.1);
  Mala mala(*setting.network, potential, 4, 1);
  mala.run(1, 100, true);
  const double acceptance = mala.run(1, 100, false);
  mala.finish();
  CHECK(acceptance > 0.4);
  CHECK(acceptance < 0.75);
  const std::vector<double> expected = setting.grid.outputs(target);
  std::vector<double> z(Setting::n);
  setting.network->outputs(0, {nullptr, Setting::n}, z.data());
  for (size_t i = 0; i < z.size(); ++i) CHECK(std::fabs(z[i] - expected[i]) < 5 / std::sqrt(static_cast<double>(M)));
}

TEST_CASE("certificate: closed form of the gap for a Gaussian swarm of the linear model") {
  const double ridge = 0.2, entropy = 0.3, target = 60, optimalV = entropy / (2 * ridge), v = optimalV * 1.4;
  const int64_t M = 3000;
  const double optimum = target / (1 + 2 * ridge), m = optimum + 0.3;
  LinearModel model(M, target, ridge, entropy, m, 5);
  const std::vector<float> particles = normals(M, 1, 23, m, std::sqrt(v));
  model.problem.write_particles(particles.data());
  const double primal = 0.5 * (m - target) * (m - target) + ridge * (m * m + v) - entropy * normal_entropy(1, v);
  const double gap = entropy * 0.5 * (v / optimalV - 1 - std::log(v / optimalV)) +
                     std::pow((1 + 2 * ridge) * (m - optimum), 2) / (4 * ridge);
  ThreadPool pool(1);
  CertificateOptions options;
  options.step = 0.1;
  // Sampling error of the mean (its derivative in the objective: m − y + 2 ridge m) and of the entropy.
  const double slope = std::fabs(m - target + 2 * ridge * m), ofMean = std::sqrt(v / M);
  for (GapEstimator estimator : {GapEstimator::Neighbours, GapEstimator::Mixture}) {
    options.estimator = estimator;
    const Certificate certificate = certify(network_subject(model.problem, model.network), options, pool, nullptr);
    if (estimator == GapEstimator::Neighbours) {
      CHECK(std::fabs(certificate.primal - primal) <
            5 * (slope * ofMean + ridge * v * std::sqrt(2.0 / M) + entropy * std::sqrt(0.5 / M)) + 0.02 * entropy);
      const double ofGap = (1 + 2 * ridge) * (1 + 2 * ridge) * (m - optimum) / (2 * ridge) * ofMean;
      CHECK(std::fabs(certificate.gap - gap) < 5 * (ofGap + certificate.standardError) + certificate.biasBound);
    } else {
      // One Langevin step has moved the mean by 0.1·1.4·0.3 towards the optimum and kept most of the variance.
      CHECK(certificate.gap < gap);
      CHECK(certificate.gap > 0);
    }
    CHECK(certificate.partitionEstimator.find("quadrature") == 0);
    CHECK(certificate.trusted);
  }
}

TEST_CASE(
    "certificate: nearest neighbours, mixture, two samples and the response agree at the optimum of the 1-D network") {
  const int64_t M = 10000;
  Setting setting(M, 8);
  const double eta = 0.02, least = setting.grid.primal(setting.grid.optimum());
  Langevin::State state;
  for (int k = 0; k < 1500; ++k) Langevin::step(state, *setting.problem, {}, eta);
  ThreadPool pool(2);
  CertificateOptions options;
  options.step = eta;
  options.response = true;
  for (GapEstimator estimator : {GapEstimator::Neighbours, GapEstimator::Mixture, GapEstimator::TwoSample}) {
    options.estimator = estimator;
    const Certificate certificate =
        certify(network_subject(*setting.problem, *setting.network), options, pool, nullptr);
    CAPTURE(certificate.entropyEstimator);
    CHECK(certificate.trusted);
    const double allowed = 3 * certificate.standardError + 1e-4;  // the step's bias of the gap is O(η²)
    CHECK(std::fabs(certificate.gap) < allowed);
    CHECK(std::fabs(certificate.primal - least) < allowed);
    CHECK(std::fabs(certificate.dual - least) < allowed);
    CHECK(certificate.responseGap > -1e-4);
    CHECK(certificate.responseGap < 1e-3);
  }
}

TEST_CASE("certificate: in words when it cannot be trusted") {
  ThreadPool pool(1);
  CertificateOptions options;
  options.step = 0.05;
  options.draws = 2000;
  {
    TanhModel wide(600, 50, 12, 0.01, 0.01);
    options.estimator = GapEstimator::Neighbours;
    const Certificate certificate = certify(network_subject(wide.problem, wide.network), options, pool, nullptr);
    CHECK_FALSE(certificate.trusted);
    CHECK(certificate.words.find("dimension 12") != std::string::npos);
    CHECK(std::isinf(certificate.biasBound));
    options.estimator = GapEstimator::Auto;
    CHECK(
        certify(network_subject(wide.problem, wide.network), options, pool, nullptr).entropyEstimator.find("mixture") !=
        std::string::npos);
  }
  {
    TanhModel few(100, 50, 3, 0.01, 0.01);
    std::vector<float> same(300, 0.5f);
    few.problem.write_particles(same.data());
    options.estimator = GapEstimator::Neighbours;
    const Certificate certificate = certify(network_subject(few.problem, few.network), options, pool, nullptr);
    CHECK_FALSE(certificate.trusted);
    CHECK(certificate.words.find("coincide") != std::string::npos);
    CHECK(certificate.words.find("too few") != std::string::npos);
  }
}

TEST_CASE("thermodynamic integration takes over where annealed weights degenerate, and agrees with quadrature") {
  // One weight, cold, and fewer temperatures than the path needs: the increments of the weights have deviations far above 1.
  Setting setting(1, 3, 0.003);
  Potential potential;
  potential.rows = Setting::n;
  potential.ridge = 0.1;
  potential.entropy = 0.003;
  for (int64_t i = 0; i < Setting::n; ++i)
    potential.weights.push_back((setting.x[static_cast<size_t>(i)] > 0 ? -0.7 : 0.4) / static_cast<double>(Setting::n));
  const NetworkFactory another = [&](int64_t particles) {
    NetworkShape shape = setting.network->shape();
    shape.particles = particles;
    return setting.problem->another(shape);
  };
  const Partition exact = quadrature_partition(another, potential);
  const Partition found = annealed_partition(another, potential, 400, 12, 3);
  CAPTURE(exact.logZ);
  CAPTURE(found.logZ);
  CAPTURE(found.standardError);
  CAPTURE(found.doubt);
  CHECK(found.how.find("thermodynamic") == 0);
  CHECK(found.effectiveFraction < 0.05);
  CHECK(std::fabs(found.logZ - exact.logZ) < found.doubt + 5 * found.standardError);
  CHECK(std::fabs(found.logZ - exact.logZ) < 0.02 * std::fabs(exact.logZ));
}

namespace {

/// n = p rows x_i = 1.5 e_i, targets ±1.5, neurons tanh(θᵀx), λ = 1/p, λ' = λ/2: Gibbs densities are products of p densities on the line,
/// exp{−g_i tanh(1.5 θ_i) − θ_i²/2}, so that a normal law's primal, dual and gap are known in any dimension.
struct Separable {
  explicit Separable(int64_t p, int64_t M, double variance)
      : x(static_cast<size_t>(p * p), 0.f), y(static_cast<size_t>(p)),
        network(cpu_backend(), NetworkShape{M, p, neuron(), 1}) {
    for (size_t i = 0; i < y.size(); ++i) {
      x[i * y.size() + i] = 1.5f;
      y[i] = i % 2 == 0 ? 1.5 : -1.5;
    }
    const double size = static_cast<double>(p);
    const MatrixView<const float> inputs(x.data(), p, p);
    problem = std::make_unique<Problem>(network, Targets{network.add_matrix(inputs), p, y.data()},
                                        Loss{LossKind::Squared, 1}, 0.5 / size, 1 / size, 1, 5);
    problem->another = [this, inputs](const NetworkShape& other) {
      std::unique_ptr<Network> made = network.alike(other);
      made->add_matrix(inputs);
      return made;
    };
    problem->write_particles(normals(M, p, 41, 0, std::sqrt(variance)).data());
    double Z = 0;
    for (double t = -12; t <= 12; t += 1e-3) Z += 1e-3 * std::exp(1.5 * std::tanh(1.5 * t) - t * t / 2);
    logZ = std::log(Z);
    // g = −y since the outputs of a centred law are 0; a coordinate each of λ = 1/p.
    dual = 1.5 * 1.5 / 2 - logZ;
    primal = 1.5 * 1.5 / 2 + variance / 2 - normal_entropy(1, variance);
  }
  static Neuron neuron() {
    Neuron fixed;
    fixed.secondLayer = SecondLayer::Fixed;
    return fixed;
  }
  std::vector<float> x;
  std::vector<double> y;
  Network network;
  std::unique_ptr<Problem> problem;
  double logZ, primal, dual;  // of one coordinate: log of its Gibbs density's integral; the objective's values
};

}  // namespace

TEST_CASE(
    "certificate in 3 to 20 dimensions: importance sampling, annealing and neighbours against a product of exact "
    "densities") {
  ThreadPool pool(2);
  const int64_t M = 2000;
  for (int64_t p : {3, 8, 20}) {
    CAPTURE(p);
    Separable exact(p, M, 0.7);
    const double lambda = 1 / static_cast<double>(p);
    CertificateOptions options;
    options.step = 0.05;
    options.estimator = p > 10 ? GapEstimator::Mixture : GapEstimator::Neighbours;
    const Certificate found = certify(network_subject(*exact.problem, exact.network), options, pool, nullptr);
    CHECK(found.partitionEstimator.find(p == 3 ? "importance" : "annealed") == 0);
    // The outputs of M draws scatter by √(0.35/M), each moving D by at most 1.5/p times that, independently.
    const double ofOutputs = 1.5 * lambda * std::sqrt(static_cast<double>(p) * 0.35 / static_cast<double>(M));
    CHECK(std::fabs(found.dual - exact.dual) < 5 * (ofOutputs + found.standardError));
    CHECK(found.trusted);
    if (p > 10) {  // the step of 0.05 has moved the law towards its response, and M normals are no smooth law
      CHECK(found.gap > 0);
      continue;
    }
    const double allowed = 5 * (2 * ofOutputs + found.standardError) + found.biasBound;
    CHECK(std::fabs(found.primal - exact.primal) < allowed);
    CHECK(std::fabs(found.gap - (exact.primal - exact.dual)) < allowed);
    // Two samples see less of the distance, and say how much less it may be.
    options.estimator = GapEstimator::TwoSample;
    const Certificate pair = certify(network_subject(*exact.problem, exact.network), options, pool, nullptr);
    CHECK(pair.gap < exact.primal - exact.dual + 5 * pair.standardError);
    CHECK(pair.gap + pair.biasBound + 5 * pair.standardError > exact.primal - exact.dual);
  }
}
