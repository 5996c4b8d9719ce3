// S. Takakura, T. Suzuki, "Mean-field analysis on two-layer neural networks from a kernel perspective", ICML 2024: the second layer
// is solved at every step, the first follows mean-field Langevin dynamics on what is left,
//
//     U(µ) = min_a { (1/2n) Σ_i (E_µ[a(w) h(x_i; w)] − y_i)² + (λ̄/2) E_µ a² } = (λ̄/2) yᵀu,
//     H_ij = h(x_i; w_j),   Σ̂ = HHᵀ/M,   u = (Σ̂ + nλ̄ I)⁻¹ y,   a_j = H_{:,j}ᵀ u,
//     w_j ← w_j + ηλ̄ a_j Σ_i u_i ∇h(x_i; w_j) − 2ηλ' w_j + √(2λη) ξ_j .
//
// λ̄ = λλ_a and λ' = λλ_w/2 in the paper's letters. With label noise ε̃ ~ Unif[−σ̃, σ̃]ⁿ the second layer is solved for y + ε̃ and
// judged by the clean objective, which is then U + (1/2n) ε̃ᵀΣ̂(Σ̂ + nλ̄ I)⁻¹ε̃ = U + ‖ε̃‖²/2n − (λ̄/2) ε̃ᵀv, v = (Σ̂ + nλ̄ I)⁻¹ε̃: its
// gradient subtracts λ̄ b_j Σ_i v_i ∇h(x_i; w_j), b = Hᵀv, and in the mean it adds the penalty (σ̃²/6n) tr Σ̂(Σ̂ + nλ̄ I)⁻¹ on the
// degrees of freedom. The objective U + λ' E‖w‖² + λ Ent is convex in µ, so that it has a gap. A step costs
// n³/3 + n²M + 4nMp flops.
#pragma once
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "native/driver/checkpoint.h"
#include "native/mean_field/algorithm.h"
#include "native/mean_field/second_layer.h"

namespace meanfield {

struct TwoTimescale : ParticleAlgorithm {
  static constexpr const char* kName = "two-timescale";
  static constexpr const char* kTitle = "Two-timescale mean-field Langevin dynamics, second layer by ridge regression";
  static constexpr const char* kSource =
      "Takakura, Suzuki, ICML 2024; Wang, Mousavi-Hosseini, Chizat, NeurIPS 2024, arXiv 2406.17054";
  static constexpr int64_t kDefaultSteps = 500;

  struct Options {
    Auto<double> step;          // η
    double secondRidge = 1e-3;  // λ̄
    double labelNoise = 0;      // σ̃

    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number("step", "η", &Options::step, above(0), "Step size in the master objective's units; auto: 1/L.")
              .number("secondRidge", "λ̄", &Options::secondRidge, above(0),
                      "Weight of E a²/2 of the second layer, which is solved exactly (the paper's λ λ_a).")
              .number("labelNoise", "σ̃", &Options::labelNoise, at_least(0),
                      "Half-width of uniform noise added to the targets in the gradient only.");
      return table;
    }
  };

  struct State {
    int64_t steps = 0;
    double lastLoss = 0;                        // (1/2n) ‖f − y‖² at w^(k−1)
    std::vector<float> first;                   // w; M × inputs
    double secondRidge = 0;                     // λ̄
    double objective = 0;                       // U at w
    std::shared_ptr<Network> features;          // the first layer alone, holding w; remade
    std::shared_ptr<SecondLayerSolver> solver;  // factor of Σ̂ + nλ̄ I at w; remade
    std::vector<double> u;                      // at w; n

    template <class V>
    void visit(V& v) {
      v(steps);
      v(lastLoss);
      v(first);
      if constexpr (std::is_same_v<V, Reader>) solver.reset();
    }
  };

