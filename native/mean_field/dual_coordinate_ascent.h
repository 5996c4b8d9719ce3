// K. Oko, T. Suzuki, A. Nitanda, D. Wu, "Particle stochastic dual coordinate ascent: exponential convergent algorithm for mean field
// neural network optimization", ICLR 2022 (P-SDCA).
//
// Ascent on D(g) = −(1/n) Σ ℓ*(g_i) − λ log Z_g, one coordinate at a time, with weighted particles for the integral:
//
//     a   = Σ_m r_m h_i(θ_m)  ≈  E_{p[ḡ]} h_i
//     g⁺  = argmax_g { −ℓ*(g) + a (g − ḡ_i) − C² (g − ḡ_i)²/(2nλ) },      |h| ≤ C
//     r_m ← r_m exp(−h_i(θ_m) (g⁺ − ḡ_i)/(nλ)),  normalized;   ḡ_i ← g⁺ .
//
// After ñ coordinates, or as soon as the effective sample size of r falls below a fraction of M, the particles are resampled by r
// and moved by K Langevin or MALA steps with invariant law p[ḡ]; that is one step here. (The exponent is that of q_g; the
// authors' slides print it without λ, with which ḡ and r part.) Outer iterations for a gap ε: (1/ñ)(n + C²/(γλ)) log(1/ε).
// Cost: 2Mp flops a coordinate, K · 4nMp the resampling.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "native/mean_field/algorithm.h"
#include "native/mean_field/dual_step.h"

namespace meanfield {

struct DualCoordinateAscent : ParticleAlgorithm {
  static constexpr const char* kName = "dual-coordinate-ascent";
  static constexpr const char* kTitle = "Particle stochastic dual coordinate ascent";
  static constexpr const char* kSource = "Oko, Suzuki, Nitanda, Wu, ICLR 2022";
  static constexpr int64_t kDefaultSteps = 200;

  enum class Sampler { Langevin, Mala };

  struct Options {
    Auto<double> step;                       // η
    Auto<int64_t> innerSteps = int64_t{20};  // K
    Auto<int64_t> coordinates;               // ñ
    double effectiveFraction = 0.5;
    Sampler sampler = Sampler::Langevin;
    double bound = 0;  // C, found by resolve

    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number("step", "η", &Options::step, above(0),
                      "Step size of the sampler in the master objective's units; auto: 1/L.")
              .integer("innerSteps", "K", &Options::innerSteps, between(1, 1e9),
                       "Sampler steps at each resampling; auto: ⌈√(1/(2λ'η))⌉.")
              .integer("coordinates", "ñ", &Options::coordinates, between(1, 1e9),
                       "Dual coordinates between resamplings, at most; auto: n.")
              .number("effectiveFraction", "", &Options::effectiveFraction, {0, 1, true},
                      "Resample as soon as the effective sample size falls below this fraction of M.")
              .choice("sampler", &Options::sampler, {"langevin", "mala"},
                      "Chain at a resampling: unadjusted, or Metropolis-adjusted with a step that adapts.");
      return table;
    }
  };

  struct State {
    int64_t steps = 0;
    uint64_t innerDone = 0;    // numbers the noise
    uint64_t drawn = 0;        // coordinates so far, numbers their draws
    double lastLoss = 0;       // mean of ℓ(a_i, y_i) over the coordinates of the step
    double malaStep = 0;       // adapted η
    std::vector<double> dual;  // ḡ; n × k

    template <class V>
    void visit(V& v) {
      v(steps);
      v(innerDone);
      v(drawn);
      v(lastLoss);
      v(malaStep);
      v(dual);
    }
  };

