// A. Nitanda, T. Suzuki, "Functional gradient boosting based on residual network perception", ICML 2018, Algorithm 1.
//
// The embedding ι is fitted to the normalised functional gradients; the layer is a step along the gradient smoothed by the
// kernel ⟨ι(z), ι(z')⟩, which is z ← z − η Mᵀ ι(z) with M = ιᵀ G. For any embedding the loss falls to first order:
// L(Z − η K G) = L(Z) − η ⟨G, K G⟩ + O(η²) with K = ι ιᵀ.
#pragma once
#include <cmath>

#include "native/boosting/rules.h"

namespace meanfield {

class ResidualBoosting : public Rule {
 public:
  static constexpr const char* kName = "residual-boosting";
  static constexpr const char* kTitle = "Residual functional gradient boosting";
  static constexpr const char* kSource = "Nitanda, Suzuki, ICML 2018, Algorithm 1";
  struct Options {
    Auto<double> step;
    Ending embeddingOutput = Ending::Identity;
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number("step", "η", &Options::step, above(0),
                      "Step of a layer; auto: n ⟨G, K G⟩/(A ‖K G‖²) with A = ‖W‖²/2, or K‖W‖²/4 for the smooth hinge, "
                      "which is what the "
                      "bound on the curvature of the loss proves, doubled as long as the loss falls by half of what "
                      "its slope promises.")
              .choice("embeddingOutput", &Options::embeddingOutput, {"identity", "relu"},
                      "After the last layer of an embedding. The papers' code has relu, where few features leave few "
                      "units and "
                      "those may all die.");
      return table;
    }
  };
  explicit ResidualBoosting(const Options& options) : options_(options) {}

  size_t branches() const override { return 1; }
  Ending output() const override { return options_.embeddingOutput; }

  /// Mean over the D numbers of (ι − g)², g_i = G_i/(√(mean_j G_ij²) + 1e-10): rows that are classified with confidence, whose
  /// gradients are not far above 1e-10, have smaller targets.
  RowLoss loss(MatrixView<const float> gradient) const override {
    std::vector<float> factors(static_cast<size_t>(gradient.rows));
    for (int64_t i = 0; i < gradient.rows; ++i) {
      double squares = 0;
      for (int64_t j = 0; j < gradient.cols; ++j) squares += std::pow(static_cast<double>(gradient(i, j)), 2);
      factors[static_cast<size_t>(i)] =
          static_cast<float>(1 / (std::sqrt(squares / static_cast<double>(gradient.cols)) + 1e-10));
    }
    return [gradient, factors = std::move(factors)](int64_t row, const float* output, float* slope) {
      const int64_t d = gradient.cols;
      const float* g = gradient.row(row);
      const float factor = factors[static_cast<size_t>(row)], share = 1 / static_cast<float>(d);
      double sum = 0;
      for (int64_t j = 0; j < d; ++j) {
        const float miss = output[j] - factor * g[j];
        sum += static_cast<double>(miss) * miss;
        if (slope) slope[j] = 2 * share * miss;
      }
      return sum / static_cast<double>(d);
    };
  }

  Layer layer(int64_t, std::vector<float> parameters, const std::vector<std::vector<double>>& products) const override {
    Layer made;
    made.parameters = std::move(parameters);
    made.matrices.assign(products[0].begin(), products[0].end());
    made.scale = options_.step ? -static_cast<float>(*options_.step) : 0;
    return made;
  }

  void measured(Layer& layer, const Along& along) const override {
    if (options_.step || !(along.slope > 0) || !(along.curvature > 0)) return;
    const double start = along.loss(0);
    double step = along.slope / along.curvature;
    for (int doubling = 0; doubling < kDoublings; ++doubling) {
      if (!(along.loss(-2 * step) <= start - step * along.slope)) break;
      step *= 2;
    }
    layer.scale = -static_cast<float>(step);
  }

  std::string remedy() const override {
    return options_.step ? "the step " + format_option(*options_.step) + " is too large; use a smaller one, or 'auto'."
                         : "raise l2, or scale the features.";
  }

 private:
  static constexpr int kDoublings = 30;
  Options options_;
};

}  // namespace meanfield
