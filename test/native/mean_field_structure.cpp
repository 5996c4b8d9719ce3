// What must hold of the mean-field family whatever the data: the drift is the gradient of the objective, particles are
// exchangeable, one algorithm becomes the other in the limit, schedules and output rules are those of the paper.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "native/mean_field/dual_averaging.h"
#include "native/mean_field/langevin.h"
#include "native/mean_field/problem.h"

using namespace meanfield;

namespace {

constexpr int64_t kRows = 7, kFeatures = 2;

/// A small problem of any loss and neuron; every number a multiple of 2^-12, so that differences of 2^-9 are exact.
struct Small {
  Small(Loss loss, const Neuron& neuron, int64_t particles, const Backend* backend, uint64_t seed = 1)
      : x(features()), y(targets(loss, neuron.outputs)), network(backend, {particles, kFeatures + 1, neuron, 1}),
        problem(network, {network.add_matrix(MatrixView<const float>(x.data(), kRows, kFeatures)), kRows, y.data()},
                loss, 0.05, 0.02, 0.5, seed) {
    const RandomField field{2, Stream::Init};
    const int64_t p = network.shape().parameters();
    for (int64_t r = 0; r < particles; ++r)
      for (int64_t c = 0; c < p; ++c)
        theta.push_back(dyadic(0.8 * field.normal(0, static_cast<uint32_t>(r), static_cast<uint32_t>(c))));
    problem.write_particles(theta.data());
  }
  static float dyadic(double value) { return static_cast<float>(std::round(value * 4096) / 4096); }
  static std::vector<float> features() {
    std::vector<float> x;
    for (uint32_t i = 0; i < kRows * kFeatures; ++i) x.push_back(dyadic(RandomField{3, Stream::Init}.normal(0, i, 0)));
    return x;
  }
  static std::vector<double> targets(const Loss& loss, int outputs) {
    std::vector<double> y;
    for (int64_t i = 0; i < kRows * loss.target_width(outputs); ++i)
      y.push_back(loss.kind == LossKind::Softmax ? static_cast<double>(i % outputs)
                  : loss.classifies()            ? (i % 2 == 0 ? 1 : -1)
                                                 : std::sin(static_cast<double>(i)));
    return y;
  }
  double objective() { return problem.evaluate_train().loss + problem.ridge * problem.network.second_moment(); }

  std::vector<float> x, theta;
  std::vector<double> y;
  Network network;
  Problem problem;
};

std::vector<Neuron> some_neurons(int outputs) {
  std::vector<Neuron> all;
  for (Activation activation : {Activation::Tanh, Activation::Silu})
    for (SecondLayer layer : {SecondLayer::Fixed, SecondLayer::Bounded, SecondLayer::Parity})
      all.push_back({activation, layer, Signs::Balanced, outputs, 1.5f});
  return all;
}

std::string name_of(const Loss& loss, const Neuron& neuron) {
  return std::string(kLossNames[static_cast<int>(loss.kind)]) + ", " +
         kActivationNames[static_cast<int>(neuron.activation)] + " " +
         kSecondLayerNames[static_cast<int>(neuron.secondLayer)] + ", k = " + std::to_string(neuron.outputs);
}

}  // namespace

TEST_CASE("drift: (1/n) Σ ℓ_z ∇h + 2 ridge θ is M times the derivative of the objective, for every loss and neuron") {
  const float h = 0x1p-9f;
  for (LossKind kind :
       {LossKind::Squared, LossKind::Logistic, LossKind::SmoothHinge, LossKind::Huber, LossKind::Softmax})
    for (int outputs : {1, 3})
      for (const Neuron& neuron : some_neurons(outputs)) {
        const Loss loss{kind, 0.7};
        if (kind == LossKind::Softmax && outputs == 1) continue;
        INFO(name_of(loss, neuron));
        const int64_t M = 4;
        Small small(loss, neuron, M, reference_backend());
        std::vector<double> weights;
        small.problem.loss_weights(weights);
        std::vector<float> gradient(small.theta.size());
        small.network.gradient(0, {nullptr, kRows}, weights.data(), gradient.data());
        for (size_t c = 0; c < small.theta.size(); ++c) {
          std::vector<float> moved = small.theta;
          moved[c] += h;
          small.problem.write_particles(moved.data());
          const double above = small.objective();
          moved[c] -= 2 * h;
          small.problem.write_particles(moved.data());
          const double below = small.objective();
          const double slope = M * (above - below) / (2 * static_cast<double>(h));
          const double drift = gradient[c] + 2 * small.problem.ridge * small.theta[c];
          // h²/6 = 6e-7 times third derivatives of order 10; for the losses whose slope has kinks, h times their jump in
          // curvature (1/width) times (∂h/∂θ)²/M of order 1.
          const bool kinks = kind == LossKind::SmoothHinge || kind == LossKind::Huber;
          CHECK(std::fabs(slope - drift) < (kinks ? 4 * static_cast<double>(h) : 2e-5));
        }
      }
}

