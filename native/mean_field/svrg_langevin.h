// T. Suzuki, D. Wu, A. Nitanda, "Convergence of mean-field Langevin dynamics: time and space discretization, stochastic gradient,
// and variance reduction", NeurIPS 2023, arXiv 2306.07221, equation (4) with variance reduction (SVRG-MFLD).
//
// Every m steps the particles become the anchor θ̊, with the outputs' derivatives g̊ and each particle's full gradient
//
//     V̊_r = (1/n) Σ_i g̊_i ∇h_{θ̊_r}(x_i),      v_r = V̊_r at that step, and in between
//     v_r  = (1/B) Σ_{i ∈ I_k} [ g_i ∇h_{θ_r}(x_i) − g̊_i ∇h_{θ̊_r}(x_i) ] + V̊_r ,
//     θ_r ← θ_r − η [ v_r + 2λ' θ_r ] + √(2λη) ξ_r .
//
// The control variate is per particle: particle r is paired with its own anchor. B = ⌈√n⌉ and m = ⌈n/B⌉ give √n E_*
// log(1/ε)/(λα) + n gradient evaluations in the place of n E_* log(1/ε)/(λα). A step costs 8BMp + 4nMp/m flops and the
// method keeps 3Mp floats and works on Mp more, all of them where the particles are.
#pragma once
#include <cmath>
#include <vector>

#include "native/mean_field/algorithm.h"
#include "native/mean_field/minibatch.h"

namespace meanfield {

struct SvrgLangevin : ParticleAlgorithm {
  static constexpr const char* kName = "svrg-langevin";
  static constexpr const char* kTitle = "Mean-field Langevin dynamics with variance-reduced gradients";
  static constexpr const char* kSource = "Suzuki, Wu, Nitanda, NeurIPS 2023, arXiv 2306.07221";
  static constexpr int64_t kDefaultSteps = 10000;

  struct Options {
    Auto<double> step;             // η
    Auto<int64_t> minibatch;       // B
    Auto<int64_t> anchorInterval;  // m

    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number("step", "η", &Options::step, above(0), "Step size in the master objective's units; auto: 1/L.")
              .integer("minibatch", "B", &Options::minibatch, between(1, 1e9),
                       "Rows of each stochastic gradient, drawn without replacement; auto: ⌈√n⌉.")
              .integer("anchorInterval", "m", &Options::anchorInterval, between(1, 1e9),
                       "Steps from one full gradient to the next; 1 is langevin; auto: ⌈n/B⌉.");
      return table;
    }
  };

  struct State {
    int64_t steps = 0;               // k
    double lastLoss = 0;             // mean loss of the rows looked at, at θ^(k−1)
    std::vector<double> weights;     // ω of the present step, rebuilt
    Field anchor;                    // θ̊; M × p
    Field anchorDrift;               // V̊; M × p
    Field correction;                // of the minibatch's drift at θ, rebuilt; M × p
    std::vector<double> anchorDual;  // g̊_i/n; n × k

    template <class V>
    void visit(V& v) {
      v(steps);
      v(lastLoss);
      anchor.visit(v);
      anchorDrift.visit(v);
      v(anchorDual);
    }
  };

  static double resolve(Options& options, Resolver& resolver) {
    const int64_t batch = resolver.minibatch(kName, options.minibatch);
    resolver.integer("anchorInterval", options.anchorInterval,
                     {std::ceil(static_cast<double>(resolver.rows) / static_cast<double>(batch)),
                      "⌈n/B⌉: as many gradients between anchors as at one"});
    return resolver.step(options.step);
  }
  static void adapt(const Options&, NetworkOptions& model, const double*, int64_t) { needs_plain_steps(model, kName); }
  static State init(Problem& problem, const Options&) {
    State state;
    state.anchor = {problem.network, 1};
    state.anchorDrift = {problem.network, 2};
    state.correction = {problem.network, 3};
    return state;
  }

  static Info step(State& state, Problem& problem, const Options& options, double step) {
    const int64_t n = problem.train.rows, m = *options.anchorInterval;
    Update update;
    update.keep = 1 - 2 * step * problem.ridge;
    update.noise = std::sqrt(2 * problem.entropy * step);
    update.firstStep = static_cast<uint64_t>(state.steps);
    update.field = {problem.seed, Stream::Noise};
    if (m == 1) {  // every step a full gradient: nothing to anchor
      state.lastLoss = problem.loss_weights(state.weights);
      update.rate = step;
      problem.update(state.weights, update);
      ++state.steps;
      return {1};
    }
    const bool full = state.steps % m == 0;
    const Minibatch batch(problem.seed, state.steps, n, full ? n : *options.minibatch);
    if (full) {
      state.lastLoss = problem.loss_weights(state.anchorDual);
      state.anchor.take_particles();
      state.anchorDrift.take_gradient(problem.train.matrix, batch.rows(), state.anchorDual.data());
      problem.update(batch.rows(), state.anchorDual, update, state.anchorDrift, step);
    } else {
      const int k = problem.outputs_per_row();
      std::vector<double> dual(static_cast<size_t>(batch.count * k));  // g̊_i/B
      const double scale = static_cast<double>(n) / static_cast<double>(batch.count);
      for (int64_t i = 0; i < batch.count; ++i)
        for (int j = 0; j < k; ++j)
          dual[static_cast<size_t>(i * k + j)] = scale * state.anchorDual[static_cast<size_t>(batch.row(i) * k + j)];
      state.anchor.exchanged([&] { state.correction.take_gradient(problem.train.matrix, batch.rows(), dual.data()); });
      state.correction.axpby(1, state.anchorDrift, -1);
      state.lastLoss = problem.loss_weights(batch.rows(), state.weights);
      update.rate = step;
      problem.update(batch.rows(), state.weights, update, state.correction, step);
    }
    ++state.steps;
    return {full ? 1 : 2 * static_cast<double>(batch.count) / static_cast<double>(n)};
  }

  /// A full gradient is due.
  static bool long_step(const State& state, const Options& options) {
    return state.steps % *options.anchorInterval == 0;
  }
};

}  // namespace meanfield
