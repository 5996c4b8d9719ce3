// T. Suzuki, D. Wu, A. Nitanda, "Convergence of mean-field Langevin dynamics: time and space discretization, stochastic gradient,
// and variance reduction", NeurIPS 2023, arXiv 2306.07221, equation (4) with the stochastic gradient (SGD-MFLD).
//
//     θ_r ← θ_r − η [ (1/B) Σ_{i ∈ I_k} ℓ_z(z_i, y_i) ∇h_{θ_r}(x_i) + 2λ' θ_r ] + √(2λη) ξ_r ,     ξ_r ~ N(0, I).
//
// The minibatch I_k of B rows, drawn without replacement or taken in the order of the rows, is shared by all particles, because
// the network has to be evaluated on it. B = n is `langevin`, bit for bit. In order, a pass needs a row once: the rows may come in
// blocks, each fitted from where the last one ended (`firstStep`), with the same result, bit for bit, as if all were there. The noise of the gradient, of variance factor (n−B)/(B(n−1)),
// leaves a floor under the objective that no number of particles lowers. A step costs 4BMp flops.
#pragma once
#include <cmath>
#include <vector>

#include "native/mean_field/algorithm.h"
#include "native/mean_field/minibatch.h"

namespace meanfield {

struct SgdLangevin : ParticleAlgorithm {
  static constexpr const char* kName = "sgd-langevin";
  static constexpr const char* kTitle = "Mean-field Langevin dynamics with stochastic gradients";
  static constexpr const char* kSource = "Suzuki, Wu, Nitanda, NeurIPS 2023, arXiv 2306.07221";
  static constexpr int64_t kDefaultSteps = 10000;

  enum class Order { Random, Rows };

  struct Options {
    Auto<double> step;        // η
    Auto<int64_t> minibatch;  // B
    Order order = Order::Random;
    bool noise = true;

    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number("step", "η", &Options::step, above(0), "Step size in the master objective's units; auto: 1/L.")
              .integer("minibatch", "B", &Options::minibatch, between(1, 1e9),
                       "Rows of each stochastic gradient; auto: ⌈√n⌉.")
              .choice("order", &Options::order, {"random", "rows"},
                      "Rows of a step: drawn without replacement, anew for each step; or one after the other, as they "
                      "lie in the data, each once a pass.")
              .boolean("noise", &Options::noise,
                       "Draw the noise; false is plain stochastic gradient descent, a control without certificate.");
      return table;
    }
  };

  struct State {
    int64_t steps = 0;            // k
    double lastLoss = 0;          // (1/B) Σ_{i ∈ I_k} ℓ(z_i, y_i) at θ^(k−1)
    std::vector<double> weights;  // room for ω_i = ℓ_z(z_i, y_i)/B; B × k

    template <class V>
    void visit(V& v) {
      v(steps);
      v(lastLoss);
    }
  };

  static double resolve(Options& options, Resolver& resolver) {
    resolver.minibatch(kName, options.minibatch);
    return resolver.step(options.step);
  }
  static State init(Problem& problem, const Options&) {
    State state;
    state.steps = problem.firstStep;
    return state;
  }

  static Info step(State& state, Problem& problem, const Options& options, double step) {
    const int64_t n = problem.train.rows;
    const Minibatch batch = options.order == Order::Rows
                                ? Minibatch::in_order(state.steps - problem.firstStep, n, *options.minibatch)
                                : Minibatch(problem.seed, state.steps, n, *options.minibatch);
    Update update;
    update.keep = 1 - 2 * step * problem.ridge;
    update.rate = step;
    update.noise = options.noise ? std::sqrt(2 * problem.entropy * step) : 0;
    update.firstStep = static_cast<uint64_t>(state.steps);
    update.field = {problem.seed, Stream::Noise};
    state.lastLoss = problem.descend(batch.rows(), state.weights, update);
    ++state.steps;
    return {static_cast<double>(batch.count) / static_cast<double>(n)};
  }

  static bool samples(const Options& options) { return options.noise; }
};

}  // namespace meanfield
