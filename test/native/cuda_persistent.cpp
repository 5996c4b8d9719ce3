// Steps with frozen weights in one launch in tf32 and bf16 (native/kernels/cuda/persistent_products.h), emulated: against the reference, against
// the tiles, and against themselves on devices with less shared memory.
#include "native/kernels/cuda/persistent_products.h"
#include "native/kernels/cuda/runtime.h"
#include "test/native/backend_cases.h"
#include "test/native/emulated.h"

using namespace meanfield;
using namespace meanfield::backend_cases;

namespace {

struct Way {
  Precision precision;
  double unit;
};
const Way kTf32{Precision::Tf32, 0x1p-11}, kBf16{Precision::Bf16, 0x1p-8};
constexpr double kSum = 1024;  // rows added up in float32

/// Few particles take the launch that is meant for many; a device has this much shared memory a block.
struct Few {
  explicit Few(int64_t kilobytes = 227, int64_t blocks = 0) {
    cuda::emulated_least_blocks() = blocks;
    cuda::emulated_shared_bytes() = kilobytes << 10;
  }
  ~Few() {
    cuda::emulated_least_blocks() = 128;
    cuda::emulated_shared_bytes() = 227 << 10;
  }
};

/// Two steps of relu: of two roundings at a kink one may step over it and the next then starts elsewhere.
Update several(const Case& c) {
  Update update = moving(c);
  if (update.repeats == 1) update.repeats = 2;
  return update;
}

struct Run {
  std::vector<float> particles;
  int64_t launches;
};
Run run(const Case& c, const Way& way, const Update& update) {
  Setting s(c);
  s.shape.precision = way.precision;
  Opened cuda(emulated(), s, c);
  const int64_t before = cuda::emulated_launches();
  std::vector<float> particles = cuda.updated(s, update);
  require_no_faults();
  return {std::move(particles), cuda::emulated_launches() - before};
}

void compare(const Case& c, const Way& way, int64_t stretches = 1) {
  INFO(name_of(c), " ", kPrecisionNames[static_cast<int>(way.precision)]);
  const Setting s(c);
  const Update update = several(c);
  Opened reference(reference_backend(), s, c);
  const Moved moved(reference, s, c, update, c.neuron.activation == Activation::Relu ? 2 * way.unit : way.unit, kSum);
  const Run held = run(c, way, update);
  CHECK(held.launches ==
        1 + stretches);  // the rows are rounded, then all steps are made for some thousand particles each
  require_close(held.particles, moved.particles, moved.bound);
}

const Neuron kBounded{Activation::Tanh, SecondLayer::Bounded, Signs::Same, 3, 1.5f};

}  // namespace

TEST_CASE("cuda persistent products: every neuron, against the reference") {
  const Few few;
  size_t next = 0;
  for (const Neuron& neuron : all_neurons()) compare({67, 37, 131, neuron, next % 3 == 0}, ++next % 2 ? kTf32 : kBf16);
}

TEST_CASE("cuda persistent products: odd sizes, more rows than are added up in float32, and 784 inputs") {
  const Few few;
  const std::vector<Neuron> neurons = all_neurons();
  size_t next = 0;
  for (const int64_t n : {1, 70})
    for (const int64_t M : {1, 33, 65})
      for (const int64_t d : {33, 129, 319}) {
        compare({n, d, M, neurons[next * 7 % neurons.size()], next % 3 == 0}, next % 2 ? kTf32 : kBf16);
        ++next;
      }
  for (const int64_t n : {1024, 1100, 2049}) {
    compare({n, 40, 20, kBounded}, kTf32);
    compare({n, 40, 20, kBounded, true}, kBf16);
  }
  const Neuron parity{Activation::Silu, SecondLayer::Parity, Signs::Balanced, 16, 1};
  for (const int64_t d : {447, 448, 784, 895}) {
    compare({35, d, 45, kBounded, d == 784}, kBf16);
    compare({20, d, 33, parity}, kBf16);
  }
}

TEST_CASE("cuda persistent products: more particles than one launch takes") {
  const Few few(25);  // 16 rows at a time
  compare({1, 33, 1024 * 64 + 35, kBounded}, kBf16, 2);
}

TEST_CASE("cuda persistent products: which networks take them") {
  const auto launches = [](const Case& c, const Way& way) { return run(c, way, several(c)).launches; };
  {
    const Few few;
    CHECK(launches({20, 319, 40, kBounded}, kTf32) == 2);
    CHECK(launches({20, 320, 40, kBounded}, kTf32) > 2);
    CHECK(launches({20, 896, 40, kBounded}, kBf16) > 2);
    Neuron many = kBounded;
    many.outputs = 17;
    CHECK(launches({20, 40, 40, many}, kBf16) > 2);
    Update single = several({20, 40, 40, kBounded});
    single.repeats = 1;
    CHECK(run({20, 40, 40, kBounded}, kBf16, single).launches > 2);
  }
  const Few some(227, 3);
  CHECK(launches({20, 40, 191, kBounded}, kTf32) > 2);
  CHECK(launches({20, 40, 192, kBounded}, kTf32) == 2);
  CHECK(launches({20, 40, 96, kBounded}, kTf32) > 2);
  CHECK(launches({20, 40, 96, kBounded}, kBf16) == 2);
}

