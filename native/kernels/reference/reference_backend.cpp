// The reference: scalar, one thread, double inside, written to be read. Every other backend is tested against it.
#include <cmath>
#include <new>
#include <vector>

#include "native/kernels/kernels.h"

namespace meanfield {

namespace {

struct Matrix {
  std::vector<float> x;  // rows × inputs, the column of ones appended
  int64_t rows;
};

struct ReferenceNetwork {
  NetworkShape shape;
  std::vector<float> theta;  // M × p
  std::vector<Matrix> matrices;
  std::vector<float> fields[kFields];

  /// A field, or the particles.
  std::vector<float>& field(int32_t number) {
    if (number == kParticles) return theta;
    std::vector<float>& numbers = fields[number - 1];
    numbers.resize(theta.size());
    return numbers;
  }
  const float* particle(int64_t r) const { return theta.data() + r * shape.parameters(); }
  const float* row(int32_t matrix, Rows rows, int64_t i) const {
    const int64_t at = rows.index ? rows.index[i] : i;
    return matrices[static_cast<size_t>(matrix)].x.data() + at * shape.inputs;
  }
};

ReferenceNetwork& at(void* network) { return *static_cast<ReferenceNetwork*>(network); }
bool stopped(const CancelToken* cancel) { return cancel && cancel->cancelled(); }

/// No exception leaves the table.
template <class Body>
Status guarded(Body body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return Status::OutOfMemory;
  }
}

Status open(const NetworkShape* shape, void** network) {
  return guarded([&] {
    const size_t numbers = static_cast<size_t>(shape->particles * shape->parameters());
    *network = new ReferenceNetwork{*shape, std::vector<float>(numbers, 0.f), {}, {}};
    return Status::Ok;
  });
}

void close(void* network) { delete static_cast<ReferenceNetwork*>(network); }

Status add_matrix(void* network, const float* x, int64_t rows, int64_t features, int32_t* id) {
  return guarded([&] {
    ReferenceNetwork& net = at(network);
    Matrix matrix{{}, rows};
    for (int64_t i = 0; i < rows; ++i) {
      matrix.x.insert(matrix.x.end(), x + i * features, x + (i + 1) * features);
      if (net.shape.inputs == features + 1) matrix.x.push_back(1);
    }
    *id = static_cast<int32_t>(net.matrices.size());
    net.matrices.push_back(std::move(matrix));
    return Status::Ok;
  });
}

Status write_particles(void* network, const float* particles) {
  std::vector<float>& theta = at(network).theta;
  theta.assign(particles, particles + theta.size());
  return Status::Ok;
}

Status read_particles(void* network, float* particles) {
  const std::vector<float>& theta = at(network).theta;
  std::copy(theta.begin(), theta.end(), particles);
  return Status::Ok;
}

Status outputs(void* network, int32_t matrix, Rows rows, const CancelToken* cancel, double* z) {
  return guarded([&] {
    const ReferenceNetwork& net = at(network);
    const int k = net.shape.neuron.outputs;
    std::vector<double> h(static_cast<size_t>(k));
    for (int64_t i = 0; i < rows.count; ++i) {
      if (stopped(cancel)) return Status::Cancelled;
      for (int j = 0; j < k; ++j) z[i * k + j] = 0;
      for (int64_t r = 0; r < net.shape.particles; ++r) {
        net.shape.neuron.value(r, net.particle(r), net.row(matrix, rows, i), net.shape.inputs, h.data());
        for (int j = 0; j < k; ++j) z[i * k + j] += h[static_cast<size_t>(j)];
      }
      for (int j = 0; j < k; ++j) z[i * k + j] /= static_cast<double>(net.shape.particles);
    }
    return Status::Ok;
  });
}

/// G_r in double.
std::vector<double> drift_of(const ReferenceNetwork& net, int64_t r, int32_t matrix, Rows rows, const double* weights) {
  std::vector<double> drift(static_cast<size_t>(net.shape.parameters()), 0.0);
  for (int64_t i = 0; i < rows.count; ++i)
    net.shape.neuron.add_gradient(r, net.particle(r), net.row(matrix, rows, i), net.shape.inputs,
                                  weights + i * net.shape.neuron.outputs, drift.data());
  return drift;
}

Status gradient(void* network, int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                float* out) {
  return guarded([&] {
    const ReferenceNetwork& net = at(network);
    for (int64_t r = 0; r < net.shape.particles; ++r) {
      if (stopped(cancel)) return Status::Cancelled;
      for (double value : drift_of(net, r, matrix, rows, weights)) *out++ = static_cast<float>(value);
    }
    return Status::Ok;
  });
}

Status move(void* network, int32_t matrix, Rows rows, const double* weights, const Update* update,
            const CancelToken* cancel) {
  return guarded([&] {
    ReferenceNetwork& net = at(network);
    const int64_t p = net.shape.parameters();
    for (int64_t r = 0; r < net.shape.particles; ++r) {
      float* theta = net.theta.data() + r * p;
      for (int64_t q = 0; q < update->repeats; ++q) {
        if (stopped(cancel)) return Status::Cancelled;
        const std::vector<double> drift = drift_of(net, r, matrix, rows, weights);
        const uint64_t step = update->firstStep + static_cast<uint64_t>(q);
        for (int64_t c = 0; c < p; ++c) {
          const double noise = update->noise == 0 ? 0
                                                  : update->noise * update->field.normal(step, static_cast<uint32_t>(r),
                                                                                         static_cast<uint32_t>(c));
          theta[c] = static_cast<float>(update->keep * theta[c] - update->rate * drift[static_cast<size_t>(c)] + noise);
        }
      }
    }
    return Status::Ok;
  });
}

Status step(void* network, int32_t matrix, Rows rows, const Weigh* weigh, const Update* update,
            const CancelToken* cancel) {
  return guarded([&] {
    std::vector<double> z(static_cast<size_t>(rows.count * at(network).shape.neuron.outputs)), weights(z.size());
    const Status status = outputs(network, matrix, rows, cancel, z.data());
    if (status != Status::Ok) return status;
    weigh->rows(weigh->context, 0, rows.count, z.data(), weights.data());
    return move(network, matrix, rows, weights.data(), update, cancel);
  });
}

Status energies(void* network, int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                double* energies) {
  return guarded([&] {
    const ReferenceNetwork& net = at(network);
    const int k = net.shape.neuron.outputs;
    std::vector<double> h(static_cast<size_t>(k));
    for (int64_t r = 0; r < net.shape.particles; ++r) {
      if (stopped(cancel)) return Status::Cancelled;
      energies[r] = 0;
      for (int64_t i = 0; i < rows.count; ++i) {
        net.shape.neuron.value(r, net.particle(r), net.row(matrix, rows, i), net.shape.inputs, h.data());
        for (int j = 0; j < k; ++j) energies[r] += weights[i * k + j] * h[static_cast<size_t>(j)];
      }
    }
    return Status::Ok;
  });
}

Status sum_squares(void* network, double* sum) {
  *sum = 0;
  for (float value : at(network).theta) *sum += static_cast<double>(value) * value;
  return Status::Ok;
}

Status write_field(void* network, int32_t field, const float* numbers) {
  return guarded([&] {
    std::vector<float>& to = at(network).field(field);
    to.assign(numbers, numbers + to.size());
    return Status::Ok;
  });
}

Status read_field(void* network, int32_t field, float* numbers) {
  return guarded([&] {
    const std::vector<float>& from = at(network).field(field);
    std::copy(from.begin(), from.end(), numbers);
    return Status::Ok;
  });
}

Status exchange(void* network, int32_t field) {
  return guarded([&] {
    at(network).theta.swap(at(network).field(field));
    return Status::Ok;
  });
}

Status axpby(void* network, float a, int32_t from, float b, int32_t to) {
  return guarded([&] {
    const std::vector<float>& x = at(network).field(from);
    std::vector<float>& y = at(network).field(to);
    for (size_t i = 0; i < y.size(); ++i)
      y[i] = static_cast<float>(static_cast<double>(a) * x[i] + (b == 0 ? 0 : static_cast<double>(b) * y[i]));
    return Status::Ok;
  });
}

Status gradient_field(void* network, int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                      int32_t field) {
  return guarded([&] { return gradient(network, matrix, rows, weights, cancel, at(network).field(field).data()); });
}

Status kinetic(void* network, const Kinetic* step, int32_t velocity, int32_t gradient) {
  return guarded([&] {
    ReferenceNetwork& net = at(network);
    std::vector<float>& v = net.field(velocity);
    const std::vector<float>& g = net.field(gradient);
    const size_t p = static_cast<size_t>(net.shape.parameters());
    for (size_t i = 0; i < v.size(); ++i) {
      const uint32_t r = static_cast<uint32_t>(i / p), c = static_cast<uint32_t>(i % p);
      step->apply(net.theta[i], v[i], g[i], step->position.normal(step->step, r, c),
                  step->velocity.normal(step->step + 1, r, c));
    }
    return Status::Ok;
  });
}

Status keep_some(void* network, double probability, const RandomField* random, uint64_t step, int32_t field) {
  return guarded([&] {
    ReferenceNetwork& net = at(network);
    std::vector<float>& kept = net.field(field);
    const int64_t p = net.shape.parameters();
    for (int64_t r = 0; r < net.shape.particles; ++r)
      if (random->uniform(step, static_cast<uint32_t>(r), 0) < probability)
        std::copy(net.particle(r), net.particle(r) + p, kept.begin() + r * p);
    return Status::Ok;
  });
}

Status project(void* network) {
  ReferenceNetwork& net = at(network);
  for (int64_t r = 0; r < net.shape.particles; ++r) {
    float* theta = net.theta.data() + r * net.shape.parameters();
    double square = 0;
    for (int64_t c = 0; c < net.shape.inputs; ++c) square += static_cast<double>(theta[c]) * theta[c];
    const double scale = square > 0 ? 1 / std::sqrt(square) : 0;
    for (int64_t c = 0; c < net.shape.inputs; ++c) theta[c] = static_cast<float>(theta[c] * scale);
  }
  return Status::Ok;
}

}  // namespace

const Backend* reference_backend() {
  static const Backend backend = {kBackendVersion, "reference",    "scalar",    open,       close,    add_matrix,
                                  write_particles, read_particles, outputs,     gradient,   move,     step,
                                  energies,        sum_squares,    write_field, read_field, exchange, axpby,
                                  gradient_field,  kinetic,        keep_some,   project,    nullptr,  nullptr,
                                  nullptr,         nullptr,        nullptr,     nullptr,    nullptr,  nullptr,
                                  nullptr,         nullptr,        nullptr};
  return &backend;
}

}  // namespace meanfield
