// Fits of linear models on devices against the same fits on the CPU, and against themselves.
#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <string>

#include "test/native/emulated.h"
#include "test/native/finite_sum_data.h"

namespace finite_sum_test {

struct Devices {
  const LinearBackend* on;
  std::string name;
};

/// The same fit on the CPU and on the devices, stopped by the same gap.
inline void compare_fits(LinearFitRequest request, const Devices& devices, double tolerance) {
  const LinearFitResult here = fit(request);
  request.on = devices.on;
  request.backend = devices.name;
  const LinearFitResult there = fit(request);
  require_no_faults();
  CHECK(here.device == "cpu");
  CHECK(there.device == devices.name);
  CHECK(there.deviceReason.empty());
  CHECK(there.isa == devices.on->isa);
  CHECK(there.stop == here.stop);
  CHECK(there.steps == here.steps);
  CHECK(there.passes == here.passes);
  CHECK(there.gap <= 1e-8);
  double worst = 0;
  for (size_t j = 0; j < here.weights.size(); ++j)
    worst = std::fmax(worst, std::fabs(here.weights[j] - there.weights[j]));
  CHECK(worst < tolerance);
}

/// A fit that was cut short after two of four steps and resumed is the fit that was not, bit for bit.
inline void compare_resumed(const Data& data, const Devices& devices) {
  for (const char* name : {"svrg", "newton", "fista"}) {
    INFO(name);
    LinearFitRequest request = request_of(data, data.view(), "logistic", 1, true, 0, 0.01, name);
    if (std::string(name) == "newton") request.algorithmOptions = {{"system", std::string("conjugate-gradients")}};
    request.on = devices.on;
    request.backend = devices.name;
    request.run = {{"tolerance", 0.0}, {"steps", 4.0}, {"threads", 1.0}};
    const LinearFitResult whole = fit(request);
    const std::string file = devices.name + "-" + name + ".checkpoint";
    request.run[1].second = OptionValue(2.0);
    request.checkpoint = file;
    fit(request);
    request.checkpoint.clear();
    request.resume = file;
    request.run[1].second = OptionValue(4.0);
    const LinearFitResult resumed = fit(request);
    CHECK(resumed.resumedFrom == 2);
    CHECK(resumed.weights == whole.weights);
    CHECK(resumed.gap == whole.gap);
    std::remove(file.c_str());
  }
}

}  // namespace finite_sum_test
