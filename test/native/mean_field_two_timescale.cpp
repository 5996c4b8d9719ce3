// The two-timescale algorithm: its second layer, its drift with and without label noise, its certificate, and particle runs against
// the exact optimum of its own objective on a grid.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "native/mean_field/certificate.h"
#include "native/mean_field/two_timescale.h"
#include "test/native/models.h"
#include "test/native/quadrature.h"

using namespace meanfield;

namespace {

constexpr double kScale = 200;  // R of the network that stores a = R tanh(r)

/// A network for the algorithm on given rows: p = d + 1 with the output weight.
struct Stored {
  Stored(MatrixView<const float> x, const std::vector<double>& y, int64_t particles, double ridge, double entropy,
         const Backend* backend = cpu_backend(), uint64_t seed = 3)
      : inputs(x), network(backend, NetworkShape{particles, x.cols, neuron(), 1}),
        problem(network, {network.add_matrix(x), x.rows, y.data()}, {LossKind::Squared, 1}, ridge, entropy, 1, seed) {
    problem.another = [this](const NetworkShape& other) {
      std::unique_ptr<Network> made = network.alike(other);
      made->add_matrix(inputs);
      return made;
    };
    problem.draw_initial(Stream::Init, 0);
  }
  static Neuron neuron() {
    Neuron bounded;
    bounded.scale = kScale;
    return bounded;
  }
  /// Puts first-layer weights (M × d) in place and solves.
  TwoTimescale::State start(const std::vector<float>& first, const TwoTimescale::Options& options) {
    const size_t d = static_cast<size_t>(inputs.cols);
    std::vector<float> particles;
    for (size_t at = 0; at < first.size(); at += d) {
      particles.insert(particles.end(), first.begin() + static_cast<std::ptrdiff_t>(at),
                       first.begin() + static_cast<std::ptrdiff_t>(at + d));
      particles.push_back(0);
    }
    problem.write_particles(particles.data());
    return TwoTimescale::init(problem, options);
  }
  MatrixView<const float> inputs;
  Network network;
  Problem problem;
};

/// U(µ) = (λ̄/2) yᵀu, u = (Σ + nλ̄ I)⁻¹ y, Σ_ij = ∫ h_i h_j dµ, and V = −(λ̄/2) a² + λ'θ² with a = Σ_i u_i h_i, on the grid of §10.3.
struct Bilevel {
  const Quadrature& grid;
  double secondRidge;
  std::vector<double> u;
  double U = 0;
  Density V;

  void at(const Density& q) {
    const size_t n = grid.y.size();
    std::vector<std::vector<double>> system(n, std::vector<double>(n));
    u = grid.y;
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) {
        double sum = i == j ? static_cast<double>(n) * secondRidge : 0;
        for (size_t g = 0; g < q.size(); ++g) sum += q[g] * grid.h[i][g] * grid.h[j][g] * Quadrature::kSpacing;
        system[i][j] = sum;
      }
    for (size_t i = 0; i < n; ++i)  // Gauss-Jordan; the matrix is positive definite
      for (size_t j = 0; j < n; ++j) {
        if (j == i) continue;
        const double factor = system[j][i] / system[i][i];
        for (size_t c = i; c < n; ++c) system[j][c] -= factor * system[i][c];
        u[j] -= factor * u[i];
      }
    U = 0;
    for (size_t i = 0; i < n; ++i) {
      u[i] /= system[i][i];
      U += secondRidge / 2 * grid.y[i] * u[i];
    }
    V.assign(q.size(), 0);
    for (size_t g = 0; g < q.size(); ++g) {
      const double theta = Quadrature::theta(static_cast<int>(g)), a = weight(g);
      V[g] = -secondRidge / 2 * a * a + grid.ridge * theta * theta;
    }
  }
  /// a(θ_g)
  double weight(size_t g) const {
    double a = 0;
    for (size_t i = 0; i < u.size(); ++i) a += u[i] * grid.h[i][g];
    return a;
  }
  double mean(const Density& q, const Density& f) const {
    double sum = 0;
    for (size_t g = 0; g < q.size(); ++g) sum += q[g] * f[g] * Quadrature::kSpacing;
    return sum;
  }
  double log_partition(Density* gibbs = nullptr) const {
    const double least = *std::min_element(V.begin(), V.end());
    double Z = 0;
    for (double v : V) Z += std::exp(-(v - least) / grid.entropy) * Quadrature::kSpacing;
    if (gibbs)
      for (size_t g = 0; g < V.size(); ++g) (*gibbs)[g] = std::exp(-(V[g] - least) / grid.entropy) / Z;
    return std::log(Z) - least / grid.entropy;
  }
  /// Primal and dual at the q of the last `at`.
  std::pair<double, double> values(const Density& q) const {
    double moment = 0, negentropy = 0;
    for (size_t g = 0; g < q.size(); ++g) {
      moment += q[g] * std::pow(Quadrature::theta(static_cast<int>(g)), 2) * Quadrature::kSpacing;
      negentropy += Quadrature::xlogx(q[g]) * Quadrature::kSpacing;
    }
    const double F = U + grid.ridge * moment;
    return {F + grid.entropy * negentropy, F - mean(q, V) - grid.entropy * log_partition()};
  }
};