TEST_CASE("particles are exchangeable: permuted particles have permuted drifts, to the bit, and the same outputs") {
  const int64_t M = 53;
  std::vector<int64_t> order;
  for (int64_t r = 0; r < M; ++r) order.push_back((r * 20 + 7) % M);
  std::vector<const Backend*> backends = {reference_backend()};
  for (int i = 0; i < cpu_isa_count(); ++i)
    if (cpu_isa_supported(i)) backends.push_back(cpu_backend(cpu_isa_name(i)));
  for (const Backend* backend : backends)
    for (int outputs : {1, 3}) {
      INFO(backend->name, " ", backend->isa);
      const Neuron neuron{Activation::Tanh, SecondLayer::Bounded, Signs::Same, outputs, 2};
      Small small({LossKind::Squared, 1}, neuron, M, backend);
      const size_t p = static_cast<size_t>(small.network.shape().parameters());
      const auto permuted = [&](const std::vector<float>& from) {
        std::vector<float> to;
        for (int64_t r : order) {
          const auto begin = from.begin() + static_cast<std::ptrdiff_t>(p) * r;
          to.insert(to.end(), begin, begin + static_cast<std::ptrdiff_t>(p));
        }
        return to;
      };
      std::vector<double> weights;
      small.problem.loss_weights(weights);
      const std::vector<double> z = small.problem.outputs();
      Update update;
      update.keep = 0.97;
      update.rate = 0.4;
      update.repeats = 3;
      std::vector<float> gradient(small.theta.size()), other(small.theta.size());
      small.network.gradient(0, {nullptr, kRows}, weights.data(), gradient.data());
      small.problem.update(weights, update);
      const std::vector<float> moved = small.network.read_particles();

      small.problem.write_particles(permuted(small.theta).data());
      const std::vector<double> sameZ = small.problem.outputs();
      // Sums of M float32 terms below R = 2 in another order.
      for (size_t i = 0; i < z.size(); ++i) CHECK(std::fabs(sameZ[i] - z[i]) < 2.0 * M * 0x1p-24);
      small.network.gradient(0, {nullptr, kRows}, weights.data(), other.data());
      CHECK(other == permuted(gradient));
      small.problem.update(weights, update);
      CHECK(small.network.read_particles() == permuted(moved));
    }
}

