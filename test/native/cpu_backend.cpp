// Every operation of every instruction set this machine can run, against the scalar reference backend.
//
// To add a case: a row in kSizes or a loop in all_neurons(). Tolerances are worst-case bounds of float32 rounding,
// added up in double beside the result: with u = 2^-24, a sum of N terms is off by at most N·u times the sum of their
// sizes.
#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "native/core/philox.h"
#include "native/kernels/kernels.h"

using namespace meanfield;

namespace {

constexpr double kUnit = 0x1p-24;

struct Case {
  int64_t n, d, M;
  Neuron neuron;
  bool subset = false;
};

std::string name_of(const Case& c) {
  return "n=" + std::to_string(c.n) + " d=" + std::to_string(c.d) + " M=" + std::to_string(c.M) +
         " k=" + std::to_string(c.neuron.outputs) + " " + kActivationNames[static_cast<int>(c.neuron.activation)] +
         " " + kSecondLayerNames[static_cast<int>(c.neuron.secondLayer)] + " " +
         kSignsNames[static_cast<int>(c.neuron.signs)] + (c.subset ? " subset" : "");
}

std::vector<Neuron> all_neurons() {
  std::vector<Neuron> all;
  for (int activation = 0; activation < 5; ++activation)
    for (int layer = 0; layer < 3; ++layer)
      for (int signs = 0; signs < 2; ++signs)
        for (int outputs : {1, 3, 10})
          all.push_back({static_cast<Activation>(activation), static_cast<SecondLayer>(layer),
                         static_cast<Signs>(signs), outputs, 2.5f});
  return all;
}

/// Every size once with neurons in turn, then every neuron on one size, whole and in part.
std::vector<Case> all_cases() {
  std::vector<Case> cases;
  const std::vector<Neuron> neurons = all_neurons();
  size_t next = 0;
  for (int64_t n : {1, 7, 33, 200})
    for (int64_t d : {1, 2, 5, 10, 67})
      for (int64_t M : {1, 15, 16, 17, 100, 333})
        cases.push_back({n, d, M, neurons[next++ * 7 % neurons.size()], next % 3 == 0});
  for (const Neuron& neuron : neurons) cases.push_back({75, 12, 59, neuron, false});
  for (const Neuron& neuron : neurons) cases.push_back({41, 9, 50, neuron, true});
  cases.push_back({3001, 6, 40, Neuron{}, false});  // more rows than one carry
  cases.push_back({20, 3, 2000, Neuron{}, false});  // more panels than one fold
  return cases;
}

/// Data, particles and weights of a case, the same for every backend.
struct Setting {
  explicit Setting(const Case& c, bool bias = true)
      : shape{c.M, c.d + (bias ? 1 : 0), c.neuron, 1}, p(shape.parameters()) {
    const RandomField field{17, Stream::Init};
    x.resize(static_cast<size_t>(c.n * c.d));
    for (size_t i = 0; i < x.size(); ++i) x[i] = field.normal(0, static_cast<uint32_t>(i), 0);
    particles.resize(static_cast<size_t>(c.M * p));
    for (size_t i = 0; i < particles.size(); ++i) particles[i] = 0.7f * field.normal(1, static_cast<uint32_t>(i), 0);
    if (c.subset)
      for (int64_t i = c.n - 1; i >= 0; i -= 1 + i % 3) index.push_back(static_cast<int32_t>(i));
    count = c.subset ? static_cast<int64_t>(index.size()) : c.n;
    omega.resize(static_cast<size_t>(count * c.neuron.outputs));
    for (size_t i = 0; i < omega.size(); ++i)
      omega[i] = field.normal(2, static_cast<uint32_t>(i), 0) / static_cast<double>(count);
  }
  Rows rows() const { return {index.empty() ? nullptr : index.data(), count}; }

  NetworkShape shape;
  int64_t p, count = 0;
  std::vector<float> x, particles;
  std::vector<int32_t> index;
  std::vector<double> omega;
};

struct Opened {
  Opened(const Backend* backend_, const Setting& setting, const Case& c, int threads = 1) : backend(backend_) {
    NetworkShape shape = setting.shape;
    shape.threads = threads;
    REQUIRE(backend->open(&shape, &network) == Status::Ok);
    REQUIRE(backend->add_matrix(network, setting.x.data(), c.n, c.d, &matrix) == Status::Ok);
    REQUIRE(backend->write_particles(network, setting.particles.data()) == Status::Ok);
  }
  ~Opened() { backend->close(network); }
  Opened(const Opened&) = delete;

