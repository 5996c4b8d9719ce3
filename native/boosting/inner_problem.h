// The problems inside a round: the linear model, the embedding, and the pair of embeddings of the Frank-Wolfe form. All are
// the sum of the outputs of one or two networks, each with its own inputs, under a loss of the row.
#pragma once
#include <functional>
#include <vector>

#include "native/boosting/perceptron.h"
#include "native/core/cancel.h"
#include "native/core/views.h"

namespace meanfield {

struct Branch {
  Perceptron network;
  MatrixView<const float> input;
};

/// Loss of a row from the sum of the branches' outputs; slope: its derivative, null when it is not wanted.
using RowLoss = std::function<double(int64_t row, const float* output, float* slope)>;

/// Mean over rows + l2/2 ‖weights‖². Parameters: the weights of all branches, then all biases.
class InnerProblem {
 public:
  InnerProblem(const Multiplier& multiply, std::vector<Branch> branches, RowLoss loss, double l2,
               const CancelToken* cancel);

  int64_t rows() const { return branches_.front().input.rows; }
  int64_t weights() const { return weights_; }
  int64_t parameters() const { return parameters_; }
  double l2() const { return l2_; }
  const CancelToken* cancel() const { return cancel_; }
  ThreadPool& pool() const { return multiply_.pool(); }

  /// Gradient of the mean over the rows named, without the penalty. Throws Cancelled.
  void gradient(const float* parameters, const int32_t* rows, int64_t count, float* gradient);
  /// All of it, in double. Throws Cancelled.
  double objective(const float* parameters);

 private:
  struct Way {  // of one thread
    std::vector<Tape> tapes;
    std::vector<std::vector<float>> inputs;
    std::vector<float> outputs, slopes;
  };
  const float* outputs(const float* parameters, int64_t count, const std::vector<const float*>& inputs, Way& way) const;

  Multiplier multiply_;
  std::vector<Branch> branches_;
  RowLoss loss_;
  double l2_;
  const CancelToken* cancel_;
  int64_t weights_ = 0, parameters_ = 0;
  std::vector<Way> ways_;
};

/// Where the parameters of branch b begin: first its weights, then its biases.
struct BranchParameters {
  int64_t weights, biases;
};
BranchParameters branch_parameters(const std::vector<const Perceptron*>& networks, size_t branch);

}  // namespace meanfield
