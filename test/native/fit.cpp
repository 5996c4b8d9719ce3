// A fit as a whole, through the catalogue: bit-identity over threads, interruptions and resumptions; refusals before any
// work; what is chosen, certified and predicted.
#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "native/catalogue.h"
#include "native/core/philox.h"

using namespace meanfield;

namespace {

/// n rows of d normals with targets that suit the loss.
struct Data {
  Data(int64_t n_, int64_t d_, const std::string& loss, uint64_t seed = 1) : n(n_), d(d_) {
    const RandomField field{seed, Stream::Init};
    for (uint32_t i = 0; i < n; ++i) {
      double sum = 0;
      for (uint32_t j = 0; j < d; ++j) {
        x.push_back(field.normal(0, i, j));
        sum += x.back();
      }
      y.push_back(loss == "softmax"    ? (sum > 1    ? 2
                                          : sum > -1 ? 1
                                                     : 0)
                  : loss == "logistic" ? (sum > 0 ? 1 : -1)
                                       : std::tanh(sum));
    }
  }
  Table table() const { return {MatrixView<const float>(x.data(), n, d), y.data(), static_cast<int64_t>(y.size())}; }
  int64_t n, d;
  std::vector<float> x;
  std::vector<double> y;
};

FitRequest request(const Data& data, const std::string& algorithm, const std::string& loss = "softmax") {
  FitRequest fit;
  fit.train = data.table();
  fit.model = {{"particles", 37.0}, {"loss", loss}, {"entropy", 1e-3}};
  if (loss == "softmax") fit.model.push_back({"outputs", 3.0});
  fit.algorithm = algorithm;
  fit.run = {{"steps", 12.0}, {"seed", 5.0}, {"threads", 2.0}};
  return fit;
}

/// The loss, or the one that the algorithm is made for.
std::string suited(const MeanFieldAlgorithm& algorithm, const std::string& loss) {
  return algorithm.name == "two-timescale" ? "squared" : loss;
}

/// A request without what repeats the same work: an inner loop, where the algorithm has one, as long as theory asks for, and
/// the certificate, which knows the algorithm by its particles only, for every algorithm.
FitRequest brief(const Data& data, const MeanFieldAlgorithm& algorithm) {
  FitRequest fit = request(data, algorithm.name, suited(algorithm, "softmax"));
  for (const OptionField& field : algorithm.fields)
    if (field.name == "innerSteps") fit.algorithmOptions.push_back({"innerSteps", 3.0});
  fit.run.push_back({"certificate", algorithm.name == "langevin"});
  return fit;
}

FitResult run(const FitRequest& request, const CancelToken& cancel = CancelToken()) {
  return prepare_mean_field(request)->run(cancel, nullptr);
}

std::string refusal(const FitRequest& request, ErrorCode code, bool atRun = false) {
  std::unique_ptr<MeanFieldFit> fit;
  try {
    fit = prepare_mean_field(request);
    REQUIRE(atRun);  // what can be known beforehand is refused beforehand
    fit->run(CancelToken(), nullptr);
  } catch (const Error& error) {
    CHECK(error.code() == code);
    CHECK((fit != nullptr) == atRun);
    return error.what();
  }
  return "accepted";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// All that a result tells, but for the seconds.
void check_same(const FitResult& a, const FitResult& b) {
  CHECK(a.particles == b.particles);
  CHECK(a.objective == b.objective);
  CHECK(a.loss == b.loss);
  CHECK(a.steps == b.steps);
  CHECK(a.passes == b.passes);
  REQUIRE(a.trace.size() == b.trace.size());
  const size_t columns = trace_columns().size();
  for (size_t i = 0; i < a.trace.size(); ++i)
    if (i % columns != 2) CHECK((a.trace[i] == b.trace[i] || (std::isnan(a.trace[i]) && std::isnan(b.trace[i]))));
  REQUIRE(a.snapshots.size() == b.snapshots.size());
  for (size_t i = 0; i < a.snapshots.size(); ++i) CHECK(a.snapshots[i].particles == b.snapshots[i].particles);
  REQUIRE(a.hasCertificate == b.hasCertificate);
  CHECK(a.certificate.primal == b.certificate.primal);
  CHECK(a.certificate.dual == b.certificate.dual);
  CHECK(a.certificate.standardError == b.certificate.standardError);
}

struct File {
  File()
      : path(std::string(std::getenv("TMPDIR") ? std::getenv("TMPDIR") : "/tmp") + "/meanfield-fit-" +
             std::to_string(::getpid()) + ".ckpt") {}
  ~File() { ::unlink(path.c_str()); }
  std::string path;
};

}  // namespace

TEST_CASE("fit: 1, 2 and 5 threads give the same bits, certificate included, by every algorithm") {
  // Large enough for the work to be shared out.
  const Data data(300, 20, "softmax"), other(90, 20, "softmax", 2);
  for (const MeanFieldAlgorithm& algorithm : mean_field_algorithms()) {
    INFO(algorithm.name);
    FitRequest fit = brief(data, algorithm);
    fit.model[0].second = 700.0;
    fit.run[0].second = 4.0;
    fit.run[2].second = 1.0;
    fit.run.push_back({"traceEvery", 2.0});
    fit.hasValidation = true;
    fit.validation = other.table();
    const FitResult one = run(fit);
    CHECK(one.threads == 1);
    for (double threads : {2.0, 5.0}) {
      fit.run[2].second = threads;
      const FitResult many = run(fit);
      CHECK(many.threads == static_cast<int>(threads));
      check_same(one, many);
    }
    fit.run[1].second = 6.0;
    CHECK(run(fit).particles != one.particles);
  }
}

TEST_CASE("fit: stopped after any step and resumed, with another number of threads, the result has the same bits") {
  const Data data(40, 3, "softmax");
  for (const MeanFieldAlgorithm& algorithm : mean_field_algorithms()) {
    INFO(algorithm.name);
    FitRequest whole = brief(data, algorithm);
    whole.snapshots = {0, 4, 9};
    const FitResult expected = run(whole);
    CHECK(expected.resumedFrom == -1);
    for (int stop : {0, 1, 5, 11}) {
      File file;
      FitRequest first = whole, second = whole;
      first.run[0].second = static_cast<double>(stop);
      first.checkpoint = second.resume = file.path;
      second.run[2].second = 3.0;
      run(first);
      const FitResult resumed = run(second);
      CHECK(resumed.resumedFrom == stop);
      check_same(resumed, expected);
    }
    // Raised while running: whenever it is seen, what is written can be continued.
    File file;
    FitRequest first = whole, second = whole;
    first.checkpoint = second.resume = file.path;
    CancelToken cancel;
    const FitResult part = prepare_mean_field(first)->run(cancel, [&](const double* row) {
      if (row[0] >= 6) cancel.cancel();
    });
    CHECK(part.stop == "cancelled");
    CHECK_FALSE(part.hasCertificate);
    CHECK((part.steps == 6 || part.steps == 7));  // a step too short to be worth interrupting is finished
    CHECK(std::isfinite(part.objective));
    check_same(run(second), expected);
  }
}

TEST_CASE("fit: cancelled before its data have been looked at, a fit has no result") {
  const Data data(40, 3, "softmax");
  CancelToken raised;
  raised.cancel();
  for (const MeanFieldAlgorithm& algorithm : mean_field_algorithms()) try {
      run(request(data, algorithm.name, suited(algorithm, "softmax")), raised);
      FAIL("a result came back");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::Cancelled);
    }
}