  /// The returned network stores a_j as R tanh(r_j), |a_j| ≤ rms(y)/λ̄ < R, so that predicting needs nothing new.
  static void adapt(const Options& options, NetworkOptions& model, const double* targets, int64_t count) {
    needs_plain_steps(model, kName);
    const auto refuse = [](const std::string& what) {
      throw Error(ErrorCode::InvalidOption, std::string(kName) + ": " + what);
    };
    if (model.loss != LossKind::Squared)
      refuse(std::string("the loss is '") + kLossNames[static_cast<int>(model.loss)] +
             "'; expected 'squared', for which the second layer is a ridge regression. Use another algorithm for other "
             "losses.");
    if (model.outputs != 1)
      refuse("outputs is " + std::to_string(model.outputs) +
             "; expected 1. Fit one network a target, or use another algorithm.");
    if (model.secondLayer != SecondLayer::Bounded)
      refuse(std::string("secondLayer is '") + kSecondLayerNames[static_cast<int>(model.secondLayer)] +
             "'; expected 'bounded', which holds the weights that are solved for. Leave secondLayer out.");
    if (!std::isfinite(activation_bounds(model.activation).value))
      refuse(std::string("activation '") + kActivationNames[static_cast<int>(model.activation)] +
             "' is unbounded; expected 'tanh' or 'sigmoid', since output weights are stored within a bound.");
    double square = 0;
    for (int64_t i = 0; i < count; ++i) square += targets[i] * targets[i] / static_cast<double>(count);
    const double least = 1.01 * std::sqrt(square) / options.secondRidge;
    if (!model.outputScale) model.outputScale = std::max(least, 1e-3);
    if (*model.outputScale < least)
      refuse("outputScale is " + format_option(*model.outputScale) + "; output weights reach " + format_option(least) +
             " (rms of the targets over secondRidge). Leave it to 'auto'.");
  }

  static double resolve(Options& options, Resolver& resolver) {
    // Curvature of V along a neuron, |a| ≤ rms(y)/λ̄ far too careful: the step of a network with weights of the size that fits,
    // a ~ rms(y) in the scale of standardized targets, bounded by R = 3 there.
    Neuron neuron = resolver.neuron;
    neuron.scale = 3;
    neuron.secondLayer = SecondLayer::Fixed;
    Choice choice = resolver.stepFor(neuron);
    choice.why += ", for output weights of size 3";
    return resolver.number("step", options.step, choice);
  }

  static State init(Problem& problem, const Options& options) {
    State state;
    state.secondRidge = options.secondRidge;
    const int64_t p = problem.network.shape().parameters();
    const std::vector<float> particles = problem.network.read_particles();
    for (size_t i = 0; i < particles.size(); ++i)
      if (static_cast<int64_t>(i) % p != p - 1) state.first.push_back(particles[i]);
    solve(state, problem);
    return state;
  }