TEST_CASE(
    "cuda persistent products: the same bits whatever the shared memory of a block, and from halves of the steps") {
  for (const Way& way : {kTf32, kBf16}) {
    const Case c{1100, way.precision == Precision::Tf32 ? 100 : 300, 40, kBounded, true};
    Update update = several(c);
    update.repeats = 4;
    std::vector<float> particles[3];
    int next = 0;
    for (const int64_t kilobytes : {99, 163, 227}) {
      const Few few(kilobytes);
      const Run held = run(c, way, update);
      CHECK(held.launches == 2);
      particles[next++] = held.particles;
    }
    CHECK(particles[0] == particles[1]);
    CHECK(particles[0] == particles[2]);
    const Few few;
    Setting s(c);
    s.shape.precision = way.precision;
    Opened halves(emulated(), s, c);
    update.repeats = 2;
    halves.updated(s, update);
    update.firstStep += 2;
    CHECK(halves.updated(s, update) == particles[0]);
    require_no_faults();
  }
  const Few little(16);  // what no device of capability 8.0 has: by the tiles
  CHECK(run({20, 100, 40, kBounded}, kBf16, several({20, 100, 40, kBounded})).launches > 2);
}

TEST_CASE("cuda persistent products: the particles that single steps leave, which go by the tiles") {
  // The same factors are rounded alike, and sums differ by their order alone: but of several outputs Σ_j ω_j c_j is in float32 here,
  // of rounded factors there. Beside what three steps do to the particles the difference is far smaller than the bounds above.
  Neuron one = kBounded;
  one.outputs = 1;
  const Neuron parity{Activation::Silu, SecondLayer::Parity, Signs::Balanced, 1, 1},
      fixed{Activation::Relu, SecondLayer::Fixed};
  const Few few;
  const auto compare_ways = [](const Case& c, const Way& way) {
    INFO(name_of(c), " ", kPrecisionNames[static_cast<int>(way.precision)]);
    Setting s(c);
    s.shape.precision = way.precision;
    CHECK(together_and_apart(emulated(), s, c) <= (c.neuron.outputs == 1 ? 0.1 : 1) * way.unit);
    require_no_faults();
  };
  for (const Way& way : {kTf32, kBf16})
    for (const Neuron& neuron : {one, parity, fixed, kBounded}) {
      compare_ways({70, 37, 70, neuron}, way);
      compare_ways({20, 318, 40, neuron, true}, way);
      compare_ways({1030, 40, 33, neuron}, way);
      compare_ways({2060, 35, 20, neuron, true}, way);
      if (way.precision == Precision::Bf16) compare_ways({35, 784, 40, neuron}, way);
    }
}

TEST_CASE("cuda persistent products: a raised flag ends a launch, a raised token an update") {
  const Few few;
  const Case c{200, 60, 40, kBounded};
  Setting s(c);
  s.shape.precision = Precision::Bf16;
  Opened cuda(emulated(), s, c);
  CancelToken raised;
  raised.cancel();
  const Update update = several(c);
  CHECK(emulated()->update(cuda.network, cuda.matrix, s.rows(), s.omega.data(), &update, &raised) == Status::Cancelled);
  require_no_faults();

  using Kernel = cuda::HeldProducts<Precision::Tf32, 2>;
  constexpr int kInputs = 40, kRows = 100, kChunk = 16;
  alignas(16) static float weights[40 * kInputs], omega[128];
  alignas(16) static double total[40 * kInputs], moments[40];
  for (float& weight : weights) weight = 1;
  cuda::RoundedRows rows = cuda::RoundedRows::shape<Precision::Tf32>(kRows, kInputs);
  std::vector<cuda::Words> words(static_cast<size_t>(rows.size() / 4), cuda::Words{});
  rows.words = words[0].w;
  const int stop = 1;
  cuda::Device device(0);
  device.launch(Kernel{{weights, nullptr, 0, 40, kInputs, kInputs, Neuron{Activation::Tanh, SecondLayer::Fixed}, 0},
                       rows,
                       {omega, 1, nullptr, kRows},
                       nullptr,
                       total,
                       moments,
                       5,
                       0,
                       cuda::Motion::of(update),
                       &stop,
                       kChunk,
                       Kernel::Places::of(kChunk, rows.stride, 1, 1)},
                1);
  require_no_faults();
  for (const float weight : weights) CHECK(weight == 1);
}