TEST_CASE("fit: a checkpoint is refused by other data, options, algorithm or seed, naming what differs") {
  const Data data(40, 3, "softmax");
  File file;
  FitRequest first = request(data, "langevin");
  first.checkpoint = file.path;
  run(first);
  const auto message = [&](const std::function<void(FitRequest&)>& change) {
    FitRequest second = request(data, "langevin");
    second.resume = file.path;
    change(second);
    return refusal(second, ErrorCode::Checkpoint, true);
  };
  CHECK(has(message([](FitRequest& r) { r.run[1].second = 6.0; }), "it has seed=5 where this run has seed=6"));
  CHECK(has(message([](FitRequest& r) { r.model[0].second = 38.0; }), "particles=37 where this run has particles=38"));
  CHECK(has(message([](FitRequest& r) { r.algorithmOptions = {{"step", 0.5}}; }),
            "step=auto where this run has step=0.5"));
  CHECK(has(message([](FitRequest& r) { r.algorithm = "dual-averaging"; }), "algorithm=langevin"));
  Data changed = data;
  changed.x[17] = std::nextafter(changed.x[17], 2.f);
  CHECK(has(message([&](FitRequest& r) { r.train = changed.table(); }), "training data=40 x 3 fingerprint"));
  changed = data;
  changed.y[0] = 2 - changed.y[0];
  if (changed.y[0] != data.y[0])
    CHECK(has(message([&](FitRequest& r) { r.train = changed.table(); }), "training data"));
  CHECK(has(message([&](FitRequest& r) { r.hasValidation = true, r.validation = data.table(); }), "validation data="));
  CHECK(message([](FitRequest& r) { r.run[0].second = 20.0; }) == "accepted");  // a budget is not part of it
}

