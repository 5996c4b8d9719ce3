// Finite sums on the emulated device: every operation against its definition, and whole fits against those on the CPU.
#include "native/finite_sum/amsvrg.h"
#include "test/native/device_fits.h"
#include "test/native/linear_cases.h"

using namespace finite_sum_test;
using namespace meanfield::linear_cases;

TEST_CASE("cuda emulation: finite sums, dense and sparse, every loss, against the definitions, twice the same bits") {
  for (const LinearCase& c : all_linear_cases()) {
    INFO(name_of(c));
    const LinearErrors errors = linear_errors(emulated_linear(), 1, c);
    CHECK(errors.pass <= 1);
    CHECK(errors.batch <= 1);
    CHECK(errors.hessian <= 1);
    CHECK(errors.transposed <= 1);
    CHECK(errors.dual <= 1);
    CHECK(errors.again);
    require_no_faults();
  }
}

namespace {

const Devices kOne{emulated_linear(), "cuda:0"};

}  // namespace

TEST_CASE("cuda emulation: every method that runs on a device takes the steps that it takes on the CPU") {
  for (const bool sparse : {false, true}) {
    const Data data = make_data(150, 12, LossKind::Logistic, sparse ? 0.4 : 1, 0.3, 4);
    const LinearData view = sparse ? LinearData(data.sparse()) : LinearData(data.view());
    int methods = 0;
    for (const LinearAlgorithm& algorithm : linear_algorithms()) {
      if (!algorithm.onDevice) continue;
      ++methods;
      INFO(algorithm.name, sparse ? " sparse" : " dense");
      LinearFitRequest request = request_of(data, view, "logistic", 1, !sparse, 0, 0.02, algorithm.name);
      if (algorithm.name == "newton") request.algorithmOptions = {{"system", std::string("conjugate-gradients")}};
      // The iterations differ by rounding, 1e-16 of numbers of order 1, which contraction does not let grow.
      compare_fits(request, kOne, 1e-9);
    }
    CHECK(methods == 13);
  }
}

TEST_CASE("cuda emulation: fits with l1, classes, weights and paths agree with the CPU") {
  const Data classes = make_data(130, 9, LossKind::Softmax, 1, 0.2, 5, 3);
  compare_fits(request_of(classes, classes.view(), "softmax", 3, true, 0, 0.05, "newton"), kOne, 1e-9);
  compare_fits(request_of(classes, classes.sparse(), "softmax", 3, true, 0.005, 0.01, "fista"), kOne, 1e-9);
  compare_fits(request_of(classes, classes.view(), "logistic", 3, true, 0.002, 0.02, "katyusha"), kOne, 1e-9);
  const Data numbers = make_data(120, 20, LossKind::Squared, 1, 0.2, 6);
  std::vector<double> weights;
  for (int i = 0; i < 120; ++i) weights.push_back(i % 7 == 0 ? 0 : 1 + i % 3);
  for (const char* loss : {"squared", "huber"}) {
    LinearFitRequest request = request_of(numbers, numbers.view(), loss, 1, true, 0.02, 0, "fista");
    request.sampleWeights = weights.data();
    request.sampleWeightCount = 120;
    compare_fits(request, kOne, 1e-9);
  }
  LinearFitRequest path = request_of(numbers, numbers.view(), "squared", 1, true, 0.02, 0.01, "fista");
  path.path = 3;
  compare_fits(path, kOne, 1e-9);
}

TEST_CASE("cuda emulation: a fit that was cut short and resumed there is the fit that was not, bit for bit") {
  compare_resumed(make_data(150, 10, LossKind::Logistic, 1, 0.3, 8), kOne);
}

TEST_CASE("cuda emulation: what does not run on a device is refused with what does, and 'auto' says why it stays") {
  const Data data = make_data(60, 5, LossKind::Logistic, 1, 0, 3);
  const auto asked = [&](const char* algorithm, OptionValues options, bool fallBack) {
    LinearFitRequest request = request_of(data, data.view(), "logistic", 1, false, 0, 0.05, algorithm);
    request.algorithmOptions = std::move(options);
    request.on = emulated_linear();
    request.backend = "cuda:0";
    request.fallBack = fallBack;
    return request;
  };
  const auto refusal = [&](const LinearFitRequest& request) {
    try {
      fit(request);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::InvalidOption);
      return std::string(error.what());
    }
    return std::string("none");
  };
  for (const char* name : {"saga", "sdca", "coordinate-descent", "dual-coordinate-descent", "point-saga"}) {
    const std::string words = refusal(asked(name, {}, false));
    CHECK(words.find("device is 'cuda:0', but algorithm '" + std::string(name) + "' stays on the CPU") == 0);
    CHECK(words.find("'fista'") != std::string::npos);
    const LinearFitResult there = fit(asked(name, {}, true));
    CHECK(there.device == "cpu");
    CHECK(there.deviceReason.find("one after the other") != std::string::npos);
  }
  CHECK(refusal(asked("newton", {{"system", std::string("cholesky")}}, false)).find("conjugate-gradients") !=
        std::string::npos);
  CHECK(refusal(asked("catalyst", {{"inner", std::string("saga")}}, false)).find("inner method") != std::string::npos);
  CHECK(fit(asked("newton", {}, true)).deviceReason.find("5 columns") != std::string::npos);
  CHECK(fit(asked("fista", {}, true)).deviceReason.find("small") != std::string::npos);
  const LinearFitResult automatic = fit(asked("auto", {}, false));
  CHECK(automatic.algorithm == "newton");
  CHECK(automatic.device == "cuda:0");
  LinearFitRequest several = asked("fista", {}, false);
  several.on = nullptr;
  several.backend = "gpu";
  CHECK(refusal(several).find("backend is 'gpu'") != std::string::npos);
}

TEST_CASE("cuda emulation: sums are cancelled, and more rows than memory are refused") {
  const LinearSetting s({40, 6, 1, LossKind::Logistic, false, false, true, false});
  const LinearBackend* backend = emulated_linear();
  LinearShape shape = s.shape(1);
  void* sum = nullptr;
  REQUIRE(backend->open(&shape, &sum) == Status::Ok);
  CancelToken raised;
  raised.cancel();
  std::vector<double> out(s.size());
  LossSums sums;
  int32_t g = kNoSlot, again = kNoSlot;
  CHECK(backend->pass(sum, s.w.data(), &raised, out.data(), &sums, &g, nullptr) == Status::Cancelled);
  CHECK(backend->batch(sum, s.rows.data(), s.scale.data(), 3, s.w.data(), kNoSlot, 1, &raised, out.data()) ==
        Status::Cancelled);
  REQUIRE(backend->pass(sum, s.w.data(), nullptr, out.data(), &sums, &again, nullptr) == Status::Ok);
  CHECK(backend->batch(sum, nullptr, nullptr, 0, s.w.data(), kNoSlot, 1, nullptr, out.data()) == Status::Ok);
  CHECK(out == std::vector<double>(s.size(), 0.0));
  backend->close(sum);
  shape.rows = int64_t{1} << 45;
  CHECK(backend->open(&shape, &sum) == Status::OutOfMemory);
  CHECK(std::string(backend->message()).find("bytes") != std::string::npos);
}