  static Info step(State& state, Problem& problem, const Options& options, double step) {
    if (!state.solver) solve(state, problem);
    const SecondLayerSolver solver = *state.solver;
    state.solver.reset();  // until w and the rest agree again
    state.lastLoss = solver.loss(state.u);
    std::vector<float> gradient(state.first.size());
    state.features->gradient(0, {nullptr, problem.train.rows}, state.u.data(), gradient.data());
    const std::vector<double> a = solver.weights(state.u);
    std::vector<double> b(a.size());                    // of the label noise; 0 without
    std::vector<float> noiseGradient(gradient.size());  // likewise
    if (options.labelNoise > 0) {
      const RandomField field{problem.seed, Stream::Labels};
      std::vector<double> noise(static_cast<size_t>(problem.train.rows));
      for (size_t i = 0; i < noise.size(); ++i)
        noise[i] = options.labelNoise *
                   (2 * field.uniform(static_cast<uint64_t>(state.steps), static_cast<uint32_t>(i), 0) - 1);
      const std::vector<double> v = solver.solve(noise.data());
      b = solver.weights(v);
      state.features->gradient(0, {nullptr, problem.train.rows}, v.data(), noiseGradient.data());
    }
    const std::vector<float> xi =
        Normals(*state.features).draw({problem.seed, Stream::Noise}, static_cast<uint64_t>(state.steps));
    const size_t inputs = static_cast<size_t>(state.features->shape().parameters());
    const double noise = std::sqrt(2 * problem.entropy * step);
    for (size_t i = 0; i < state.first.size(); ++i)
      state.first[i] = static_cast<float>((1 - 2 * step * problem.ridge) * state.first[i] +
                                          step * options.secondRidge *
                                              (a[i / inputs] * gradient[i] - b[i / inputs] * noiseGradient[i]) +
                                          noise * xi[i]);
    if (problem.geometry == Geometry::Sphere)  // as in the bilevel form, where the ridge has no effect
      for (size_t first = 0; first < state.first.size(); first += inputs) {
        double square = 0;
        for (size_t c = first; c < first + inputs; ++c) square += static_cast<double>(state.first[c]) * state.first[c];
        const double scale = square > 0 ? 1 / std::sqrt(square) : 0;
        for (size_t c = first; c < first + inputs; ++c) state.first[c] = static_cast<float>(scale * state.first[c]);
      }
    solve(state, problem);
    ++state.steps;
    return {2};
  }

  static double penalty(State& state, Problem& problem, const Network&) {
    if (!state.solver) solve(state, problem);
    // Without the mean loss, which is part of U.
    return state.objective - state.solver->loss(state.u) + problem.ridge * state.features->second_moment();
  }

  static Subject subject(State& state, Problem& problem) {
    if (!state.solver) solve(state, problem);
    Subject subject;
    subject.network = state.features.get();
    subject.seed = problem.seed;
    subject.potential = {state.u, problem.train.rows, state.secondRidge, problem.ridge, problem.entropy};
    subject.objective = state.objective + problem.ridge * state.features->second_moment();
    subject.pluginBias = state.solver->plugin_bias(state.u);
    subject.another = [&problem, shape = state.features->shape()](int64_t particles) {
      NetworkShape other = shape;
      other.particles = particles;
      return problem.another(other);
    };
    subject.objectiveOf = [&problem, ridge = state.secondRidge](Network& other) {
      const SecondLayerSolver solver(other, problem.train.rows, ridge);
      const std::vector<double> u = solver.solve(problem.train.values);
      return solver.objective(u, problem.train.values) - solver.plugin_bias(u) + problem.ridge * other.second_moment();
    };
    return subject;
  }

 private:
  /// Puts w into the feature network, solves for the second layer and shows both in the problem's network.
  static void solve(State& state, Problem& problem) {
    if (!state.features) {
      NetworkShape shape = problem.network.shape();
      shape.neuron.secondLayer = SecondLayer::Fixed;
      shape.neuron.signs = Signs::Same;
      shape.neuron.scale = 1;
      state.features = problem.another(shape);
    }
    state.features->write_particles(state.first.data());
    state.solver = std::make_shared<SecondLayerSolver>(*state.features, problem.train.rows, state.secondRidge);
    state.u = state.solver->solve(problem.train.values);
    state.objective = state.solver->objective(state.u, problem.train.values);
    const std::vector<double> a = state.solver->weights(state.u);
    const size_t inputs = static_cast<size_t>(state.features->shape().parameters()), p = inputs + 1;
    std::vector<float> particles(a.size() * p);
    for (size_t r = 0; r < a.size(); ++r) {
      std::copy(state.first.begin() + static_cast<std::ptrdiff_t>(r * inputs),
                state.first.begin() + static_cast<std::ptrdiff_t>((r + 1) * inputs),
                particles.begin() + static_cast<std::ptrdiff_t>(r * p));
      particles[r * p + inputs] = static_cast<float>(std::atanh(a[r] / problem.network.shape().neuron.scale));
    }
    problem.write_particles(particles.data());
  }
};

}  // namespace meanfield
