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

void Problem::weigh(Rows rows, int64_t first, int64_t count, const double* z, double* weights, double* sum) const {
  const int k = outputs_per_row(), width = loss.target_width(k);
  const double scale = 1.0 / static_cast<double>(rows.count);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = rows.index ? rows.index[first + i] : first + i;
    double* row = weights + i * k;
    *sum += loss.gradient(z + i * k, train.values + at * width, k, row);
    for (int j = 0; j < k; ++j) row[j] *= scale;
  }
}

double Problem::loss_weights(std::vector<double>& weights) { return loss_weights({nullptr, train.rows}, weights); }

double Problem::loss_weights(Rows rows, std::vector<double>& weights) {
  std::vector<double> some;
  if (!is_all(rows)) {
    some.resize(static_cast<size_t>(rows.count * outputs_per_row()));
    network.outputs(train.matrix, rows, some.data());
  }
  const std::vector<double>& z = is_all(rows) ? outputs() : some;
  weights.resize(z.size());
  double sum = 0;
  weigh(rows, 0, rows.count, z.data(), weights.data(), &sum);
  return sum / static_cast<double>(rows.count);
}

void Problem::update(const std::vector<double>& weights, const Update& update) {
  this->update({nullptr, train.rows}, weights, update);
}

void Problem::update(Rows rows, const std::vector<double>& weights, const Update& update) {
  fresh_ = false;
  if (preconditioner) return precondition(rows, weights, update);
  if (geometry == Geometry::Free) {
    network.update(train.matrix, rows, weights.data(), update);
    return;
  }
  Update one = update;
  one.repeats = 1;
  for (int64_t q = 0; q < update.repeats; ++q, ++one.firstStep) {
    network.update(train.matrix, rows, weights.data(), one);
    project();
  }
}

void Problem::precondition(Rows rows, const std::vector<double>& weights, const Update& update) {
  const NetworkShape& shape = network.shape();
  std::vector<float> particles = network.read_particles(), gradient(particles.size()), xi;
  if (!normals_ && update.noise != 0) normals_ = std::make_unique<Normals>(network);
  for (int64_t q = 0; q < update.repeats; ++q) {
    network.gradient(train.matrix, rows, weights.data(), gradient.data());
    if (update.noise != 0) xi = normals_->draw(update.field, update.firstStep + static_cast<uint64_t>(q));
    preconditioner->move(particles.data(), gradient.data(), xi.empty() ? nullptr : xi.data(), shape.particles,
                         shape.parameters(), update);
    network.write_particles(particles.data());
  }
}

void Problem::update(Rows rows, const std::vector<double>& weights, const Update& update, const Field& correction,
                     double rate) {
  fresh_ = false;
  network.update(train.matrix, rows, weights.data(), update);
  network.axpby(static_cast<float>(-rate), correction.number(), 1, kParticles);
  project();
}

void Problem::kinetic(const Kinetic& step, Field& velocities, const Field& drift) {
  fresh_ = false;
  network.kinetic(step, velocities.number(), drift.number());
}

void Problem::anneal(int64_t t) {
  const double s = static_cast<double>(t) / static_cast<double>(schedule.steps);
  entropy = std::max(finalEntropy_, schedule.start * annealing_factor(schedule.kind, s));
  if (schedule.ridgeToo) ridge = finalRidge_ * entropy / finalEntropy_;
}

void Problem::settle() {
  entropy = finalEntropy_;
  ridge = finalRidge_;
}

void Problem::project() {
  if (geometry == Geometry::Free) return;
  fresh_ = false;
  network.project();
}

void Problem::interrupt_with(const CancelToken* cancel) {
  cancel_ = cancel;
  network.interrupt_with(cancel);
  if (companion_) companion_->interrupt_with(cancel);
}

Network& Problem::companion() {
  if (!companion_) {
    companion_ = another(network.shape());
    companion_->interrupt_with(cancel_);
  }
  return *companion_;
}

std::vector<float> Problem::normals(Stream stream, uint64_t step) {
  if (!normals_) normals_ = std::make_unique<Normals>(network);
  return normals_->draw({seed, stream}, step);
}

double Problem::descend(Rows rows, std::vector<double>& weights, const Update& update) {
  if (preconditioner || (fresh_ && is_all(rows))) {  // or a trace point has just asked for the outputs
    const double value = loss_weights(weights);
    this->update(rows, weights, update);
    return value;
  }
  fresh_ = false;
  double sum = 0;
  network.step(
      train.matrix, rows,
      [&](int64_t first, int64_t count, const double* z, double* to) { weigh(rows, first, count, z, to, &sum); },
      update);
  project();
  return sum / static_cast<double>(rows.count);
}

void Problem::draw_initial(Stream stream, uint64_t step) {
  fresh_ = false;
  draw(initialVariance, stream, step);
  project();
}

void Problem::draw(Field& field, double variance, Stream stream, uint64_t step) {
  field.take_particles();
  draw(variance, stream, step);
  network.exchange(field.number());
}

void Problem::draw(double variance, Stream stream, uint64_t step) {
  const std::vector<double> zero(static_cast<size_t>(train.rows * outputs_per_row()), 0.0);
  Update draw;
  draw.keep = 0;
  draw.noise = std::sqrt(variance);
  draw.firstStep = step;
  draw.field = {seed, stream};
  network.update(train.matrix, {nullptr, train.rows}, zero.data(), draw);
}

void Problem::write_particles(const float* particles) {
  fresh_ = false;
  network.write_particles(particles);
}

Evaluation Problem::evaluate_train() { return evaluate(train, outputs()); }

Evaluation Problem::evaluate(const Network& shown, const Targets& on) const {
  std::vector<double> z(static_cast<size_t>(on.rows * outputs_per_row()));
  shown.outputs(on.matrix, {nullptr, on.rows}, z.data());
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
