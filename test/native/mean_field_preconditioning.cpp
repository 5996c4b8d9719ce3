// The two ways to precondition the weights of the features: the map itself, the laws that they keep or change, the fit.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "native/catalogue.h"
#include "native/core/spectrum.h"
#include "native/mean_field/langevin.h"
#include "test/native/models.h"

using namespace meanfield;

namespace {

/// n rows of d normals whose c-th column has deviation 3^-c, turned by a fixed rotation of neighbours.
std::vector<float> stretched(int64_t n, int64_t d) {
  std::vector<float> x(static_cast<size_t>(n * d));
  const RandomField field{31, Stream::Init};
  for (int64_t i = 0; i < n; ++i) {
    float* row = x.data() + i * d;
    for (int64_t c = 0; c < d; ++c)
      row[c] = static_cast<float>(std::pow(3.0, -static_cast<double>(c))) *
               field.normal(0, static_cast<uint32_t>(i), static_cast<uint32_t>(c));
    for (int64_t c = 0; c + 1 < d; ++c) {
      const float a = row[c], b = row[c + 1];
      row[c] = 0.8f * a + 0.6f * b;
      row[c + 1] = 0.8f * b - 0.6f * a;
    }
  }
  return x;
}

double at(const std::vector<float>& matrix, int64_t d, int64_t i, int64_t j) {
  return matrix[static_cast<size_t>(i * d + j)];
}

/// Σ_k a_ik b_kj
double product(const std::vector<float>& a, const std::vector<float>& b, int64_t d, int64_t i, int64_t j) {
  double sum = 0;
  for (int64_t k = 0; k < d; ++k) sum += at(a, d, i, k) * at(b, d, k, j);
  return sum;
}

FitRequest request(const std::vector<float>& x, const std::vector<double>& y, int64_t d, const OptionValues& more,
                   const std::string& algorithm = "langevin", double steps = 20, double threads = 1) {
  FitRequest request;
  request.train = {{x.data(), static_cast<int64_t>(y.size()), d}, y.data(), static_cast<int64_t>(y.size())};
  request.model = {
      {"particles", 200.0}, {"entropy", 1e-4}, {"ridge", 1e-3}, {"initialVariance", 1.0}, {"outputScale", 3.0}};
  request.model.insert(request.model.end(), more.begin(), more.end());
  request.algorithm = algorithm;
  request.run = {{"steps", steps}, {"threads", threads}, {"seed", 3.0}, {"certificate", false}};
  return request;
}

FitResult fit(const FitRequest& request) { return prepare_mean_field(request)->run(CancelToken{}, {}); }

/// y = tanh of the principal component of least variance, brought to unit scale.
struct Hidden {
  static constexpr int64_t n = 300, d = 4;
  std::vector<float> x = stretched(n, d);
  std::vector<double> y;
  Hidden() {
    const RightSingular spectrum = right_singular_vectors({x.data(), n, d}, d);
    const double deviation = spectrum.values[d - 1] / std::sqrt(static_cast<double>(n));
    for (int64_t i = 0; i < n; ++i) {
      double u = 0;
      for (int64_t c = 0; c < d; ++c)
        u += spectrum.vectors[static_cast<size_t>((d - 1) * d + c)] * x[static_cast<size_t>(i * d + c)];
      y.push_back(std::tanh(u / deviation));
    }
  }
};

const OptionValues kSame = {{"preconditioner", std::string("inputs")}};
const OptionValues kMapped = {{"preconditioner", std::string("gradient")}, {"preconditionPrior", true}};

}  // namespace

TEST_CASE("preconditioner: trace d, square of its root, and the inverse of the root") {
  constexpr int64_t n = 500, d = 5;
  const std::vector<float> x = stretched(n, d);
  const CancelToken cancel;
  for (const Preconditioner& map : {whitening({x.data(), n, d}, cancel), gradient_covariance(x, d, d)}) {
    double trace = 0;
    for (int64_t i = 0; i < d; ++i) trace += at(map.metric, d, i, i);
    CHECK(trace == doctest::Approx(static_cast<double>(d)).epsilon(1e-5));
    // Sums of d products of floats up to the largest entry: d ulp of it.
    const double rounding = 2e-7 * static_cast<double>(d) * map.largest * std::sqrt(map.largest);
    for (int64_t i = 0; i < d; ++i)
      for (int64_t j = 0; j < d; ++j) {
        CHECK(std::fabs(product(map.root, map.root, d, i, j) - at(map.metric, d, i, j)) < rounding);
        CHECK(std::fabs(product(map.root, map.inverseRoot, d, i, j) - (i == j)) < 20 * rounding);
        CHECK(at(map.metric, d, i, j) == at(map.metric, d, j, i));
      }
  }
}