std::vector<float> draws(int64_t count, double mean, double deviation, uint64_t seed) {
  std::vector<float> points;
  for (uint32_t r = 0; r < count; ++r)
    points.push_back(static_cast<float>(mean + deviation * RandomField{seed, Stream::Init}.normal(0, r, 0)));
  return points;
}

}  // namespace

TEST_CASE(
    "two-timescale: outputs are y − nλ̄u; the drift is the derivative of U, and of the clean objective under label "
    "noise") {
  const int64_t M = 30, n = 12, d = 3;
  const double second = 0.05;
  TanhModel model(M, n, d, 0.02, 0.01, 3);
  Stored stored({model.x.data(), n, d}, model.y, M, 0.02, 0.01, reference_backend());
  TwoTimescale::Options options;
  options.secondRidge = second;
  TwoTimescale::State state = TwoTimescale::init(stored.problem, options);
  for (size_t i = 0; i < static_cast<size_t>(n); ++i)
    CHECK(stored.problem.outputs()[i] ==
          doctest::Approx(model.y[i] - static_cast<double>(n) * second * state.u[i]).epsilon(1e-4));
  const double loss = stored.problem.evaluate_train().loss;
  const double F = loss + TwoTimescale::penalty(state, stored.problem, stored.network);
  double second2 = 0, first2 = 0;
  const std::vector<float> particles = stored.network.read_particles();
  for (int64_t r = 0; r < M; ++r) {
    const double a = kScale * std::tanh(static_cast<double>(particles[static_cast<size_t>(r * (d + 1) + d)]));
    second2 += a * a / M;
    for (int64_t c = 0; c < d; ++c) first2 += std::pow(particles[static_cast<size_t>(r * (d + 1) + c)], 2.0) / M;
  }
  CHECK(F == doctest::Approx(loss + second / 2 * second2 + 0.02 * first2).epsilon(1e-4));

  // One step of size eta without ridge or noise moves w_r by −eta M d/dw_r of the objective.
  Problem still(stored.network, stored.problem.train, stored.problem.loss, 1e-30, 1e-30, 1, 3);
  still.another = stored.problem.another;
  const std::vector<float> before = state.first;
  for (double labelNoise : {0.0, 0.8}) {
    CAPTURE(labelNoise);
    options.labelNoise = labelNoise;
    TwoTimescale::State moved = stored.start(before, options);
    std::vector<double> noisy = model.y;
    for (uint32_t i = 0; i < n; ++i) noisy[i] += labelNoise * (2 * RandomField{3, Stream::Labels}.uniform(0, i, 0) - 1);
    // (1/2n)‖f − y‖² + (λ̄/2M)‖a‖² with a solved for the noisy targets ỹ: f = ỹ − nλ̄u, ‖a‖²/M = uᵀf.
    const auto objective = [&](const std::vector<float>& w) {
      moved.features->write_particles(w.data());
      const SecondLayerSolver solver(*moved.features, n, second);
      const std::vector<double> u = solver.solve(noisy.data());
      double sum = 0;
      for (size_t i = 0; i < u.size(); ++i) {
        const double f = noisy[i] - static_cast<double>(n) * second * u[i];
        sum += (f - model.y[i]) * (f - model.y[i]) / (2.0 * n) + second / 2 * u[i] * f;
      }
      return sum;
    };
    std::vector<double> slope(before.size());
    for (size_t i = 0; i < before.size(); ++i) {
      const float h = 0.01f;
      std::vector<float> up = before, down = before;
      up[i] += h;
      down[i] -= h;
      slope[i] = (objective(up) - objective(down)) / (static_cast<double>(up[i]) - down[i]) * M;
    }
    moved.features->write_particles(before.data());
    const double eta = 0.5;
    TwoTimescale::step(moved, still, options, eta);
    for (size_t i = 0; i < before.size(); ++i)
      CHECK((before[i] - moved.first[i]) / eta == doctest::Approx(slope[i]).epsilon(2e-3).scale(0.01));
  }
}

