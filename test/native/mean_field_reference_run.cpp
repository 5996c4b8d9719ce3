// The certificate along a run whose values are known from an independent program.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "native/mean_field/certificate.h"
#include "native/mean_field/langevin.h"
#include "test/native/models.h"

using namespace meanfield;

TEST_CASE("certificate: the reference run of §7.5, gaps along noisy gradient descent in five dimensions") {
  // tanh(wᵀx) student, mean of three tanh neurons of unit length as the teacher (as in §8.1), n = 200, M = 1000, η = 0.1, λ = λ' = 0.01,
  // start N(0, I), k = 10, 20,000 draws from the prior for log Z.
  const int64_t n = 200, d = 5;
  constexpr int kTimes = 6;
  const double reference[kTimes] = {.189, .0926, .0208, .0028, .0012, .0008};
  // Run-to-run deviations over teachers, data and noise: an independent program, twelve runs.
  const double deviation[kTimes] = {.068, .031, .0062, .0005, .0003, .0002};
  const int at[kTimes] = {0, 30, 100, 300, 1000, 3000}, seeds = 4;
  double likeReference[kTimes] = {}, ours[kTimes] = {}, last = 0;
  ThreadPool pool(2);
  for (int seed = 1; seed <= seeds; ++seed) {
    TanhModel model(1000, n, d, 0.01, 0.01, static_cast<uint64_t>(seed), cpu_backend(), 2);
    const RandomField field{static_cast<uint64_t>(seed) + 40, Stream::Init};
    std::vector<float> teacher(3 * d);
    for (size_t j = 0; j < 3; ++j) {
      double square = 0;
      for (size_t c = 0; c < d; ++c)
        teacher[j * d + c] = static_cast<float>(field.normal(0, static_cast<uint32_t>(j), static_cast<uint32_t>(c)));
      for (size_t c = 0; c < d; ++c) square += static_cast<double>(teacher[j * d + c]) * teacher[j * d + c];
      for (size_t c = 0; c < d; ++c) teacher[j * d + c] = static_cast<float>(teacher[j * d + c] / std::sqrt(square));
    }
    for (int64_t i = 0; i < n; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < 3; ++j) {
        double s = 0;
        for (int64_t c = 0; c < d; ++c)
          s += static_cast<double>(teacher[static_cast<size_t>(j * d + c)]) * model.x[static_cast<size_t>(i * d + c)];
        sum += std::tanh(s) / 3;
      }
      model.y[static_cast<size_t>(i)] = sum;
    }
    Langevin::State state;
    CertificateOptions options;
    options.step = 0.1;
    int k = 0;
    for (int point = 0; point < kTimes; ++point) {
      for (; k < at[point]; ++k) Langevin::step(state, model.problem, {}, 0.1);
      const Subject subject = network_subject(model.problem, model.network);
      const Certificate certificate = certify(subject, options, pool, nullptr);
      CHECK(certificate.gap >= -(certificate.biasBound + 3 * certificate.standardError));
      ours[point] += certificate.gap / seeds;
      last = certificate.effectiveFraction;
      // As the reference took it: the same primal, log Z by importance sampling whatever its effective sample.
      double potential = 0.01 * model.network.second_moment();
      for (double e : energies_of(model.network, subject.potential)) potential += e / 1000;
      const double logZ = importance_partition(subject.another, subject.potential, 20000, subject.seed).logZ;
      likeReference[point] += (certificate.primal - (subject.objective - potential - 0.01 * logZ)) / seeds;
    }
  }
  CHECK(last > 0.05);
  for (int point = 0; point < kTimes; ++point) {
    CAPTURE(at[point]);
    CAPTURE(ours[point]);
    CAPTURE(likeReference[point]);
    // One run against the mean of `seeds`: three deviations, and half a unit of the last digit that is given.
    CHECK(std::fabs(likeReference[point] - reference[point]) <
          3 * deviation[point] * std::sqrt(1 + 1.0 / seeds) + 5e-5);
    // A degenerate log Ẑ is too low and its gap too small, if anything; ours is not below it.
    CHECK(ours[point] > likeReference[point] - 3 * deviation[point] / std::sqrt(seeds));
    if (point > 0) CHECK(ours[point] < ours[point - 1] + 1e-3);
  }
}