TEST_CASE("fit: bad requests are refused beforehand, in a sentence that names the remedy") {
  const Data data(10, 3, "softmax");
  const auto option = [&](const std::function<void(FitRequest&)>& change) {
    FitRequest fit = request(data, "langevin");
    change(fit);
    return refusal(fit, ErrorCode::InvalidOption);
  };
  const auto badData = [&](const std::function<void(FitRequest&)>& change) {
    FitRequest fit = request(data, "langevin");
    change(fit);
    return refusal(fit, ErrorCode::InvalidData);
  };
  CHECK(has(option([](FitRequest& r) { r.algorithm = "langevine"; }), "Did you mean 'langevin'?"));
  CHECK(has(option([](FitRequest& r) { r.model.push_back({"particels", 4.0}); }), "Did you mean 'particles'?"));
  CHECK(has(option([](FitRequest& r) { r.run.push_back({"stepz", 4.0}); }), "run: unknown option 'stepz'"));
  CHECK(has(option([](FitRequest& r) { r.algorithmOptions = {{"step", -1.0}}; }),
            "expected a finite number above 0, or 'auto'"));
  CHECK(has(option([](FitRequest& r) { r.model[3].second = 1.0; }), "softmax with outputs = 1"));
  CHECK(has(option([](FitRequest& r) { r.model.push_back({"ridge", 0.0}); }), "use a ridge above 0 or 'auto'"));
  // Nothing is accepted that would change nothing.
  for (const auto& [name, value] :
       OptionValues{{"initialEntropy", 0.1}, {"annealingSteps", 7.0}, {"annealRidge", true}})
    CHECK(has(option([&](FitRequest& r) { r.model.push_back({name, value}); }),
              name + " is given but annealing is 'constant'; choose a schedule"));
  CHECK(has(option([](FitRequest& r) { r.model.push_back({"lossWidth", 2.0}); }), "choose 'smooth-hinge' or 'huber'"));
  CHECK(has(option([](FitRequest& r) { r.model.push_back({"signs", std::string("balanced")}); }),
            "choose secondLayer 'fixed' or 'parity'"));
  CHECK(has(option([](FitRequest& r) { r.model.push_back({"preconditionPrior", true}); }),
            "choose 'inputs' or 'gradient'"));
  CHECK(has(option([](FitRequest& r) { r.snapshots = {3, 1}; }), "increasing"));
  CHECK(has(option([](FitRequest& r) { r.backend = "gpu"; }),
            "backend is 'gpu'; expected 'cpu', 'cuda', 'cuda:N', 'cuda:N,N' or 'reference'"));
  CHECK(has(option([](FitRequest& r) { r.isa = "sse9"; }), "this machine runs '"));
  CHECK(has(badData([](FitRequest& r) { --r.train.targetCount; }), "hold 9 numbers; expected 10 for 10 rows"));
  CHECK(has(badData([](FitRequest& r) { r.train.features.rows = 0; }), "at least one row"));
  CHECK(has(badData([&](FitRequest& r) {
              r.hasValidation = true, r.validation = data.table(), r.validation.features.cols = 2;
            }),
            "validation features have 2 columns; the training features have 3"));
  CHECK(has(badData([&](FitRequest& r) { r.initial = data.x.data(), r.initialCount = 12; }), "expected 37 x 7"));
}

TEST_CASE("fit: numbers that are not finite and targets outside the loss's domain are refused before the first step") {
  const Data good(10, 3, "softmax");
  Data bad = good;
  bad.x[7] = std::nanf("");
  CHECK(has(refusal(request(bad, "langevin"), ErrorCode::InvalidData, true),
            "training features: row 2, column 1 is nan"));
  bad = good;
  bad.y[4] = 3;
  CHECK(has(refusal(request(bad, "langevin"), ErrorCode::InvalidData, true), "target of row 4 is 3"));
  FitRequest fit = request(good, "langevin");
  bad = good;
  bad.x[29] = INFINITY;
  fit.hasValidation = true;
  fit.validation = bad.table();
  CHECK(has(refusal(fit, ErrorCode::InvalidData, true), "validation features: row 9, column 2 is inf"));
}

