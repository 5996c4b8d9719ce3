// Properties that every algorithm of the catalogue has: it descends, its result does not depend on threads, a resumed run
// ends bit for bit like one that was never interrupted, it stops when told, and it reports divergence. A new algorithm
// is tested by being in the catalogue.
#include <doctest/doctest.h>

#include <unistd.h>
#include <cmath>
#include <cstdio>
#include <string>

#include "native/catalogue.h"
#include "test/native/models.h"

using namespace meanfield;

namespace {

struct Data {
  explicit Data(int64_t n = 60, int64_t d = 3) : x(static_cast<size_t>(n * d)), y(static_cast<size_t>(n)), n(n), d(d) {
    const RandomField field{77, Stream::Init};
    for (int64_t i = 0; i < n; ++i) {
      double s = 0;
      for (int64_t c = 0; c < d; ++c) {
        x[static_cast<size_t>(i * d + c)] = field.normal(0, static_cast<uint32_t>(i), static_cast<uint32_t>(c));
        s += x[static_cast<size_t>(i * d + c)];
      }
      y[static_cast<size_t>(i)] = std::tanh(s);
    }
  }
  std::vector<float> x;
  std::vector<double> y;
  int64_t n, d;
};

FitRequest request(const Data& data, const std::string& algorithm, double steps, double threads = 1) {
  FitRequest request;
  request.train = {{data.x.data(), data.n, data.d}, data.y.data(), data.n};
  request.model = {{"particles", 70.0}, {"entropy", 1e-3}, {"ridge", 1e-2}, {"initialVariance", 1.0}};
  request.algorithm = algorithm;
  request.run = {{"steps", steps}, {"threads", threads}, {"seed", 3.0}, {"certificate", false}};
  return request;
}

FitResult fit(const FitRequest& request, const std::function<void(const double*)>& onPoint = {}) {
  return prepare_mean_field(request)->run(CancelToken{}, onPoint);
}

struct File {
  explicit File(const std::string& name) : path("/tmp/meanfield-test-" + std::to_string(::getpid()) + "-" + name) {}
  ~File() { std::remove(path.c_str()); }
  std::string path;
};

ErrorCode code_of(const std::function<void()>& work, std::string& message) {
  try {
    work();
  } catch (const Error& error) {
    message = error.what();
    return error.code();
  }
  message = "nothing was thrown";
  return ErrorCode::Internal;
}

}  // namespace

TEST_CASE("catalogue: every algorithm lowers the objective from its defaults") {
  const Data data;
  for (const MeanFieldAlgorithm& algorithm : mean_field_algorithms()) {
    CAPTURE(algorithm.name);
    const FitResult result = fit(request(data, algorithm.name, 100));
    const size_t columns = trace_columns().size();
    REQUIRE(result.trace.size() >= 2 * columns);
    const double first = result.trace[3], last = result.objective;
    CAPTURE(last / first);
    // two-timescale starts with its second layer solved: little is left to descend
    CHECK(last < (algorithm.name == "two-timescale" ? 0.95 : 0.2) * first);
    CHECK(result.steps == 100);
    CHECK(result.passes > 0);
  }
}

TEST_CASE("catalogue: one thread or three, the same bits") {
  const Data data(700, 3);
  for (const MeanFieldAlgorithm& algorithm : mean_field_algorithms()) {
    CAPTURE(algorithm.name);
    FitRequest one = request(data, algorithm.name, 6), three = request(data, algorithm.name, 6, 3);
    one.model[0].second = three.model[0].second = 400.0;
    CHECK(fit(one).particles == fit(three).particles);
  }
}

TEST_CASE("catalogue: interrupted at a checkpoint and resumed, the same bits") {
  const Data data;
  for (const MeanFieldAlgorithm& algorithm : mean_field_algorithms()) {
    CAPTURE(algorithm.name);
    const File file("resume");
    const FitResult whole = fit(request(data, algorithm.name, 23));
    FitRequest first = request(data, algorithm.name, 10);  // 10 falls between two anchors of svrg-langevin
    first.checkpoint = file.path;
    fit(first);
    FitRequest second = request(data, algorithm.name, 23);
    second.resume = file.path;
    const FitResult resumed = fit(second);
    CHECK(resumed.resumedFrom == 10);
    CHECK(resumed.particles == whole.particles);
    CHECK(resumed.objective == whole.objective);
    CHECK(resumed.passes == whole.passes);
  }
}

