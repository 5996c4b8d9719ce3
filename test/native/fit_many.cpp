// Many fits in one call are the fits one by one.
#include "native/mean_field/fit_many.h"

#include <doctest/doctest.h>

#include <vector>

#include "native/catalogue.h"
#include "native/core/philox.h"

using namespace meanfield;

namespace {

struct Data {
  explicit Data(int64_t rows) : x(static_cast<size_t>(rows * 3)), y(static_cast<size_t>(rows)) {
    const RandomField field{3, Stream::Init};
    for (size_t i = 0; i < x.size(); ++i) x[i] = field.normal(0, static_cast<uint32_t>(i), 0);
    for (size_t i = 0; i < y.size(); ++i) y[i] = field.normal(1, static_cast<uint32_t>(i), 0);
  }
  FitRequest request(double seed, const std::string& algorithm) const {
    FitRequest request;
    request.train = {{x.data(), static_cast<int64_t>(y.size()), 3}, y.data(), static_cast<int64_t>(y.size())};
    request.model = {{"particles", 20.0}};
    request.algorithm = algorithm;
    request.run = {{"steps", 30.0}, {"seed", seed}, {"certificate", false}};
    return request;
  }
  std::vector<float> x;
  std::vector<double> y;
};

std::shared_ptr<MeanFieldFit> prepared(const FitRequest& request) {
  return prepare_mean_field(as_one_of_many(request));
}

}  // namespace

TEST_CASE("fit_many: results are those of the fits one by one, whatever the threads") {
  const Data data(50), other(17);
  std::vector<FitRequest> requests;
  for (int i = 0; i < 12; ++i)
    requests.push_back((i % 3 ? data : other).request(i, i % 2 ? "langevin" : "dual-averaging"));
  std::vector<FitResult> alone;
  for (FitRequest request : requests) {
    request.run.emplace_back("threads", 2.0);
    alone.push_back(prepare_mean_field(request)->run(CancelToken{}, {}));
  }
  for (int threads : {1, 2, 5}) {
    std::vector<std::shared_ptr<MeanFieldFit>> fits;
    for (const FitRequest& request : requests) fits.push_back(prepared(request));
    std::vector<bool> told(fits.size(), false);
    const std::vector<FitOutcome> outcomes = fit_many(fits, threads, CancelToken{}, [&](size_t i) { told[i] = true; });
    CHECK(told == std::vector<bool>(fits.size(), true));
    for (size_t i = 0; i < fits.size(); ++i) {
      REQUIRE(outcomes[i].result);
      CHECK(outcomes[i].result->particles == alone[i].particles);
      CHECK(outcomes[i].result->objective == alone[i].objective);
      CHECK(outcomes[i].result->threads == 1);
    }
  }
}

TEST_CASE("fit_many: a fit that fails leaves the others alone") {
  const Data data(20);
  Data bad(20);
  bad.x[4] = NAN;  // seen when the fit looks at the data
  const auto outcomes = fit_many({prepared(data.request(1, "langevin")), prepared(bad.request(1, "langevin")),
                                  prepared(data.request(2, "langevin"))},
                                 2, CancelToken{});
  CHECK(outcomes[0].result);
  CHECK(outcomes[2].result);
  CHECK(!outcomes[1].result);
  try {
    std::rethrow_exception(outcomes[1].failure);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::InvalidData);
  }
}

TEST_CASE("fit_many: cancelled before it begins, no fit begins") {
  const Data data(20);
  CancelToken cancel;
  cancel.cancel();
  const auto outcomes =
      fit_many({prepared(data.request(1, "langevin")), prepared(data.request(2, "langevin"))}, 2, cancel);
  for (const FitOutcome& outcome : outcomes) {
    CHECK(!outcome.result);
    try {
      std::rethrow_exception(outcome.failure);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::Cancelled);
    }
  }
}

TEST_CASE("fit_many: one of many has one thread") {
  FitRequest request = Data(20).request(1, "langevin");
  CHECK(as_one_of_many(request).run.back().first == "threads");
  request.run.emplace_back("threads", 2.0);
  CHECK_THROWS_AS(as_one_of_many(request), Error);
}
