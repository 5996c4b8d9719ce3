#include "native/kernels/cpu/cpu_network.h"

#include <algorithm>

namespace meanfield {
namespace cpu {

namespace {

/// Work below this runs on the calling thread: waking another costs more.
constexpr double kSerialFlops = 2e6;
/// Work between two looks at the stop flag: under a millisecond with vectors of any width.
constexpr double kPollFlops = 1.5e7;

}  // namespace

CpuNetwork::CpuNetwork(const NetworkShape& shape, const Tiles& tiles)
    : shape_(shape), tiles_(tiles), map_(shape.particles, shape.parameters(), tiles), pool_(shape.threads),
      theta_(map_.lanes() * shape.parameters()), scratch_(static_cast<size_t>(shape.threads)),
      seen_(static_cast<size_t>(map_.panels())) {
  theta_.clear(map_.lanes() * shape.parameters());
}

bool CpuNetwork::for_each(int64_t count, double flops, const std::function<void(int64_t, int)>& task,
                          const CancelToken* cancel) {
  if (flops >= kSerialFlops) return pool_.run(count, task, cancel);
  for (int64_t index = 0; index < count; ++index) {
    if (cancel && cancel->cancelled()) return false;
    task(index, 0);
  }
  return true;
}

void CpuNetwork::prepare_scratch() {
  const int64_t lanes = int64_t{tiles_.width} * tiles_.maxVectors, k = shape_.neuron.outputs, p = shape_.parameters();
  for (Scratch& scratch : scratch_) {
    scratch.tile.resize(2 * kTileRows * lanes);
    scratch.c.resize(k * lanes);
    scratch.e.resize(k * lanes);
    scratch.g.resize(std::max(p, k) * lanes);
    scratch.part.resize(p * lanes);
    scratch.total.resize(k * lanes);
  }
}

int32_t CpuNetwork::add_matrix(const float* x, int64_t rows, int64_t features) {
  matrices_.emplace_back(x, rows, features, shape_.inputs);
  return static_cast<int32_t>(matrices_.size()) - 1;
}

void CpuNetwork::write_particles(const float* particles) {
  ++version_;
  const int64_t p = shape_.parameters();
  for_each(
      map_.panels(), static_cast<double>(shape_.particles * p),
      [&](int64_t q, int) {
        const Panel panel = map_.panel(theta_.data(), q);
        const int64_t lanes = lanes_of(panel);
        for (int64_t c = 0; c < p; ++c)
          for (int64_t lane = 0; lane < panel.particles; ++lane)
            panel.theta[c * lanes + lane] = particles[(panel.first + lane) * p + c];
      },
      nullptr);
}

void CpuNetwork::read_particles(float* particles) {
  const int64_t p = shape_.parameters();
  for_each(
      map_.panels(), static_cast<double>(shape_.particles * p),
      [&](int64_t q, int) {
        const Panel panel = map_.panel(theta_.data(), q);
        const int64_t lanes = lanes_of(panel);
        for (int64_t lane = 0; lane < panel.particles; ++lane)
          for (int64_t c = 0; c < p; ++c) particles[(panel.first + lane) * p + c] = panel.theta[c * lanes + lane];
      },
      nullptr);
}

void CpuNetwork::add_weights(const double* weights, int64_t rows) {
  const int64_t k = shape_.neuron.outputs, blocks = Matrix::blocks_of(rows);
  if (rows % kRowBlock != 0) {
    float* last = weights_.blocks.data() + (blocks - 1) * kRowBlock * k;
    std::fill(last, last + kRowBlock * k, 0.0f);
  }
  for (int64_t i = 0; i < rows; ++i) {
    float* to = weights_.blocks.data() + (i / kRowBlock) * kRowBlock * k + i % kRowBlock;
    for (int64_t j = 0; j < k; ++j) {
      to[j * kRowBlock] = static_cast<float>(weights[i * k + j]);
      weights_.sums[static_cast<size_t>(j)] += weights[i * k + j];
    }
  }
}

void CpuNetwork::set_weights(const double* weights, int64_t rows) {
  const int64_t k = shape_.neuron.outputs;
  weights_.blocks.resize(Matrix::blocks_of(rows) * kRowBlock * k);
  weights_.sums.assign(static_cast<size_t>(k), 0.0);
  add_weights(weights, rows);
}

bool CpuNetwork::gradient_of(const Panel& panel, const RowBlocks& rows, const float* kept, const CancelToken* cancel,
                             Scratch& scratch) {
  const Neuron& neuron = shape_.neuron;
  const int64_t lanes = lanes_of(panel), inputs = shape_.inputs, k = neuron.outputs;
  const int64_t group = group_rows(rows.blocks * kRowBlock);
  tiles_.coefficients(neuron, panel, inputs, scratch.c.data(), nullptr);
  scratch.g.clear(shape_.parameters() * lanes);
  const double groupFlops = static_cast<double>(group * lanes * (4 * inputs + 40));
  const int64_t step = std::max<int64_t>(1, static_cast<int64_t>(kPollFlops / groupFlops)) * group / kRowBlock;
  for (int64_t block = 0; block < rows.blocks; block += step) {
    if (cancel && cancel->cancelled()) return false;
    const RowBlocks part{rows.x + block * kRowBlock * inputs, std::min(step, rows.blocks - block), inputs};
    tiles_.drift({&neuron, panel, part, group, weights_.blocks.data() + block * kRowBlock * k, scratch.c.data(),
                  scratch.tile.data(), scratch.part.data(), kept ? kept + block * kRowBlock * lanes : nullptr,
                  scratch.g.data()});
  }
  tiles_.finish(neuron, panel, inputs, scratch.c.data(), weights_.sums.data(), scratch.g.data());
  return true;
}

void CpuNetwork::move(const Panel& panel, const float* g, const Update& update, uint64_t step) {
  tiles_.move({panel,
               shape_.parameters(),
               g,
               update.keep,
               static_cast<float>(update.rate),
               static_cast<float>(update.noise),
               {static_cast<uint32_t>(update.field.seed), static_cast<uint32_t>(update.field.seed >> 32)},
               {static_cast<uint32_t>(step), RandomField::high_word(update.field.stream, step)}});
}

Status CpuNetwork::gradient(int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                            float* gradient) {
  const Selection::View view = selection_.select(matrices_, matrix, rows);
  prepare_scratch();
  set_weights(weights, rows.count);
  const bool keptFits = kept_.version == version_ && kept_.selection == view.number;
  const int64_t p = shape_.parameters();
  const auto task = [&](int64_t q, int worker) {
    Scratch& scratch = scratch_[static_cast<size_t>(worker)];
    const Panel panel = map_.panel(theta_.data(), q);
    const int64_t lanes = lanes_of(panel);
    const float* kept = keptFits && q < kept_.panels
                            ? kept_.values.data() + map_.lanes_before(q) * view.blocks.blocks * kRowBlock
                            : nullptr;
    if (!gradient_of(panel, view.blocks, kept, cancel, scratch)) return;
    for (int64_t lane = 0; lane < panel.particles; ++lane)
      for (int64_t c = 0; c < p; ++c) gradient[(panel.first + lane) * p + c] = scratch.g.data()[c * lanes + lane];
  };
  const double flops =
      4.0 * static_cast<double>(rows.count) * static_cast<double>(shape_.particles) * static_cast<double>(p + 20);
  const bool done = for_each(map_.panels(), flops, task, cancel);
  return done && !(cancel && cancel->cancelled()) ? Status::Ok : Status::Cancelled;
}

Status CpuNetwork::update(int32_t matrix, Rows rows, const double* weights, const Update& update,
                          const CancelToken* cancel) {
  const Selection::View view = selection_.select(matrices_, matrix, rows);
  prepare_scratch();
  set_weights(weights, rows.count);
  const bool keptFits = kept_.version == version_ && kept_.selection == view.number;
  ++version_;
  const int64_t p = shape_.parameters();
  const auto task = [&](int64_t q, int worker) {
    Scratch& scratch = scratch_[static_cast<size_t>(worker)];
    const Panel panel = map_.panel(theta_.data(), q);
    // ω is frozen: a panel makes all its steps while it is in cache.
    for (int64_t repeat = 0; repeat < update.repeats; ++repeat) {
      const float* kept = repeat == 0 && keptFits && q < kept_.panels
                              ? kept_.values.data() + map_.lanes_before(q) * view.blocks.blocks * kRowBlock
                              : nullptr;
      if (cancel && cancel->cancelled()) return;
      if (update.rate != 0 && !gradient_of(panel, view.blocks, kept, cancel, scratch)) return;
      move(panel, update.rate != 0 ? scratch.g.data() : nullptr, update,
           update.firstStep + static_cast<uint64_t>(repeat));
    }
  };
  const double perStep =
      (update.rate != 0 ? 4.0 * static_cast<double>(rows.count) * static_cast<double>(p + 20) : 0.0) +
      100.0 * static_cast<double>(p);
  const double flops = perStep * static_cast<double>(shape_.particles) * static_cast<double>(update.repeats);
  const bool done = for_each(map_.panels(), flops, task, cancel);
  return done && !(cancel && cancel->cancelled()) ? Status::Ok : Status::Cancelled;
}

Status CpuNetwork::energies(int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                            double* energies) {
  const Selection::View view = selection_.select(matrices_, matrix, rows);
  prepare_scratch();
  set_weights(weights, rows.count);
  const int64_t k = shape_.neuron.outputs, inputs = shape_.inputs;
  const auto task = [&](int64_t q, int worker) {
    Scratch& scratch = scratch_[static_cast<size_t>(worker)];
    const Panel panel = map_.panel(theta_.data(), q);
    const int64_t lanes = lanes_of(panel);
    tiles_.coefficients(shape_.neuron, panel, inputs, scratch.c.data(), scratch.e.data());
    scratch.g.clear(k * lanes);
    scratch.total.clear(k * lanes);
    for (int64_t block = 0; block < view.blocks.blocks; block += kTileRows / kRowBlock) {
      if (cancel && cancel->cancelled()) return;
      const RowBlocks part{view.blocks.x + block * kRowBlock * inputs,
                           std::min<int64_t>(kTileRows / kRowBlock, view.blocks.blocks - block), inputs};
      tiles_.energies({&shape_.neuron, panel, part, kTileRows, weights_.blocks.data() + block * kRowBlock * k,
                       scratch.c.data(), scratch.tile.data(), scratch.part.data(), nullptr, scratch.g.data()});
      tiles_.carry(scratch.g.data(), k * lanes, scratch.total.data());
    }
    for (int64_t lane = 0; lane < panel.particles; ++lane) {
      double sum = 0;
      for (int64_t j = 0; j < k; ++j)
        sum += static_cast<double>(scratch.c.data()[j * lanes + lane]) * scratch.total.data()[j * lanes + lane] +
               static_cast<double>(scratch.e.data()[j * lanes + lane]) * weights_.sums[static_cast<size_t>(j)];
      energies[panel.first + lane] = sum;
    }
  };
  const double flops =
      2.0 * static_cast<double>(rows.count) * static_cast<double>(shape_.particles) * static_cast<double>(inputs + 20);
  const bool done = for_each(map_.panels(), flops, task, cancel);
  return done && !(cancel && cancel->cancelled()) ? Status::Ok : Status::Cancelled;
}

double CpuNetwork::sum_squares() {
  const int64_t p = shape_.parameters();
  return pool_.sum(map_.panels(), [&](int64_t q) {
    const Panel panel = map_.panel(theta_.data(), q);
    double sum = 0;
    for (int64_t i = 0; i < p * lanes_of(panel); ++i) sum += static_cast<double>(panel.theta[i]) * panel.theta[i];
    return sum;
  });
}

}  // namespace cpu
}  // namespace meanfield
