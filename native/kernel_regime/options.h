// Options of a network in the kernel regime and of its runs.
#pragma once
#include <string>

#include "native/core/option_fields.h"
#include "native/driver/run_options.h"
#include "native/kernel_regime/smooth_activation.h"

namespace meanfield {

/// Which parameters are trained: a, (B, c), or all; and the tangent kernel that goes with them.
enum class Layers { Both, Output, Input };

struct KernelRegimeOptions {
  int64_t width = 1000;
  ActivationShape activation = ActivationShape::Swish;
  Auto<double> sharpness;
  double outputScale = 1;
  double biasScale = 1;
  Layers layers = Layers::Both;
  Auto<double> ridge;

  static const OptionTable<KernelRegimeOptions>& table() {
    static const OptionTable<KernelRegimeOptions> table =
        OptionTable<KernelRegimeOptions>()
            .integer(
                "width", "M", &KernelRegimeOptions::width, between(2, 1e7),
                "Neurons of each output's network, an even number: every direction is there twice, with both signs.")
            .choice(
                "activation", &KernelRegimeOptions::activation, {"swish", "relu", "softplus", "tanh"},
                "Activation; swish u/(1 + exp(-s u)) and softplus log(1 + exp(s u))/s are smooth ReLUs of sharpness "
                "s, tanh is tanh(s u)/s.")
            .number("sharpness", "s", &KernelRegimeOptions::sharpness, above(0),
                    "Sharpness of the activation; auto: 10 for swish and softplus, 1 for tanh. ReLU has none.")
            .number("outputScale", "R", &KernelRegimeOptions::outputScale, above(0),
                    "Size of the output weights at the start, +R and -R.")
            .number("biasScale", "γ", &KernelRegimeOptions::biasScale, at_least(0),
                    "Scale of the bias channel: the neurons see (x, γ), and the bias weights start at 0.")
            .choice("layers", &KernelRegimeOptions::layers, {"both", "output", "input"},
                    "Layers that are trained: output weights, input weights with biases, or both.")
            .number(
                "ridge", "λ", &KernelRegimeOptions::ridge, above(0),
                "Weight of half the squared distance of the parameters from their start; auto: Tr(Σ) n^(-d/(2d-1)), "
                "Corollary 2 with r = 1/2.");
    return table;
  }

  /// Throws InvalidOption for what does not go together.
  void check() const {
    if (width % 2 != 0)
      throw Error(ErrorCode::InvalidOption, "kernel-regime: width is " + std::to_string(width) +
                                                "; expected an even number, half of it with each sign. Use " +
                                                std::to_string(width + 1) + ".");
    if (activation == ActivationShape::Relu && sharpness)
      throw Error(
          ErrorCode::InvalidOption,
          "kernel-regime: sharpness is given, but the activation is relu, which has none; choose swish, softplus "
          "or tanh, or leave it out.");
  }
  SmoothActivation shape() const {
    return {activation, sharpness.value_or(activation == ActivationShape::Tanh ? 1 : 10)};
  }
};

struct KernelRegimeRunOptions : RunLimits {
  Auto<int64_t> steps;
  Auto<double> passes;
  Auto<int64_t> traceEvery;
  bool certificate = true;

  static const OptionTable<KernelRegimeRunOptions>& table() {
    static const OptionTable<KernelRegimeRunOptions> table =
        OptionTable<KernelRegimeRunOptions>()
            .integer("steps", "T", &KernelRegimeRunOptions::steps, at_least(0),
                     "Budget in steps, one minibatch each; auto: none when passes or seconds is given, else one pass "
                     "over the rows, or 10000 steps where these are more.")
            .number(
                "passes", "", &KernelRegimeRunOptions::passes, above(0),
                "Budget in data passes. The first takes every row once, as a stream does; each further one takes them "
                "in another order, beyond what the theory covers; auto: none.")
            .with(stops<KernelRegimeRunOptions>)
            .integer("traceEvery", "", &KernelRegimeRunOptions::traceEvery, at_least(1),
                     "Steps between trace points; auto: some, half a pass apart as the run gets longer.")
            .integer("seed", "", &KernelRegimeRunOptions::seed, at_least(0),
                     "Seed of directions and order of the rows; the result is a function of data, options and seed.")
            .with(means<KernelRegimeRunOptions>)
            .boolean("certificate", &KernelRegimeRunOptions::certificate,
                     "Compare with the minimum of the linearized problem at the end.");
    return table;
  }
  RunOptions plan() const {
    RunOptions options;
    static_cast<RunLimits&>(options) = *this;
    options.steps = steps;
    options.passes = passes;
    options.traceEvery = traceEvery;
    return options;
  }
};

}  // namespace meanfield
