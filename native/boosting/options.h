// Options of a boosted residual classifier and of its runs. Defaults are those of the papers' code unless the words say otherwise.
#pragma once
#include "native/boosting/class_loss.h"
#include "native/core/option_fields.h"
#include "native/driver/run_options.h"

namespace meanfield {

struct BoostingOptions {
  int64_t outputs = 2;
  ClassLossKind loss = ClassLossKind::Logistic;
  int64_t rounds = 30;
  int64_t width = 100;
  int64_t depth = 4;
  Auto<double> initialWeights;
  Auto<double> l2;
  int64_t linearEpochs = 100;
  int64_t linearPatience = 0;
  Auto<double> linearRate;
  Auto<double> embeddingL2;
  int64_t embeddingEpochs = 50;
  int64_t embeddingPatience = 10;
  Auto<double> embeddingRate;
  double momentum = 0.9;
  int64_t minibatch = 100;
  int64_t searchSteps = 1000;
  bool sampleSplitting = false;

  static const OptionTable<BoostingOptions>& table() {
    using O = BoostingOptions;
    static const OptionTable<O> table =
        OptionTable<O>()
            .integer("outputs", "K", &O::outputs, between(2, 4096), "Classes.")
            .choice("loss", &O::loss, {"logistic", "smooth-hinge"},
                    "Mean over rows of the softmax cross-entropy, or of Σ_k softplus(1 − (z_y − z_k)).")
            .integer("rounds", "T", &O::rounds, between(0, 65535), "Residual layers that are added.")
            .integer("width", "", &O::width, between(1, 65536), "Units of a hidden layer of an embedding.")
            .integer("depth", "", &O::depth, between(0, 64), "Hidden layers of an embedding.")
            .number("initialWeights", "", &O::initialWeights, above(0),
                    "Weights of an embedding start uniform on ± this; auto: √(6/inputs) of each layer, which keeps the "
                    "size "
                    "of what passes through. The papers' code has 0.05.")
            .number("l2", "λ2", &O::l2, above(0),
                    "Weight of half the sum of squared weights of the linear model; auto: 1/n.")
            .integer("linearEpochs", "", &O::linearEpochs, at_least(1), "Passes of a fit of the linear model at most.")
            .integer("linearPatience", "", &O::linearPatience, at_least(0),
                     "Passes without 0.1 % less before a fit of the linear model ends; 0: never.")
            .number("linearRate", "", &O::linearRate, above(0),
                    "Learning rate of the linear model; auto: searched for in round 0.")
            .number("embeddingL2", "", &O::embeddingL2, above(0),
                    "Weight of half the sum of squared weights of the embedding; auto: 1/n.")
            .integer("embeddingEpochs", "", &O::embeddingEpochs, at_least(1),
                     "Passes of a fit of the embedding at most.")
            .integer("embeddingPatience", "", &O::embeddingPatience, at_least(0),
                     "Passes without 0.1 % less before a fit of the embedding ends; 0: never.")
            .number("embeddingRate", "", &O::embeddingRate, above(0),
                    "Learning rate of the embedding; auto: searched for in round 0.")
            .number("momentum", "μ", &O::momentum, between(0, 0.9999), "Nesterov momentum of both fits.")
            .integer("minibatch", "b", &O::minibatch, at_least(1),
                     "Rows of a minibatch of both fits; the last one of a pass may be smaller.")
            .integer("searchSteps", "", &O::searchSteps, at_least(1),
                     "Minibatches that a learning rate is tried for before it is judged.")
            .boolean("sampleSplitting", &O::sampleSplitting,
                     "Give each layer a part of the rows of its own, n/T of them, as the bound on the expected risk "
                     "asks for.");
    return table;
  }
};

struct BoostingRunOptions : RunLimits {
  static const OptionTable<BoostingRunOptions>& table() {
    using O = BoostingRunOptions;
    static const OptionTable<O> table =
        OptionTable<O>()
            .with(stops<O>)
            .integer("seed", "", &O::seed, at_least(0),
                     "Seed of weights and minibatches; the result is a function of data, options and seed.")
            .with(means<O>);
    return table;
  }
};

}  // namespace meanfield