TEST_CASE("two-timescale with a second layer that costs too much to use is Langevin on the prior alone") {
  const int64_t M = 40, n = 10, d = 2;
  const double ridge = 0.3, entropy = 0.2, eta = 0.4;
  TanhModel model(M, n, d, ridge, entropy, 5);
  Stored stored({model.x.data(), n, d}, model.y, M, ridge, entropy);
  TwoTimescale::Options options;
  options.secondRidge = 1e9;
  TwoTimescale::State state = TwoTimescale::init(stored.problem, options);
  std::vector<float> w = state.first;
  for (uint64_t k = 0; k < 20; ++k) {
    TwoTimescale::step(state, stored.problem, options, eta);
    for (uint32_t r = 0; r < M; ++r)
      for (uint32_t c = 0; c < d; ++c) {
        float& value = w[r * static_cast<size_t>(d) + c];
        value = static_cast<float>((1 - 2 * eta * ridge) * value +
                                   std::sqrt(2 * entropy * eta) * RandomField{3, Stream::Noise}.normal(k, r, c));
      }
  }
  for (size_t i = 0; i < w.size(); ++i) CHECK(std::fabs(state.first[i] - w[i]) < 1e-5);
}

TEST_CASE("two-timescale: U of a few neurons exceeds that of their law by the plug-in bias, in the mean") {
  const int64_t M = 60, n = Setting::n, repeats = 400;
  const double mean = 0.4, deviation = 0.6;
  Setting setting(1);
  Bilevel exact{setting.grid, 0.05, {}, 0, {}};
  const Density q = Quadrature::normal(mean, deviation * deviation);
  exact.at(q);
  Density reduced(q.size());  // −(λ̄/2) a²: how U moves to first order
  for (size_t g = 0; g < q.size(); ++g) reduced[g] = -exact.secondRidge / 2 * exact.weight(g) * exact.weight(g);
  const double expected = exact.mean(q, reduced);
  NetworkShape shape = setting.network->shape();
  shape.particles = M;
  const std::unique_ptr<Network> network = setting.problem->another(shape);
  double excess = 0, square = 0, bias = 0;
  for (uint64_t s = 0; s < repeats; ++s) {
    const std::vector<float> w = draws(M, mean, deviation, 100 + s);
    network->write_particles(w.data());
    const SecondLayerSolver solver(*network, n, exact.secondRidge);
    const std::vector<double> u = solver.solve(setting.y.data());
    // The first-order part, whose mean is 0, is taken off: what is left scatters no more than the bias itself.
    double first = -expected;
    for (float theta : w) {
      const size_t g = static_cast<size_t>(std::lround((theta + Quadrature::kReach) / Quadrature::kSpacing));
      first += reduced[g] / static_cast<double>(M);
    }
    const double value = solver.objective(u, setting.y.data()) - exact.U - first;
    excess += value / repeats;
    square += value * value / repeats;
    bias += solver.plugin_bias(u) / repeats;
  }
  const double error = std::sqrt((square - excess * excess) / repeats);
  CAPTURE(excess);
  CAPTURE(bias);
  CHECK(excess > 8 * error);
  // Four standard errors, and the next order, 1/M of the bias times a few.
  CHECK(std::fabs(excess - bias) < 4 * error + 5 * bias / static_cast<double>(M));
}

