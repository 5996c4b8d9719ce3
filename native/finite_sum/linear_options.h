// Options of a linear model and of its runs.
#pragma once
#include <string>

#include "native/core/option_fields.h"
#include "native/driver/run_options.h"
#include "native/problem/losses.h"

namespace meanfield {

struct LinearOptions {
  int64_t outputs = 1;
  LossKind loss = LossKind::Logistic;
  double lossWidth = 1;
  double l1 = 0;
  Auto<double> l2;
  bool intercept = true;
  bool nonNegative = false;

  static const OptionTable<LinearOptions>& table() {
    static const OptionTable<LinearOptions> table =
        OptionTable<LinearOptions>()
            .integer("outputs", "k", &LinearOptions::outputs, between(1, 4096),
                     "Outputs: classes for softmax and one-vs-rest, columns of the target otherwise.")
            .choice("loss", &LinearOptions::loss,
                    {"squared", "logistic", "smooth-hinge", "huber", "softmax", "squared-hinge", "poisson"},
                    "Loss; logistic and the hinges take targets of -1 and +1, or class indices (one-vs-rest) with more "
                    "outputs.")
            .number("lossWidth", "", &LinearOptions::lossWidth, above(0),
                    "Width of the smooth hinge's quadratic part, or the residual where Huber turns linear.")
            .number("l1", "λ1", &LinearOptions::l1, at_least(0), "Weight of the sum of absolute weights.")
            .number("l2", "λ2", &LinearOptions::l2, at_least(0),
                    "Weight of half the sum of squared weights; auto: 1/n, or 0 when l1 is above 0.")
            .boolean("intercept", &LinearOptions::intercept, "Add an intercept, which is not penalised.")
            .boolean("nonNegative", &LinearOptions::nonNegative, "Keep all weights (not the intercept) at or above 0.");
    return table;
  }

  /// Throws InvalidOption for an option that would change nothing beside the others.
  void refuse_idle() const {
    if (lossWidth != LinearOptions().lossWidth && loss != LossKind::SmoothHinge && loss != LossKind::Huber)
      throw Error(ErrorCode::InvalidOption,
                  "linear: lossWidth is given but the loss has no width; choose 'smooth-hinge' "
                  "or 'huber', or leave it out.");
  }
};

struct LinearRunOptions : RunLimits {
  Auto<int64_t> steps;
  Auto<double> passes;
  double tolerance = 1e-6;
  double gap = 0;
  Auto<int64_t> traceEvery;

  static const OptionTable<LinearRunOptions>& table() {
    static const OptionTable<LinearRunOptions> table =
        OptionTable<LinearRunOptions>()
            .integer("steps", "", &LinearRunOptions::steps, at_least(0),
                     "Budget in steps (stages, about one to three passes each); auto: none.")
            .number("passes", "", &LinearRunOptions::passes, above(0),
                    "Budget in data passes: example gradients evaluated divided by n; auto: 20000 when there"
                    " is no other budget.")
            .with(stops<LinearRunOptions>)
            .number("tolerance", "", &LinearRunOptions::tolerance, at_least(0),
                    "Stop once the duality gap is at most this fraction of the objective; 0: never.")
            .number("gap", "", &LinearRunOptions::gap, at_least(0),
                    "Stop once the duality gap is at most this; 0: never.")
            .integer(
                "traceEvery", "", &LinearRunOptions::traceEvery, at_least(1),
                "Steps between trace points, where the gap is looked at; auto: 1, thinned as the run gets longer, and "
                "where a look costs a pass over the data, when the gap may be small enough by then.")
            .integer("seed", "", &LinearRunOptions::seed, at_least(0),
                     "Seed of the minibatches; the result is a function of data, options and seed.")
            .with(means<LinearRunOptions>);
    return table;
  }
  RunOptions plan() const {
    RunOptions options;
    static_cast<RunLimits&>(options) = *this;
    options.steps = steps;
    options.passes = passes;
    if (!steps && !passes && !seconds) options.passes = 20000;
    options.traceEvery = traceEvery;
    return options;
  }
};

}  // namespace meanfield
