// Whole fits: what they learn, what they record, and that threads, interruptions and truncation change no bit.
#include "native/boosting/fit.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "test/native/boosting_data.h"

using namespace boosting_test;

namespace {

const char* const kAlgorithms[] = {"residual-boosting", "frank-wolfe"};

struct File {
  std::string path = "/tmp/meanfield-boosting-" + std::to_string(::getpid());
  ~File() { std::remove(path.c_str()); }
};

/// Everything but the seconds.
void check_same(const BoostingFitResult& a, const BoostingFitResult& b) {
  REQUIRE(a.model.layers.size() == b.model.layers.size());
  for (size_t t = 0; t < a.model.layers.size(); ++t) {
    CHECK(a.model.layers[t].parameters == b.model.layers[t].parameters);
    CHECK(a.model.layers[t].matrices == b.model.layers[t].matrices);
    CHECK(a.model.layers[t].scale == b.model.layers[t].scale);
  }
  CHECK(a.model.linears == b.model.linears);
  for (const TraceColumn& one : boosting_trace_columns()) {
    if (std::string(one.name) == "seconds") continue;
    const std::vector<double> left = column(a.trace, one.name), right = column(b.trace, one.name);
    REQUIRE(left.size() == right.size());
    for (size_t i = 0; i < left.size(); ++i)
      CHECK((left[i] == right[i] || (left[i] != left[i] && right[i] != right[i])));
  }
}

double accuracy(const std::vector<float>& logits, const Classes& data) {
  int64_t right = 0;
  const size_t classes = logits.size() / static_cast<size_t>(data.n);
  for (int64_t i = 0; i < data.n; ++i) {
    const float* z = logits.data() + i * classes;
    right += std::max_element(z, z + classes) - z == static_cast<int64_t>(data.targets[i]);
  }
  return static_cast<double>(right) / static_cast<double>(data.n);
}

}  // namespace

TEST_CASE("boosting: layers learn what no linear model can, and the record is that of the model") {
  const Classes train = rings(600, 3, 3, 1), other = rings(310, 3, 3, 2);
  for (const char* algorithm : kAlgorithms)
    for (const char* loss : {"logistic", "smooth-hinge"}) {
      CAPTURE(algorithm);
      CAPTURE(loss);
      OptionValues model = small(8);
      model.push_back({"loss", std::string(loss)});
      BoostingFitRequest asked = request(train, algorithm, model);
      asked.validation = other.data();
      asked.hasValidation = true;
      const BoostingFitResult fit = fitted(asked);
      CHECK(fit.stop == "budget");
      CHECK(fit.model.linears.size() == 9);
      const std::vector<double> scores = column(fit.trace, "score"), validation = column(fit.trace, "validationScore"),
                                objectives = column(fit.trace, "objective");
      REQUIRE(scores.size() == 9);
      // Rings are symmetric: a linear model is right for about a third of the rows.
      CHECK(scores.front() < 0.55);
      CHECK(scores.back() > 0.85);
      CHECK(objectives.back() < 0.7 * objectives.front());
      CHECK(fit.objective == objectives.back());
      // Truncated after any number of layers it is the model of that round, bit for bit, on both sets.
      for (size_t layers = 0; layers < scores.size(); ++layers) {
        CHECK(accuracy(predict_boosting(flat(asked, fit.model, layers, train.view())->request, CancelToken()), train) ==
              doctest::Approx(scores[layers]).epsilon(1e-12));
        CHECK(accuracy(predict_boosting(flat(asked, fit.model, layers, other.view())->request, CancelToken()), other) ==
              doctest::Approx(validation[layers]).epsilon(1e-12));
      }
      const std::vector<double> l1 = column(fit.trace, "gradientL1"), l2 = column(fit.trace, "gradientL2");
      for (size_t t = 0; t < l1.size(); ++t) CHECK(l1[t] <= l2[t] * (1 + 1e-12));
    }
}

TEST_CASE("boosting: representations are the features after every layer, the last below the logits") {
  const Classes train = rings(300, 3, 3, 1);
  const BoostingFitRequest asked = request(train, "frank-wolfe", small(3));
  const BoostingFitResult fit = fitted(asked);
  const auto all = flat(asked, fit.model, 3, train.view());
  const std::vector<float> z = represent_boosting(all->request, CancelToken());
  REQUIRE(z.size() == 4 * train.x.size());
  CHECK(std::equal(train.x.begin(), train.x.end(), z.begin()));
  const std::vector<float> logits = predict_boosting(all->request, CancelToken());
  for (int64_t i = 0; i < train.n; ++i)
    for (int64_t k = 0; k < 3; ++k) {
      double sum = all->linear[static_cast<size_t>(9 + k)];
      for (int64_t j = 0; j < 3; ++j)
        sum += static_cast<double>(z[3 * train.x.size() + i * 3 + j]) * all->linear[static_cast<size_t>(j * 3 + k)];
      CHECK(logits[static_cast<size_t>(i * 3 + k)] == doctest::Approx(sum).epsilon(1e-4));
    }
  // With offset 2 every row ends in the hull of the layers' values, whose rows are at most 2 √D long.
  double longest = 0;
  for (int64_t i = 0; i < train.n; ++i) {
    double square = 0;
    for (int64_t j = 0; j < 3; ++j) square += std::pow(static_cast<double>(z[3 * train.x.size() + i * 3 + j]), 2);
    longest = std::max(longest, std::sqrt(square));
  }
  CHECK(longest > 0);
}

