// The bodies of cuda_network.h: included once by device_backend.cu, and by the tests for the emulated device.
#include <algorithm>

#include "native/kernels/cuda/cuda_network.h"

namespace meanfield {
namespace cuda {

namespace {

/// Bytes of partial sums of outputs at a time.
constexpr int64_t kPartialBytes = 64 << 20;
/// Work of one launch, so that no kernel runs for more than a fraction of a second.
constexpr double kLaunchFlops = 4e11;

int64_t round_up(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

}  // namespace

CudaNetwork::CudaNetwork(const NetworkShape& shape)
    : shape_(shape), device_(shape.device), stride_(round_up(shape.inputs, 4)), weights_(device_), tails_(device_),
      index_(device_), rounded_(device_), c_(device_), omega_(device_), delta_(device_), momentParts_(device_),
      gradient_(device_), omegaSum_(device_), offset_(device_), partial_(device_), z_(device_), gathered_(device_),
      drift_(device_), moments_(device_), sums_(device_) {
  if (shape.precision != Precision::Float32 && device_.capability() < 80)
    throw Failure{Status::DeviceFailure,
                  std::string("precision is '") + kPrecisionNames[static_cast<int>(shape.precision)] +
                      "', which needs compute capability 8.0 (Ampere) or newer; the device has " +
                      std::to_string(device_.capability() / 10) + "." + std::to_string(device_.capability() % 10) +
                      ". Use precision 'float32'."};
  for (int32_t field = 0; field < kFields; ++field) fields_.emplace_back(device_);
  const int64_t tails = std::max<int64_t>(1, shape.particles * shape.neuron.tail());
  weights_.resize(shape.particles * stride_);
  tails_.resize(tails);
  device_.zero(weights_.data(), static_cast<size_t>(shape.particles * stride_) * sizeof(float));
  device_.zero(tails_.data(), static_cast<size_t>(tails) * sizeof(float));
}

int32_t CudaNetwork::add_matrix(const float* x, int64_t rows, int64_t features) {
  matrices_.emplace_back(device_);
  Matrix& matrix = matrices_.back();
  matrix.rows = rows;
  const size_t bytes = static_cast<size_t>(rows * stride_) * sizeof(float);
  matrix.x.resize(std::max<int64_t>(1, rows * stride_));
  device_.zero(matrix.x.data(), bytes);
  device_.copy_in(matrix.x.data(), static_cast<size_t>(stride_) * 4, x, static_cast<size_t>(features) * 4,
                  static_cast<size_t>(features) * 4, rows);
  if (shape_.inputs == features + 1) {
    const std::vector<float> ones(static_cast<size_t>(rows), 1.0f);
    device_.copy_in(matrix.x.data() + features, static_cast<size_t>(stride_) * 4, ones.data(), 4, 4, rows);
  }
  return static_cast<int32_t>(matrices_.size()) - 1;
}

void CudaNetwork::write_particles(const float* particles) {
  const size_t p = static_cast<size_t>(shape_.parameters()) * 4, inputs = static_cast<size_t>(shape_.inputs) * 4;
  device_.copy_in(weights_.data(), static_cast<size_t>(stride_) * 4, particles, p, inputs, shape_.particles);
  if (shape_.neuron.tail() > 0)
    device_.copy_in(tails_.data(), p - inputs, particles + shape_.inputs, p, p - inputs, shape_.particles);
}

void CudaNetwork::read_particles(float* particles) {
  const size_t p = static_cast<size_t>(shape_.parameters()) * 4, inputs = static_cast<size_t>(shape_.inputs) * 4;
  device_.copy_out(particles, p, weights_.data(), static_cast<size_t>(stride_) * 4, inputs, shape_.particles);
  if (shape_.neuron.tail() > 0)
    device_.copy_out(particles + shape_.inputs, p, tails_.data(), p - inputs, p - inputs, shape_.particles);
}

CudaNetwork::Splits CudaNetwork::splits() const {
  const int64_t tiles = (shape_.particles + kTile - 1) / kTile;
  const int64_t wanted = std::max<int64_t>(1, std::min<int64_t>(64, tiles / kFoldTiles));
  const int64_t each = (tiles + wanted - 1) / wanted;
  return {(tiles + each - 1) / each, each};
}

int64_t CudaNetwork::slab_particles() const {
  const int64_t cached = device_.cache_bytes() / 2 / (kSlabRows * 4) / kTile * kTile;
  const int64_t moments = (int64_t{32} << 20) / (kSlabRows / kTile * k()) / kTile * kTile;
  return std::max<int64_t>(kTile, std::min(std::max<int64_t>(cached, 8 * kTile), moments));
}

Operand CudaNetwork::select(int32_t matrix, Rows rows) {
  const Matrix& from = matrices_[static_cast<size_t>(matrix)];
  const int32_t* index = nullptr;
  if (rows.index) {
    index = index_.resize(rows.count);
    device_.copy_in(index_.data(), 4, rows.index, 4, 4, rows.count);
  }
  return {from.x.data(), stride_, index, rows.count};
}

Operand CudaNetwork::coefficients(const Particles& part) {
  const int64_t stride = weight_stride();
  c_.resize(part.count * stride);
  launch_threads(Coefficients{part, c_.data(), stride}, part.count * stride);
  return {c_.data(), stride, nullptr, part.count};
}

Operand CudaNetwork::set_weights(const double* weights, int64_t rows) {
  const int64_t stride = weight_stride();
  const int64_t padded = round_up(rows, kMostHeldRows) * stride;
  std::vector<float> omega(static_cast<size_t>(padded), 0.0f);
  std::vector<double> sum(static_cast<size_t>(k()), 0.0);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < k(); ++j) {
      omega[static_cast<size_t>(i * stride + j)] = static_cast<float>(weights[i * k() + j]);
      sum[static_cast<size_t>(j)] += weights[i * k() + j];
    }
  omega_.resize(std::max<int64_t>(1, padded));
  device_.copy_in(omega_.data(), 4, omega.data(), 4, 4, padded);
  omegaSum_.resize(k());
  device_.copy_in(omegaSum_.data(), 8, sum.data(), 8, 8, k());
  return {omega_.data(), stride, nullptr, rows};
}

template <class F>
void CudaNetwork::with_product(F&& f) const {
  switch (shape_.precision) {
    case Precision::Float32: return f(FloatProduct{});
    case Precision::Tf32: return f(MatrixProduct<Precision::Tf32>{});
    case Precision::Bf16: return f(MatrixProduct<Precision::Bf16>{});
  }
}

template <int kD, int kK, bool kFast>
struct NarrowIs {
  static constexpr int d = kD, k = kK;
  static constexpr bool fast = kFast;
};
template <class F>
void CudaNetwork::with_narrow(F&& f) const {
  const auto outputs = [&](auto d, auto fast) {
    if (k() == 1) return f(NarrowIs<decltype(d)::value, 1, decltype(fast)::value>{});
    return f(NarrowIs<decltype(d)::value, kNarrowOutputs, decltype(fast)::value>{});
  };
  const auto inputs = [&](auto fast) {
    if (stride_ <= 8) return outputs(std::integral_constant<int, 8>{}, fast);
    if (stride_ <= 16) return outputs(std::integral_constant<int, 16>{}, fast);
    return outputs(std::integral_constant<int, kNarrowInputs>{}, fast);
  };
  if (shape_.precision == Precision::Float32) return inputs(std::false_type{});
  return inputs(std::true_type{});
}

Status CudaNetwork::outputs(int32_t matrix, Rows rows, const CancelToken* cancel, double* z) {
  if (rows.count == 0) return Status::Ok;
  const Operand all = select(matrix, rows);
  const Particles part = particles(0, shape_.particles);
  const Operand c = coefficients(part);
  const Splits split = splits();
  offset_.resize(k());
  if (shape_.neuron.secondLayer == SecondLayer::Parity)
    device_.launch(Offsets{part, offset_.data()}, k());
  else
    device_.zero(offset_.data(), static_cast<size_t>(k()) * sizeof(double));
  // Pieces of rows that a launch does in a fraction of a second and whose partial sums are few.
  const double affordable = kLaunchFlops / row_flops(shape_.particles, 1);
  const int64_t piece =
      round_up(static_cast<int64_t>(
                   std::max(1.0, std::min(affordable, static_cast<double>(kPartialBytes / (8 * split.count * k()))))),
               2 * kTile);
  partial_.resize(split.count * std::min(piece, rows.count) * k());
  z_.resize((z ? std::min(piece, rows.count) : rows.count) * k());
  for (int64_t first = 0; first < rows.count; first += piece) {
    const int64_t count = std::min(piece, rows.count - first);
    const Operand some = part_of(all, first, count);
    if (narrow())
      with_narrow([&](auto is) {
        using Is = decltype(is);
        using Kernel = NarrowOutputs<Is::d, Is::k, Is::fast>;
        device_.launch(Kernel{weights_of(part), some, c, shape_.neuron.activation, shape_.neuron.outputs, split.tiles,
                              partial_.data()},
                       (count + 255) / 256, split.count);
      });
    else
      with_product([&](auto product) {
        using P = decltype(product);
        const int64_t tiles = (count + kTile - 1) / kTile;
        if (k() == 1)
          device_.launch(OutputsOfOne<P>{weights_of(part), some, shape_.inputs, shape_.neuron.activation, c,
                                         split.tiles, partial_.data()},
                         tiles, split.count);
        else
          device_.launch(OutputsOfMany<P>{weights_of(part), some, shape_.inputs, shape_.neuron.activation, c,
                                          shape_.neuron.outputs, split.tiles, partial_.data()},
                         tiles, split.count);
      });
    launch_threads(FoldOutputs{partial_.data(), count * k(), split.count, offset_.data(), shape_.neuron.outputs,
                               static_cast<double>(shape_.particles), z ? z_.data() : z_.data() + first * k()},
                   count * k());
    if (!device_.wait(cancel)) return Status::Cancelled;
    if (z) device_.copy_out(z + first * k(), 8, z_.data(), 8, 8, count * k());
  }
  return Status::Ok;
}

void CudaNetwork::gather_outputs(DeviceGroup& group, int member, const double* shares, int64_t count, double* z) {
  if (count == 0) return;
  if (member == 0) gathered_.resize(group.size() * count);
  group.gather(member, z_.data(), count, gathered_.data(), device_.stream());
  if (member == 0) {
    FoldShards fold{z_.data(), gathered_.data(), count, group.size(), {}};
    std::copy(shares, shares + group.size(), fold.shares);
    launch_threads(fold, count);
    device_.copy_out(z, 8, gathered_.data(), 8, 8, count);
  }
  device_.wait(nullptr);
}

template <class P>
bool CudaNetwork::sum_rows(const Particles& part, const Operand& rows, const Operand& omega, bool drift,
                           const CancelToken* cancel) {
  const Operand c = coefficients(part), weights = weights_of(part);
  const int64_t count = part.count, tiles = (count + kTile - 1) / kTile;
  const bool moments = bounded() || !drift;
  if (drift) drift_.resize(count * stride_);
  if (drift) delta_.resize(count * kSlabRows);
  if (moments) moments_.resize(count * k());
  if (moments) momentParts_.resize(kSlabRows / kTile * count * k());
  for (int64_t first = 0; first < rows.rows; first += kSlabRows) {
    const Operand some = part_of(rows, first, std::min(kSlabRows, rows.rows - first));
    const Operand pull = part_of(omega, first, some.rows);
    const int64_t rowTiles = (some.rows + kTile - 1) / kTile;
    const auto launch = [&](auto wantsDrift, auto wantsMoments) {
      device_.launch(
          SlabTile<P, decltype(wantsDrift)::value, decltype(wantsMoments)::value>{
              weights, some, shape_.inputs, shape_.neuron.activation, shape_.neuron.outputs, c, pull, delta_.data(),
              momentParts_.data()},
          tiles, rowTiles);
    };
    if (!drift)
      launch(std::false_type{}, std::true_type{});
    else if (moments)
      launch(std::true_type{}, std::true_type{});
    else
      launch(std::true_type{}, std::false_type{});
    if (moments)
      launch_threads(FoldMoments{momentParts_.data(), count * k(), rowTiles, first == 0, moments_.data()}, count * k());
    if (drift)
      device_.launch(
          SlabDrift<P>{
              {delta_.data(), kSlabRows, nullptr, count}, some, shape_.inputs, first == 0, drift_.data(), stride_},
          tiles, (shape_.inputs + kTile - 1) / kTile);
    if (!device_.pace((drift ? 2 : 1) * row_flops(count, some.rows), cancel)) return false;
  }
  return true;
}

bool CudaNetwork::sum_rows(const Particles& part, const Operand& rows, const Operand& omega, bool drift,
                           const CancelToken* cancel) {
  bool done = false;
  with_product([&](auto product) { done = sum_rows<decltype(product)>(part, rows, omega, drift, cancel); });
  return done;
}

Status CudaNetwork::gradient(int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                             float* gradient, float* kept) {
  const int64_t p = shape_.parameters(), slab = narrow() ? 1 << 16 : slab_particles();
  if (rows.count == 0) {
    if (kept)
      device_.zero(kept, static_cast<size_t>(numbers()) * sizeof(float));
    else
      std::fill(gradient, gradient + numbers(), 0.0f);
    return Status::Ok;
  }
  device_.lower_stop_flag();
  const Operand all = select(matrix, rows), omega = set_weights(weights, rows.count);
  if (!kept) gradient_.resize(std::min(slab, shape_.particles) * p);
  for (int64_t first = 0; first < shape_.particles; first += slab) {
    const Particles part = particles(first, std::min(slab, shape_.particles - first));
    float* to = kept ? kept + first * p : gradient_.data();
    if (narrow())
      launch_narrow(part, all, omega, 1, 0, {}, to);
    else if (sum_rows(part, all, omega, true, cancel))
      launch_threads(Gather{part, drift(), to}, part.count * p);
    if (!device_.wait(cancel)) return Status::Cancelled;
    if (!kept) device_.copy_out(gradient + first * p, 4, to, 4, 4, part.count * p);
  }
  return Status::Ok;
}

Status CudaNetwork::step(int32_t matrix, Rows rows, const Weigh& weigh, const Update& update,
                         const CancelToken* cancel) {
  std::vector<double> z(static_cast<size_t>(rows.count * k())), weights(z.size());
  const Status status = outputs(matrix, rows, cancel, z.data());
  if (status != Status::Ok) return status;
  weigh.rows(weigh.context, 0, rows.count, z.data(), weights.data());
  return this->update(matrix, rows, weights.data(), update, cancel);
}

Status CudaNetwork::energies(int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                             double* energies) {
  if (rows.count == 0) {
    std::fill(energies, energies + shape_.particles, 0.0);
    return Status::Ok;
  }
  const Operand all = select(matrix, rows), omega = set_weights(weights, rows.count);
  const int64_t slab = slab_particles();
  for (int64_t first = 0; first < shape_.particles; first += slab) {
    const Particles part = particles(first, std::min(slab, shape_.particles - first));
    if (!sum_rows(part, all, omega, false, cancel)) return Status::Cancelled;
    sums_.resize(part.count);
    launch_threads(Energies{part, drift(), sums_.data()}, part.count);
    if (!device_.wait(cancel)) return Status::Cancelled;
    device_.copy_out(energies + first, 8, sums_.data(), 8, 8, part.count);
  }
  return Status::Ok;
}

double CudaNetwork::sum_squares() {
  double sum = 0;
  const auto add = [&](const float* values, int64_t count) {
    if (count == 0) return;
    const int64_t blocks = (count + SumSquares::kStretch - 1) / SumSquares::kStretch;
    sums_.resize(blocks);
    device_.launch(SumSquares{values, count, sums_.data()}, blocks);
    std::vector<double> parts(static_cast<size_t>(blocks));
    device_.copy_out(parts.data(), 8, sums_.data(), 8, 8, blocks);
    for (double part : parts) sum += part;
  };
  add(weights_.data(), shape_.particles * stride_);
  add(tails_.data(), shape_.particles * shape_.neuron.tail());
  return sum;
}

}  // namespace cuda
}  // namespace meanfield

#include "native/kernels/cuda/cuda_fields.inl"
#include "native/kernels/cuda/cuda_steps.inl"
