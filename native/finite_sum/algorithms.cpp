// The methods of the family, and the choice among them.
#include "native/finite_sum/amsvrg.h"
#include "native/finite_sum/coordinate_descent.h"
#include "native/finite_sum/dasvrda.h"
#include "native/finite_sum/fit.h"
#include "native/finite_sum/katyusha.h"
#include "native/finite_sum/l_katyusha.h"
#include "native/finite_sum/l_svrg.h"
#include "native/finite_sum/newton.h"
#include "native/finite_sum/point_saga.h"
#include "native/finite_sum/proximal_point.h"
#include "native/finite_sum/saga.h"
#include "native/finite_sum/sarah.h"

namespace meanfield {

const std::vector<LinearAlgorithm>& linear_algorithms() {
  static const std::vector<LinearAlgorithm> algorithms = {
      linear_algorithm<Svrg>(),
      linear_algorithm<LSvrg>(),
      linear_algorithm<Saga>(),
      linear_algorithm<Sag>(),
      linear_algorithm<Sarah>(),
      linear_algorithm<Sdca>(),
      linear_algorithm<Miso>(),
      linear_algorithm<PointSaga>(),
      linear_algorithm<Katyusha>(),
      linear_algorithm<LKatyusha>(),
      linear_algorithm<AccSvrg>(),
      linear_algorithm<AccSvrgAppa>(),
      linear_algorithm<Amsvrg>(),
      linear_algorithm<Dasvrda>(),
      linear_algorithm<Fista>(),
      linear_algorithm<Catalyst>(),
      linear_algorithm<Qning>(),
      linear_algorithm<Newton>(),
      linear_algorithm<CoordinateDescent>(),
      linear_algorithm<DualCoordinateDescent>(),
  };
  return algorithms;
}

const LinearAlgorithm& find_linear_algorithm(const std::string& name) {
  std::vector<std::string> names = {kAutoAlgorithm};
  for (const LinearAlgorithm& algorithm : linear_algorithms()) {
    if (algorithm.name == name) return algorithm;
    names.push_back(algorithm.name);
  }
  const std::string near = nearest_name(name, names);
  std::string known;
  for (const std::string& each : names) known += (known.empty() ? "'" : ", '") + each + "'";
  throw Error(ErrorCode::InvalidOption, "algorithm is '" + name + "'; expected one of " + known + "." +
                                            (near.empty() ? "" : " Did you mean '" + near + "'?"));
}

AutoChoice choose_linear_algorithm(FiniteSum& f, double) {
  const Regularizer& r = f.regularizer;
  const std::string shape = "n = " + std::to_string(f.n) + ", d = " + std::to_string(f.d);
  if (f.device) {
    if (r.l1 > 0 || r.nonNegative) return {"fista", {}, "full gradients, which a device computes whole; " + shape};
    return {"newton", {}, "conjugate gradients, whose products with all rows a device computes whole; " + shape};
  }
  if (r.l1 > 0 || r.nonNegative) {
    if (!f.coupled())
      return {"coordinate-descent",
              {},
              "weights that are zero in the solution cost nothing once they are outside the working set; " + shape};
    return {"fista",
            {},
            "softmax joins the coordinates of all classes, so that coordinates cannot move one at a time; " + shape};
  }
  if (!f.coupled() && f.p <= 512)
    return {"newton", {}, "the Hessian has only " + std::to_string(f.p) + " columns a class; " + shape};
  const bool dual = f.x.sparse && !f.intercept && !f.coupled() && r.l2 > 0 && std::isfinite(f.loss.smoothness());
  if (dual) {
    const double ratio = f.constants().max / (static_cast<double>(f.n) * r.l2);
    if (ratio <= 30)
      return {"dual-coordinate-descent",
              {},
              "sparse rows, and L_max/(n λ2) = " + number_text(ratio) + " is at most 30; " + shape};
  }
  return {
      "newton", {}, "smooth and too wide for a Hessian: conjugate gradients need only products with rows; " + shape};
}

}  // namespace meanfield
