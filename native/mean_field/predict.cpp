#include <algorithm>

#include "native/mean_field/fit.h"
#include "native/mean_field/machine.h"
#include "native/mean_field/requests.h"

namespace meanfield {

int64_t predict_outputs(const PredictRequest& request) {
  const NetworkOptions model = NetworkOptions::table().parse("mean-field", request.model);
  const NetworkShape shape = network_shape(model, request.features.cols, 1, 1);
  if (request.features.cols < 1) throw Error(ErrorCode::InvalidData, "features have no columns.");
  if (request.particleCount != shape.particles * shape.parameters())
    throw Error(ErrorCode::InvalidData,
                "the features have " + std::to_string(request.features.cols) + " columns, which makes " +
                    std::to_string(shape.particles * shape.parameters()) +
                    " numbers for the particles; the model has " + std::to_string(request.particleCount) +
                    ". Predict on the columns that the model was fitted on.");
  choose_machine(request.backend, request.isa, request.precision);
  return model.outputs;
}

void predict_mean_field(const PredictRequest& request, const CancelToken& cancel, float* out) {
  const int64_t k = predict_outputs(request);
  if (request.features.rows == 0) return;
  check_finite(request.features, "prediction", cancel);
  const NetworkOptions model = NetworkOptions::table().parse("mean-field", request.model);
  const Auto<int64_t> threads = request.threads > 0 ? Auto<int64_t>(request.threads) : std::nullopt;
  const Machine machine = choose_machine(request.backend, request.isa, request.precision);
  Network network(machine.backend, machine.place(network_shape(model, request.features.cols, output_scale(model).value,
                                                               thread_count(threads))));
  network.interrupt_with(&cancel);
  const int32_t matrix = network.add_matrix(request.features);
  network.write_particles(request.particles);
  std::vector<double> z(static_cast<size_t>(request.features.rows * k));
  network.outputs(matrix, {nullptr, request.features.rows}, z.data());
  std::transform(z.begin(), z.end(), out, [](double value) { return static_cast<float>(value); });
}

}  // namespace meanfield