TEST_CASE("catalogue: a cancelled run ends with the particles of a completed step") {
  const Data data;
  for (const MeanFieldAlgorithm& algorithm : mean_field_algorithms()) {
    CAPTURE(algorithm.name);
    CancelToken cancel;
    FitRequest endless = request(data, algorithm.name, 1e9);
    endless.run.push_back({"traceEvery", 1.0});
    const FitResult result = prepare_mean_field(endless)->run(cancel, [&](const double* row) {
      if (row[0] == 7) cancel.cancel();
    });
    CHECK(result.stop == "cancelled");
    CHECK(result.steps <= 8);  // a short step is finished
    CHECK(result.particles == fit(request(data, algorithm.name, static_cast<double>(result.steps))).particles);
  }
}

TEST_CASE("catalogue: a step that is too long is reported as divergence with the remedy") {
  const Data data;
  for (const MeanFieldAlgorithm& algorithm : mean_field_algorithms()) {
    CAPTURE(algorithm.name);
    FitRequest wild = request(data, algorithm.name, 2000);
    wild.algorithmOptions.push_back({"step", 1e9});
    std::string message;
    CHECK(code_of([&] { fit(wild); }, message) == ErrorCode::Diverged);
    CHECK(message.find("step") != std::string::npos);
  }
}

TEST_CASE("catalogue: a checkpoint of another algorithm or problem is refused by name") {
  const Data data, other(61, 3);
  const File file("foreign");
  FitRequest first = request(data, "langevin", 3);
  first.checkpoint = file.path;
  fit(first);
  std::string message;
  FitRequest second = request(data, "svrg-langevin", 3);
  second.resume = file.path;
  CHECK(code_of([&] { fit(second); }, message) == ErrorCode::Checkpoint);
  CHECK(message.find("algorithm") != std::string::npos);
  FitRequest third = request(other, "langevin", 3);
  third.resume = file.path;
  CHECK(code_of([&] { fit(third); }, message) == ErrorCode::Checkpoint);
  CHECK(message.find("training data") != std::string::npos);
}

TEST_CASE("catalogue: bad options and data are refused before any step") {
  const Data data;
  std::string message;
  for (const char* name : {"sgd-langevin", "svrg-langevin"}) {
    FitRequest large = request(data, name, 1);
    large.algorithmOptions.push_back({"minibatch", 61.0});
    CHECK(code_of([&] { fit(large); }, message) == ErrorCode::InvalidOption);
    CHECK(message.find("60") != std::string::npos);
  }
  for (double entropy : {0.0, -1.0}) {
    FitRequest cold = request(data, "langevin", 1);
    cold.model[1].second = entropy;
    CHECK(code_of([&] { fit(cold); }, message) == ErrorCode::InvalidOption);
    CHECK(message.find("entropy") != std::string::npos);
  }
  FitRequest improper = request(data, "langevin", 1);
  improper.model[2].second = 0.0;
  CHECK(code_of([&] { fit(improper); }, message) == ErrorCode::InvalidOption);
  CHECK(message.find("ridge") != std::string::npos);
  FitRequest signs = request(data, "langevin", 1);
  signs.model.push_back({"loss", std::string("logistic")});
  CHECK(code_of([&] { fit(signs); }, message) == ErrorCode::InvalidData);
  Data broken;
  broken.x[5] = std::nanf("");
  CHECK(code_of([&] { fit(request(broken, "langevin", 1)); }, message) == ErrorCode::InvalidData);
  CHECK(message.find("row 1, column 2") != std::string::npos);
}

