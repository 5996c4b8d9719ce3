// Neighbours and mixture density on the emulated device, alone and in a certificate.
#include <doctest/doctest.h>

#include "native/mean_field/certificate.h"
#include "native/mean_field/entropy.h"
#include "native/mean_field/langevin.h"
#include "test/native/emulated.h"
#include "test/native/models.h"
#include "test/native/point_cases.h"

using namespace meanfield;
using namespace meanfield::point_cases;

TEST_CASE("cuda emulation: neighbours and mixtures at odd sizes, within the bounds of rounding") {
  for (const PointCase& c : all_point_cases()) {
    INFO(c.points, " points, ", c.queries, " queries, p = ", c.dimension, ", k = ", c.k);
    const PointErrors errors = point_errors(emulated(), 0, c);
    CHECK(errors.neighbours <= 1);
    CHECK(errors.mixture <= 1);
    require_no_faults();
  }
}

TEST_CASE("cuda emulation: neighbours and mixtures are cancelled, and no queries are no work") {
  const PointSetting s({70, 5, 3, 2, true, 1});
  CancelToken raised;
  raised.cancel();
  std::vector<double> out(5);
  CHECK(emulated()->neighbours(0, s.all(), s.asked(), s.left_out(), 2, &raised, out.data()) == Status::Cancelled);
  CHECK(emulated()->mixture(0, s.all(), 1, s.asked(), &raised, out.data()) == Status::Cancelled);
  CHECK(emulated()->mixture(0, s.all(), 1, {nullptr, 0, 3}, nullptr, nullptr) == Status::Ok);
}

TEST_CASE("cuda emulation: the certificate agrees with the host's, by every estimator") {
  ThreadPool pool(1);
  CertificateOptions options;
  options.draws = 400;
  options.step = 0.05;
  for (GapEstimator estimator : {GapEstimator::Neighbours, GapEstimator::Mixture, GapEstimator::TwoSample}) {
    Certificate of[2];
    for (int on = 0; on < 2; ++on) {
      TanhModel model(150, 20, 3, 0.05, 0.05, 3, on ? emulated() : reference_backend());
      REQUIRE(model.network.has_points() == (on == 1));
      options.estimator = estimator;
      of[on] = certify(network_subject(model.problem, model.network), options, pool, nullptr);
    }
    require_no_faults();
    // Both see the same particles and draws but for float32 rounding, 1e-6 of numbers of order 1; the chain of two samples may
    // decide an acceptance the other way.
    const double allowed = estimator == GapEstimator::TwoSample ? 0.1 * std::fabs(of[0].gap) + 1e-3 : 1e-4;
    CHECK(std::fabs(of[0].gap - of[1].gap) < allowed);
    CHECK(std::fabs(of[0].dual - of[1].dual) < 1e-4);
    CHECK(of[0].entropyEstimator == of[1].entropyEstimator);
  }
}
