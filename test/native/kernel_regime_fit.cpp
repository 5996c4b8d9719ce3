// The fit of the kernel regime as a whole: choices, resuming, refusals.
#include "native/kernel_regime/fit.h"

#include <cstdio>
#include <filesystem>

#include "test/native/kernel_regime_data.h"

using namespace kernel_regime;

namespace {

KernelRegimeRequest request(const Data& data, OptionValues run, OptionValues model = {}) {
  KernelRegimeRequest r;
  r.train = {data.rows(), data.y.data(), static_cast<int64_t>(data.y.size())};
  r.outputs = data.k;
  r.model = std::move(model);
  if (r.model.empty()) r.model = {{"width", 50.0}};
  r.run = std::move(run);
  return r;
}

KernelRegimeResult fit(const KernelRegimeRequest& r) { return KernelRegimeFit(r).run(CancelToken(), {}); }

std::string path() { return (std::filesystem::temp_directory_path() / "meanfield-kernel-regime.ckpt").string(); }

}  // namespace

TEST_CASE("kernel regime fit: what is left to 'auto' follows the theorem") {
  const Data data = smooth_data(80, 3, 1);
  const KernelRegimeResult result = fit(request(data, {{"passes", 5.0}, {"threads", 2.0}}));
  ThreadPool pool(1);
  KernelRegimeOptions model;
  model.width = 50;
  const TangentNetwork net(model, 3, 1, 0);
  double largest = 0, mean = 0;
  for (const double k : TangentKernel(net, Layers::Both).diagonal(data.rows(), pool, nullptr)) {
    largest = std::max(largest, k);
    mean += k / 80;
  }
  const auto chosen = [&](const std::string& name) {
    for (const Chosen& c : result.chosen)
      if (c.name == name) return std::get<double>(c.value);
    return -1.0;
  };
  const double ridge = mean * std::pow(80.0, -3.0 / 5);
  CHECK(chosen("ridge") == doctest::Approx(ridge).epsilon(1e-12));
  CHECK(chosen("step") == doctest::Approx(1 / (4 * (largest + ridge))).epsilon(1e-12));
  CHECK(chosen("sharpness") == 10);
  CHECK(result.steps == 400);
  CHECK(result.passes == 5);
  CHECK(result.stop == "budget");
  REQUIRE(result.hasCertificate);
  CHECK(result.certificate.gap > 0);
  CHECK(result.certificate.dual > 0);
  const double* first = result.trace.data();
  CHECK(first[3] > result.objective);
  CHECK(first[5] == 0);
  CHECK(result.objective == doctest::Approx(result.loss + ridge / 2 * result.distance).epsilon(1e-14));
}

TEST_CASE("kernel regime fit: interrupted and resumed, the same bits, snapshots among them") {
  const Data data = smooth_data(40, 3, 2);
  KernelRegimeRequest whole = request(data, {{"steps", 130.0}}, {{"width", 40.0}, {"ridge", 0.01}});
  whole.algorithmOptions = {{"minibatch", 3.0}};
  whole.snapshots = {0, 20, 100};
  const KernelRegimeResult expected = fit(whole);
  KernelRegimeRequest part = whole;
  part.run = {{"steps", 57.0}};
  part.checkpoint = path();
  fit(part);
  KernelRegimeRequest rest = whole;
  rest.resume = path();
  const KernelRegimeResult resumed = fit(rest);
  CHECK(resumed.resumedFrom == 57);
  CHECK(resumed.parameters.displacement == expected.parameters.displacement);
  CHECK(resumed.certificate.gap == expected.certificate.gap);
  REQUIRE(resumed.snapshots.size() == 3);
  for (size_t i = 0; i < 3; ++i) CHECK(resumed.snapshots[i].particles == expected.snapshots[i].particles);
  REQUIRE(resumed.trace.size() == expected.trace.size());
  const size_t columns = kernel_regime_trace_columns().size();
  for (size_t i = 0; i < resumed.trace.size(); ++i)
    if (i % columns != 2 && i % columns != 6) CHECK(resumed.trace[i] == expected.trace[i]);
  rest.model = {{"width", 40.0}, {"ridge", 0.02}};
  CHECK_THROWS_WITH_AS(fit(rest), doctest::Contains("ridge"), Error);
  std::remove(path().c_str());
}

