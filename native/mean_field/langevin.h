// A. Nitanda, D. Wu, T. Suzuki, "Convex analysis of the mean field Langevin dynamics", AISTATS 2022, arXiv 2201.10469.
//
// Noisy gradient descent, full batch: the Euler step of the mean-field Langevin dynamics
//
//     θ_r ← θ_r − η [ (1/n) Σ_i ℓ_z(z_i, y_i) ∇h_{θ_r}(x_i) + 2λ' θ_r ] + √(2λη) ξ_r ,     ξ_r ~ N(0, I).
//
// Theorem 2: L(q^(k)) − L* ≤ δ_η/(2αλ) + e^{−αληk} (L(q^(0)) − L*) with δ_η = O(η), α the log-Sobolev constant.
// A step costs 4nMp flops.
#pragma once
#include <vector>

#include "native/mean_field/algorithm.h"

namespace meanfield {

struct Langevin : ParticleAlgorithm {
  static constexpr const char* kName = "langevin";
  static constexpr const char* kTitle = "Noisy gradient descent (mean-field Langevin dynamics), full batch";
  static constexpr const char* kSource = "Nitanda, Wu, Suzuki, AISTATS 2022, arXiv 2201.10469, Theorem 2";
  static constexpr int64_t kDefaultSteps = 1000;

  struct Options {
    Auto<double> step;  // η
    bool noise = true;

    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number("step", "η", &Options::step, above(0), "Step size in the master objective's units; auto: 1/L.")
              .boolean("noise", &Options::noise,
                       "Draw the noise; false is plain gradient descent, a control without entropy or certificate.");
      return table;
    }
  };

  struct State {
    int64_t steps = 0;            // k
    double lastLoss = 0;          // (1/n) Σ_i ℓ(z_i, y_i) at θ^(k−1)
    std::vector<double> weights;  // room for ω_i = ℓ_z(z_i, y_i)/n at θ^(k−1); n × k

    template <class V>
    void visit(V& v) {
      v(steps);
      v(lastLoss);
    }
  };

  static State init(Problem&, const Options&) { return {}; }

  /// `step` is η resolved.
  static Info step(State& state, Problem& problem, const Options& options, double step) {
    Update update;
    update.keep = 1 - 2 * step * problem.ridge;
    update.rate = step;
    update.noise = options.noise ? std::sqrt(2 * problem.entropy * step) : 0;
    update.firstStep = static_cast<uint64_t>(state.steps);
    update.field = {problem.seed, Stream::Noise};
    state.lastLoss = problem.descend({nullptr, problem.train.rows}, state.weights, update);
    ++state.steps;
    return {1};
  }

  static bool samples(const Options& options) { return options.noise; }
};

}  // namespace meanfield
