// A. Nitanda, D. Wu, T. Suzuki, "Particle dual averaging: optimization of mean field neural network with global convergence
// rate analysis", NeurIPS 2021, arXiv 2012.15477, Algorithm 1 in its finite-sum form.
//
// Outer step t = 1, 2, …: the gradients of the past, weighted in proportion to s, define a Gibbs density
//
//     q_*^(t+1) ∝ exp{ −(1/λ) [ (1/n) Σ_i ω_i h_θ(x_i) + (t/(t+2)) λ' ‖θ‖² ] },
//     ω_i^(t) = Σ_{s≤t} 2s/((t+1)(t+2)) ℓ_z(z_i^(s), y_i) = (t/(t+2)) ω_i^(t−1) + (2t/((t+1)(t+2))) ℓ_z(z_i^(t), y_i),
//
// and K_t Langevin steps move the particles towards it with ω frozen:
//
//     θ_r ← (1 − 2η λ' t/(t+2)) θ_r − η (1/n) Σ_i ω_i ∇h_{θ_r}(x_i) + √(2λη) ζ_r .
//
// η is in the units of the master objective; the paper's is η/λ. The recursion for ω is the stable form of the paper's
// w_i (which grow like t²). min_{t≤T} L(q^(t)) − L* = Õ(1/T) when K_t = Õ(t²). Cost: 2nMp + K_t · 4nMp flops.
#pragma once
#include <cmath>
#include <vector>

#include "native/mean_field/algorithm.h"

namespace meanfield {

struct DualAveraging : ParticleAlgorithm {
  static constexpr const char* kName = "dual-averaging";
  static constexpr const char* kTitle = "Particle dual averaging, finite-sum form";
  static constexpr const char* kSource = "Nitanda, Wu, Suzuki, NeurIPS 2021, arXiv 2012.15477, Algorithm 1";
  static constexpr int64_t kDefaultSteps = 200;

  enum class Start { Warm, Restart };
  enum class Output { Last, Random };

  struct Options {
    Auto<double> step;  // η, master form
    double stepDecay = 0;
    int64_t innerSteps = 10;  // K_1
    double innerGrowth = 0;
    Start start = Start::Warm;
    Output output = Output::Last;

    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number("step", "η", &Options::step, above(0),
                      "Inner step size in the master objective's units (the paper's times λ); auto: 1/L.")
              .number("stepDecay", "", &Options::stepDecay, between(0, 4),
                      "η_t = η t^(-stepDecay) at outer step t; the theory uses 2, the paper's experiments 1/2.")
              .integer("innerSteps", "K_1", &Options::innerSteps, between(1, 1e9), "Inner steps of the first outer step.")
              .number("innerGrowth", "", &Options::innerGrowth, between(0, 4),
                      "K_t = ⌈K_1 t^innerGrowth⌉; 0 is constant, the theory uses 2.")
              .choice("start", &Options::start, {"warm", "restart"},
                      "Inner loops start from the previous particles, or from fresh draws of the initial law.")
              .choice("output", &Options::output, {"last", "random"},
                      "Particles returned: the last, or those of a random outer step with P[t] = 2t/(T(T+3)).");
      return table;
    }
  };

  struct State {
    int64_t steps = 0;            // t − 1: outer steps done
    uint64_t innerDone = 0;       // Σ_{s<t} K_s: numbers the noise
    double lastLoss = 0;          // (1/n) Σ_i ℓ(z_i, y_i) at Θ^(t)
    std::vector<double> weights;  // ω_i^(t)/n; n × k
    std::vector<double> fresh;    // ℓ_z(z_i^(t), y_i)/n; n × k, rebuilt every step
    std::vector<float> selected;  // Θ of the random output rule; M × p, empty with the last

    template <class V>
    void visit(V& v) {
      v(steps);
      v(innerDone);
      v(lastLoss);
      v(weights);
      v(selected);
    }
  };

  static State init(Problem& problem, const Options&) {
    State state;
    state.weights.assign(static_cast<size_t>(problem.train.rows * problem.outputs_per_row()), 0.0);
    return state;
  }

  static Info step(State& state, Problem& problem, const Options& options, double step) {
    const double t = static_cast<double>(state.steps + 1);
    state.lastLoss = problem.loss_weights(state.fresh);
    const double keep = t / (t + 2), add = 2 * t / ((t + 1) * (t + 2));
    for (size_t i = 0; i < state.weights.size(); ++i) state.weights[i] = keep * state.weights[i] + add * state.fresh[i];

    if (options.start == Start::Restart) problem.draw_initial(Stream::Restart, static_cast<uint64_t>(state.steps));
    const double innerSteps = std::ceil(static_cast<double>(options.innerSteps) * std::pow(t, options.innerGrowth));
    const double eta = step * std::pow(t, -options.stepDecay);
    Update update;
    update.keep = 1 - 2 * eta * problem.ridge * keep;
    update.rate = eta;
    update.noise = std::sqrt(2 * problem.entropy * eta);
    update.repeats = static_cast<int64_t>(std::min(innerSteps, 1e15));
    update.firstStep = state.innerDone;
    update.field = {problem.seed, Stream::Noise};
    problem.update(state.weights, update);
    state.innerDone += static_cast<uint64_t>(update.repeats);
    ++state.steps;
    if (options.output == Output::Random) select(state, problem);
    return {1 + innerSteps};
  }

  static std::vector<float> particles(const State& state, const Problem& problem) {
    return state.selected.empty() ? problem.network.read_particles() : state.selected;
  }

 private:
  /// Keeps Θ^(t), t = 2 … T+1, with probability proportional to t without knowing T: the newest replaces the kept one
  /// with probability t / Σ_{2≤s≤t} s = 2t/((t−1)(t+2)).
  static void select(State& state, Problem& problem) {
    const double t = static_cast<double>(state.steps + 1);
    const RandomField field{problem.seed, Stream::Output};
    if (field.uniform(static_cast<uint64_t>(state.steps), 0, 0) < 2 * t / ((t - 1) * (t + 2)))
      state.selected = problem.network.read_particles();
  }
};

}  // namespace meanfield
