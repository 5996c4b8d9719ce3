#include "native/boosting/inner_problem.h"

#include "native/boosting/chunks.h"

namespace meanfield {

BranchParameters branch_parameters(const std::vector<const Perceptron*>& networks, size_t branch) {
  BranchParameters at{0, 0};
  for (const Perceptron* network : networks) at.biases += network->weights();
  for (size_t b = 0; b < branch; ++b) {
    at.weights += networks[b]->weights();
    at.biases += networks[b]->biases();
  }
  return at;
}

namespace {

BranchParameters place(const std::vector<Branch>& branches, size_t branch) {
  std::vector<const Perceptron*> networks;
  for (const Branch& one : branches) networks.push_back(&one.network);
  return branch_parameters(networks, branch);
}

}  // namespace

InnerProblem::InnerProblem(const Multiplier& multiply, std::vector<Branch> branches, RowLoss loss, double l2,
                           const CancelToken* cancel)
    : multiply_(multiply), branches_(std::move(branches)), loss_(std::move(loss)), l2_(l2), cancel_(cancel),
      ways_(static_cast<size_t>(multiply.pool().threads())) {
  for (const Branch& branch : branches_) {
    weights_ += branch.network.weights();
    parameters_ += branch.network.weights() + branch.network.biases();
  }
  for (Way& way : ways_) {
    way.tapes.resize(branches_.size());
    way.inputs.resize(branches_.size());
  }
}

const float* InnerProblem::outputs(const float* parameters, int64_t count, const std::vector<const float*>& inputs,
                                   Way& way) const {
  const float* first = nullptr;
  const int64_t width = branches_.front().network.outputs();
  for (size_t b = 0; b < branches_.size(); ++b) {
    const BranchParameters at = place(branches_, b);
    const float* output = branches_[b].network.forward(multiply_, parameters + at.weights, parameters + at.biases,
                                                       inputs[b], count, way.tapes[b]);
    if (b == 0) {
      first = output;
      continue;
    }
    way.outputs.resize(static_cast<size_t>(count * width));
    for (int64_t i = 0; i < count * width; ++i) way.outputs[i] = first[i] + output[i];
    first = way.outputs.data();
  }
  return first;
}

void InnerProblem::gradient(const float* parameters, const int32_t* rows, int64_t count, float* gradient) {
  if (cancel_) cancel_->check();
  Way& way = ways_.front();
  const int64_t width = branches_.front().network.outputs();
  std::vector<const float*> inputs;
  for (size_t b = 0; b < branches_.size(); ++b) {
    const MatrixView<const float>& x = branches_[b].input;
    way.inputs[b].resize(static_cast<size_t>(count * x.cols));
    for (int64_t i = 0; i < count; ++i)
      std::copy(x.row(rows[i]), x.row(rows[i]) + x.cols, way.inputs[b].data() + i * x.cols);
    inputs.push_back(way.inputs[b].data());
  }
  const float* output = outputs(parameters, count, inputs, way);
  way.slopes.resize(static_cast<size_t>(count * width));
  for (int64_t i = 0; i < count; ++i) loss_(rows[i], output + i * width, way.slopes.data() + i * width);
  const float share = 1 / static_cast<float>(count);
  for (float& slope : way.slopes) slope *= share;
  for (size_t b = 0; b < branches_.size(); ++b) {
    const BranchParameters at = place(branches_, b);
    branches_[b].network.backward(multiply_, parameters + at.weights, inputs[b], count, way.slopes.data(), way.tapes[b],
                                  gradient + at.weights, gradient + at.biases);
  }
}

double InnerProblem::objective(const float* parameters) {
  const int64_t width = branches_.front().network.outputs();
  std::vector<double> parts(static_cast<size_t>(chunk_count(rows())));
  over_chunks(pool(), rows(), cancel_, [&](int64_t chunk, int64_t first, int64_t count, int worker) {
    std::vector<const float*> inputs;
    for (const Branch& branch : branches_) inputs.push_back(branch.input.row(first));
    const float* output = outputs(parameters, count, inputs, ways_[static_cast<size_t>(worker)]);
    for (int64_t i = 0; i < count; ++i)
      parts[static_cast<size_t>(chunk)] += loss_(first + i, output + i * width, nullptr);
  });
  double sum = 0, squares = 0;
  for (double part : parts) sum += part;
  for (int64_t i = 0; i < weights_; ++i) squares += static_cast<double>(parameters[i]) * parameters[i];
  return sum / static_cast<double>(rows()) + 0.5 * l2_ * squares;
}

}  // namespace meanfield
