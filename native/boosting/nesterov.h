// The optimiser of every inner problem: Nesterov's momentum in its look-ahead form with a constant rate, a search for that rate,
// a guard against divergence and an early stop. Formulas of the code of Nitanda, Suzuki, ICML 2018 and AISTATS 2020.
#pragma once
#include <functional>
#include <vector>

#include "native/boosting/inner_problem.h"
#include "native/core/word_stream.h"

namespace meanfield {

struct NesterovOptions {
  double momentum;
  int64_t minibatch;
  int64_t epochs;
  int64_t patience;     // epochs without progress before the end; 0: never
  int64_t searchSteps;  // minibatches that a rate is tried for
};

/// Words that shuffle the rows of one pass; `attempt` counts the restarts of a fit and the rates of a search.
using Shuffles = std::function<WordStream(uint32_t attempt, uint32_t epoch)>;

class Nesterov {
 public:
  Nesterov(InnerProblem& problem, const NesterovOptions& options, Shuffles shuffles)
      : problem_(problem), options_(options), shuffles_(std::move(shuffles)) {}

  /// The rate that leaves the least objective after searchSteps minibatches from `parameters`, among 0.01 · 2^k: compared
  /// are 0.01 and 0.02 first, then it is halved or doubled while that helps. Throws Diverged when no rate is small enough.
  double search(const std::vector<float>& parameters);

  /// Minimises in place. A pass after which the objective is not a number or at least start + |start| + 1 halves `rate` and begins
  /// again, and so does an end above the start. Returns the objective. Throws Cancelled, Diverged.
  double fit(std::vector<float>& parameters, double& rate);

  /// Rows looked at by minibatches so far.
  double rows_seen() const { return rowsSeen_; }

 private:
  void restart() { velocity_.assign(static_cast<size_t>(problem_.parameters()), 0.0f); }
  void shuffle(uint32_t attempt, uint32_t epoch);
  void step(std::vector<float>& parameters, const int32_t* rows, int64_t count, double rate);
  double tried(std::vector<float> parameters, double rate, uint32_t attempt);

  InnerProblem& problem_;
  NesterovOptions options_;
  Shuffles shuffles_;
  std::vector<int32_t> order_;
  std::vector<float> velocity_, gradient_;
  double rowsSeen_ = 0;
};

}  // namespace meanfield
