// Fields of a network on every backend, and the methods that keep them: on a device their steps are those of the CPU, and
// nothing as large as the particles leaves it.
#include <doctest/doctest.h>

#include <vector>

#include "native/kernels/cuda/runtime.h"
#include "native/kernels/sharded.h"
#include "native/kernels/together.h"
#include "native/mean_field/dual_averaging.h"
#include "native/mean_field/fictitious_play.h"
#include "native/mean_field/langevin.h"
#include "native/mean_field/method.h"
#include "native/mean_field/sgd_langevin.h"
#include "native/mean_field/svrg_langevin.h"
#include "native/mean_field/underdamped_langevin.h"
#include "test/native/backend_cases.h"
#include "test/native/emulated.h"
#include "test/native/models.h"

using namespace meanfield;
using namespace meanfield::backend_cases;

namespace {

const Backend* emulated_device(int) { return emulated(); }

SvrgLangevin::Options svrg() {
  SvrgLangevin::Options options;
  options.minibatch = 7;
  options.anchorInterval = 4;
  return options;
}
UnderdampedLangevin::Options underdamped() {
  UnderdampedLangevin::Options options;
  options.friction = 1.5;
  return options;
}
FictitiousPlay::Options play() {
  FictitiousPlay::Options options;
  options.innerSteps = 2;
  options.mixing = 0.3;
  return options;
}
DualAveraging::Options averaging() {
  DualAveraging::Options options;
  options.innerSteps = 2;
  options.output = DualAveraging::Output::Random;
  return options;
}

template <class A>
std::vector<float> run(const Backend* backend, const typename A::Options& options, int steps, int64_t features = 5) {
  TanhModel model(61, 40, features, 0.02, 0.01, 4, backend);
  typename A::State state = A::init(model.problem, options);
  for (int k = 0; k < steps; ++k) A::step(state, model.problem, options, 0.2);
  return A::particles(state, model.problem);
}

/// Bytes that cross in the fifth to the twelfth step.
template <class A>
int64_t bytes(int64_t particles, const typename A::Options& options, Geometry geometry) {
  TanhModel model(particles, 40, 35, 0.02, 0.01, 4, emulated());
  model.problem.geometry = geometry;
  typename A::State state = A::init(model.problem, options);
  for (int k = 0; k < 4; ++k) A::step(state, model.problem, options, 0.2);
  const int64_t before = cuda::emulated_bytes();
  for (int k = 0; k < 8; ++k) A::step(state, model.problem, options, 0.2);
  return cuda::emulated_bytes() - before;
}

template <class A>
void check_bytes(const typename A::Options& options, int matrices, Geometry geometry = Geometry::Free) {
  const int64_t few = bytes<A>(30, options, geometry);
  CHECK(few == bytes<A>(700, options, geometry));
  // Each of up to 40 rows: its number, its output in double and its weight, padded; sums of the weights.
  CHECK(few <= 8 * matrices * (4 * 40 + 8 * 40 + 4 * 128 + 8));
}

/// Seven steps, with a checkpoint after `at` of them that the rest starts from, on a network of its own.
template <class A>
std::vector<float> resumed(const Backend* backend, const typename A::Options& options, int at) {
  Writer checkpoint;
  {
    TanhModel model(61, 40, 5, 0.02, 0.01, 4, backend);
    MeanFieldMethod<A> method(model.problem, {}, options, 0.2);
    for (int k = 0; k < at; ++k) method.step();
    method.save(checkpoint);
  }
  TanhModel model(61, 40, 5, 0.02, 0.01, 4, backend);
  MeanFieldMethod<A> method(model.problem, {}, options, 0.2);
  Reader reader(checkpoint.buffer);
  method.load(reader);
  CHECK(reader.finished());
  for (int k = at; k < 7; ++k) method.step();
  return method.result();
}

template <class A>
void check_resumed(const typename A::Options& options) {
  for (const Backend* backend : {cpu_backend(), emulated()}) {
    const std::vector<float> whole = run<A>(backend, options, 7);
    for (int at : {0, 2, 4, 6}) CHECK(resumed<A>(backend, options, at) == whole);
  }
}

}  // namespace