TEST_CASE(
    "zero-loss Gaussian: ‖θ‖² over the stationary variance follows the chi-square law with p degrees of freedom") {
  // p = 6: F(x) = 1 − e^{−x/2} (1 + x/2 + x²/8). Kolmogorov's sup |F_n − F| √n exceeds 2.2 with probability 1.3e-4.
  const double ridge = 0.5, entropy = 0.4, eta = 0.3;
  const int64_t M = 4000, p = 6;
  Neuron neuron;
  neuron.secondLayer = SecondLayer::Fixed;
  const std::vector<float> zeros(static_cast<size_t>(p), 0.f);
  const double y = 0;
  for (bool dual : {false, true}) {
    Network network(reference_backend(), {M, p, neuron, 1});
    Problem problem(network, {network.add_matrix(MatrixView<const float>(zeros.data(), 1, p)), 1, &y},
                    {LossKind::Squared, 1}, ridge, entropy, 3.0, 21);
    problem.draw_initial(Stream::Init, 0);
    double a = 2 * ridge;  // the pull: of the inner loop at t, a = 2λ't/(t+2)
    if (dual) {
      DualAveraging::Options options;
      options.innerSteps = 60;
      DualAveraging::State state = DualAveraging::init(problem, options);
      for (int t = 1; t <= 4; ++t) DualAveraging::step(state, problem, options, eta);
      a *= 4.0 / 6;
    } else {
      Langevin::State state = Langevin::init(problem, {});
      for (int k = 0; k < 60; ++k) Langevin::step(state, problem, {}, eta);
    }
    const double variance = entropy / (a * (1 - eta * a / 2));
    const std::vector<float> theta = network.read_particles();
    std::vector<double> chi;
    for (int64_t r = 0; r < M; ++r) {
      double square = 0;
      for (int64_t c = 0; c < p; ++c) square += std::pow(theta[static_cast<size_t>(r * p + c)], 2) / variance;
      chi.push_back(square);
    }
    std::sort(chi.begin(), chi.end());
    double distance = 0;
    for (int64_t r = 0; r < M; ++r) {
      const double x = chi[static_cast<size_t>(r)];
      const double cdf = 1 - std::exp(-x / 2) * (1 + x / 2 + x * x / 8);
      distance = std::max({distance, cdf - static_cast<double>(r) / M, static_cast<double>(r + 1) / M - cdf});
    }
    CHECK(distance * std::sqrt(static_cast<double>(M)) < 2.2);
  }
}

TEST_CASE(
    "dual averaging far out, with one inner step and its weights those of the present, is noisy gradient descent") {
  const Neuron neuron{Activation::Tanh, SecondLayer::Bounded, Signs::Same, 1, 2};
  Small a({LossKind::Squared, 1}, neuron, 12, reference_backend(), 4),
      b({LossKind::Squared, 1}, neuron, 12, reference_backend(), 4);
  Langevin::State plain = Langevin::init(a.problem, {});
  DualAveraging::Options options;
  options.innerSteps = 1;
  DualAveraging::State dual = DualAveraging::init(b.problem, options);
  dual.steps = int64_t{1} << 40;  // t/(t+2) = 1 − 2e-12
  for (int k = 0; k < 5; ++k) {
    b.problem.loss_weights(dual.weights);
    Langevin::step(plain, a.problem, {}, 0.2);
    DualAveraging::step(dual, b.problem, options, 0.2);
    const std::vector<float> one = a.network.read_particles(), other = b.network.read_particles();
    for (size_t c = 0; c < one.size(); ++c) CHECK(std::fabs(one[c] - other[c]) <= 4e-7f * (1 + std::fabs(one[c])));
  }
}

TEST_CASE("dual averaging of a loss that is linear where the outputs are samples one Gibbs density, only tempered") {
  // Smooth hinge with margins below 1 − width throughout: ℓ_z = −y whatever the particles do.
  Neuron neuron{Activation::Tanh, SecondLayer::Bounded, Signs::Same, 1, 0.3f};
  Small small({LossKind::SmoothHinge, 0.2}, neuron, 9, reference_backend());
  DualAveraging::Options options;
  options.innerSteps = 3;
  DualAveraging::State state = DualAveraging::init(small.problem, options);
  for (int t = 1; t <= 30; ++t) {
    DualAveraging::step(state, small.problem, options, 0.3);
    for (int64_t i = 0; i < kRows; ++i)
      CHECK(state.weights[static_cast<size_t>(i)] ==
            doctest::Approx(-small.y[static_cast<size_t>(i)] / kRows * t / (t + 2.0)).epsilon(1e-12));
  }
}

