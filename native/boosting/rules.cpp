#include "native/boosting/rules.h"

#include <limits>

#include "native/boosting/frank_wolfe.h"
#include "native/boosting/residual_boosting.h"

namespace meanfield {

double Rule::gap(double, const std::vector<std::vector<double>>&) const {
  return std::numeric_limits<double>::quiet_NaN();
}

namespace {

template <class R>
BoostingAlgorithm boosting_algorithm() {
  return {R::kName, R::kTitle, R::kSource, R::Options::table().describe(), [](const OptionValues& values) {
            const typename R::Options options = R::Options::table().parse(R::kName, values);
            return BoostingAlgorithm::Bound{R::Options::table().canonical(options), std::make_shared<const R>(options)};
          }};
}

}  // namespace

const std::vector<BoostingAlgorithm>& boosting_algorithms() {
  static const std::vector<BoostingAlgorithm> algorithms = {boosting_algorithm<ResidualBoosting>(),
                                                            boosting_algorithm<FrankWolfe>()};
  return algorithms;
}

const BoostingAlgorithm& find_boosting_algorithm(const std::string& name) {
  std::string known;
  std::vector<std::string> names;
  for (const BoostingAlgorithm& algorithm : boosting_algorithms()) {
    if (algorithm.name == name) return algorithm;
    names.push_back(algorithm.name);
    known += (known.empty() ? "'" : ", '") + algorithm.name + "'";
  }
  const std::string near = nearest_name(name, names);
  throw Error(ErrorCode::InvalidOption, "algorithm is '" + name + "'; expected one of " + known + "." +
                                            (near.empty() ? "" : " Did you mean '" + near + "'?"));
}

}  // namespace meanfield
