// How a fit uses its preconditioner (preconditioner.h).
#include "native/mean_field/fit.h"

namespace meanfield {

Preconditioner MeanFieldFit::find_preconditioner(const Backend* backend, const NetworkShape& shape,
                                                 double initialVariance, const CancelToken& cancel) const {
  const MatrixView<const float>& x = request_.train.features;
  if (model_.preconditioner == Preconditioning::Inputs) return whitening(x, cancel);
  Network network(backend, shape);
  const Rows all{nullptr, x.rows};
  Problem problem(network, {network.add_matrix(x), x.rows, request_.train.targets}, loss_, 0, model_.entropy,
                  initialVariance, static_cast<uint64_t>(options_.seed));
  problem.interrupt_with(&cancel);
  place(problem);
  std::vector<double> weights;
  problem.loss_weights(weights);
  std::vector<float> gradients(static_cast<size_t>(shape.particles * shape.parameters()));
  network.gradient(problem.train.matrix, all, weights.data(), gradients.data());
  return gradient_covariance(gradients, shape.parameters(), x.cols);
}

FitResult MeanFieldFit::run_on(const Preconditioner& map, const CancelToken& cancel,
                               const std::function<void(const double*)>& onPoint) const {
  MeanFieldFit mapped = *this;
  mapped.identity_ = identity();
  mapped.model_.preconditioner = Preconditioning::None;
  const auto transform = [&](Table& table) {
    std::vector<float> made = map.transform(table.features);
    table.features = {made.data(), table.features.rows, table.features.cols};
    return made;
  };
  const std::vector<float> train = transform(mapped.request_.train);
  std::vector<float> validation, initial;
  if (request_.hasValidation) validation = transform(mapped.request_.validation);
  const int64_t p = request_.train.features.cols + (model_.bias ? 1 : 0) + model_.neuron(1).tail();
  if (request_.initial) {
    initial.assign(request_.initial, request_.initial + request_.initialCount);
    map.map(initial, p, true);
    mapped.request_.initial = initial.data();
  }
  FitResult result = mapped.run(cancel, onPoint);
  map.map(result.particles, p, false);
  for (Snapshot& snapshot : result.snapshots) map.map(snapshot.particles, p, false);
  return result;
}

}  // namespace meanfield