TEST_CASE("boosting: threads change no bit") {
  const Classes train = rings(700, 4, 3, 3);
  for (const char* algorithm : kAlgorithms)
    check_same(fitted(request(train, algorithm, small(3), {{"threads", 1.0}})),
               fitted(request(train, algorithm, small(3), {{"threads", 3.0}})));
}

TEST_CASE("boosting: a run continued from its checkpoint is the run that was never stopped") {
  const Classes train = rings(400, 3, 3, 4);
  for (const char* algorithm : kAlgorithms) {
    File file;
    const BoostingFitResult whole = fitted(request(train, algorithm, small(4)));
    // Fewer rounds first, then an interruption in the middle of a round.
    BoostingFitRequest some = request(train, algorithm, small(2));
    some.checkpoint = file.path;
    fitted(some);
    BoostingFitRequest rest = request(train, algorithm, small(4));
    rest.resume = file.path;
    const BoostingFitResult resumed = fitted(rest);
    CHECK(resumed.resumedFrom == 2);
    check_same(resumed, whole);

    CancelToken cancel;
    BoostingFitRequest stopped = request(train, algorithm, small(4));
    stopped.checkpoint = file.path;
    const BoostingFitResult part = BoostingFit(stopped).run(cancel, [&](const double* row) {
      if (row[0] == 1) cancel.cancel();
    });
    CHECK(part.stop == "cancelled");
    CHECK(part.model.layers.size() == 1);
    CHECK(part.model.linears.size() == 2);
    check_same(fitted(rest), whole);

    BoostingFitRequest foreign = request(train, algorithm, small(4), {{"seed", 5.0}});
    foreign.resume = file.path;
    CHECK_THROWS_AS(fitted(foreign), Error);
  }
}

TEST_CASE("boosting: an interrupted round leaves the model as it was") {
  const Classes train = rings(400, 3, 3, 4);
  const BoostingTable table = train.table();
  BoostingOptions options;
  options.outputs = 3;
  options.width = 16;
  options.depth = 1;
  options.linearEpochs = options.embeddingEpochs = 5;
  options.searchSteps = 20;
  options.l2 = options.embeddingL2 = 1e-3;
  ThreadPool pool(1);
  const auto make = [&] {
    return std::make_unique<BoostingMethod>(options, find_boosting_algorithm("residual-boosting").bind({}).rule, table,
                                            nullptr, 1, pool);
  };
  const auto method = make(), twin = make();
  for (BoostingMethod* one : {method.get(), twin.get()}) {
    one->begin(CancelToken());
    one->interrupt_with(nullptr);
    one->step();
  }
  CancelToken raised;
  raised.cancel();
  method->interrupt_with(&raised);
  CHECK_THROWS_AS(method->step(), Error);
  CHECK_THROWS_AS(method->measure(), Error);
  method->interrupt_with(nullptr);
  for (BoostingMethod* one : {method.get(), twin.get()}) one->step();
  CHECK(method->measure().objective == twin->measure().objective);
  CHECK(method->passes() == twin->passes());
  CHECK(method->model().linears == twin->model().linears);
}

TEST_CASE("boosting: with rows of its own for each layer the model learns, too") {
  const Classes train = rings(1800, 3, 3, 5);
  OptionValues model = small(3);
  model.push_back({"sampleSplitting", true});
  const BoostingFitResult fit = fitted(request(train, "residual-boosting", model));
  CHECK(column(fit.trace, "score").back() > column(fit.trace, "score").front() + 0.2);
}

TEST_CASE("boosting: what does not fit is refused before work starts") {
  const Classes train = rings(60, 3, 3, 1);
  const auto refused = [](const BoostingFitRequest& asked, ErrorCode code, const char* words) {
    try {
      fitted(asked);
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.code() == code);
      CHECK(std::string(error.what()).find(words) != std::string::npos);
    }
  };
  BoostingFitRequest asked = request(train, "frank-wolf", small(2));
  refused(asked, ErrorCode::InvalidOption, "Did you mean 'frank-wolfe'?");
  asked = request(train, "frank-wolfe", small(2));
  asked.algorithmOptions = {{"offset", 0.1}};
  refused(asked, ErrorCode::InvalidOption, "no convex combination");
  asked = request(train, "residual-boosting", {{"l2", 0.0}});
  refused(asked, ErrorCode::InvalidOption, "l2");
  Classes bad = train;
  bad.x[7] = std::nanf("");
  refused(request(bad, "residual-boosting", small(2)), ErrorCode::InvalidData, "row 2, column 1");
  bad = train;
  bad.targets[5] = 3;
  refused(request(bad, "residual-boosting", small(2)), ErrorCode::InvalidData, "5");
  asked = request(train, "residual-boosting", small(2));
  asked.validation = rings(20, 2, 3, 1).data();
  asked.hasValidation = true;
  refused(asked, ErrorCode::InvalidData, "validation features have 2 columns; expected 3");
  OptionValues split = small(100);
  split.push_back({"sampleSplitting", true});
  refused(request(train, "residual-boosting", split), ErrorCode::InvalidOption, "sampleSplitting");
}

TEST_CASE("boosting: data without a scale end in a typed error or a finite model, never in anything else") {
  Classes train = rings(120, 3, 3, 1);
  for (float& value : train.x) value *= 1e18f;
  for (const char* algorithm : kAlgorithms) {
    try {
      const BoostingFitResult fit = fitted(request(train, algorithm, small(2)));
      CHECK(std::isfinite(fit.objective));
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::Diverged);
    }
  }
}
