#include "native/mean_field/problem.h"

#include <algorithm>
#include <cmath>

namespace meanfield {

const std::vector<double>& Problem::outputs() {
  if (!fresh_) {
    z_.resize(static_cast<size_t>(train.rows * outputs_per_row()));
    network.outputs(train.matrix, {nullptr, train.rows}, z_.data());
    fresh_ = true;
  }
  return z_;
}

double Problem::loss_weights(std::vector<double>& weights) {
  const std::vector<double>& z = outputs();
  const int k = outputs_per_row(), width = loss.target_width(k);
  weights.resize(z.size());
  const double scale = 1.0 / static_cast<double>(train.rows);
  double sum = 0;
  for (int64_t i = 0; i < train.rows; ++i) {
    double* row = weights.data() + i * k;
    sum += loss.gradient(z.data() + i * k, train.values + i * width, k, row);
    for (int j = 0; j < k; ++j) row[j] *= scale;
  }
  return sum * scale;
}

void Problem::update(const std::vector<double>& weights, const Update& update) {
  fresh_ = false;
  network.update(train.matrix, {nullptr, train.rows}, weights.data(), update);
}

void Problem::draw_initial(Stream stream, uint64_t step) {
  const std::vector<double> zero(static_cast<size_t>(train.rows * outputs_per_row()), 0.0);
  Update draw;
  draw.keep = 0;
  draw.noise = std::sqrt(initialVariance);
  draw.firstStep = step;
  draw.field = {seed, stream};
  update(zero, draw);
}

void Problem::write_particles(const float* particles) {
  fresh_ = false;
  network.write_particles(particles);
}

Evaluation Problem::evaluate_train() { return evaluate(train, outputs()); }

Evaluation Problem::evaluate(const Targets& on) const {
  std::vector<double> z(static_cast<size_t>(on.rows * outputs_per_row()));
  network.outputs(on.matrix, {nullptr, on.rows}, z.data());
  return evaluate(on, z);
}

Evaluation Problem::evaluate(const Targets& on, const std::vector<double>& z) const {
  const int k = outputs_per_row(), width = loss.target_width(k);
  const double n = static_cast<double>(on.rows);
  Evaluation result;
  double correct = 0, residual = 0;
  for (int64_t i = 0; i < on.rows; ++i) {
    const double* zi = z.data() + i * k;
    const double* yi = on.values + i * width;
    result.loss += loss.value(zi, yi, k);
    if (loss.kind == LossKind::Softmax)
      correct += std::max_element(zi, zi + k) - zi == static_cast<int64_t>(yi[0]);
    else if (loss.classifies())
      for (int j = 0; j < k; ++j) correct += (zi[j] > 0) == (yi[j] > 0) ? 1.0 / k : 0;
    else
      for (int j = 0; j < k; ++j) residual += (zi[j] - yi[j]) * (zi[j] - yi[j]);
  }
  result.loss /= n;
  if (loss.classifies()) {
    result.score = correct / n;
    return result;
  }
  double total = 0;
  for (int j = 0; j < k; ++j) {
    double mean = 0;
    for (int64_t i = 0; i < on.rows; ++i) mean += on.values[i * k + j] / n;
    for (int64_t i = 0; i < on.rows; ++i) total += (on.values[i * k + j] - mean) * (on.values[i * k + j] - mean);
  }
  result.score = total > 0 ? 1 - residual / total : (residual > 0 ? 0 : 1);
  return result;
}

}  // namespace meanfield
