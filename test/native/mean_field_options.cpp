// Options across the family: 'auto' inner loops and 'auto' particles.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "native/catalogue.h"
#include "test/native/quadrature.h"

using namespace meanfield;

namespace {

/// Sixty rows of two normals, y = tanh of the first.
struct Rows60 {
  Rows60() {
    const RandomField field{9, Stream::Init};
    for (uint32_t i = 0; i < 60; ++i) {
      for (uint32_t c = 0; c < 2; ++c) x.push_back(field.normal(0, i, c));
      y.push_back(std::tanh(x[2 * i]));
    }
  }
  FitRequest request(const std::string& algorithm, double steps) const {
    FitRequest request;
    request.train = {{x.data(), 60, 2}, y.data(), 60};
    request.model = {{"particles", 200.0}, {"entropy", 1e-4}, {"ridge", 1e-4}, {"initialVariance", 1.0}};
    request.algorithm = algorithm;
    request.run = {{"steps", steps}, {"threads", 1.0}, {"seed", 3.0}, {"certificate", false}};
    return request;
  }
  std::vector<float> x;
  std::vector<double> y;
};

FitResult fit(const FitRequest& request) { return prepare_mean_field(request)->run(CancelToken{}, {}); }

const Chosen* chosen(const FitResult& result, const std::string& name) {
  for (const Chosen& choice : result.chosen)
    if (choice.name == name) return &choice;
  return nullptr;
}

std::string refusal(const FitRequest& request) {
  try {
    fit(request);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::InvalidOption);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("auto inner loops: the geometric mean of the relaxation times, told with its formula") {
  const Rows60 data;
  for (const char* name : {"dual-averaging", "fictitious-play", "dual-coordinate-ascent"}) {
    CAPTURE(name);
    FitRequest request = data.request(name, 3);
    request.algorithmOptions = {{"innerSteps", std::monostate{}}, {"step", 0.05}};
    const FitResult result = fit(request);
    const Chosen* choice = chosen(result, "innerSteps");
    REQUIRE(choice);
    CHECK(std::get<double>(choice->value) == std::ceil(std::sqrt(1 / (2 * 1e-4 * 0.05))));
    CHECK(choice->why.find("relaxation") != std::string::npos);
  }
}

TEST_CASE("auto particles: the number keeps the objective of a sample within the accuracy, in the mean") {
  const Rows60 data;
  FitRequest request = data.request("langevin", 1);
  request.model = {{"particles", std::monostate{}}, {"accuracy", 0.02}, {"outputScale", 1.0}};
  const FitResult result = fit(request);
  const Chosen* choice = chosen(result, "particles");
  REQUIRE(choice);
  const int64_t M = 25;  // β = 1, C = 1, k = 1: 1/(2·0.02)
  CHECK(std::get<double>(choice->value) == static_cast<double>(M));
  CHECK(result.particles.size() == static_cast<size_t>(M * 4));  // two weights, bias, tail
  request.model[1].second = std::monostate{};
  CHECK(refusal(request).find("accuracy is not given") != std::string::npos);
  request.model = {{"particles", 10.0}, {"accuracy", 0.02}};
  CHECK(refusal(request).find("accuracy is given") != std::string::npos);
  request.model = {{"particles", std::monostate{}}, {"accuracy", 0.02}, {"activation", std::string("relu")}};
  CHECK(refusal(request).find("bounded neurons") != std::string::npos);
  request.model = {{"particles", std::monostate{}}, {"accuracy", 1e-12}};
  CHECK(refusal(request).find("1e9") != std::string::npos);

  // Mean over 400 samples of M from N(0, 1) on the one-dimensional network; three standard errors of that mean.
  const int repeats = 400;
  std::vector<double> losses;
  Setting setting(M);
  const std::vector<double> exact = setting.grid.outputs(Quadrature::normal(0, 1));
  for (int s = 0; s < repeats; ++s) {
    std::vector<float> particles;
    for (uint32_t r = 0; r < M; ++r)
      particles.push_back(RandomField{static_cast<uint64_t>(s), Stream::Output}.normal(0, r, 0));
    setting.problem->write_particles(particles.data());
    double loss = 0, limit = 0;
    for (size_t i = 0; i < exact.size(); ++i) {
      loss += std::pow(setting.problem->outputs()[i] - setting.y[i], 2) / 2 / static_cast<double>(exact.size());
      limit += std::pow(exact[i] - setting.y[i], 2) / 2 / static_cast<double>(exact.size());
    }
    losses.push_back(loss - limit);
  }
  double mean = 0, square = 0;
  for (double value : losses) mean += value / repeats, square += value * value / repeats;
  const double error = std::sqrt((square - mean * mean) / repeats);
  CHECK(mean < 0.02 + 3 * error);
  CHECK(mean > -3 * error);
}