TEST_CASE("certificate of two-timescale: its gap is λ KL(µ‖p_µ), both on a grid") {
  const int64_t M = 8000;
  const double mean = 0.4, variance = 0.03;
  Setting setting(1);
  Stored stored({setting.x.data(), Setting::n, 1}, setting.y, M, setting.grid.ridge, setting.grid.entropy);
  TwoTimescale::Options options;
  options.secondRidge = 0.05;
  TwoTimescale::State state = stored.start(draws(M, mean, std::sqrt(variance), 31), options);
  const Density q = Quadrature::normal(mean, variance);
  Bilevel exact{setting.grid, options.secondRidge, {}, 0, {}};
  exact.at(q);
  Density gibbs(q.size());
  exact.log_partition(&gibbs);
  const auto [primal, dual] = exact.values(q);
  const double divergence = setting.grid.entropy * setting.grid.divergence(q, gibbs);
  CHECK(primal - dual == doctest::Approx(divergence));

  ThreadPool pool(2);
  CertificateOptions settings;
  settings.step = 0.02;
  settings.estimator = GapEstimator::Neighbours;
  const Certificate certificate = certify(TwoTimescale::subject(state, stored.problem), settings, pool, nullptr);
  CHECK(certificate.trusted);
  // Besides its own error that of the sample's Σ̂, through which U and V move to first order by the mean of V − E V.
  const double energy = exact.mean(q, exact.V);
  Density off = exact.V;
  for (double& v : off) v = (v - energy) * (v - energy);
  const double allowed = 5 * (certificate.standardError + 2 * std::sqrt(exact.mean(q, off) / static_cast<double>(M))) +
                         certificate.biasBound;
  CHECK(divergence > 5 * allowed);
  CHECK(std::fabs(certificate.primal - primal) < allowed);
  CHECK(std::fabs(certificate.dual - dual) < allowed);
  CHECK(std::fabs(certificate.gap - divergence) < allowed);
}

TEST_CASE(
    "two-timescale with 50,000 particles: primal, dual and gap within three standard errors of the exact optimum") {
  const int64_t M = 50000;
  Setting setting(1);
  Bilevel exact{setting.grid, 0.05, {}, 0, {}};
  // The objective is convex: damped Gibbs responses (fictitious play) converge.
  Density q = Quadrature::normal(0, 0.25), response(q.size());
  for (int k = 0; k < 120; ++k) {
    exact.at(q);
    exact.log_partition(&response);
    for (size_t g = 0; g < q.size(); ++g) q[g] += 0.25 * (response[g] - q[g]);
  }
  exact.at(q);
  const auto [least, most] = exact.values(q);
  REQUIRE(least - most < 1e-10);

  Stored stored({setting.x.data(), Setting::n, 1}, setting.y, M, setting.grid.ridge, setting.grid.entropy);
  TwoTimescale::Options options;
  options.secondRidge = exact.secondRidge;
  const double eta = 0.2;
  TwoTimescale::State state = stored.start(draws(M, 0, 0.5, 7), options);
  for (int k = 0; k < 120; ++k) TwoTimescale::step(state, stored.problem, options, eta);
  ThreadPool pool(2);
  CertificateOptions settings;
  settings.step = eta;
  const Certificate certificate = certify(TwoTimescale::subject(state, stored.problem), settings, pool, nullptr);
  CAPTURE(certificate.standardError);
  CHECK(certificate.trusted);
  CHECK(certificate.standardError < 2e-4);
  CHECK(std::fabs(certificate.primal - least) < 3 * certificate.standardError);
  CHECK(std::fabs(certificate.dual - least) < 3 * certificate.standardError);
  CHECK(std::fabs(certificate.gap) < 3 * certificate.standardError);
}