TEST_CASE("annealing: the schedules, and a schedule that starts at the entropy is no schedule") {
  LinearModel model(1, 1.0, 0.2, 0.1, 4);
  Problem& problem = model.problem;
  const auto at = [&](Annealing kind, int64_t t) {
    problem.schedule = {kind, 8, 10, false};
    problem.anneal(t);
    const double entropy = problem.entropy;
    CHECK(problem.ridge == 0.2);
    problem.settle();
    CHECK(problem.entropy == 0.1);
    return entropy;
  };
  CHECK(at(Annealing::Geometric, 9) == 8);
  CHECK(at(Annealing::Geometric, 10) == 4);
  CHECK(at(Annealing::Geometric, 1000) == 0.1);
  CHECK(at(Annealing::Harmonic, 10) == 4);
  CHECK(at(Annealing::Logarithmic, 0) == doctest::Approx(8));
  CHECK(at(Annealing::Logarithmic, 100) == doctest::Approx(8 / std::log(std::exp(1.0) + 10)));
  problem.schedule = {Annealing::Geometric, 8, 10, true};
  problem.anneal(0);
  CHECK(problem.ridge / problem.entropy == doctest::Approx(2));  // the prior's variance stays
  problem.settle();

  const Data data;
  for (const MeanFieldAlgorithm& algorithm : mean_field_algorithms()) {
    CAPTURE(algorithm.name);
    const FitRequest plain = request(data, algorithm.name, 8);
    FitRequest flat = plain, steep = plain, resumed = plain;
    for (auto* annealed : {&flat, &steep, &resumed}) annealed->model.push_back({"annealing", std::string("geometric")});
    flat.model.push_back({"initialEntropy", 1e-3});
    const std::vector<float> expected = fit(plain).particles;
    CHECK(fit(flat).particles == expected);
    const std::vector<float> hot = fit(steep).particles;
    CHECK(hot != expected);
    const File file("annealed");
    resumed.checkpoint = file.path;
    resumed.run[0].second = 3.0;
    fit(resumed);
    resumed.resume = file.path;
    resumed.run[0].second = 8.0;
    CHECK(fit(resumed).particles == hot);
  }
  std::string message;
  FitRequest upward = request(data, "langevin", 1);
  upward.model.push_back({"annealing", std::string("harmonic")});
  upward.model.push_back({"initialEntropy", 1e-4});
  CHECK(code_of([&] { fit(upward); }, message) == ErrorCode::InvalidOption);
  CHECK(message.find("below the entropy") != std::string::npos);
}

TEST_CASE("sphere: weights have length 1 after every step, the run descends, threads and resuming change no bit") {
  const Data data;
  for (const char* name :
       {"langevin", "sgd-langevin", "svrg-langevin", "dual-averaging", "fictitious-play", "two-timescale"}) {
    CAPTURE(name);
    FitRequest round = request(data, name, 40);
    round.model.push_back({"geometry", std::string("sphere")});
    if (std::string(name) != "two-timescale") round.model.push_back({"outputScale", 1.5});
    round.run[3].second = true;
    const FitResult result = fit(round);
    CHECK_FALSE(result.hasCertificate);
    CHECK(result.objective < result.trace[3]);
    for (size_t r = 0; r < 70; ++r) {
      double square = 0;
      for (size_t c = 0; c < 4; ++c)
        square += std::pow(result.particles[r * 5 + c], 2.0);  // three weights and the bias
      CHECK(square == doctest::Approx(1).epsilon(1e-6));
    }
    const File file("sphere");
    FitRequest part = round;
    part.checkpoint = file.path;
    part.run[0].second = 13.0;
    fit(part);
    part.resume = file.path;
    part.run[0].second = 40.0;
    part.run[1].second = 2.0;
    CHECK(fit(part).particles == result.particles);
  }
  std::string message;
  for (const char* name : {"underdamped-langevin", "dual-coordinate-ascent"}) {
    FitRequest round = request(data, name, 1);
    round.model.push_back({"geometry", std::string("sphere")});
    CHECK(code_of([&] { fit(round); }, message) == ErrorCode::InvalidOption);
    CHECK(message.find("sphere") != std::string::npos);
  }
}