  std::vector<double> outputs(const Setting& s) {
    std::vector<double> z(static_cast<size_t>(s.count * s.shape.neuron.outputs), NAN);
    REQUIRE(backend->outputs(network, matrix, s.rows(), nullptr, z.data()) == Status::Ok);
    return z;
  }
  std::vector<float> gradient(const Setting& s) {
    std::vector<float> g(s.particles.size(), NAN);
    REQUIRE(backend->gradient(network, matrix, s.rows(), s.omega.data(), nullptr, g.data()) == Status::Ok);
    return g;
  }
  std::vector<double> energies(const Setting& s) {
    std::vector<double> e(static_cast<size_t>(s.shape.particles), NAN);
    REQUIRE(backend->energies(network, matrix, s.rows(), s.omega.data(), nullptr, e.data()) == Status::Ok);
    return e;
  }
  std::vector<float> updated(const Setting& s, const Update& update) {
    REQUIRE(backend->update(network, matrix, s.rows(), s.omega.data(), &update, nullptr) == Status::Ok);
    return particles(s);
  }
  /// One step in one call, or in three; the loss is the squared one against targets of 1/4.
  std::vector<float> stepped(const Setting& s, const Update& update, bool whole) {
    const auto weigh = [](void*, int64_t, int64_t count, const double* z, double* weights) {
      for (int64_t i = 0; i < count; ++i) weights[i] = z[i] - 0.25;
    };
    REQUIRE(s.shape.neuron.outputs == 1);
    if (whole) {
      const Weigh call{weigh, nullptr};
      REQUIRE(backend->step(network, matrix, s.rows(), &call, &update, nullptr) == Status::Ok);
    } else {
      std::vector<double> z = outputs(s), weights(z.size());
      weigh(nullptr, 0, s.count, z.data(), weights.data());
      REQUIRE(backend->update(network, matrix, s.rows(), weights.data(), &update, nullptr) == Status::Ok);
    }
    return particles(s);
  }
  std::vector<float> particles(const Setting& s) {
    std::vector<float> out(s.particles.size(), NAN);
    REQUIRE(backend->read_particles(network, out.data()) == Status::Ok);
    return out;
  }

  const Backend* backend;
  void* network = nullptr;
  int32_t matrix = -1;
};

/// Bounds of the rounding errors of float32, one for each number of z, of the energies and of the gradient.
struct Bounds {
  std::vector<double> z, energies, gradient;