TEST_CASE("kernel regime fit: cancelled at a step it keeps its model, without a certificate") {
  const Data data = smooth_data(40, 3, 1);
  CancelToken cancel;
  const KernelRegimeRequest r = request(data, {{"seconds", 60.0}, {"traceEvery", 7.0}});
  const KernelRegimeResult result = KernelRegimeFit(r).run(cancel, [&](const double* row) {
    if (row[0] == 21) cancel.cancel();
  });
  CHECK(result.stop == "cancelled");
  CHECK(result.steps >= 21);
  CHECK(result.steps <= 22);  // a short step that has begun is finished
  CHECK_FALSE(result.hasCertificate);
  CHECK(std::isfinite(result.objective));
}

TEST_CASE("kernel regime fit: predictions are those of the fit; what does not fit is refused") {
  const Data data = smooth_data(30, 2, 2);
  const KernelRegimeRequest r = request(data, {{"steps", 50.0}}, {{"width", 30.0}, {"layers", std::string("input")}});
  const KernelRegimeResult result = fit(r);
  KernelRegimePrediction prediction;
  prediction.rows = data.rows();
  prediction.outputs = 2;
  prediction.model = r.model;
  prediction.directions = result.parameters.directions.data();
  prediction.directionCount = static_cast<int64_t>(result.parameters.directions.size());
  prediction.displacement = result.parameters.displacement.data();
  prediction.displacementCount = static_cast<int64_t>(result.parameters.displacement.size());
  const std::vector<float> out = predict_kernel_regime(prediction, CancelToken());
  double loss = 0;
  for (size_t i = 0; i < out.size(); ++i) loss += (out[i] - data.y[i]) * (out[i] - data.y[i]) / 60;
  CHECK(loss == doctest::Approx(result.loss).epsilon(1e-6));
  prediction.displacementCount -= 1;
  CHECK_THROWS_WITH_AS(predict_kernel_regime(prediction, CancelToken()), doctest::Contains("parameters"), Error);

  const auto refused = [&](OptionValues model, OptionValues algorithm, const char* word) {
    KernelRegimeRequest bad = request(data, {{"steps", 5.0}}, std::move(model));
    bad.algorithmOptions = std::move(algorithm);
    CHECK_THROWS_WITH_AS(KernelRegimeFit{bad}, doctest::Contains(word), Error);
  };
  refused({{"width", 31.0}}, {}, "even");
  refused({{"activation", std::string("relu")}, {"sharpness", 2.0}}, {}, "sharpness");
  refused({{"width", 30.0}}, {{"minibatch", 31.0}}, "30 rows");
  KernelRegimeRequest high = request(data, {{"steps", 500.0}}, {{"width", 30.0}});
  high.algorithmOptions = {{"step", 1000.0}};
  CHECK_THROWS_WITH_AS(fit(high), doctest::Contains("diverged at step"), Error);
  Data broken = data;
  broken.x[5] = std::nanf("");
  CHECK_THROWS_WITH_AS(fit(request(broken, {})), doctest::Contains("row 2, column 1"), Error);
  broken = data;
  broken.y[4] = std::nan("");
  CHECK_THROWS_WITH_AS(fit(request(broken, {})), doctest::Contains("row 2"), Error);
  const Data zeros{std::vector<float>(20, 0.0f), std::vector<double>(10, 1.0), 10, 2, 1};
  CHECK_THROWS_WITH_AS(fit(request(zeros, {}, {{"activation", std::string("relu")}, {"biasScale", 0.0}})),
                       doctest::Contains("kernel is 0"), Error);
}