TEST_CASE("dual averaging: inner lengths K_t = ⌈K_1 t^growth⌉, steps η t^-decay, passes 1 + K_t, noise never reused") {
  const Neuron neuron{Activation::Tanh, SecondLayer::Fixed, Signs::Same, 1, 1};
  Small small({LossKind::Squared, 1}, neuron, 5, reference_backend(), 8);
  DualAveraging::Options options;
  options.innerSteps = 3;
  options.innerGrowth = 0.5;
  options.stepDecay = 2;
  DualAveraging::State state = DualAveraging::init(small.problem, options);
  uint64_t done = 0;
  const double eta = 0.1;
  for (int t = 1; t <= 6; ++t) {
    // The same move written out with the weights of before and after.
    Small twin({LossKind::Squared, 1}, neuron, 5, reference_backend(), 8);
    twin.problem.write_particles(small.network.read_particles().data());
    const double passes = DualAveraging::step(state, small.problem, options, eta).passes;
    const int64_t length = static_cast<int64_t>(std::ceil(3 * std::sqrt(t)));
    CHECK(passes == 1 + length);
    Update update;
    const double step = eta / (t * t), ridge = small.problem.ridge * t / (t + 2.0);
    update.keep = 1 - 2 * step * ridge;
    update.rate = step;
    update.noise = std::sqrt(2 * small.problem.entropy * step);
    update.repeats = length;
    update.firstStep = done;
    update.field = {8, Stream::Noise};
    twin.problem.update(state.weights, update);
    const std::vector<float> one = small.network.read_particles(), other = twin.network.read_particles();
    for (size_t c = 0; c < one.size(); ++c) CHECK(one[c] == doctest::Approx(other[c]).epsilon(1e-6));
    done += static_cast<uint64_t>(length);
    CHECK(state.innerDone == done);
  }
}

TEST_CASE("dual averaging with restart begins every inner loop from fresh draws of the initial law") {
  const int64_t M = 3000;
  const Neuron neuron{Activation::Tanh, SecondLayer::Fixed, Signs::Same, 1, 1};
  Small small({LossKind::Squared, 1}, neuron, M, reference_backend(), 6);
  DualAveraging::Options options;
  options.innerSteps = 1;
  options.start = DualAveraging::Start::Restart;
  DualAveraging::State state = DualAveraging::init(small.problem, options);
  std::vector<float> before = small.network.read_particles();
  const double n = static_cast<double>(before.size()), v = small.problem.initialVariance;
  for (int t = 1; t <= 3; ++t) {
    DualAveraging::step(state, small.problem, options, 1e-12);  // the draws, all but unmoved
    const std::vector<float> now = small.network.read_particles();
    double square = 0, product = 0;
    for (size_t c = 0; c < now.size(); ++c) {
      square += static_cast<double>(now[c]) * now[c] / n;
      product += static_cast<double>(now[c]) * before[c] / n;
    }
    CHECK(std::fabs(square / v - 1) < 5 * std::sqrt(2 / n));
    CHECK(std::fabs(product) < 5 * std::sqrt(v * 0.64 / n) + 5 * v / std::sqrt(n));
    before = now;
  }
}

TEST_CASE("dual averaging: the random output rule keeps outer step t with probability 2t/(T(T+3)), t = 2 … T+1") {
  const int T = 4, trials = 6000;
  const Neuron neuron{Activation::Tanh, SecondLayer::Fixed, Signs::Same, 1, 1};
  int chosen[T] = {0, 0, 0, 0};
  for (int trial = 0; trial < trials; ++trial) {
    Small small({LossKind::Squared, 1}, neuron, 1, reference_backend(), static_cast<uint64_t>(trial));
    DualAveraging::Options options;
    options.innerSteps = 1;
    options.output = DualAveraging::Output::Random;
    DualAveraging::State state = DualAveraging::init(small.problem, options);
    std::vector<std::vector<float>> all;
    for (int t = 0; t < T; ++t) {
      DualAveraging::step(state, small.problem, options, 0.1);
      all.push_back(small.network.read_particles());
    }
    const std::vector<float> result = DualAveraging::particles(state, small.problem);
    const auto at = std::find(all.begin(), all.end(), result);
    REQUIRE(at != all.end());
    ++chosen[at - all.begin()];
  }
  double chiSquare = 0;
  for (int i = 0; i < T; ++i) {
    const double expected = trials * 2.0 * (i + 2) / (T * (T + 3));
    chiSquare += (chosen[i] - expected) * (chosen[i] - expected) / expected;
  }
  CHECK(chiSquare < 22);  // 3 degrees of freedom: exceeded with probability 6.5e-5
}