  Bounds(const Setting& s, const Case& c) {
    const int64_t k = c.neuron.outputs, inputs = s.shape.inputs, M = c.M, p = s.p;
    z.assign(static_cast<size_t>(s.count * k), 0);
    energies.assign(static_cast<size_t>(M), 0);
    gradient.assign(static_cast<size_t>(M * p), 0);
    std::vector<double> C(static_cast<size_t>(k)), E(static_cast<size_t>(k));
    // Sums over the rows: groups of 128 below 2^16 rows, then over the groups.
    const double sumRows = std::fmin(static_cast<double>(s.count), 128 + static_cast<double>(s.count) / 128);
    for (int64_t r = 0; r < M; ++r) {
      const float* theta = s.particles.data() + r * p;
      c.neuron.output_weights(r, theta + inputs, C.data(), E.data());
      for (int64_t i = 0; i < s.count; ++i) {
        const float* x = s.x.data() + (s.index.empty() ? i : s.index[static_cast<size_t>(i)]) * c.d;
        double size = 0, dot = 0;  // Σ|x||w| and Σ x w
        for (int64_t a = 0; a < inputs; ++a) {
          const double term = static_cast<double>(a < c.d ? x[a] : 1.0f) * theta[a];
          size += std::fabs(term);
          dot += term;
        }
        const double error = (static_cast<double>(inputs) + 1) * kUnit * size;  // of s; |σ'| <= 1.1, |σ''| <= 1
        const double value = std::fabs(activation_value(c.neuron.activation, dot));
        const bool kink = c.neuron.activation == Activation::Relu && std::fabs(dot) <= error;
        double pull = 0;  // Σ_j |ω_ij c_j|
        for (int64_t j = 0; j < k; ++j) {
          const double w = std::fabs(s.omega[static_cast<size_t>(i * k + j)]),
                       weight = std::fabs(C[static_cast<size_t>(j)]);
          const double offset = std::fabs(E[static_cast<size_t>(j)]);
          z[static_cast<size_t>(i * k + j)] +=
              (weight * (1.1 * error + 80 * kUnit * value) + 8 * kUnit * offset) / static_cast<double>(M);
          energies[static_cast<size_t>(r)] += w * (weight * (1.1 * error + 80 * kUnit * value) + 8 * kUnit * offset);
          pull += w * weight;
          if (c.neuron.secondLayer == SecondLayer::Bounded)
            gradient[static_cast<size_t>(r * p + inputs + j)] +=
                w * c.neuron.scale * (1.1 * error + (sumRows + 16) * kUnit * value);
          else if (c.neuron.secondLayer == SecondLayer::Parity)
            gradient[static_cast<size_t>(r * p + inputs)] += 16 * kUnit * w * c.neuron.scale;
        }
        for (int64_t a = 0; a < inputs; ++a)
          gradient[static_cast<size_t>(r * p + a)] += std::fabs(a < c.d ? x[a] : 1.0f) * pull *
                                                      (error +
                                                       (sumRows + static_cast<double>(k) + 16) * kUnit *
                                                           (1 + (c.neuron.activation == Activation::Silu ? size : 0)) +
                                                       (kink ? 1 : 0));
      }
    }
  }
};

template <class A, class B>
void require_close(const std::vector<A>& actual, const std::vector<B>& expected, const std::vector<double>& bound) {
  REQUIRE(actual.size() == expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(actual[i]) - static_cast<double>(expected[i]));
    // The expected number itself may have been rounded to float32.
    const double allowed = bound[i] + 2 * kUnit * std::fabs(static_cast<double>(expected[i]));
    if (!(difference <= allowed)) {
      INFO("number ", i, ": ", static_cast<double>(actual[i]), " against ", static_cast<double>(expected[i]),
           ", allowed ", allowed);
      REQUIRE(difference <= allowed);
    }
  }
}

template <class F>
void on_every_isa(F&& f) {
  for (int i = 0; i < cpu_isa_count(); ++i) {
    if (!cpu_isa_supported(i)) continue;
    INFO("instruction set ", std::string(cpu_isa_name(i)));
    f(cpu_backend(cpu_isa_name(i)));
  }
}

}  // namespace

TEST_CASE("cpu: outputs, gradient, energies and update against the reference") {
  for (const Case& c : all_cases()) {
    const Setting s(c);
    const Bounds bounds(s, c);
    Opened reference(reference_backend(), s, c);
    const auto z = reference.outputs(s);
    const auto g = reference.gradient(s);
    const auto e = reference.energies(s);
    Update update;
    update.keep = 0.99;
    update.rate = 0.05;
    update.noise = 0.3;
    update.repeats = c.neuron.activation == Activation::Relu ? 1 : 3;  // a kink may fall between two roundings
    update.firstStep = 0xFFFFFFFEu;                                    // the high half of the step takes part
    update.field = {0x123456789ABCDEFu, Stream::Noise};
    const auto moved = reference.updated(s, update);
    std::vector<double> moveBound(moved.size());
    for (size_t i = 0; i < moved.size(); ++i)
      moveBound[i] =
          static_cast<double>(update.repeats) * 4 *
          (update.rate * bounds.gradient[i] + 8 * kUnit * (std::fabs(moved[i]) + std::fabs(s.particles[i]) + 2));
    double squares = 0;
    REQUIRE(reference.backend->sum_squares(reference.network, &squares) == Status::Ok);
    on_every_isa([&](const Backend* backend) {
      INFO(name_of(c));
      Opened cpu(backend, s, c);
      require_close(cpu.energies(s), e, bounds.energies);
      require_close(cpu.gradient(s), g, bounds.gradient);
      require_close(cpu.outputs(s), z, bounds.z);
      require_close(cpu.updated(s, update), moved, moveBound);
      double sum = 0;
      REQUIRE(backend->sum_squares(cpu.network, &sum) == Status::Ok);
      CHECK(sum == doctest::Approx(squares).epsilon(1e-5));
    });
  }
}

