// Q. Fu, A. Wilson, "Mean-field underdamped Langevin dynamics and its spacetime discretization", ICML 2024, arXiv 2312.16360
// (N-particle underdamped Langevin algorithm); F. Chen, Y. Lin, Z. Ren, S. Wang, arXiv 2307.02168.
//
//     dθ = v dt,      dv = −γ v dt − f dt + √(2γλ) dB,      f_r = (1/n) Σ_i g_i ∇h_{θ_r}(x_i) + 2λ' θ_r ,
//
// solved exactly over a step h with f frozen:
//
//     θ ← θ + φ0 v − φ1 f + ε_θ,    v ← φ2 v − φ0 f + ε_v,     φ2 = e^{−γh}, φ0 = (1−φ2)/γ, φ1 = (h−φ0)/γ,
//     Var ε_θ = s11 = λ(2/γ)(h − 2φ0 + (1−φ2²)/(2γ)),  Cov = s12 = λ(1−φ2)²/γ,  Var ε_v = s22 = λ(1−φ2²).
//
// The stationary law has a bias O(h); the step is stable while h < 2γ/L. A step costs 4nMp flops and the method keeps 2Mp
// floats and works on Mp more, all of them where the particles are.
#pragma once
#include <cmath>
#include <vector>

#include "native/mean_field/algorithm.h"

namespace meanfield {

struct UnderdampedLangevin : ParticleAlgorithm {
  static constexpr const char* kName = "underdamped-langevin";
  static constexpr const char* kTitle = "Underdamped mean-field Langevin dynamics";
  static constexpr const char* kSource =
      "Fu, Wilson, ICML 2024, arXiv 2312.16360; Chen, Lin, Ren, Wang, arXiv 2307.02168";
  static constexpr int64_t kDefaultSteps = 1000;

  struct Options {
    Auto<double> step;      // h
    Auto<double> friction;  // γ

    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .number("step", "h", &Options::step, above(0), "Step in time; auto: the smaller of 1/√L and γ/L.")
              .number("friction", "γ", &Options::friction, above(0), "Friction of the velocities; auto: √L.");
      return table;
    }
  };

  struct State {
    int64_t steps = 0;            // k
    double lastLoss = 0;          // at θ^(k−1)
    Field velocities;             // v; M × p
    Field drift;                  // (1/n) Σ_i g_i ∇h_{θ_r}(x_i), rebuilt; M × p
    std::vector<double> weights;  // g_i/n, rebuilt

    template <class V>
    void visit(V& v) {
      v(steps);
      v(lastLoss);
      velocities.visit(v);
    }
  };

  /// φ and the Cholesky factor of the covariance: ε_θ = ofPosition z1, ε_v = across z1 + ofVelocity z2.
  static Kinetic coefficients(double h, double friction, double entropy) {
    const double a = friction * h;
    const double oneMinus = -std::expm1(-a);  // 1 − φ2
    // The differences cancel to a², a³: their series where little would be left.
    const bool series = a < 0.02;
    const double second = series ? a * a * (0.5 - a * (1.0 / 6 - a * (1.0 / 24 - a / 120))) : a - oneMinus;
    const double third = series ? a * a * a * (1.0 / 3 - a * (0.25 - a * (7.0 / 60 - a * (1.0 / 24 - a * 31 / 2520))))
                                : a - 2 * oneMinus - std::expm1(-2 * a) / 2;
    const double s11 = 2 * entropy / (friction * friction) * third;
    const double s12 = entropy * oneMinus * oneMinus / friction;
    const double s22 = -entropy * std::expm1(-2 * a);
    return {oneMinus / friction, second / (friction * friction), 1 - oneMinus,
            std::sqrt(s11),      s12 / std::sqrt(s11),           std::sqrt(std::max(0.0, s22 - s12 * s12 / s11))};
  }

  static double resolve(Options& options, Resolver& resolver) {
    const Choice smooth = resolver.gradientStep();
    const double L = 1 / smooth.value;
    const double friction = resolver.number("friction", options.friction,
                                            {std::sqrt(L), "√L, L = " + text(L) + " from step: " + smooth.why});
    return resolver.number(
        "step", options.step,
        {std::min(1 / std::sqrt(L), friction / L), "the smaller of 1/√L and γ/L, half the stable step"});
  }

  static void adapt(const Options&, NetworkOptions& model, const double*, int64_t) {
    needs_free_weights(model, kName,
                       "velocities would have to be carried along the sphere, for which there is no published step");
    needs_plain_steps(model, kName);
  }
  static State init(Problem& problem, const Options&) {
    State state;
    state.velocities = {problem.network, 1};
    state.drift = {problem.network, 2};
    problem.draw(state.velocities, problem.entropy, Stream::Velocity, 0);
    return state;
  }

  static Info step(State& state, Problem& problem, const Options& options, double step) {
    Kinetic move = coefficients(step, *options.friction, problem.entropy);
    move.pull = 2 * problem.ridge;
    move.position = {problem.seed, Stream::Noise};
    move.velocity = {problem.seed, Stream::Velocity};
    move.step = static_cast<uint64_t>(state.steps);
    state.lastLoss = problem.loss_weights(state.weights);
    state.drift.take_gradient(problem.train.matrix, {nullptr, problem.train.rows}, state.weights.data());
    problem.kinetic(move, state.velocities, state.drift);
    ++state.steps;
    return {1};
  }
};

}  // namespace meanfield
