// The CUDA kernels as ordinary C++ (native/kernels/cuda/block.h), every operation against the scalar reference backend, at
// sizes that fill no tile. Beside the numbers, no block may race in shared memory or read what nobody wrote.
#include <utility>

#include "native/kernels/cuda/runtime.h"
#include "native/kernels/cuda/tile_product.h"
#include "test/native/backend_cases.h"
#include "test/native/emulated.h"

using namespace meanfield;
using namespace meanfield::backend_cases;

namespace meanfield {

void require_no_faults() {
  const std::string faults = take_faults();
  INFO(faults);
  REQUIRE(faults.empty());
}

}  // namespace meanfield

namespace {

struct Way {
  Precision precision;
  double unit;
};
const Way kWays[] = {{Precision::Float32, 0}, {Precision::Tf32, 0x1p-11}, {Precision::Bf16, 0x1p-8}};

/// Sums of at most 1024 rows are added up in float32 (tile_kernels.h).
constexpr double kSum = 1024;

void compare(const Case& c, const Way& way) {
  INFO(name_of(c), " ", kPrecisionNames[static_cast<int>(way.precision)]);
  Setting s(c);
  const Bounds bounds(s, c, way.unit, kSum);
  Opened reference(reference_backend(), s, c);
  s.shape.precision = way.precision;
  Opened cuda(emulated(), s, c);
  require_close(cuda.outputs(s), reference.outputs(s), bounds.z);
  require_no_faults();
  require_close(cuda.gradient(s), reference.gradient(s), bounds.gradient);
  require_no_faults();
  require_close(cuda.energies(s), reference.energies(s), bounds.energies);
  require_no_faults();
  double squares = 0, expected = 0;
  REQUIRE(emulated()->sum_squares(cuda.network, &squares) == Status::Ok);
  REQUIRE(reference.backend->sum_squares(reference.network, &expected) == Status::Ok);
  CHECK(squares == doctest::Approx(expected).epsilon(1e-12));
  if (c.neuron.activation == Activation::Relu && way.unit > 0) return;  // a kink may fall between two roundings
  const Update update = moving(c);
  const Moved moved(reference, s, c, update, way.unit, kSum);
  require_close(cuda.updated(s, update), moved.particles, moved.bound);
  require_no_faults();
}

}  // namespace

TEST_CASE("cuda emulation: every neuron in tiles and narrow, against the reference") {
  size_t next = 0;
  for (const Neuron& neuron : all_neurons()) {
    compare({67, 37, 131, neuron, next % 2 == 0}, kWays[0]);
    compare({67, 37, 131, neuron, next % 2 == 0}, kWays[1 + next % 2]);
    compare({75, 11, 45, neuron, next % 2 == 1}, kWays[next % 3]);
    ++next;
  }
}

TEST_CASE("cuda emulation: odd sizes") {
  const std::vector<Neuron> neurons = all_neurons();
  size_t next = 0;
  for (int64_t n : {1, 33, 150})
    for (int64_t d : {1, 6, 20, 31, 32, 131})
      for (int64_t M : {1, 33, 257}) {
        compare({n, d, M, neurons[next * 7 % neurons.size()], next % 3 == 0}, kWays[next % 3]);
        ++next;
      }
}

TEST_CASE("cuda emulation: words that are sent give the bits of those that pass through registers") {
  const Case c{150, 131, 257, Neuron{Activation::Tanh, SecondLayer::Bounded, Signs::Same, 1, 2}};
  for (const Precision precision : {Precision::Float32, Precision::Tf32}) {
    Setting s(c);
    s.shape.precision = precision;
    std::vector<double> z[2];
    std::vector<float> gradient[2];
    for (const bool sends : {true, false}) {
      cuda::Block::sends() = sends;
      Opened cuda(emulated(), s, c);
      z[sends] = cuda.outputs(s);
      gradient[sends] = cuda.gradient(s);
    }
    cuda::Block::sends() = true;
    require_no_faults();
    CHECK(z[0] == z[1]);
    CHECK(gradient[0] == gradient[1]);
  }
}

namespace {

/// Every thread reads what its neighbour wrote, with or without a barrier in between.
struct Neighbour {
  static constexpr int kThreads = 64;
  bool ordered;
  void operator()(cuda::Block& block) const {
    cuda::Shared shared = block.shared<kThreads + 1>();
    block.each([&](int thread) { shared.store(thread, 1); });
    if (ordered) block.barrier();
    block.each([&](int thread) { shared.load((thread + 1) % kThreads); });
  }
};
/// Thread 0 sends four words, which thread 1 reads.
struct Sent {
  static constexpr int kThreads = 32;
  float* source;
  bool waited, ordered, changed, read;
  void operator()(cuda::Block& block) const {
    cuda::Shared shared = block.shared<4>();
    block.each([&](int thread) {
      if (thread == 0) shared.send4(0, source, true);
    });
    if (changed) source[2] += 1;
    if (waited) block.arrived();
    if (ordered) block.barrier();
    block.each([&](int thread) {
      if (read && thread == 1) CHECK(shared.load_float(1) == source[1]);
    });
  }
};
struct Unwritten {
  static constexpr int kThreads = 32;
  void operator()(cuda::Block& block) const {
    cuda::Shared shared = block.shared<4>();
    block.each([&](int thread) {
      if (thread == 0) shared.load(3);
      if (thread == 1) shared.store(4, 1);
    });
  }
};

}  // namespace