TEST_CASE("fit: a step far too large is told as divergence with step number, step size and remedy") {
  const Data data(40, 3, "squared");
  for (const MeanFieldAlgorithm& algorithm : mean_field_algorithms()) {
    if (algorithm.name == "two-timescale" || algorithm.name == "dual-coordinate-ascent")
      continue;  // bounded neurons only
    FitRequest fit = request(data, algorithm.name, "squared");
    fit.model.push_back({"activation", std::string("relu")});
    fit.model.push_back({"secondLayer", std::string("fixed")});
    fit.algorithmOptions = {{"step", 1e6}};
    fit.run[0].second = 500.0;
    const std::string message = refusal(fit, ErrorCode::Diverged, true);
    CHECK(has(message, "diverged at step "));
    CHECK(has(message, "the step is 1e+06; use a smaller one, or step: 'auto'."));
  }
}

TEST_CASE("fit: what was left to 'auto' is reported, and given back as a number gives the same bits") {
  const Data data(60, 4, "logistic");
  for (const MeanFieldAlgorithm& algorithm : mean_field_algorithms()) {
    FitRequest fit = request(data, algorithm.name, suited(algorithm, "logistic"));
    const FitResult automatic = run(fit);
    CHECK(automatic.chosen.size() >= 4);  // R, λ', the initial variance, η, and what the algorithm adds
    const std::vector<std::string> ofModel = NetworkOptions::table().names();
    for (const Chosen& choice : automatic.chosen) {
      CHECK(choice.why.size() > 5);
      CHECK(std::get<double>(choice.value) > 0);
      const bool model = std::find(ofModel.begin(), ofModel.end(), choice.name) != ofModel.end();
      (model ? fit.model : fit.algorithmOptions).push_back({choice.name, choice.value});
    }
    const FitResult given = run(fit);
    CHECK(given.chosen.empty());
    check_same(automatic, given);
  }
}

TEST_CASE("fit: a certificate only where there is noise, a ridge, and someone asked for it") {
  const Data data(30, 3, "squared");
  FitRequest fit = request(data, "langevin", "squared");
  CHECK(run(fit).hasCertificate);
  fit.run.push_back({"certificate", false});
  CHECK_FALSE(run(fit).hasCertificate);
  fit = request(data, "langevin", "squared");
  fit.algorithmOptions = {{"noise", false}};
  CHECK_FALSE(run(fit).hasCertificate);
  fit.model.push_back({"ridge", 0.0});  // without noise no prior is needed
  const FitResult plain = run(fit);
  CHECK_FALSE(plain.hasCertificate);
  CHECK(plain.stop == "budget");
  fit = request(data, "langevin", "squared");
  fit.model[0].second = 1.0;  // one particle has no density
  CHECK_FALSE(run(fit).hasCertificate);
}

TEST_CASE("fit: given starting particles are used as they are, and zero steps return them") {
  const Data data(30, 3, "squared");
  FitRequest fit = request(data, "langevin", "squared");
  std::vector<float> start;
  for (int i = 0; i < 37 * 5; ++i) start.push_back(0.01f * static_cast<float>(i % 23));
  fit.initial = start.data();
  fit.initialCount = static_cast<int64_t>(start.size());
  fit.run[0].second = 0.0;
  const FitResult result = run(fit);
  CHECK(result.parameters == 5);
  CHECK(result.particles == start);
}

TEST_CASE("predict: the outputs that the fit measured, whatever the threads; the wrong shape is refused") {
  const Data data(50, 3, "squared");
  const FitRequest fit = request(data, "langevin", "squared");
  const FitResult result = run(fit);
  PredictRequest predict;
  predict.features = data.table().features;
  predict.particles = result.particles.data();
  predict.particleCount = static_cast<int64_t>(result.particles.size());
  predict.model = fit.model;
  REQUIRE(predict_outputs(predict) == 1);
  std::vector<float> z(50), again(50);
  predict_mean_field(predict, CancelToken(), z.data());
  predict.threads = 5;
  predict_mean_field(predict, CancelToken(), again.data());
  CHECK(z == again);
  double loss = 0;
  for (size_t i = 0; i < 50; ++i) loss += (z[i] - data.y[i]) * (z[i] - data.y[i]) / 100;
  CHECK(loss == doctest::Approx(result.loss).epsilon(1e-6));
  predict.features.cols = 2;
  CHECK_THROWS_WITH_AS(predict_outputs(predict), doctest::Contains("the features have 2 columns"), Error);
  predict.features = data.table().features;
  CancelToken raised;
  raised.cancel();
  CHECK_THROWS_AS(predict_mean_field(predict, raised, z.data()), Error);
  predict.features.rows = 0;
  CHECK_NOTHROW(predict_mean_field(predict, CancelToken(), nullptr));
}
