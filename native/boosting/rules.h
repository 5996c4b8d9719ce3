// What tells the two methods apart: what the embeddings are fitted to, and what layer is made of them.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "native/boosting/inner_problem.h"
#include "native/boosting/layers.h"
#include "native/core/option_fields.h"

namespace meanfield {

/// The mean loss along the direction of a layer, L(Z + h direction).
struct Along {
  double slope;      // ⟨G, direction⟩, its derivative at 0
  double curvature;  // at least its second derivative anywhere
  std::function<double(double h)> loss;
};

class Rule {
 public:
  virtual ~Rule() = default;
  /// The embeddings, of d numbers each: one of the features, or that and one of the inputs.
  virtual size_t branches() const = 0;
  virtual Ending output() const = 0;
  /// What the embeddings are fitted to, from the functional gradients of all rows.
  virtual RowLoss loss(MatrixView<const float> gradient) const = 0;
  /// Layer `index` of parameters and products e_bᵀ G; its scale may be left to `measured`.
  virtual Layer layer(int64_t index, std::vector<float> parameters,
                      const std::vector<std::vector<double>>& products) const = 0;
  /// Settles a scale that was left open, from what `Along` tells of the loss.
  virtual void measured(Layer&, const Along&) const {}
  /// Largest ⟨G, Z − s⟩ over the ball that the layers of the method come from; NaN where there is none.
  virtual double gap(double /*alignment*/, const std::vector<std::vector<double>>& /*products*/) const;
  virtual std::string remedy() const = 0;
};

struct BoostingAlgorithm {
  struct Bound {
    std::string canonical;
    std::shared_ptr<const Rule> rule;
  };
  std::string name, title, source;
  std::vector<OptionField> fields;
  std::function<Bound(const OptionValues&)> bind;
};

/// The methods of the family, the default first.
const std::vector<BoostingAlgorithm>& boosting_algorithms();
/// Throws InvalidOption, with the names there are.
const BoostingAlgorithm& find_boosting_algorithm(const std::string& name);

}  // namespace meanfield