TEST_CASE(
    "preconditioner: inputs mapped by the whitening have spectra within its floor, gradients stretch what they see") {
  constexpr int64_t n = 500, d = 4;
  const std::vector<float> x = stretched(n, d);
  const CancelToken cancel;
  const Preconditioner map = whitening({x.data(), n, d}, cancel);
  const std::vector<float> even = map.transform({x.data(), n, d});
  const auto spectrum = [&](const std::vector<float>& rows) {
    return right_singular_vectors({rows.data(), n, d}, d).values;
  };
  const std::vector<double> before = spectrum(x), after = spectrum(even);
  CHECK(before[0] / before[3] > 20);
  // s/(s + f): between 1 and the share of the smallest eigenvalue in itself and the floor of 0.001 times their mean.
  double mean = 0;
  for (double s : before) mean += s * s / d;
  for (int64_t j = 0; j < d; ++j) {
    const double s = before[static_cast<size_t>(d - 1 - j)];
    const double share = s * s / (s * s + 0.001 * mean),
                 top = before[0] * before[0] / (before[0] * before[0] + 0.001 * mean);
    CHECK(std::pow(after[static_cast<size_t>(d - 1 - j)] / after[0], 2) == doctest::Approx(share / top).epsilon(1e-3));
  }
  const Preconditioner seen = gradient_covariance(x, d, d);
  const std::vector<double> stretchedMore = spectrum(seen.transform({x.data(), n, d}));
  CHECK(stretchedMore[0] / stretchedMore[3] > 2 * before[0] / before[3]);
}

TEST_CASE("preconditioned steps without a loss keep the prior: variance λ/(2λ')/(1 − ηλ'd) along an eigenvector of P") {
  constexpr int64_t M = 20000, d = 3;
  const std::vector<float> x = stretched(400, d);
  const CancelToken cancel;
  const Preconditioner map = whitening({x.data(), 400, d}, cancel);
  Neuron neuron;
  neuron.secondLayer = SecondLayer::Fixed;
  Network network(cpu_backend(), {M, d, neuron, 1});
  const std::vector<double> y(400, 0.0), none(400, 0.0);
  const double ridge = 0.3, entropy = 0.2, eta = 0.5;
  Problem problem(network, {network.add_matrix({x.data(), 400, d}), 400, y.data()}, {LossKind::Squared, 1}, ridge,
                  entropy, 1, 5);
  problem.preconditioner = &map;
  problem.draw_initial(Stream::Init, 0);
  Update update;
  update.keep = 1 - 2 * eta * ridge;
  update.rate = 0;
  update.noise = std::sqrt(2 * entropy * eta);
  update.repeats = 400;
  update.field = {5, Stream::Noise};
  problem.update(none, update);
  const std::vector<float> particles = network.read_particles();
  const RightSingular spectrum = right_singular_vectors({map.metric.data(), d, d}, d);
  CHECK(spectrum.values[0] > 2);  // P is far from I, and the slowest direction has forgotten its start:
  REQUIRE(std::pow(1 - 2 * eta * ridge * spectrum.values[2], 2 * 400) < 1e-3);
  for (int64_t j = 0; j < d; ++j) {
    double sum = 0;
    for (int64_t r = 0; r < M; ++r) {
      double along = 0;
      for (int64_t c = 0; c < d; ++c)
        along += spectrum.vectors[static_cast<size_t>(j * d + c)] * particles[static_cast<size_t>(r * d + c)];
      sum += along * along / M;
    }
    const double expected = entropy / (2 * ridge) / (1 - eta * ridge * spectrum.values[static_cast<size_t>(j)]);
    CHECK(std::fabs(sum / expected - 1) < 5 * std::sqrt(2.0 / M));
  }
}