  static double resolve(Options& options, Resolver& resolver) {
    const Neuron& neuron = resolver.neuron;
    const double value = activation_bounds(neuron.activation).value;
    if (!std::isfinite(value))
      throw Error(ErrorCode::InvalidOption,
                  std::string(kName) + ": activation '" + kActivationNames[static_cast<int>(neuron.activation)] +
                      "' is unbounded; the dual step needs |h| ≤ C. Use 'tanh' or 'sigmoid'.");
    // The variance of a number in [0, R] is at most (R/2)², that of one in [−R, R] at most R².
    const bool oneSided = neuron.activation == Activation::Sigmoid && neuron.secondLayer == SecondLayer::Fixed;
    options.bound = neuron.scale * (oneSided ? 0.5 : 1.0);
    resolver.integer("coordinates", options.coordinates, {static_cast<double>(resolver.rows), "n: one epoch"});
    const double step = resolver.step(options.step);
    resolver.inner_steps(options.innerSteps, step);
    return step;
  }

  static void adapt(const Options&, NetworkOptions& model, const double*, int64_t) {
    needs_free_weights(model, kName,
                       "its weights are densities of Gibbs laws in the whole space, and its prior is normal");
    needs_plain_steps(model, kName);
  }
  static State init(Problem& problem, const Options&) {
    State state;
    // g = 0 is in the domain of every conjugate, and p[0] is the prior.
    state.dual.assign(static_cast<size_t>(problem.train.rows * problem.outputs_per_row()), 0.0);
    return state;
  }

  static Info step(State& state, Problem& problem, const Options& options, double step) {
    double passes = 0;
    if (state.steps == 0) passes += sample(state, problem, options, step);  // the starting law need not be the prior
    const int64_t n = problem.train.rows, M = problem.network.shape().particles;
    const int k = problem.outputs_per_row(), width = problem.loss.target_width(k);
    const int64_t classes = std::min(M, class_count(problem.network.shape().neuron));
    const double scale = 1 / (static_cast<double>(n) * problem.entropy), c = options.bound * options.bound * scale;
    const RandomField field{problem.seed, Stream::Coordinate};
    std::vector<double> logWeights(static_cast<size_t>(M), 0.0);
    std::vector<double> weights(static_cast<size_t>(M), 1 / static_cast<double>(M));
    double loss = 0;
    int64_t done = 0;
    while (done < *options.coordinates) {
      const double u = field.uniform(state.drawn++, 0, 0);
      const int32_t i =
          static_cast<int32_t>(std::min<int64_t>(n - 1, static_cast<int64_t>(u * static_cast<double>(n))));
      double* current = state.dual.data() + int64_t{i} * k;
      const double* y = problem.train.values + int64_t{i} * width;
      std::vector<std::vector<double>> h;  // k × M
      std::vector<double> a(static_cast<size_t>(k), 0.0), pick(static_cast<size_t>(k), 0.0),
          change(static_cast<size_t>(k), 0.0);
      for (int j = 0; j < k; ++j) {
        const size_t at = static_cast<size_t>(j);
        pick[at] = 1;
        h.push_back(problem.network.energies(problem.train.matrix, {&i, 1}, pick.data()));
        pick[at] = 0;
        for (size_t r = 0; r < weights.size(); ++r) a[at] += weights[r] * h[at][r];
      }
      loss += problem.loss.value(a.data(), y, k);
      if (problem.loss.kind == LossKind::Softmax) {
        const std::vector<double> g = softmax_dual_step(problem.loss, a, current, c, y);
        for (int j = 0; j < k; ++j) change[static_cast<size_t>(j)] = g[static_cast<size_t>(j)] - current[j];
      } else {
        // All outputs of a row at once: their joint curvature is at most k times one's.
        for (int j = 0; j < k; ++j)
          change[static_cast<size_t>(j)] =
              dual_step(problem.loss, a[static_cast<size_t>(j)], current[j], c * k, y[j]) - current[j];
      }
      for (int j = 0; j < k; ++j) {
        current[j] += change[static_cast<size_t>(j)];
        for (size_t r = 0; r < weights.size(); ++r)
          logWeights[r] -= h[static_cast<size_t>(j)][r] * change[static_cast<size_t>(j)] * scale;
      }
      ++done;
      if (normalize(logWeights, weights, classes) < options.effectiveFraction * static_cast<double>(M)) break;
    }
    state.lastLoss = loss / static_cast<double>(done);
    passes += static_cast<double>(done) / static_cast<double>(n);
    resample(state, problem, weights, classes);
    passes += sample(state, problem, options, step);
    ++state.steps;
    return {passes};
  }

