#include "native/kernels/cpu/cpu_network.h"

#include <algorithm>
#include <atomic>
#include <cmath>

namespace meanfield {
namespace cpu {

namespace {

constexpr int64_t kFoldPanels = 16;
constexpr int64_t kCarryRows = 1024;
/// Work below this runs on the calling thread: waking another costs more.
constexpr double kSerialFlops = 2e6;
/// Work between two looks at the stop flag: under a millisecond with vectors of any width.
constexpr double kPollFlops = 1.5e7;
/// What a slab of rows may take of the second-level cache.
constexpr int64_t kSlabBytes = 384 << 10;
/// Activations kept between `outputs` and `drift`, at most.
constexpr int64_t kKeptBytes = 16 << 20;

static_assert(kCarryRows % kTileRows == 0, "carries fall between tiles");

int64_t round_up(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

}  // namespace

CpuNetwork::CpuNetwork(const NetworkShape& shape, const Tiles& tiles)
    : shape_(shape),
      tiles_(tiles),
      map_(shape.particles, shape.parameters(), tiles),
      pool_(shape.threads),
      theta_(map_.lanes() * shape.parameters()),
      scratch_(static_cast<size_t>(shape.threads)) {
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

void CpuNetwork::prepare_scratch(int64_t slabRows) {
  const int64_t lanes = int64_t{tiles_.width} * tiles_.maxVectors, k = shape_.neuron.outputs, p = shape_.parameters();
  for (Scratch& scratch : scratch_) {
    scratch.tile.resize(2 * kTileRows * lanes);
    scratch.c.resize(k * lanes);
    scratch.e.resize(k * lanes);
    scratch.g.resize(std::max(p, k) * lanes);
    scratch.sums.resize(slabRows * k * tiles_.width);
    scratch.total.resize(std::max(slabRows * k, std::max(p, k) * lanes));
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

int64_t CpuNetwork::keep_panels(int64_t rows) const {
  const Activation activation = shape_.neuron.activation;
  if (activation == Activation::Softplus || activation == Activation::Silu) return 0;  // σ' is no function of σ
  const int64_t lanes = kKeptBytes / static_cast<int64_t>(sizeof(float)) / std::max<int64_t>(rows, 1);
  return std::min(map_.panels(), lanes / (int64_t{tiles_.width} * tiles_.maxVectors));
}

Status CpuNetwork::outputs(int32_t matrix, Rows rows, const CancelToken* cancel, double* z) {
  if (rows.count == 0) return Status::Ok;
  const int64_t k = shape_.neuron.outputs, inputs = shape_.inputs;
  const Selection::View view = selection_.select(matrices_, matrix, rows);
  const int64_t blocks = view.blocks.blocks;

  // Slabs: rows and their sums stay in the second-level cache while all particles pass; as many for each thread.
  const int64_t rowBytes = inputs * 4 + k * (tiles_.width * 4 + 8);
  const int64_t most = std::max<int64_t>(kTileRows, std::min<int64_t>(kSlabBytes / rowBytes, 2048)) / kRowBlock;
  const int64_t slabs = std::min(blocks, round_up((blocks + most - 1) / most, shape_.threads));
  const int64_t slabBlocks = (blocks + slabs - 1) / slabs, slabRows = slabBlocks * kRowBlock;
  prepare_scratch(slabRows);

  kept_.version = 0;
  const int64_t keep = keep_panels(blocks * kRowBlock);
  if (keep > 0) kept_.values.resize(map_.lanes_before(keep) * blocks * kRowBlock);

  std::vector<double> offset(static_cast<size_t>(k), 0.0);  // Σ_r e_rj
  if (shape_.neuron.secondLayer == SecondLayer::Parity)
    for (int64_t q = 0; q < map_.panels(); ++q) {
      const Panel panel = map_.panel(theta_.data(), q);
      const int64_t lanes = lanes_of(panel);
      tiles_.coefficients(shape_.neuron, panel, inputs, scratch_[0].c.data(), scratch_[0].e.data());
      for (int64_t i = 0; i < k * lanes; ++i) offset[static_cast<size_t>(i / lanes)] += scratch_[0].e.data()[i];
    }

  const auto slab = [&](int64_t index, int worker) {
    Scratch& scratch = scratch_[static_cast<size_t>(worker)];
    const int64_t first = index * slabBlocks, count = std::min(slabBlocks, blocks - first);
    if (count <= 0) return;
    const RowBlocks part{view.blocks.x + first * kRowBlock * inputs, count, inputs};
    const int64_t sums = count * kRowBlock * k;
    scratch.sums.clear(sums * tiles_.width);
    scratch.total.clear(sums);
    for (int64_t q = 0; q < map_.panels(); ++q) {
      const Panel panel = map_.panel(theta_.data(), q);
      float* kept = q < keep ? kept_.values.data() + map_.lanes_before(q) * blocks * kRowBlock +
                                   first * kRowBlock * lanes_of(panel)
                             : nullptr;
      tiles_.coefficients(shape_.neuron, panel, inputs, scratch.c.data(), nullptr);
      tiles_.outputs({&shape_.neuron, panel, part, scratch.c.data(), scratch.tile.data(), scratch.sums.data(), kept});
      if ((q + 1) % kFoldPanels == 0 || q + 1 == map_.panels()) {
        tiles_.fold(scratch.sums.data(), sums, scratch.total.data());
        scratch.sums.clear(sums * tiles_.width);
        if (cancel && cancel->cancelled()) return;
      }
    }
    const int64_t last = std::min(count * kRowBlock, rows.count - first * kRowBlock);
    for (int64_t i = 0; i < last * k; ++i)
      z[first * kRowBlock * k + i] =
          (scratch.total.data()[i] + offset[static_cast<size_t>(i % k)]) / static_cast<double>(shape_.particles);
  };
  const double flops =
      2.0 * static_cast<double>(rows.count) * static_cast<double>(shape_.particles) * static_cast<double>(inputs + 20);
  const bool done = for_each(slabs, flops, slab, cancel);
  if (!done || (cancel && cancel->cancelled())) return Status::Cancelled;
  if (keep > 0) {
    kept_.panels = keep;
    kept_.selection = view.number;
    kept_.version = version_;
  }
  return Status::Ok;
}

void CpuNetwork::set_weights(const double* weights, int64_t rows) {
  const int64_t k = shape_.neuron.outputs, blocks = Matrix::blocks_of(rows);
  weights_.blocks.resize(blocks * kRowBlock * k);
  weights_.blocks.clear(blocks * kRowBlock * k);
  weights_.sums.assign(static_cast<size_t>(k), 0.0);
  for (int64_t i = 0; i < rows; ++i) {
    float* to = weights_.blocks.data() + (i / kRowBlock) * kRowBlock * k + i % kRowBlock;
    for (int64_t j = 0; j < k; ++j) {
      to[j * kRowBlock] = static_cast<float>(weights[i * k + j]);
      weights_.sums[static_cast<size_t>(j)] += weights[i * k + j];
    }
  }
}

bool CpuNetwork::gradient_of(const Panel& panel, const RowBlocks& rows, const float* kept, const CancelToken* cancel,
                             Scratch& scratch) {
  const Neuron& neuron = shape_.neuron;
  const int64_t lanes = lanes_of(panel), size = shape_.parameters() * lanes, inputs = shape_.inputs, k = neuron.outputs;
  float* g = scratch.g.data();
  double* total = rows.blocks * kRowBlock > kCarryRows ? scratch.total.data() : nullptr;
  tiles_.coefficients(neuron, panel, inputs, scratch.c.data(), nullptr);
  scratch.g.clear(size);
  if (total) scratch.total.clear(size);
  const double tileFlops = static_cast<double>(kTileRows * lanes * (4 * inputs + 40));
  const int64_t pollTiles = std::max<int64_t>(1, static_cast<int64_t>(kPollFlops / tileFlops));
  const int64_t carryBlocks = kCarryRows / kRowBlock, step = std::min(carryBlocks, pollTiles * kTileRows / kRowBlock);
  for (int64_t first = 0; first < rows.blocks; first += carryBlocks) {
    const int64_t end = std::min(first + carryBlocks, rows.blocks);
    for (int64_t block = first; block < end; block += step) {
      if (cancel && cancel->cancelled()) return false;
      const RowBlocks part{rows.x + block * kRowBlock * inputs, std::min(step, end - block), inputs};
      tiles_.drift({&neuron, panel, part, weights_.blocks.data() + block * kRowBlock * k, scratch.c.data(),
                    scratch.tile.data(), kept ? kept + block * kRowBlock * lanes : nullptr, g});
    }
    if (total) tiles_.carry(g, size, total);
  }
  tiles_.finish(neuron, panel, inputs, scratch.c.data(), weights_.sums.data(), total, g);
  return true;
}

Status CpuNetwork::gradient(int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                            float* gradient) {
  const Selection::View view = selection_.select(matrices_, matrix, rows);
  prepare_scratch(kTileRows);
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
  prepare_scratch(kTileRows);
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
      const uint64_t step = update.firstStep + static_cast<uint64_t>(repeat);
      tiles_.move({panel,
                   p,
                   update.rate != 0 ? scratch.g.data() : nullptr,
                   update.keep,
                   static_cast<float>(update.rate),
                   static_cast<float>(update.noise),
                   {static_cast<uint32_t>(update.field.seed), static_cast<uint32_t>(update.field.seed >> 32)},
                   {static_cast<uint32_t>(step), RandomField::high_word(update.field.stream, step)}});
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
  prepare_scratch(kTileRows);
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
      tiles_.energies({&shape_.neuron, panel, part, weights_.blocks.data() + block * kRowBlock * k, scratch.c.data(),
                       scratch.tile.data(), nullptr, scratch.g.data()});
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