TEST_CASE("cpu: keep = 0 draws afresh whatever the particles held, and a rate of zero never looks at the data") {
  const Case c{5, 3, 20, Neuron{}};
  Setting s(c);
  for (float& value : s.particles) value = NAN;
  Update draw;
  draw.keep = 0;
  draw.noise = 1.5;
  draw.firstStep = 4;
  draw.field = {99, Stream::Init};
  on_every_isa([&](const Backend* backend) {
    Opened cpu(backend, s, c);
    const auto particles = cpu.updated(s, draw);
    for (int64_t r = 0; r < c.M; ++r)
      for (int64_t a = 0; a < s.p; ++a)
        CHECK(particles[static_cast<size_t>(r * s.p + a)] ==
              doctest::Approx(1.5 * draw.field.normal(4, static_cast<uint32_t>(r), static_cast<uint32_t>(a)))
                  .epsilon(1e-5));
  });
}

TEST_CASE("cpu: a matrix as wide as the network gets no column of ones") {
  const Case c{9, 4, 10, Neuron{}};
  const Setting s(c, false);
  Opened reference(reference_backend(), s, c);
  const auto z = reference.outputs(s);
  on_every_isa([&](const Backend* backend) {
    Opened cpu(backend, s, c);
    const auto mine = cpu.outputs(s);
    for (size_t i = 0; i < z.size(); ++i) CHECK(mine[i] == doctest::Approx(z[i]).epsilon(1e-5));
  });
}

TEST_CASE("cpu: 1, 2 and 5 threads give the same bits") {
  for (int outputs : {1, 3})
    for (int64_t n : {260, 2500}) {
      const Case c{n, 20, 700, Neuron{Activation::Tanh, SecondLayer::Bounded, Signs::Balanced, outputs, 1}};
      const Setting s(c);
      Update update;
      update.keep = 0.999;
      update.rate = 0.1;
      update.noise = 0.01;
      update.repeats = 2;
      on_every_isa([&](const Backend* backend) {
        Opened one(backend, s, c, 1);
        const auto z = one.outputs(s);
        const auto g = one.gradient(s);
        const auto moved = one.updated(s, update);
        for (int threads : {2, 5}) {
          Opened many(backend, s, c, threads);
          CHECK(many.outputs(s) == z);
          CHECK(many.gradient(s) == g);
          CHECK(many.updated(s, update) == moved);
        }
      });
    }
}

TEST_CASE("a step in one call is that of outputs, weights and update, bit for bit, whatever the threads and chunks") {
  std::vector<Case> cases;
  for (int activation = 0; activation < 5; ++activation)
    for (bool subset : {false, true})
      cases.push_back(
          {300, 12, 70, {static_cast<Activation>(activation), SecondLayer::Bounded, Signs::Same, 1, 1}, subset});
  cases.push_back({2000, 5, 1500, {Activation::Tanh, SecondLayer::Parity, Signs::Balanced, 1, 1}});  // many chunks
  cases.push_back({130, 2, 66000, {Activation::Tanh, SecondLayer::Fixed, Signs::Same, 1, 1}});  // computed twice
  // Three chunks that no second-level cache holds: σ(s) kept, and s kept.
  cases.push_back({261, 30, 35000, {Activation::Tanh, SecondLayer::Fixed, Signs::Balanced, 1, 1}});
  cases.push_back({261, 30, 35000, {Activation::Silu, SecondLayer::Bounded, Signs::Same, 1, 1}});
  Update update;
  update.keep = 0.99;
  update.rate = 0.05;
  update.noise = 0.01;
  for (const Case& c : cases) {
    INFO(name_of(c));
    const Setting s(c);
    on_every_isa([&](const Backend* backend) {
      Opened split(backend, s, c);
      split.stepped(s, update, false);
      const auto expected = split.stepped(s, update, false);
      for (int threads : {1, 2, 5}) {
        Opened whole(backend, s, c, threads);
        whole.stepped(s, update, true);
        CHECK(whole.stepped(s, update, true) == expected);
      }
    });
    if (c.M > 100) continue;
    Opened split(reference_backend(), s, c), whole(reference_backend(), s, c);
    CHECK(whole.stepped(s, update, true) == split.stepped(s, update, false));
  }
}

