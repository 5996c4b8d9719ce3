// Finite sums on several (emulated) devices: every operation against its definition for one, two and three of them, and whole fits
// against those on the CPU.
#include "native/kernels/sharded_linear.h"
#include "test/native/device_fits.h"
#include "test/native/linear_cases.h"

using namespace finite_sum_test;
using namespace meanfield::linear_cases;

namespace {

const LinearBackend* emulated_device(int) { return emulated_linear(); }
const LinearBackend* sharded() { return ShardedLinear<emulated_device>::backend(); }

/// Gradient, sums and derivatives at the w of a setting.
struct AtW {
  std::vector<double> gradient, derivatives;
  LossSums sums;
  AtW(const LinearBackend* backend, uint64_t devices, const LinearSetting& s)
      : gradient(s.size()), derivatives(static_cast<size_t>(s.c.n * s.c.k)) {
    const LinearShape shape = s.shape(devices);
    void* sum = nullptr;
    int32_t g = kNoSlot;
    REQUIRE(backend->open(&shape, &sum) == Status::Ok);
    REQUIRE(backend->pass(sum, s.w.data(), nullptr, gradient.data(), &sums, &g, nullptr) == Status::Ok);
    REQUIRE(backend->read(sum, g, derivatives.data()) == Status::Ok);
    backend->close(sum);
  }
};

}  // namespace

TEST_CASE(
    "cuda emulation: finite sums over two and three devices, dense and sparse, every loss, against the definitions") {
  size_t next = 0;
  for (const LinearCase& c : all_linear_cases()) {
    INFO(name_of(c));
    const LinearErrors errors = linear_errors(sharded(), ++next % 2 ? 0b10110 : 0b11, c);
    CHECK(errors.all() <= 1);
    require_no_faults();
  }
}

TEST_CASE(
    "cuda emulation: one device of a set gives the bits that it gives alone, and derivatives are those for any "
    "number") {
  for (const bool sparse : {false, true}) {
    const LinearSetting s({300, 23, 3, LossKind::Softmax, sparse, false, true, true});
    const AtW alone(emulated_linear(), 1, s), one(sharded(), 0b100, s);
    CHECK(one.gradient == alone.gradient);
    CHECK(one.sums.value == alone.sums.value);
    CHECK(one.sums.conjugate == alone.sums.conjugate);
    for (const uint64_t devices : {0b11, 0b111, 0b11111})
      CHECK(AtW(sharded(), devices, s).derivatives == alone.derivatives);
    require_no_faults();
  }
}

TEST_CASE(
    "cuda emulation: fits over two and three devices take the steps that they take on the CPU, and resume bit for "
    "bit") {
  const Devices two{sharded(), "cuda:0,1"}, three{sharded(), "cuda:0,2,3"};
  const Data data = make_data(150, 12, LossKind::Logistic, 0.4, 0.3, 4);
  for (const LinearAlgorithm& algorithm : linear_algorithms()) {
    if (!algorithm.onDevice) continue;
    INFO(algorithm.name);
    LinearFitRequest request = request_of(data, data.sparse(), "logistic", 1, true, 0, 0.02, algorithm.name);
    if (algorithm.name == "newton") request.algorithmOptions = {{"system", std::string("conjugate-gradients")}};
    compare_fits(request, three, 1e-9);
  }
  const Data classes = make_data(130, 9, LossKind::Softmax, 1, 0.2, 5, 3);
  compare_fits(request_of(classes, classes.view(), "softmax", 3, true, 0, 0.05, "newton"), two, 1e-9);
  compare_fits(request_of(classes, classes.view(), "logistic", 3, true, 0.002, 0.02, "katyusha"), two, 1e-9);
  compare_resumed(make_data(150, 10, LossKind::Logistic, 1, 0.3, 8), two);
}

TEST_CASE("cuda emulation: sums over several devices are cancelled together, and say what failed") {
  const LinearSetting s({40, 6, 2, LossKind::Logistic, true, false, true, false});
  LinearShape shape = s.shape(0b111);
  void* sum = nullptr;
  REQUIRE(sharded()->open(&shape, &sum) == Status::Ok);
  CancelToken raised;
  raised.cancel();
  std::vector<double> out(s.size()), numbers(80);
  LossSums sums;
  int32_t g = kNoSlot, h = kNoSlot, first = kNoSlot, again = kNoSlot;
  CHECK(sharded()->pass(sum, s.w.data(), &raised, out.data(), &sums, &g, &h) == Status::Cancelled);
  REQUIRE(sharded()->pass(sum, s.w.data(), nullptr, out.data(), &sums, &first, &h) == Status::Ok);
  sharded()->release(sum, first);
  REQUIRE(sharded()->write(sum, numbers.data(), &again) == Status::Ok);
  CHECK(again == first);  // what was given back, and what the cancelled pass had taken, is used again
  CHECK(sharded()->batch(sum, nullptr, nullptr, 0, s.w.data(), kNoSlot, 1, nullptr, out.data()) == Status::Ok);
  CHECK(out == std::vector<double>(s.size(), 0.0));
  sharded()->close(sum);

  LinearShape huge = LinearSetting({40, 6, 1, LossKind::Squared, false, false, true, false}).shape(0b11);
  huge.rows = int64_t{1} << 45;
  CHECK(sharded()->open(&huge, &sum) == Status::OutOfMemory);
  CHECK(std::string(sharded()->message()).find("bytes") != std::string::npos);
}
