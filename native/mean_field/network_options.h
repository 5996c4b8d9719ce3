// Options of a mean-field network: neuron, loss, the two regularizers of the master objective, starting law.
#pragma once
#include <string>

#include "native/core/option_fields.h"
#include "native/mean_field/annealing.h"
#include "native/problem/losses.h"
#include "native/problem/neurons.h"

namespace meanfield {

enum class Geometry { Free, Sphere };
enum class Preconditioning { None, Inputs, Gradient };

struct NetworkOptions {
  Auto<int64_t> particles = int64_t{1000};
  Auto<double> accuracy;
  int64_t outputs = 1;
  LossKind loss = LossKind::Squared;
  double lossWidth = 1;
  Activation activation = Activation::Tanh;
  SecondLayer secondLayer = SecondLayer::Bounded;
  Signs signs = Signs::Same;
  Auto<double> outputScale;
  bool bias = true;
  Auto<double> ridge;
  double entropy = 1e-5;
  Auto<double> initialVariance;
  Annealing annealing = Annealing::Constant;
  Auto<double> initialEntropy;
  int64_t annealingSteps = 100;
  bool annealRidge = false;
  Geometry geometry = Geometry::Free;
  Preconditioning preconditioner = Preconditioning::None;
  bool preconditionPrior = false;

  static const OptionTable<NetworkOptions>& table() {
    static const OptionTable<NetworkOptions> table =
        OptionTable<NetworkOptions>()
            .integer("particles", "M", &NetworkOptions::particles, between(1, 1e9),
                     "Number of particles (neurons); auto: ⌈β k C²/(2ε)⌉ for the accuracy ε.")
            .number("accuracy", "ε", &NetworkOptions::accuracy, above(0),
                    "What a finite number of particles may add to the objective, for particles 'auto'; auto: no such "
                    "bound.")
            .integer("outputs", "k", &NetworkOptions::outputs, between(1, 4096),
                     "Outputs of the network: classes for softmax, columns of the target otherwise.")
            .choice("loss", &NetworkOptions::loss, {"squared", "logistic", "smooth-hinge", "huber", "softmax"},
                    "Loss; logistic and smooth hinge take targets of -1 and +1, softmax classes 0 to k-1.")
            .number("lossWidth", "", &NetworkOptions::lossWidth, above(0),
                    "Width of the smooth hinge's quadratic part, or the residual where Huber turns linear.")
            .choice("activation", &NetworkOptions::activation, {"tanh", "sigmoid", "relu", "softplus", "silu"},
                    "Activation of the first layer.")
            .choice("secondLayer", &NetworkOptions::secondLayer, {"fixed", "bounded", "parity"},
                    "Output weights: fixed; bounded, R tanh(r) with r trained; parity, R[sigma + 2 tanh(u)]/3.")
            .choice("signs", &NetworkOptions::signs, {"same", "balanced"},
                    "Fixed signs of fixed and parity output weights: all +1, or alternating.")
            .number("outputScale", "R", &NetworkOptions::outputScale, above(0),
                    "Scale of the output weights, the largest output of a bounded network; auto: by the loss.")
            .boolean("bias", &NetworkOptions::bias, "Give every neuron a bias.")
            .number("ridge", "λ'", &NetworkOptions::ridge, at_least(0),
                    "Weight of E‖θ‖²; auto: such that the prior N(0, λ/(2λ') I) spreads pre-activations to variance 4.")
            .number("entropy", "λ", &NetworkOptions::entropy, above(0), "Weight of the entropy, the temperature.")
            .remedy(
                "The certificate divides by it: use a small one, or noise: false of langevin or sgd-langevin for "
                "descent without entropy.")
            .number("initialVariance", "", &NetworkOptions::initialVariance, above(0),
                    "Variance of each coordinate of the starting particles; auto: the prior's λ/(2λ').")
            .choice("annealing", &NetworkOptions::annealing, {"constant", "geometric", "logarithmic", "harmonic"},
                    "Entropy at step t, never below `entropy`: λ_0 times 2^-⌊s⌋, 1/log(e + s) or 1/(1 + s), s = "
                    "t/annealingSteps.")
            .number("initialEntropy", "λ_0", &NetworkOptions::initialEntropy, above(0),
                    "Entropy at step 0 when annealing; auto: 100 times `entropy`.")
            .integer("annealingSteps", "", &NetworkOptions::annealingSteps, between(1, 1e12),
                     "Steps of a round of the annealing, where there is one.")
            .boolean("annealRidge", &NetworkOptions::annealRidge,
                     "Scale the ridge like the entropy, so that the prior stays the same.")
            .choice("geometry", &NetworkOptions::geometry, {"free", "sphere"},
                    "Weights anywhere, or brought back to length 1 after every step (no prior, no certificate).")
            .choice(
                "preconditioner", &NetworkOptions::preconditioner, {"none", "inputs", "gradient"},
                "Linear map of the feature weights' steps: from the inverse second moment of the inputs, or from the "
                "covariance of the first gradients.")
            .boolean("preconditionPrior", &NetworkOptions::preconditionPrior,
                     "Map the prior too, as if the inputs had been mapped, which changes the optimum; else only the "
                     "way there.");
    return table;
  }

  /// Throws InvalidOption for options that would change nothing beside the others.
  void refuse_idle() const {
    const NetworkOptions defaults;
    const auto refuse_if = [](bool given, const std::string& name, const std::string& beside) {
      if (given)
        throw Error(ErrorCode::InvalidOption, "mean-field: " + name + " is given but " + beside + ", or leave it out.");
    };
    const bool constant = annealing == Annealing::Constant;
    const std::string schedule = "annealing is 'constant'; choose a schedule";
    refuse_if(constant && initialEntropy, "initialEntropy", schedule);
    refuse_if(constant && annealingSteps != defaults.annealingSteps, "annealingSteps", schedule);
    refuse_if(constant && annealRidge, "annealRidge", schedule);
    refuse_if(lossWidth != defaults.lossWidth && loss != LossKind::SmoothHinge && loss != LossKind::Huber, "lossWidth",
              "the loss has no width; choose 'smooth-hinge' or 'huber'");
    refuse_if(signs == Signs::Balanced && secondLayer == SecondLayer::Bounded, "signs 'balanced'",
              "bounded output weights are trained with their signs; choose secondLayer 'fixed' or 'parity'");
    refuse_if(preconditionPrior && preconditioner == Preconditioning::None, "preconditionPrior",
              "preconditioner is 'none'; choose 'inputs' or 'gradient'");
  }

  Neuron neuron(double scale) const {
    Neuron neuron;
    neuron.activation = activation;
    neuron.secondLayer = secondLayer;
    neuron.signs = signs;
    neuron.outputs = static_cast<int32_t>(outputs);
    neuron.scale = static_cast<float>(scale);
    return neuron;
  }
};

}  // namespace meanfield
