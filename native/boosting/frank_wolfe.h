// A. Nitanda, T. Suzuki, "Functional gradient boosting for learning residual-like networks with statistical guarantees",
// AISTATS 2020 (PMLR 108:2981-2991): the Frank-Wolfe form, whose layers also see the inputs.
//
// Two embeddings with values in [−1, 1], e2 of the features Z and e1 of the inputs X, are fitted together to align with the
// functional gradient. With A_b = −e_bᵀ G/‖e1ᵀ G‖, e1 A1 is the exact minimiser of ⟨G, s⟩ over the unit ball of the kernel
// ⟨e1(x), e1(x')⟩, ⟨G, e1 A1⟩ = −‖e1ᵀ G‖, and Z ← (1 − s_l) Z + s_l (e1 A1 + e2 A2) with s_l = 2/(offset + l).
#pragma once
#include <cmath>

#include "native/boosting/rules.h"

namespace meanfield {

class FrankWolfe : public Rule {
 public:
  static constexpr const char* kName = "frank-wolfe";
  static constexpr const char* kTitle = "Residual boosting by the Frank-Wolfe method";
  static constexpr const char* kSource = "Nitanda, Suzuki, AISTATS 2020";
  struct Options {
    double offset = 2;
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number("offset", "", &Options::offset, at_least(2),
                      "Layer l has the step 2/(offset + l); with 2, layer 0 leaves nothing of the inputs themselves.")
              .remedy("Below 2 the first step is above 1, and the map no convex combination.");
      return table;
    }
  };
  explicit FrankWolfe(const Options& options) : options_(options) {}

  size_t branches() const override { return 2; }
  Ending output() const override { return Ending::Tanh; }

  /// −⟨e1(x_i) + e2(z_i), s G_i⟩ with s = 1/(mean_i ‖G_i‖): within ± 2 √D in the mean.
  RowLoss loss(MatrixView<const float> gradient) const override {
    double norms = 0;
    for (int64_t i = 0; i < gradient.rows; ++i) {
      double squares = 0;
      for (int64_t j = 0; j < gradient.cols; ++j) squares += std::pow(static_cast<double>(gradient(i, j)), 2);
      norms += std::sqrt(squares);
    }
    const double scale = norms > 0 ? static_cast<double>(gradient.rows) / norms : 0;
    return [gradient, scale](int64_t row, const float* output, float* slope) {
      const float* g = gradient.row(row);
      double sum = 0;
      for (int64_t j = 0; j < gradient.cols; ++j) {
        sum -= scale * g[j] * output[j];
        if (slope) slope[j] = static_cast<float>(-scale * g[j]);
      }
      return sum;
    };
  }

  Layer layer(int64_t index, std::vector<float> parameters,
              const std::vector<std::vector<double>>& products) const override {
    Layer made;
    made.parameters = std::move(parameters);
    const double norm = norm_of(products[1]);
    for (const std::vector<double>& product : products)
      for (double value : product) made.matrices.push_back(norm > 0 ? static_cast<float>(-value / norm) : 0);
    const double step = 2 / (options_.offset + static_cast<double>(index));
    made.keep = static_cast<float>(1 - step);
    made.scale = static_cast<float>(step);
    return made;
  }

  double gap(double alignment, const std::vector<std::vector<double>>& products) const override {
    return alignment + norm_of(products[1]);
  }

  std::string remedy() const override { return "raise l2 or the offset, or scale the features."; }

 private:
  static double norm_of(const std::vector<double>& product) {
    double squares = 0;
    for (double value : product) squares += value * value;
    return std::sqrt(squares);
  }
  Options options_;
};

}  // namespace meanfield