TEST_CASE("preconditioned prior: a fit is w ← w − ηP∇E − 2ηλ'w + √(2λη) A ξ on the inputs as they are") {
  const Hidden data;
  const double eta = 0.05, ridge = 1e-3, entropy = 1e-4;
  FitRequest asked = request(data.x, data.y, Hidden::d, kMapped, "langevin", 6);
  asked.algorithmOptions = {{"step", eta}};
  asked.snapshots = {0, 6};
  const FitResult result = fit(asked);

  NetworkOptions model;
  model.particles = 200;
  const int64_t d = Hidden::d, p = d + 1 + 1;
  Network network(cpu_backend(), {200, d + 1, model.neuron(3), 1});
  Problem problem(network, {network.add_matrix({data.x.data(), Hidden::n, d}), Hidden::n, data.y.data()},
                  {LossKind::Squared, 1}, ridge, entropy, 1, 3);
  problem.draw_initial(Stream::Init, 0);
  std::vector<double> weights;
  std::vector<float> gradient(static_cast<size_t>(200 * p));
  problem.loss_weights(weights);
  network.gradient(0, {nullptr, Hidden::n}, weights.data(), gradient.data());
  const Preconditioner map = gradient_covariance(gradient, p, d);
  std::vector<float> theta = network.read_particles();
  map.map(theta, p, false);  // the prior is mapped, and the start with it
  for (size_t i = 0; i < theta.size(); ++i)
    CHECK(result.snapshots[0].particles[i] == doctest::Approx(theta[i]).epsilon(1e-5));
  for (uint64_t step = 0; step < 6; ++step) {
    problem.write_particles(theta.data());
    problem.loss_weights(weights);
    network.gradient(0, {nullptr, Hidden::n}, weights.data(), gradient.data());
    const std::vector<float> xi = problem.normals(Stream::Noise, step);
    Update update;
    update.keep = 1;
    update.rate = eta;
    update.noise = std::sqrt(2 * entropy * eta);
    std::vector<float> next = theta;
    map.move(next.data(), gradient.data(), xi.data(), 200, p, update);
    for (size_t i = 0; i < theta.size(); ++i) next[i] -= static_cast<float>(2 * eta * ridge) * theta[i];
    theta = next;
  }
  double most = 0;
  for (size_t i = 0; i < theta.size(); ++i)
    most = std::max(most, std::fabs(static_cast<double>(theta[i]) - result.particles[i]));
  CHECK(most < 1e-4);  // float32 weights of a few units through six steps and two maps
}

TEST_CASE("preconditioner: what hides in a direction of little variance is learned in fewer steps, either way") {
  const Hidden data;
  const auto loss = [&](OptionValues more) {
    FitRequest asked = request(data.x, data.y, Hidden::d, more, "langevin", 400);
    asked.model[1].second = asked.model[2].second = 1e-6;  // weights of 27 must not cost more than they bring
    return fit(asked).loss;
  };
  const double plain = loss({});
  CHECK(loss(kSame) < plain / 2);
  OptionValues mapped = kSame;
  mapped.push_back({"preconditionPrior", true});
  CHECK(loss(mapped) < plain / 2);
}

TEST_CASE("preconditioner: threads and resuming change no bit, by every algorithm that takes it") {
  const Hidden data;
  const std::string path = "/tmp/meanfield-precondition-" + std::to_string(::getpid());
  for (const char* algorithm : {"langevin", "sgd-langevin", "dual-averaging", "fictitious-play"})
    for (const OptionValues& way : {kSame, kMapped}) {
      CAPTURE(algorithm);
      const FitResult whole = fit(request(data.x, data.y, Hidden::d, way, algorithm, 8));
      CHECK(fit(request(data.x, data.y, Hidden::d, way, algorithm, 8, 3)).particles == whole.particles);
      FitRequest first = request(data.x, data.y, Hidden::d, way, algorithm, 5),
                 second = request(data.x, data.y, Hidden::d, way, algorithm, 8);
      first.checkpoint = second.resume = path;
      fit(first);
      CHECK(fit(second).particles == whole.particles);
      std::remove(path.c_str());
    }
}

TEST_CASE("preconditioner: what it cannot do is refused with the remedy") {
  const Hidden data;
  const auto refused = [&](const OptionValues& more, const char* algorithm) {
    try {
      fit(request(data.x, data.y, Hidden::d, more, algorithm, 1));
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::InvalidOption);
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  CHECK(refused({{"preconditionPrior", true}}, "langevin")
            .find("preconditionPrior is given but preconditioner is 'none'; choose 'inputs' or 'gradient', or leave it "
                  "out") != std::string::npos);
  OptionValues sphere = kSame;
  sphere.push_back({"geometry", std::string("sphere")});
  CHECK(refused(sphere, "langevin").find("off the sphere") != std::string::npos);
  for (const char* algorithm : {"svrg-langevin", "underdamped-langevin", "two-timescale"})
    CHECK(refused(kSame, algorithm).find("preconditionPrior true") != std::string::npos);
  fit(request(data.x, data.y, Hidden::d, kMapped, "svrg-langevin", 3));
}
