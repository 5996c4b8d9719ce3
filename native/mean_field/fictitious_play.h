// A. Nitanda, K. Oko, D. Wu, N. Takenouchi, T. Suzuki, "Primal and dual analysis of entropic fictitious play for finite-sum
// problems", ICML 2023, arXiv 2303.02957; F. Chen, Z. Ren, S. Wang, "Entropic fictitious play for mean field optimization problem", JMLR 2023.
//
//     µ^(k+1) = (1−γ) µ^(k) + γ µ̂^(k),      µ̂^(k) = p_{g^(k)} the Gibbs response,   g_i^(k) = ℓ_z(h̄_i^(k), y_i),
//     h̄_i^(k+1) = (1−γ) h̄_i^(k) + γ (1/M) Σ_r h_{θ_r}(x_i),       θ_r ~ µ̂^(k) by K Langevin steps from the previous ones.
//
// µ̂ depends on the past only through the n × k numbers h̄: no history is kept. The measure µ itself is M particles of a reservoir,
// each replaced by the response's particle of the same index with probability γ a step, so that its law is exactly the
// mixture. L(µ^(k)) − L* ≤ (1−γ)^k (L(µ^(0)) − L*) when the responses are exact: no log-Sobolev constant in it.
#pragma once
#include <cmath>
#include <vector>

#include "native/mean_field/algorithm.h"

namespace meanfield {

struct FictitiousPlay : ParticleAlgorithm {
  static constexpr const char* kName = "fictitious-play";
  static constexpr const char* kTitle = "Entropic fictitious play, finite-sum form";
  static constexpr const char* kSource = "Nitanda, Oko, Wu, Takenouchi, Suzuki, ICML 2023, arXiv 2303.02957";
  static constexpr int64_t kDefaultSteps = 200;

  struct Options {
    Auto<double> step;                       // η
    double mixing = 0.1;                     // γ
    Auto<int64_t> innerSteps = int64_t{20};  // K

    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number("step", "η", &Options::step, above(0),
                      "Inner step size in the master objective's units; auto: 1/L.")
              .number("mixing", "γ", &Options::mixing, {0, 1, true},
                      "Share of the Gibbs response mixed in at each step; unbounded neurons need a small one.")
              .integer("innerSteps", "K", &Options::innerSteps, between(1, 1e9),
                       "Langevin steps towards each Gibbs response, from the previous one; auto: ⌈√(1/(2λ'η))⌉.");
      return table;
    }
  };

  struct State {
    int64_t steps = 0;            // k
    uint64_t innerDone = 0;       // numbers the noise
    double lastLoss = 0;          // (1/n) Σ_i ℓ(h̄_i, y_i)
    std::vector<double> outputs;  // h̄; n × k
    Field reservoir;              // particles of µ; M × p
    std::vector<double> weights;  // g_i/n, rebuilt
    bool placed = false;          // the companion network holds the reservoir

    template <class V>
    void visit(V& v) {
      v(steps);
      v(innerDone);
      v(lastLoss);
      v(outputs);
      reservoir.visit(v);
    }
  };

  static double resolve(Options& options, Resolver& resolver) {
    const double step = resolver.step(options.step);
    resolver.inner_steps(options.innerSteps, step);
    return step;
  }

  static State init(Problem& problem, const Options&) {
    State state;
    state.outputs = problem.outputs();
    state.reservoir = {problem.network, 1};
    state.reservoir.take_particles();
    return state;
  }

  static Info step(State& state, Problem& problem, const Options& options, double step) {
    const int64_t n = problem.train.rows;
    state.placed = false;
    state.weights.resize(state.outputs.size());
    double loss = 0;
    problem.weigh({nullptr, n}, 0, n, state.outputs.data(), state.weights.data(), &loss);
    state.lastLoss = loss / static_cast<double>(n);

    Update update;
    update.keep = 1 - 2 * step * problem.ridge;
    update.rate = step;
    update.noise = std::sqrt(2 * problem.entropy * step);
    update.repeats = *options.innerSteps;
    update.firstStep = state.innerDone;
    update.field = {problem.seed, Stream::Noise};
    problem.update(state.weights, update);
    state.innerDone += static_cast<uint64_t>(*options.innerSteps);

    const std::vector<double>& z = problem.outputs();
    for (size_t i = 0; i < z.size(); ++i) state.outputs[i] += options.mixing * (z[i] - state.outputs[i]);
    state.reservoir.take_some(options.mixing, {problem.seed, Stream::Reservoir}, static_cast<uint64_t>(state.steps));
    ++state.steps;
    return {1 + static_cast<double>(*options.innerSteps)};
  }

  static const Network& shown(State& state, Problem& problem) {
    if (!state.placed) problem.companion().write_particles(state.reservoir.read().data());
    state.placed = true;
    return problem.companion();
  }
  static std::vector<float> particles(const State& state, const Problem&) { return state.reservoir.read(); }
  static Subject subject(State& state, Problem& problem) { return network_subject(problem, shown(state, problem)); }
};

}  // namespace meanfield
