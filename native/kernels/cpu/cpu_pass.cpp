// Passes over the rows in which all particles take part: `outputs` and `step`.
#include <algorithm>
#include <exception>
#if defined(__linux__)
#include <unistd.h>
#endif

#include "native/kernels/cpu/cpu_network.h"
#include "native/kernels/cpu/rendezvous.h"

namespace meanfield {
namespace cpu {

namespace {

/// Work below this runs on the calling thread: waking another costs more.
constexpr double kSerialFlops = 2e6;
/// Activations kept between `outputs` and a `drift` that may follow, at most.
constexpr int64_t kKeptBytes = 16 << 20;
/// Activations kept within a step when they do not fit the second-level cache, unless one group of rows needs more.
constexpr int64_t kStepBytes = 32 << 20;
/// Where a group needs more, neurons of fewer inputs are computed twice: keeping them would be faster still (8 bytes a
/// neuron and row from beyond the cache cost 0.3 cycles, s and σ(s) cost 0.6 + inputs/32), but the memory would be that of
/// many times the particles.
constexpr int64_t kNarrowInputs = 24;
constexpr int64_t kMostChunkRows = 2048;

int64_t second_level_cache() {
  static const int64_t bytes = [] {
    int64_t found = 0;
#if defined(__linux__) && defined(_SC_LEVEL2_CACHE_SIZE)
    found = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
    return found > 0 ? found : int64_t{1} << 20;
  }();
  return bytes;
}

int64_t blocks_in(int64_t bytes, int64_t bytesPerRow, int64_t least) {
  return std::max(least, bytes / bytesPerRow) / kRowBlock;
}

}  // namespace

int64_t CpuNetwork::keep_panels(int64_t rows) const {
  const int64_t lanes = kKeptBytes / static_cast<int64_t>(sizeof(float)) / std::max<int64_t>(rows, 1);
  return std::min(map_.panels(), lanes / (int64_t{tiles_.width} * tiles_.maxVectors));
}

int64_t CpuNetwork::step_rows(int64_t rows) const {
  const int64_t group = group_rows(rows), cache = second_level_cache();
  const int64_t lanes = std::max<int64_t>(1, map_.lanes() / shape_.threads);  // of one thread
  const auto groups = [&](int64_t most) { return most / group * group; };
  const bool resident = 8 * shape_.parameters() * lanes <= cache / 2;  // Θ and G
  if (resident && groups(cache / 2 / (4 * lanes)) > 0) return groups(cache / 2 / (4 * lanes));
  if (shape_.inputs < kNarrowInputs && 4 * group * map_.lanes() > kStepBytes) return 0;
  const int64_t kept = kStepBytes / (4 * map_.lanes()), data = cache / 2 / (4 * shape_.inputs);
  return std::max(group, groups(std::min(kept, data)));
}

std::vector<double> CpuNetwork::offsets() {
  const int64_t k = shape_.neuron.outputs;
  std::vector<double> offset(static_cast<size_t>(k), 0.0);
  if (shape_.neuron.secondLayer != SecondLayer::Parity) return offset;
  for (int64_t q = 0; q < map_.panels(); ++q) {
    const int64_t lanes = lanes_of(panel(q));
    tiles_.coefficients(shape_.neuron, panel(q), shape_.inputs, scratch_[0].c.data(), scratch_[0].e.data());
    for (int64_t i = 0; i < k * lanes; ++i) offset[static_cast<size_t>(i / lanes)] += scratch_[0].e.data()[i];
  }
  return offset;
}

void CpuNetwork::forward(const Pass& pass, const Span& span, int64_t fromBlock, int64_t toBlock, Scratch& scratch) {
  const int64_t k = shape_.neuron.outputs, inputs = shape_.inputs, sums = span.blocks * kRowBlock * k;
  const int64_t chunk = span.firstBlock / pass.chunkBlocks, inChunk = span.firstBlock % pass.chunkBlocks;
  const RowBlocks part{pass.rows.x + span.firstBlock * kRowBlock * inputs, span.blocks, inputs};
  const auto cancelled = [&] { return pass.cancel && pass.cancel->cancelled(); };
  for (int64_t b = fromBlock; b < toBlock; ++b) {
    double* partial = partial_.data() + (b * pass.chunkBlocks + inChunk) * kRowBlock * k;
    std::fill(partial, partial + sums, 0.0);
    const int64_t from = map_.first_panel(b), to = map_.first_panel(b + 1);
    for (int64_t q = from; q < to; ++q) {
      // Another thread may still be at the last chunk's gradient of this panel, whose σ(S) is overwritten here.
      if (pass.weigh)
        spin_until(
            [&] { return seen_[static_cast<size_t>(q)].load(std::memory_order_acquire) == chunk || cancelled(); });
      if (cancelled()) return;
      const Panel p = panel(q);
      tiles_.coefficients(shape_.neuron, p, inputs, scratch.c.data(), nullptr);
      const float* next = panel(q + 1 < map_.panels() ? q + 1 : q).theta;
      tiles_.outputs({&shape_.neuron, p, part, next, scratch.c.data(), scratch.tile.data(), scratch.sums.data(),
                      pass.kept_at(map_, q, span.firstBlock, lanes_of(p))});
      if ((q + 1 - from) % kFoldPanels == 0 || q + 1 == to) tiles_.fold(scratch.sums.data(), sums, partial);
    }
  }
}

void CpuNetwork::join(const Pass& pass, int64_t firstBlock, int64_t blocks, const std::vector<double>& offset) {
  const int64_t k = shape_.neuron.outputs, first = firstBlock * kRowBlock;
  const int64_t rows = std::min(blocks * kRowBlock, pass.count - first), stride = pass.chunkBlocks * kRowBlock * k;
  double* z = pass.weigh ? chunkOutputs_.data() : pass.z + first * k;
  std::copy(partial_.data(), partial_.data() + rows * k, z);
  for (int64_t b = 1; b < map_.blocks(); ++b) {
    const double* partial = partial_.data() + b * stride;
    for (int64_t i = 0; i < rows * k; ++i) z[i] += partial[i];
  }
  const double particles = static_cast<double>(shape_.particles);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < k; ++j) z[i * k + j] = (z[i * k + j] + offset[static_cast<size_t>(j)]) / particles;
  if (!pass.weigh) return;
  pass.weigh->rows(pass.weigh->context, first, rows, z, chunkWeights_.data());
  add_weights(chunkWeights_.data(), rows);
}

void CpuNetwork::backward(const Pass& pass, const Span& chunk, int64_t q, Scratch& scratch) {
  const int64_t inputs = shape_.inputs, p = shape_.parameters(), group = group_rows(pass.rows.blocks * kRowBlock);
  const bool opens = chunk.firstBlock == 0, closes = chunk.firstBlock + chunk.blocks == pass.rows.blocks;
  const RowBlocks part{pass.rows.x + chunk.firstBlock * kRowBlock * inputs, chunk.blocks, inputs};
  const Panel one = panel(q);
  const int64_t lanes = lanes_of(one);
  float* g = opens && closes ? scratch.g.data() : gradients_.data() + map_.lanes_before(q) * p;
  if (opens) std::fill(g, g + p * lanes, 0.0f);
  tiles_.coefficients(shape_.neuron, one, inputs, scratch.c.data(), nullptr);
  tiles_.drift({&shape_.neuron, one, part, group, weights_.blocks.data(), scratch.c.data(), scratch.tile.data(),
                scratch.part.data(), pass.kept_at(map_, q, chunk.firstBlock, lanes), g});
  seen_[static_cast<size_t>(q)].fetch_add(1, std::memory_order_release);
  if (!closes) return;
  tiles_.finish(shape_.neuron, one, inputs, scratch.c.data(), weights_.sums.data(), g);
  move(one, g, *pass.update, pass.update->firstStep);
}

bool CpuNetwork::run(const Pass& pass) {
  const int64_t k = shape_.neuron.outputs, rows = pass.chunkBlocks * kRowBlock;
  const int workers = pass.flops < kSerialFlops ? 1 : shape_.threads;
  partial_.resize(map_.blocks() * rows * k);
  for (int w = 0; w < workers; ++w) scratch_[static_cast<size_t>(w)].sums.resize(rows * k * tiles_.width);
  const std::vector<double> offset = offsets();
  for (std::atomic<int64_t>& chunks : seen_) chunks.store(0, std::memory_order_relaxed);
  // Each thread keeps its panels from chunk to chunk, unless they are too few to go round: then the rows are split.
  const bool byRows = map_.blocks() < 4 * workers;
  const auto cut = [&](int64_t count, int64_t at) { return count * at / workers; };
  Rendezvous meeting(workers);
  Hand sums(workers), panels(workers);
  const auto deal = [&] {
    sums.deal([&](int w) { return byRows ? w : cut(map_.blocks(), w); });
    panels.deal([&](int w) { return byRows ? cut(map_.panels(), w) : map_.first_panel(cut(map_.blocks(), w)); });
  };
  deal();
  bool stop = false;
  std::exception_ptr failure;
  const std::function<void(int64_t, int)> task = [&](int64_t member, int) {
    const int worker = static_cast<int>(member);
    Scratch& scratch = scratch_[static_cast<size_t>(worker)];
    scratch.sums.clear(rows * k * tiles_.width);  // `fold` leaves zeros behind
    for (int64_t first = 0; first < pass.rows.blocks; first += pass.chunkBlocks) {
      const Span chunk{first, std::min(pass.chunkBlocks, pass.rows.blocks - first)};
      for (int64_t unit; (unit = sums.take(worker)) >= 0;) {
        const int64_t from = cut(chunk.blocks, unit), to = cut(chunk.blocks, unit + 1);
        if (byRows)
          forward(pass, {first + from, to - from}, 0, map_.blocks(), scratch);
        else
          forward(pass, chunk, unit, unit + 1, scratch);
      }
      meeting.meet([&] {
        stop = pass.cancel && pass.cancel->cancelled();
        if (stop) return;
        try {
          join(pass, first, chunk.blocks, offset);
          deal();  // all are through with this half, and with the other half of the last chunk
        } catch (...) {
          failure = std::current_exception();
          stop = true;
        }
      });
      if (stop) return;
      if (!pass.weigh) continue;
      // The next chunk's `join` overwrites the weights only when every thread has come through this.
      for (int64_t q; (q = panels.take(worker)) >= 0;) {
        if (pass.cancel && pass.cancel->cancelled()) return;
        backward(pass, chunk, q, scratch);
      }
    }
  };
  pool_.run(workers, task);
  if (failure) std::rethrow_exception(failure);
  return !(pass.cancel && pass.cancel->cancelled());
}

Status CpuNetwork::outputs(int32_t matrix, Rows rows, const CancelToken* cancel, double* z) {
  if (rows.count == 0) return Status::Ok;
  const Selection::View view = selection_.select(matrices_, matrix, rows);
  prepare_scratch();
  Pass pass;
  pass.rows = view.blocks;
  pass.count = rows.count;
  // The data of a chunk and its sums stay in the second-level cache while the particles pass.
  const int64_t rowBytes = 4 * shape_.inputs + 4 * shape_.neuron.outputs * tiles_.width;
  pass.chunkBlocks = std::min(blocks_in(second_level_cache() / 2, rowBytes, kTileRows), kMostChunkRows / kRowBlock);
  pass.chunkBlocks = std::min(pass.chunkBlocks, view.blocks.blocks);
  pass.flops = 2.0 * static_cast<double>(rows.count) * static_cast<double>(shape_.particles) *
               static_cast<double>(shape_.inputs + 20);
  pass.z = z;
  pass.cancel = cancel;
  kept_.version = 0;
  pass.keptPanels = keep_panels(view.blocks.blocks * kRowBlock);
  pass.keptBlocks = view.blocks.blocks;
  if (pass.keptPanels > 0) {
    kept_.values.resize(map_.lanes_before(pass.keptPanels) * pass.keptBlocks * kRowBlock);
    pass.kept = kept_.values.data();
  }
  if (!run(pass)) return Status::Cancelled;
  if (pass.keptPanels > 0) {
    kept_.panels = pass.keptPanels;
    kept_.selection = view.number;
    kept_.version = version_;
  }
  return Status::Ok;
}

Status CpuNetwork::step(int32_t matrix, Rows rows, const Weigh& weigh, const Update& update,
                        const CancelToken* cancel) {
  if (rows.count == 0) return this->update(matrix, rows, nullptr, update, cancel);
  const int64_t chunk = step_rows(rows.count), k = shape_.neuron.outputs;
  if (chunk == 0 || update.repeats != 1 || update.rate == 0) {
    chunkOutputs_.resize(static_cast<size_t>(rows.count * k));
    chunkWeights_.resize(static_cast<size_t>(rows.count * k));
    const Status status = outputs(matrix, rows, cancel, chunkOutputs_.data());
    if (status != Status::Ok) return status;
    weigh.rows(weigh.context, 0, rows.count, chunkOutputs_.data(), chunkWeights_.data());
    return this->update(matrix, rows, chunkWeights_.data(), update, cancel);
  }
  const Selection::View view = selection_.select(matrices_, matrix, rows);
  prepare_scratch();
  Pass pass;
  pass.rows = view.blocks;
  pass.count = rows.count;
  pass.chunkBlocks = std::min(chunk / kRowBlock, view.blocks.blocks);
  pass.flops = 4.0 * static_cast<double>(rows.count) * static_cast<double>(shape_.particles) *
               static_cast<double>(shape_.inputs + 20);
  pass.weigh = &weigh;
  pass.update = &update;
  pass.cancel = cancel;
  kept_.version = 0;
  pass.keptPanels = map_.panels();
  pass.keptBlocks = pass.chunkBlocks;
  pass.keptAnew = true;
  kept_.values.resize(map_.lanes() * pass.keptBlocks * kRowBlock);
  pass.kept = kept_.values.data();
  if (pass.chunkBlocks < view.blocks.blocks) gradients_.resize(map_.lanes() * shape_.parameters());
  chunkOutputs_.resize(static_cast<size_t>(pass.chunkBlocks * kRowBlock * k));
  chunkWeights_.resize(chunkOutputs_.size());
  weights_.blocks.resize(pass.chunkBlocks * kRowBlock * k);
  weights_.sums.assign(static_cast<size_t>(k), 0.0);
  ++version_;
  return run(pass) ? Status::Ok : Status::Cancelled;
}

}  // namespace cpu
}  // namespace meanfield