TEST_CASE("cpu: activations kept by outputs change no bit and are never stale") {
  for (int activation = 0; activation < 5; ++activation)
    for (int outputs : {1, 3}) {
      Case c{300, 12, 70, Neuron{static_cast<Activation>(activation), SecondLayer::Bounded, Signs::Same, outputs, 1}};
      const Setting all(c);
      c.subset = true;
      const Setting some(c);
      Update update;
      update.rate = 0.5;
      on_every_isa([&](const Backend* backend) {
        Opened fresh(backend, all, c);
        const auto first = fresh.updated(all, update);  // nothing kept
        const auto second = fresh.updated(some, update);
        Opened kept(backend, all, c);
        kept.outputs(all);
        CHECK(kept.gradient(all) == Opened(backend, all, c).gradient(all));
        CHECK(kept.updated(all, update) == first);    // kept from outputs
        CHECK(kept.updated(some, update) == second);  // other particles, other rows: nothing to reuse
        REQUIRE(backend->write_particles(kept.network, all.particles.data()) == Status::Ok);
        kept.outputs(some);
        CHECK(kept.updated(all, update) == first);  // same particles, other rows
        REQUIRE(backend->write_particles(kept.network, first.data()) == Status::Ok);
        kept.outputs(some);
        CHECK(kept.updated(some, update) == second);  // a subset is kept too
      });
    }
}

TEST_CASE("cpu: a raised token stops every operation, at once or in the middle of endless repeats") {
  const Case c{2000, 30, 500, Neuron{}};
  const Setting s(c);
  on_every_isa([&](const Backend* backend) {
    for (int threads : {1, 2}) {
      Opened cpu(backend, s, c, threads);
      CancelToken raised;
      raised.cancel();
      std::vector<double> z(static_cast<size_t>(c.n)), e(static_cast<size_t>(c.M));
      std::vector<float> g(s.particles.size());
      Update update;
      update.rate = 1e-6;
      CHECK(backend->outputs(cpu.network, cpu.matrix, s.rows(), &raised, z.data()) == Status::Cancelled);
      CHECK(backend->gradient(cpu.network, cpu.matrix, s.rows(), s.omega.data(), &raised, g.data()) ==
            Status::Cancelled);
      CHECK(backend->energies(cpu.network, cpu.matrix, s.rows(), s.omega.data(), &raised, e.data()) ==
            Status::Cancelled);
      CHECK(backend->update(cpu.network, cpu.matrix, s.rows(), s.omega.data(), &update, &raised) == Status::Cancelled);
      const Weigh never{[](void*, int64_t, int64_t, const double*, double*) { FAIL("weighed"); }, nullptr};
      CHECK(backend->step(cpu.network, cpu.matrix, s.rows(), &never, &update, &raised) == Status::Cancelled);
      CHECK(cpu.particles(s) == s.particles);

      CancelToken later;
      update.repeats = int64_t{1} << 40;
      std::thread stopper([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        later.cancel();
      });
      const auto start = std::chrono::steady_clock::now();
      CHECK(backend->update(cpu.network, cpu.matrix, s.rows(), s.omega.data(), &update, &later) == Status::Cancelled);
      stopper.join();
      CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < 5);  // loose: sanitizers
    }
  });
}

TEST_CASE("cpu: more particles than memory is a status, not an exception") {
  on_every_isa([&](const Backend* backend) {
    void* network = nullptr;
    const NetworkShape shape{int64_t{1} << 45, 1000, Neuron{}, 1};
    CHECK(backend->open(&shape, &network) == Status::OutOfMemory);
    CHECK(network == nullptr);
  });
}

TEST_CASE("cpu: a coordinate that is not finite makes the sum of squares so, and the outputs") {
  const Case c{8, 3, 40, Neuron{}};
  Setting s(c);
  s.particles[7] = NAN;
  on_every_isa([&](const Backend* backend) {
    Opened cpu(backend, s, c);
    double sum = 0;
    REQUIRE(backend->sum_squares(cpu.network, &sum) == Status::Ok);
    CHECK(!std::isfinite(sum));
    CHECK(std::isnan(cpu.outputs(s)[0]));
  });
}