TEST_CASE("cuda emulation: a missing barrier or arrival, a word nobody wrote and an index out of range are found") {
  cuda::Device device(0);
  device.launch(Neighbour{true}, 1);
  require_no_faults();
  device.launch(Neighbour{false}, 1);
  CHECK(cuda::emulation_faults().find("read races with a write") != std::string::npos);
  cuda::emulation_faults().clear();
  alignas(16) float source[4] = {1, 2, 3, 4};
  device.launch(Sent{source, true, true, false, true}, 1);
  require_no_faults();
  const auto faults = [&](const Sent& kernel) {
    device.launch(kernel, 1);
    return std::exchange(cuda::emulation_faults(), "");
  };
  CHECK(faults({source, true, false, false, true}).find("read races with a write") != std::string::npos);
  CHECK(faults({source, true, true, true, true}).find("changed while on the way at word 2") != std::string::npos);
  CHECK(faults({source, false, true, false, false}).find("never waited for at word 0") != std::string::npos);
  device.launch(Unwritten{}, 1);
  CHECK(cuda::emulation_faults().find("read before written") != std::string::npos);
  CHECK(cuda::emulation_faults().find("out of range at word 4") != std::string::npos);
  cuda::emulation_faults().clear();
}

TEST_CASE("cuda emulation: rounding to tf32 and bf16") {
  const auto tf32 = [](float value) { return cuda::float_of(cuda::tf32_of(cuda::bits_of(value))); };
  CHECK(tf32(1.0f) == 1.0f);
  CHECK(tf32(1.0f + 0x1p-11f) == 1.0f + 0x1p-10f);  // a tie goes away from zero
  CHECK(tf32(-1.0f - 0x1p-12f) == -1.0f);
  CHECK(std::isnan(tf32(NAN)));
  CHECK(std::isinf(tf32(INFINITY)));
  const auto bf16 = [](float low, float high) { return cuda::bf16_of(cuda::bits_of(low), cuda::bits_of(high)); };
  CHECK(bf16(1.0f, -2.0f) == 0xC0003F80u);
  CHECK((bf16(1.0f + 0x1p-8f, 0) & 0xFFFF) == 0x3F80u);  // a tie goes to even
  CHECK((bf16(1.0f + 3 * 0x1p-8f, 0) & 0xFFFF) == 0x3F82u);
  CHECK(std::isnan(cuda::float_of(bf16(NAN, 0) << 16)));
}

TEST_CASE("cuda emulation: the same normals as everywhere, and the same particles after 100 steps as the CPU") {
  const RandomField field{0xFEDCBA9876543210u, Stream::Noise};
  for (uint32_t particle = 0; particle < 50; ++particle)
    for (uint32_t quad = 0; quad < 5; ++quad) {
      const cuda::Normals4 normals = cuda::normals4(field, 0x100000003u, particle, quad);
      for (uint32_t i = 0; i < 4; ++i)  // |ξ| < 7, some roundings of relative 2^-24 each
        CHECK(std::fabs(normals.value[i] - field.normal(0x100000003u, particle, 4 * quad + i)) < 4e-6);
    }
  for (int64_t d : {5, 40}) {
    Case c{60, d, 45, Neuron{Activation::Tanh, SecondLayer::Bounded, Signs::Same, 1, 1}};
    const Setting s(c);
    Opened cuda(emulated(), s, c), cpu(cpu_backend("baseline") ? cpu_backend("baseline") : reference_backend(), s, c);
    Update update;
    update.keep = 0.999;
    update.rate = 0.1;
    update.noise = 0.05;
    update.field = field;
    update.repeats = 100;
    const auto mine = cuda.updated(s, update), other = cpu.updated(s, update);
    // Tanh and ω of size 1/n: a step with this rate is nearly an isometry, so that errors add up and do not grow.
    double worst = 0;
    for (size_t i = 0; i < mine.size(); ++i) worst = std::fmax(worst, std::fabs(mine[i] - other[i]));
    CHECK(worst < 100 * 2e-6);
    require_no_faults();
  }
}

