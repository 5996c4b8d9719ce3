// The updates of cuda_network.h, the end of cuda_network.inl: one road for each of the kernels that make several steps in a launch, and the
// tiles for everything else.
#pragma once

namespace meanfield {
namespace cuda {

namespace {

/// Blocks of a launch of HeldProducts, several rounds of any device: their sums in double are some hundred megabytes.
constexpr int64_t kStretchBlocks = 1024;
/// Words of a rounded copy of the rows: 1 GiB. Larger data go by the tiles, which need none.
constexpr int64_t kRoundedWords = int64_t{1} << 28;

template <class K>
struct Held {
  using Kernel = K;
};

}  // namespace

void CudaNetwork::launch_narrow(const Particles& part, const Operand& rows, const Operand& omega, int64_t repeats,
                                uint64_t firstStep, const Motion& motion, float* gradient) {
  with_narrow([&](auto is) {
    using Is = decltype(is);
    using Kernel = NarrowDrift<Is::d, Is::k, Is::fast>;
    device_.launch(
        Kernel{part, rows, omega, omegaSum_.data(), repeats, firstStep, motion, gradient, device_.stop_flag()},
        (part.count + Kernel::kLanes - 1) / Kernel::kLanes);
  });
}

void CudaNetwork::launch_held(const Particles& part, const Operand& rows, const Operand& omega, int64_t repeats,
                              uint64_t firstStep, const Motion& motion) {
  const auto launch = [&](auto quads, auto outputs) {
    using Kernel = HeldDrift<decltype(quads)::value, decltype(outputs)::value>;
    device_.launch(Kernel{part, rows, omega, omegaSum_.data(), repeats, firstStep, motion, device_.stop_flag()},
                   (part.count + Kernel::kLanes - 1) / Kernel::kLanes);
  };
  const auto sized = [&](auto quads) {
    if (k() == 1) return launch(quads, std::integral_constant<int, 1>{});
    return launch(quads, std::integral_constant<int, kNarrowOutputs>{});
  };
  if (shape_.parameters() <= kHeldNumbers / 2) return sized(std::integral_constant<int, 4>{});
  return sized(std::integral_constant<int, 8>{});
}

/// Calls f with the kernel of persistent_products.h that is to make several steps on so many rows; false: there is none, and
/// they go by the tiles. No device of capability 8.0 has less shared memory than these ask for.
template <class F>
bool CudaNetwork::with_held_products(int64_t rows, F&& f) const {
  const auto takes = [&](auto is) {
    using Kernel = typename decltype(is)::Kernel;
    if (shape_.inputs > Kernel::kColumns || k() > Kernel::kOutputs) return false;
    if (shape_.particles < Device::least_blocks() * Kernel::kParticles) return false;
    const RoundedRows shape = RoundedRows::shape<Kernel::kPrecision>(rows, shape_.inputs);
    if (shape.size() > kRoundedWords || held_rows<Kernel>(shape) == 0) return false;
    f(is);
    return true;
  };
  switch (shape_.precision) {
    case Precision::Float32: return false;
    case Precision::Tf32: return takes(Held<HeldProducts<Precision::Tf32, 2>>{});
    case Precision::Bf16:
      return takes(Held<HeldProducts<Precision::Bf16, 2>>{}) || takes(Held<HeldProducts<Precision::Bf16, 1>>{});
  }
  return false;
}

template <class Kernel>
typename Kernel::Places CudaNetwork::held_places(const RoundedRows& rows, int chunk) const {
  return Kernel::Places::of(chunk, rows.stride, static_cast<int>(weight_stride()), shape_.neuron.outputs);
}

/// Rows that a block streams at a time: as many as there is shared memory for.
template <class Kernel>
int CudaNetwork::held_rows(const RoundedRows& rows) const {
  for (int chunk = kMostHeldRows; chunk >= 16; chunk /= 2)
    if (4 * int64_t{held_places<Kernel>(rows, chunk).end} <= device_.shared_bytes()) return chunk;
  return 0;
}

template <class Kernel>
Status CudaNetwork::held_steps(const Operand& rows, const Operand& omega, const Update& update,
                               const CancelToken* cancel) {
  RoundedRows rounded = RoundedRows::shape<Kernel::kPrecision>(rows.rows, shape_.inputs);
  rounded.words = rounded_.resize(rounded.size());
  launch_threads(RoundRows<Kernel::kPrecision>{rows, shape_.inputs, rounded.stride, rounded.size(), rounded_.data()},
                 rounded.size());
  const int chunk = held_rows<Kernel>(rounded);
  const int64_t stretch = kStretchBlocks * Kernel::kParticles;
  for (int64_t first = 0; first < shape_.particles; first += stretch) {
    const Particles part = particles(first, std::min(stretch, shape_.particles - first));
    drift_.resize(part.count * stride_);
    moments_.resize(part.count * k());
    const double flops = 2 * row_flops(part.count, rows.rows);
    const int64_t most = std::max<int64_t>(1, static_cast<int64_t>(kLaunchFlops / flops));
    for (int64_t repeat = 0; repeat < update.repeats; repeat += most) {
      const int64_t count = std::min(most, update.repeats - repeat);
      device_.launch(Kernel{part, rounded, omega, omegaSum_.data(), drift_.data(), moments_.data(), count,
                            update.firstStep + static_cast<uint64_t>(repeat), Motion::of(update), device_.stop_flag(),
                            chunk, held_places<Kernel>(rounded, chunk)},
                     (part.count + Kernel::kParticles - 1) / Kernel::kParticles);
      if (!device_.pace(flops * static_cast<double>(count), cancel)) return Status::Cancelled;
    }
  }
  return device_.wait(cancel) ? Status::Ok : Status::Cancelled;
}

Status CudaNetwork::update(int32_t matrix, Rows rows, const double* weights, const Update& update,
                           const CancelToken* cancel) {
  device_.lower_stop_flag();
  const Motion motion = Motion::of(update);
  const int64_t quads = (shape_.parameters() + 3) / 4;
  if (update.rate == 0 || rows.count == 0) {
    const Particles part = particles(0, shape_.particles);
    for (int64_t repeat = 0; repeat < update.repeats; ++repeat) {
      launch_threads(Move{part, {}, motion, update.firstStep + static_cast<uint64_t>(repeat)}, part.count * quads);
      if (!device_.pace(400.0 * static_cast<double>(part.count * quads), cancel)) return Status::Cancelled;
    }
    return device_.wait(cancel) ? Status::Ok : Status::Cancelled;
  }
  const Operand all = select(matrix, rows), omega = set_weights(weights, rows.count);
  if (narrow() || (held() && update.repeats > 1)) {
    const Particles part = particles(0, shape_.particles);
    const double flops = 2 * row_flops(part.count, rows.count);
    const int64_t most = std::max<int64_t>(1, static_cast<int64_t>(kLaunchFlops / flops));
    for (int64_t repeat = 0; repeat < update.repeats; repeat += most) {
      const int64_t count = std::min(most, update.repeats - repeat);
      const uint64_t first = update.firstStep + static_cast<uint64_t>(repeat);
      if (narrow())
        launch_narrow(part, all, omega, count, first, motion, nullptr);
      else
        launch_held(part, all, omega, count, first, motion);
      if (!device_.pace(flops * static_cast<double>(count), cancel)) return Status::Cancelled;
    }
    return device_.wait(cancel) ? Status::Ok : Status::Cancelled;
  }
  if (update.repeats > 1) {
    Status status = Status::Ok;
    const auto steps = [&](auto is) { status = held_steps<typename decltype(is)::Kernel>(all, omega, update, cancel); };
    if (with_held_products(all.rows, steps)) return status;
  }
  const int64_t slab = slab_particles();
  for (int64_t first = 0; first < shape_.particles; first += slab) {
    const Particles part = particles(first, std::min(slab, shape_.particles - first));
    for (int64_t repeat = 0; repeat < update.repeats; ++repeat) {
      if (!sum_rows(part, all, omega, true, cancel)) return Status::Cancelled;
      launch_threads(Move{part, drift(), motion, update.firstStep + static_cast<uint64_t>(repeat)}, part.count * quads);
    }
  }
  return device_.wait(cancel) ? Status::Ok : Status::Cancelled;
}

}  // namespace cuda
}  // namespace meanfield