TEST_CASE("fields: every instruction set, the emulated device and three of them, at odd sizes, against the reference") {
  const std::vector<Neuron> neurons = all_neurons();
  size_t next = 0;
  for (int64_t n : {1, 33, 150})
    for (int64_t d : {1, 6, 31, 131})
      for (int64_t M : {1, 33, 257}) {
        const Case c{n, d, M, neurons[next * 7 % neurons.size()], next % 3 == 0};
        INFO(name_of(c));
        const Setting s(c);
        const auto check = [&](const Backend* backend, const Setting& where) {
          const FieldsLeft left(backend, where, s, c);
          require_close(left.actual, left.expected, left.bound);
        };
        check(reference_backend(), s);
        for (int i = 0; i < cpu_isa_count(); ++i)
          if (cpu_isa_supported(i)) check(cpu_backend(cpu_isa_name(i)), s);
        Setting where = s;
        where.shape.precision = static_cast<Precision>(next++ % 3);
        check(emulated(), where);
        where.shape.devices = 0b10110;
        check(Sharded<emulated_device>::backend(), where);
        require_no_faults();
      }
}

TEST_CASE("fields: members of a gang give the bits that they give alone, in operations and in steps") {
  const Case c{40, 5, 45, Neuron{}};
  const Setting s(c);
  const auto all = [&] {
    std::vector<float> values = FieldsLeft(emulated(), s, s, c).actual;
    for (const std::vector<float>& particles :
         {run<SvrgLangevin>(emulated(), svrg(), 9), run<UnderdampedLangevin>(emulated(), underdamped(), 9)})
      values.insert(values.end(), particles.begin(), particles.end());
    return values;
  };
  const std::vector<float> alone = all();
  std::vector<std::vector<float>> together(5);
  run_together(emulated(), 0, 5, 3, [&](int64_t i) { together[static_cast<size_t>(i)] = all(); }, nullptr);
  for (const std::vector<float>& member : together) CHECK(member == alone);
  require_no_faults();
}

TEST_CASE("fields: variance-reduced and kinetic fits on the emulated device are the CPU's to rounding") {
  // Steps of numbers of order 1 that do not expand: some roundings and normals to 1e-6 a step.
  for (int64_t features : {5, 40}) {
    CHECK(distance(run<SvrgLangevin>(emulated(), svrg(), 15, features),
                   run<SvrgLangevin>(cpu_backend(), svrg(), 15, features)) < 15 * 2e-6);
    CHECK(distance(run<UnderdampedLangevin>(emulated(), underdamped(), 15, features),
                   run<UnderdampedLangevin>(cpu_backend(), underdamped(), 15, features)) < 15 * 2e-6);
  }
  require_no_faults();
}

TEST_CASE("fields: a step on a device moves numbers of the rows, as many for 700 particles as for 30") {
  check_bytes<Langevin>({}, 1);
  SgdLangevin::Options sgd;
  sgd.minibatch = 7;
  check_bytes<SgdLangevin>(sgd, 1);
  check_bytes<SvrgLangevin>(svrg(), 2);
  check_bytes<UnderdampedLangevin>(underdamped(), 1);
  check_bytes<FictitiousPlay>(play(), 1);
  check_bytes<DualAveraging>(averaging(), 1);
  check_bytes<Langevin>({}, 1, Geometry::Sphere);
  check_bytes<SvrgLangevin>(svrg(), 2, Geometry::Sphere);
  check_bytes<DualAveraging>(averaging(), 2, Geometry::Sphere);  // weights anew for each inner step
}

TEST_CASE("fields: a checkpoint holds them, and a run resumed from it has the bits of one that was not interrupted") {
  check_resumed<SvrgLangevin>(svrg());
  check_resumed<UnderdampedLangevin>(underdamped());
  check_resumed<FictitiousPlay>(play());
  check_resumed<DualAveraging>(averaging());
}

TEST_CASE("fields: a step that is cancelled half-way is undone by the state before it") {
  const auto check = [](auto method, const auto& options) {
    using A = decltype(method);
    for (const Backend* backend : {cpu_backend(), emulated()}) {
      TanhModel model(61, 40, 5, 0.02, 0.01, 4, backend);
      MeanFieldMethod<A> steps(model.problem, {}, options, 0.2);
      CancelToken raised;
      raised.cancel();
      for (int k = 0; k < 7; ++k) {
        Writer before;
        steps.save(before);
        steps.interrupt_with(&raised);
        CHECK_THROWS_AS(steps.step(), Error);
        steps.interrupt_with(nullptr);
        Reader reader(before.buffer);
        steps.load(reader);
        steps.step();
      }
      CHECK(steps.result() == run<A>(backend, options, 7));
    }
  };
  check(SvrgLangevin{}, svrg());
  check(UnderdampedLangevin{}, underdamped());
}