TEST_CASE("cuda emulation: repeats are single steps with the same weights, bit for bit") {
  // Networks whose particles stay on the chip for several steps (40) take single ones by the tiles: there halves are compared.
  for (int64_t d : {5, 40, 300}) {
    const Case c{90, d, 70, Neuron{Activation::Sigmoid, SecondLayer::Bounded, Signs::Same, 3, 1}};
    const Setting s(c);
    Update update;
    update.rate = 0.1;
    update.noise = 0.05;
    update.repeats = 6;
    update.firstStep = 7;
    Opened together(emulated(), s, c), apart(emulated(), s, c);
    const auto once = together.updated(s, update);
    const int parts = d == 40 ? 2 : 6;
    update.repeats = 6 / parts;
    std::vector<float> steps;
    for (int i = 0; i < parts; ++i, update.firstStep += static_cast<uint64_t>(update.repeats))
      steps = apart.updated(s, update);
    CHECK(once == steps);
    require_no_faults();
  }
}

TEST_CASE(
    "cuda emulation: steps with frozen weights are one launch up to 256 numbers a particle, within the bounds of "
    "rounding") {
  const auto launches = [](const Case& c, const Setting& s) {
    Opened cuda(emulated(), s, c);
    Update update = moving(c);
    update.repeats = 5;
    const int64_t before = cuda::emulated_launches();
    cuda.updated(s, update);
    return cuda::emulated_launches() - before;
  };
  const Neuron bounded{Activation::Tanh, SecondLayer::Bounded, Signs::Same, 3, 1.5f};
  const Neuron parity{Activation::Silu, SecondLayer::Parity, Signs::Balanced, 16, 1};
  for (const Neuron& neuron : {bounded, parity, Neuron{}})
    for (const int64_t d : {33, 126, 127, 128, 252}) {
      const Case c{d == 33 ? 1100 : 35, d, 45, neuron, d % 2 == 1};
      const Setting s(c);
      REQUIRE(s.p <= 256);
      compare(c, kWays[0]);
      CHECK(launches(c, s) == 1);
      require_no_faults();
    }
  const Case wide{20, 256, 40, bounded};
  CHECK(launches(wide, Setting(wide)) > 5);
}

TEST_CASE("cuda emulation: a raised token, no rows, more than the memory, and keep = 0") {
  Case c{70, 40, 60, Neuron{}};
  Setting s(c);
  {
    Opened cuda(emulated(), s, c);
    CancelToken raised;
    raised.cancel();
    std::vector<double> z(70), e(60);
    std::vector<float> g(s.particles.size());
    Update update;
    update.rate = 1e-6;
    CHECK(emulated()->outputs(cuda.network, cuda.matrix, s.rows(), &raised, z.data()) == Status::Cancelled);
    CHECK(emulated()->gradient(cuda.network, cuda.matrix, s.rows(), s.omega.data(), &raised, g.data()) ==
          Status::Cancelled);
    CHECK(emulated()->energies(cuda.network, cuda.matrix, s.rows(), s.omega.data(), &raised, e.data()) ==
          Status::Cancelled);
    CHECK(emulated()->update(cuda.network, cuda.matrix, s.rows(), s.omega.data(), &update, &raised) ==
          Status::Cancelled);
    CHECK(emulated()->gradient(cuda.network, cuda.matrix, {nullptr, 0}, nullptr, nullptr, g.data()) == Status::Ok);
    CHECK(g == std::vector<float>(g.size(), 0.0f));
    CHECK(emulated()->gradient_field(cuda.network, cuda.matrix, s.rows(), s.omega.data(), &raised, 1) ==
          Status::Cancelled);
    CHECK(emulated()->gradient_field(cuda.network, cuda.matrix, {nullptr, 0}, nullptr, nullptr, 1) == Status::Ok);
    g.assign(g.size(), NAN);
    CHECK(emulated()->read_field(cuda.network, 1, g.data()) == Status::Ok);
    CHECK(g == std::vector<float>(g.size(), 0.0f));
  }
  void* network = nullptr;
  const NetworkShape huge{int64_t{1} << 45, 1000, Neuron{}, 1};
  CHECK(emulated()->open(&huge, &network) == Status::OutOfMemory);
  CHECK(std::string(emulated()->message()).find("bytes") != std::string::npos);
  CHECK(network == nullptr);
  for (float& value : s.particles) value = NAN;
  Opened cuda(emulated(), s, c);
  double squares = 0;
  REQUIRE(emulated()->sum_squares(cuda.network, &squares) == Status::Ok);
  CHECK(std::isnan(squares));
  Update draw;
  draw.keep = 0;
  draw.noise = 1.5;
  draw.field = {99, Stream::Init};
  const auto particles = cuda.updated(s, draw);
  for (size_t i = 0; i < particles.size(); ++i)
    CHECK(particles[i] ==
          doctest::Approx(1.5 * draw.field.normal(0, static_cast<uint32_t>(static_cast<int64_t>(i) / s.p),
                                                  static_cast<uint32_t>(static_cast<int64_t>(i) % s.p)))
              .epsilon(1e-5));
}
