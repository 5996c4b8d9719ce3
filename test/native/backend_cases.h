// What the tests of every backend share: cases, their data, and the bounds of rounding they are held to.
//
// To add a case: a row in the sizes of all_cases() or a loop in all_neurons(). Tolerances are worst-case bounds of float32
// rounding, added up in double beside the result: with u = 2^-24, a sum of N terms is off by at most N·u times the sum of
// their sizes.
#pragma once
#ifndef MEANFIELD_WITHOUT_DOCTEST  // bench/native/gpu_check.cpp has its own REQUIRE and INFO
#include <doctest/doctest.h>
#endif

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "native/core/philox.h"
#include "native/kernels/kernels.h"

namespace meanfield {
namespace backend_cases {

constexpr double kUnit = 0x1p-24;

struct Case {
  int64_t n, d, M;
  Neuron neuron;
  bool subset = false;
};

inline std::string name_of(const Case& c) {
  return "n=" + std::to_string(c.n) + " d=" + std::to_string(c.d) + " M=" + std::to_string(c.M) +
         " k=" + std::to_string(c.neuron.outputs) + " " + kActivationNames[static_cast<int>(c.neuron.activation)] +
         " " + kSecondLayerNames[static_cast<int>(c.neuron.secondLayer)] + " " +
         kSignsNames[static_cast<int>(c.neuron.signs)] + (c.subset ? " subset" : "");
}

inline std::vector<Neuron> all_neurons() {
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
inline std::vector<Case> all_cases() {
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

/// An update of everything at once; a kink would part the ways of two roundings, so that there it is one step.
inline Update moving(const Case& c) {
  Update update;
  update.keep = 0.99;
  update.rate = 0.05;
  update.noise = 0.3;
  update.repeats = c.neuron.activation == Activation::Relu ? 1 : 3;
  update.firstStep = 0xFFFFFFFEu;  // the high half of the step takes part
  update.field = {0x123456789ABCDEFu, Stream::Noise};
  return update;
}

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
  static void weigh(void*, int64_t, int64_t count, const double* z, double* weights) {
    for (int64_t i = 0; i < count; ++i) weights[i] = z[i] - 0.25;
  }
  void step(const Setting& s, const Update& update) {
    REQUIRE(s.shape.neuron.outputs == 1);
    const Weigh call{weigh, nullptr};
    REQUIRE(backend->step(network, matrix, s.rows(), &call, &update, nullptr) == Status::Ok);
  }
  /// One step in one call, or in three; the loss is the squared one against targets of 1/4.
  std::vector<float> stepped(const Setting& s, const Update& update, bool whole) {
    if (whole) {
      step(s, update);
    } else {
      REQUIRE(s.shape.neuron.outputs == 1);
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

/// Three steps in one call against three calls, which may take other kernels: the difference of the particles over what the steps did to them,
/// root mean squares. Without noise, and with steps along which differences do not grow.
inline double together_and_apart(const Backend* backend, const Setting& s, const Case& c) {
  Update update;
  update.rate = 10 / static_cast<double>(c.d);
  update.repeats = 3;
  Opened one(backend, s, c), many(backend, s, c);
  const std::vector<float> together = one.updated(s, update);
  update.repeats = 1;
  for (int i = 0; i < 2; ++i) many.updated(s, update);
  const std::vector<float> apart = many.updated(s, update);
  double difference = 0, moved = 0;
  for (size_t i = 0; i < apart.size(); ++i) {
    difference += std::pow(static_cast<double>(together[i]) - apart[i], 2);
    moved += std::pow(static_cast<double>(apart[i]) - s.particles[i], 2);
  }
  return std::sqrt(difference / moved);
}

/// Bounds of the rounding errors, one for each number of z, of the energies and of the gradient: of float32, and with `unit`
/// above 0 of products whose factors are rounded to that unit first, with activations as good (docs/gpu.md).
struct Bounds {
  std::vector<double> z, energies, gradient;

  /// `sum`: numbers added up in float32 at a time, over the rows; 0: as the CPU does.
  Bounds(const Setting& s, const Case& c, double unit = 0, double sum = 0) {
    const int64_t k = c.neuron.outputs, inputs = s.shape.inputs, M = c.M, p = s.p;
    z.assign(static_cast<size_t>(s.count * k), 0);
    energies.assign(static_cast<size_t>(M), 0);
    gradient.assign(static_cast<size_t>(M * p), 0);
    std::vector<double> C(static_cast<size_t>(k)), E(static_cast<size_t>(k));
    // Sums over the rows: groups of 128 below 2^16 rows, then over the groups.
    const double sumRows =
        std::fmin(static_cast<double>(s.count), sum > 0 ? sum : 128 + static_cast<double>(s.count) / 128);
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
        const double error =
            ((static_cast<double>(inputs) + 1) * kUnit + 2.1 * unit) * size;  // of s; |σ'| <= 1.1, |σ''| <= 1
        const double value = std::fabs(activation_value(c.neuron.activation, dot));
        const bool kink = c.neuron.activation == Activation::Relu && std::fabs(dot) <= error;
        double pull = 0;  // Σ_j |ω_ij c_j|
        for (int64_t j = 0; j < k; ++j) {
          const double w = std::fabs(s.omega[static_cast<size_t>(i * k + j)]),
                       weight = std::fabs(C[static_cast<size_t>(j)]);
          const double offset = std::fabs(E[static_cast<size_t>(j)]);
          z[static_cast<size_t>(i * k + j)] +=
              (weight * (1.1 * error + (80 * kUnit + unit) * value) + 8 * kUnit * offset) / static_cast<double>(M);
          energies[static_cast<size_t>(r)] +=
              w * (weight * (1.1 * error + (80 * kUnit + unit) * value) + 8 * kUnit * offset);
          pull += w * weight;
          if (c.neuron.secondLayer == SecondLayer::Bounded)
            gradient[static_cast<size_t>(r * p + inputs + j)] +=
                w * c.neuron.scale * (1.1 * error + ((sumRows + 16) * kUnit + unit) * value);
          else if (c.neuron.secondLayer == SecondLayer::Parity)
            gradient[static_cast<size_t>(r * p + inputs)] += 16 * kUnit * w * c.neuron.scale;
        }
        for (int64_t a = 0; a < inputs; ++a)
          gradient[static_cast<size_t>(r * p + a)] += std::fabs(a < c.d ? x[a] : 1.0f) * pull *
                                                      (error +
                                                       ((sumRows + static_cast<double>(k) + 16) * kUnit + 6 * unit) *
                                                           (1 + (c.neuron.activation == Activation::Silu ? size : 0)) +
                                                       (kink ? 1 : 0));
      }
    }
  }

  /// Of the particles that an update leaves at `moved`; `units`: roundings a step.
  std::vector<double> moved(const Setting& s, const Update& update, const std::vector<float>& moved,
                            double units = 16) const {
    std::vector<double> bound(moved.size());
    for (size_t i = 0; i < moved.size(); ++i)
      bound[i] = static_cast<double>(update.repeats) * 4 *
                 (update.rate * gradient[i] + units * kUnit * (std::fabs(moved[i]) + std::fabs(s.particles[i]) + 2));
    return bound;
  }
};

/// What an update of the reference leaves, and bounds on how far another backend may be from it: those of every step, at the particles that
/// it starts from. At the first ones alone they say too little, since a second layer near 0 hides how far off an activation is.
struct Moved {
  std::vector<float> particles;
  std::vector<double> bound;

  Moved(Opened& reference, const Setting& s, const Case& c, Update update, double unit, double sum)
      : bound(s.particles.size(), 0) {
    Setting at = s;
    for (int64_t repeats = std::exchange(update.repeats, 1); repeats > 0; --repeats, ++update.firstStep) {
      particles = reference.updated(at, update);
      const std::vector<double> step = Bounds(at, c, unit, sum).moved(at, update, particles);
      for (size_t i = 0; i < bound.size(); ++i) bound[i] += step[i];
      at.particles = particles;
    }
  }
};

/// What operations on fields leave behind, with bounds of their rounding. Those that round nothing are checked here; `s` says where
/// the backend runs, which the reference need not know.
struct FieldsLeft {
  std::vector<float> actual, expected;
  std::vector<double> bound;

  FieldsLeft(const Backend* backend, const Setting& s, const Setting& plain, const Case& c) {
    const RandomField random{29, Stream::Init};
    const auto numbers = [&](uint64_t which) {
      std::vector<float> values(s.particles.size());
      for (size_t i = 0; i < values.size(); ++i) values[i] = random.normal(which, static_cast<uint32_t>(i), 0);
      return values;
    };
    const std::vector<float>&theta = s.particles, v = numbers(0), g = numbers(1);
    Opened on(backend, s, c), fresh(backend, s, c);
    const auto field = [&](int32_t number) {
      std::vector<float> values(s.particles.size(), NAN);
      REQUIRE(backend->read_field(on.network, number, values.data()) == Status::Ok);
      return values;
    };
    REQUIRE(backend->write_field(on.network, 1, v.data()) == Status::Ok);
    on.outputs(s);  // what it may keep of them is no longer true below
    REQUIRE(backend->exchange(on.network, 1) == Status::Ok);
    REQUIRE((on.particles(s) == v && field(1) == theta));
    REQUIRE(backend->gradient_field(on.network, on.matrix, s.rows(), s.omega.data(), nullptr, 2) == Status::Ok);
    REQUIRE(backend->write_particles(fresh.network, v.data()) == Status::Ok);
    const std::vector<float> gradient = fresh.gradient(s);
    REQUIRE(field(2) == gradient);
    REQUIRE(backend->exchange(on.network, 1) == Status::Ok);
    REQUIRE((on.particles(s) == theta && field(1) == v));
    REQUIRE(backend->axpby(on.network, 1, kParticles, 0, 3) == Status::Ok);  // of which nothing is known yet
    REQUIRE(field(3) == theta);
    REQUIRE(backend->write_field(on.network, 2, g.data()) == Status::Ok);
    REQUIRE(backend->keep_some(on.network, 0.4, &random, 5, 2) == Status::Ok);
    std::vector<float> mixed = g;
    for (int64_t r = 0; r < c.M; ++r)
      if (random.uniform(5, static_cast<uint32_t>(r), 0) < 0.4)
        std::copy(theta.begin() + r * s.p, theta.begin() + (r + 1) * s.p, mixed.begin() + r * s.p);
    REQUIRE(field(2) == mixed);

    const auto combined = [&](float a, const std::vector<float>& x, float b, const std::vector<float>& y,
                              const std::vector<float>& found) {
      for (size_t i = 0; i < x.size(); ++i) {
        const double first = static_cast<double>(a) * x[i], second = static_cast<double>(b) * y[i];
        add(found[i], first + second, 2 * kUnit * (std::fabs(first) + std::fabs(second)));
      }
    };
    REQUIRE(backend->axpby(on.network, 0.7f, 1, -1.3f, 3) == Status::Ok);
    const std::vector<float> third = field(3);
    combined(0.7f, v, -1.3f, theta, third);
    REQUIRE(backend->axpby(on.network, -0.3f, 3, 1, kParticles) == Status::Ok);
    const std::vector<float> moved = on.particles(s);
    combined(-0.3f, third, 1, theta, moved);
    REQUIRE(backend->axpby(on.network, 0.9f, kParticles, 0.1f, 1) == Status::Ok);
    combined(0.9f, moved, 0.1f, v, field(1));

    Kinetic step{0.4, 0.1, 0.8, 0.3, 0.2, 0.5};
    step.pull = 0.05;
    step.position = {77, Stream::Noise};
    step.velocity = {77, Stream::Velocity};
    step.step = 0xFFFFFFFFu;  // the two normals differ in the high half of their steps
    Opened reference(reference_backend(), plain, c);
    for (Opened* network : {&on, &reference}) {
      REQUIRE(network->backend->write_particles(network->network, theta.data()) == Status::Ok);
      REQUIRE(network->backend->write_field(network->network, 1, v.data()) == Status::Ok);
      REQUIRE(network->backend->write_field(network->network, 2, g.data()) == Status::Ok);
      REQUIRE(network->backend->kinetic(network->network, &step, 1, 2) == Status::Ok);
    }
    std::vector<float> position = reference.particles(s), velocity(theta.size());
    REQUIRE(reference.backend->read_field(reference.network, 1, velocity.data()) == Status::Ok);
    const std::vector<float> found = on.particles(s), foundVelocity = field(1);
    for (size_t i = 0; i < theta.size(); ++i) {
      add(found[i], position[i], 4e-6);  // that of the normals
      add(foundVelocity[i], velocity[i], 4e-6);
    }
    REQUIRE(field(2) == g);

    REQUIRE(backend->project(on.network) == Status::Ok);
    const std::vector<float> round = on.particles(s);
    for (int64_t r = 0; r < c.M; ++r) {
      double square = 0;
      for (int64_t a = 0; a < s.p; ++a) {
        const double number = found[static_cast<size_t>(r * s.p + a)];
        if (a < s.shape.inputs) square += number * number;
      }
      for (int64_t a = 0; a < s.p; ++a) {
        const size_t at = static_cast<size_t>(r * s.p + a);
        add(round[at], a < s.shape.inputs ? found[at] / std::sqrt(square) : found[at], 0);
      }
    }
  }

 private:
  void add(float found, double wanted, double within) {
    actual.push_back(found);
    expected.push_back(static_cast<float>(wanted));
    bound.push_back(within);
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

}  // namespace backend_cases
}  // namespace meanfield
