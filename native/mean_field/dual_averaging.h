// A. Nitanda, D. Wu, T. Suzuki, "Particle dual averaging: optimization of mean field neural network with global convergence
// rate analysis", NeurIPS 2021, arXiv 2012.15477, Algorithm 1: the finite-sum form, and the expected-risk form by minibatches.
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
// With a minibatch (the expected-risk form; the paper's B is 1) the outer step looks at B rows I_t drawn anew, whose
// ω_i gain (2t/((t+1)(t+2))) (n/B) ℓ_z, while all others only shrink; rows not yet drawn cost nothing.
//
// η is in the units of the master objective; the paper's is η/λ. The recursion for ω is the stable form of the paper's
// w_i (which grow like t²). min_{t≤T} L(q^(t)) − L* = Õ(1/T) when K_t = Õ(t²). Cost: 2BMp + K_t · 4nMp flops,
// n the rows drawn so far.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "native/mean_field/algorithm.h"
#include "native/mean_field/minibatch.h"

namespace meanfield {

struct DualAveraging : ParticleAlgorithm {
  static constexpr const char* kName = "dual-averaging";
  static constexpr const char* kTitle = "Particle dual averaging";
  static constexpr const char* kSource = "Nitanda, Wu, Suzuki, NeurIPS 2021, arXiv 2012.15477, Algorithm 1";
  static constexpr int64_t kDefaultSteps = 200;

  enum class Start { Warm, Restart };
  enum class Output { Last, Random };

  struct Options {
    Auto<double> step;  // η, master form
    double stepDecay = 0;
    Auto<int64_t> innerSteps = int64_t{10};  // K_1
    double innerGrowth = 0;
    Auto<int64_t> minibatch;  // B
    Start start = Start::Warm;
    Output output = Output::Last;

    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number("step", "η", &Options::step, above(0),
                      "Inner step size in the master objective's units (the paper's times λ); auto: 1/L.")
              .number("stepDecay", "", &Options::stepDecay, between(0, 4),
                      "η_t = η t^(-stepDecay) at outer step t; the theory uses 2, the paper's experiments 1/2.")
              .integer("innerSteps", "K_1", &Options::innerSteps, between(1, 1e9),
                       "Inner steps of the first outer step; auto: ⌈√(1/(2λ'η))⌉.")
              .number("innerGrowth", "", &Options::innerGrowth, between(0, 4),
                      "K_t = ⌈K_1 t^innerGrowth⌉; 0 is constant, the theory uses 2.")
              .integer("minibatch", "B", &Options::minibatch, between(1, 1e9),
                       "Rows that an outer step looks at, drawn anew: the expected-risk form; auto: all, the "
                       "finite-sum form.")
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
    std::vector<double> fresh;    // ℓ_z(z_i^(t), y_i)/B of the rows looked at; B × k, rebuilt every step
    Field selected;               // Θ of the random output rule; M × p, empty with the last

    template <class V>
    void visit(V& v) {
      v(steps);
      v(innerDone);
      v(lastLoss);
      v(weights);
      selected.visit(v);
    }
  };

  static State init(Problem& problem, const Options&) {
    State state;
    state.selected = {problem.network, 1};
    state.weights.assign(static_cast<size_t>(problem.train.rows * problem.outputs_per_row()), 0.0);
    return state;
  }

  static double resolve(Options& options, Resolver& resolver) {
    if (options.minibatch) resolver.minibatch(kName, options.minibatch);
    const double step = resolver.step(options.step);
    resolver.inner_steps(options.innerSteps, step);
    return step;
  }

  static Info step(State& state, Problem& problem, const Options& options, double step) {
    const double t = static_cast<double>(state.steps + 1);
    const double keep = t / (t + 2), add = 2 * t / ((t + 1) * (t + 2));
    const int64_t n = problem.train.rows, k = problem.outputs_per_row();
    const Minibatch batch(problem.seed, state.steps, n, options.minibatch.value_or(n));
    state.lastLoss = problem.loss_weights(batch.rows(), state.fresh);
    for (double& weight : state.weights) weight *= keep;
    for (int64_t i = 0; i < batch.count; ++i)
      for (int64_t j = 0; j < k; ++j)
        state.weights[static_cast<size_t>(batch.row(i) * k + j)] += add * state.fresh[static_cast<size_t>(i * k + j)];

    if (options.start == Start::Restart) problem.draw_initial(Stream::Restart, static_cast<uint64_t>(state.steps));
    const double innerSteps = std::ceil(static_cast<double>(*options.innerSteps) * std::pow(t, options.innerGrowth));
    const double eta = step * std::pow(t, -options.stepDecay);
    Update update;
    update.keep = 1 - 2 * eta * problem.ridge * keep;
    update.rate = eta;
    update.noise = std::sqrt(2 * problem.entropy * eta);
    update.repeats = static_cast<int64_t>(std::min(innerSteps, 1e15));
    update.firstStep = state.innerDone;
    update.field = {problem.seed, Stream::Noise};
    const Weighted rows(state.weights, k, batch.count < n);
    problem.update(rows.rows(n), rows.weights(state.weights), update);
    state.innerDone += static_cast<uint64_t>(update.repeats);
    ++state.steps;
    if (options.output == Output::Random) select(state, problem);
    const double part = static_cast<double>(rows.rows(n).count) / static_cast<double>(n);
    return {static_cast<double>(batch.count) / static_cast<double>(n) + innerSteps * part};
  }

  static std::vector<float> particles(const State& state, const Problem& problem) {
    return state.selected.empty() ? problem.network.read_particles() : state.selected.read();
  }

 private:
  /// The rows that have a weight: with minibatches those drawn so far.
  struct Weighted {
    Weighted(const std::vector<double>& all, int64_t k, bool select) {
      for (size_t at = 0; select && at < all.size(); at += static_cast<size_t>(k)) {
        const auto row = all.begin() + static_cast<int64_t>(at);
        if (std::all_of(row, row + k, [](double weight) { return weight == 0; })) continue;
        index.push_back(static_cast<int32_t>(static_cast<int64_t>(at) / k));
        some.insert(some.end(), row, row + k);
      }
    }
    Rows rows(int64_t n) const {
      return index.empty() ? Rows{nullptr, n} : Rows{index.data(), static_cast<int64_t>(index.size())};
    }
    const std::vector<double>& weights(const std::vector<double>& all) const { return index.empty() ? all : some; }

    std::vector<int32_t> index;
    std::vector<double> some;
  };

  /// Keeps Θ^(t), t = 2 … T+1, with probability proportional to t without knowing T: the newest replaces the kept one
  /// with probability t / Σ_{2≤s≤t} s = 2t/((t−1)(t+2)).
  static void select(State& state, const Problem& problem) {
    const double t = static_cast<double>(state.steps + 1);
    const RandomField field{problem.seed, Stream::Output};
    if (field.uniform(static_cast<uint64_t>(state.steps), 0, 0) < 2 * t / ((t - 1) * (t + 2)))
      state.selected.take_particles();
  }
};

}  // namespace meanfield