 private:
  /// Weights of every class of particles sum to its share; returns the effective sample size, the least class times their
  /// number.
  static double normalize(const std::vector<double>& logWeights, std::vector<double>& weights, int64_t classes) {
    double least = static_cast<double>(weights.size());
    const size_t stride = static_cast<size_t>(classes);
    for (size_t first = 0; first < stride; ++first) {
      double top = logWeights[first], sum = 0, squares = 0;
      for (size_t r = first; r < weights.size(); r += stride) top = std::max(top, logWeights[r]);
      for (size_t r = first; r < weights.size(); r += stride) {
        weights[r] = std::exp(logWeights[r] - top);
        sum += weights[r];
        squares += weights[r] * weights[r];
      }
      for (size_t r = first; r < weights.size(); r += stride) weights[r] /= sum * static_cast<double>(classes);
      least = std::min(least, sum * sum / squares * static_cast<double>(classes));
    }
    return least;
  }

  /// Systematic resampling within each class.
  static void resample(const State& state, Problem& problem, const std::vector<double>& weights, int64_t classes) {
    const std::vector<float> old = problem.network.read_particles();
    const size_t p = static_cast<size_t>(problem.network.shape().parameters()), stride = static_cast<size_t>(classes);
    std::vector<float> chosen(old.size());
    const RandomField field{problem.seed, Stream::Coordinate};
    for (size_t first = 0; first < stride; ++first) {
      double total = 0;
      size_t members = 0;
      for (size_t r = first; r < weights.size(); r += stride, ++members) total += weights[r];
      const double u = field.uniform(static_cast<uint64_t>(state.steps), 1, static_cast<uint32_t>(first));
      double below = 0;
      size_t from = first;
      for (size_t m = 0; m < members; ++m) {
        const double level = (static_cast<double>(m) + u) / static_cast<double>(members) * total;
        while (below + weights[from] < level && from + stride < weights.size()) {
          below += weights[from];
          from += stride;
        }
        std::copy(old.begin() + static_cast<std::ptrdiff_t>(from * p),
                  old.begin() + static_cast<std::ptrdiff_t>((from + 1) * p),
                  chosen.begin() + static_cast<std::ptrdiff_t>((first + m * stride) * p));
      }
    }
    problem.write_particles(chosen.data());
  }

  /// K steps with invariant law p[ḡ], up to the step's bias without adjustment. Returns passes.
  static double sample(State& state, Problem& problem, const Options& options, double step) {
    std::vector<double> weights = state.dual;
    for (double& weight : weights) weight /= static_cast<double>(problem.train.rows);
    const double passes = static_cast<double>(*options.innerSteps);
    if (options.sampler == Sampler::Mala) {
      const Potential potential{weights, problem.train.rows, 0, problem.ridge, problem.entropy};
      Mala mala(problem.network, potential, problem.seed, state.malaStep > 0 ? state.malaStep : step, state.innerDone);
      mala.run(1, *options.innerSteps, true);
      state.malaStep = mala.step();
      problem.write_particles(mala.particles().data());
    } else {
      Update update;
      update.keep = 1 - 2 * step * problem.ridge;
      update.rate = step;
      update.noise = std::sqrt(2 * problem.entropy * step);
      update.repeats = *options.innerSteps;
      update.firstStep = state.innerDone;
      update.field = {problem.seed, Stream::Noise};
      problem.update(weights, update);
    }
    state.innerDone += static_cast<uint64_t>(*options.innerSteps);
    return passes;
  }
};

}  // namespace meanfield
