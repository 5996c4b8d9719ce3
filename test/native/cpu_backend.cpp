// Every operation of every instruction set this machine can run, against the scalar reference backend.
#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "test/native/backend_cases.h"

using namespace meanfield;
using namespace meanfield::backend_cases;

namespace {

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
    const Update update = moving(c);
    const auto moved = reference.updated(s, update);
    const std::vector<double> moveBound = bounds.moved(s, update, moved, 8);
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
  cases.push_back({130, 2, 66000, {Activation::Tanh, SecondLayer::Fixed, Signs::Same, 1, 1}});       // computed twice
  // Panels that do not go round the threads: their rows are shared out, in several chunks.
  for (int64_t M : {40, 100, 130})
    cases.push_back({20000, 3, M, {Activation::Tanh, SecondLayer::Fixed, Signs::Same, 1, 1}});
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

TEST_CASE(
    "cpu: gradients of neurons with few inputs, whose sums stay in registers, are those through memory, bit for bit") {
  for (int64_t d = 2; d <= 13; ++d)
    for (Activation activation : {Activation::Tanh, Activation::Sigmoid, Activation::Relu})
      for (SecondLayer layer : {SecondLayer::Fixed, SecondLayer::Bounded})
        for (int64_t M : {10, 20, 40, 150}) {  // panels of one, two and three vectors
          const Case c{300, d, M, {activation, layer, Signs::Same, 1, 1}};
          const Setting s(c);
          on_every_isa([&](const Backend* backend) {
            INFO(name_of(c));
            Opened kept(backend, s, c), fresh(backend, s, c);
            kept.outputs(s);
            CHECK(kept.gradient(s) == fresh.gradient(s));
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
