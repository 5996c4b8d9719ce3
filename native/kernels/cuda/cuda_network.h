// A network on a CUDA device: the operations of kernels.h as sequences of launches.
//
// Two roads. Narrow networks (narrow_kernels.h) keep particles in registers. All others go in tiles (tile_kernels.h): slabs
// of particles × 1024 rows, small enough for the second-level cache, through which all rows pass before the next slab of
// particles; with a frozen ω a slab makes all its steps in one go, or, of networks that fit (persistent_kernels.h,
// persistent_products.h), a block of 32 or 64 particles in one launch. Sums over particles are split by M alone, sums over rows by n alone.
#pragma once
#include <cmath>
#include <deque>
#include <vector>

#include "native/kernels/cuda/collectives.h"
#include "native/kernels/cuda/persistent_kernels.h"
#include "native/kernels/cuda/persistent_products.h"
#include "native/kernels/cuda/runtime.h"
#include "native/kernels/cuda/tile_kernels.h"

namespace meanfield {
namespace cuda {

class CudaNetwork {
 public:
  /// Throws Failure.
  explicit CudaNetwork(const NetworkShape& shape);

  void use() const { device_.use(); }
  int32_t add_matrix(const float* x, int64_t rows, int64_t features);
  void write_particles(const float* particles);
  void read_particles(float* particles);
  int device() const { return device_.index(); }
  /// z null: they stay on the device, for gather_outputs.
  Status outputs(int32_t matrix, Rows rows, const CancelToken* cancel, double* z);
  void gather_outputs(DeviceGroup& group, int member, const double* shares, int64_t count, double* z);
  Status gradient(int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel, float* gradient) {
    return this->gradient(matrix, rows, weights, cancel, gradient, nullptr);
  }
  Status update(int32_t matrix, Rows rows, const double* weights, const Update& update, const CancelToken* cancel);
  Status step(int32_t matrix, Rows rows, const Weigh& weigh, const Update& update, const CancelToken* cancel);
  Status energies(int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel, double* energies);
  double sum_squares();

  // Fields (cuda_fields.inl).
  void write_field(int32_t field, const float* numbers);
  void read_field(int32_t field, float* numbers);
  void exchange(int32_t field);
  void axpby(float a, int32_t from, float b, int32_t to);
  Status gradient_field(int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel, int32_t field) {
    return gradient(matrix, rows, weights, cancel, nullptr, field_at(field));
  }
  void kinetic(const Kinetic& step, int32_t velocity, int32_t gradient);
  void keep_some(double probability, const RandomField& random, uint64_t step, int32_t field);
  void project() { launch_threads(Project{particles(0, shape_.particles)}, shape_.particles); }

 private:
  struct Matrix {
    Matrix(Device& device) : x(device) {}
    Array<float> x;
    int64_t rows = 0;
  };
  struct Splits {
    int64_t count, tiles;  // tiles of 128 particles in one
  };

  bool narrow() const { return shape_.inputs <= kNarrowInputs && shape_.neuron.outputs <= kNarrowOutputs; }
  /// Whether several steps with frozen weights are one launch of HeldDrift.
  bool held() const {
    return shape_.precision == Precision::Float32 && shape_.parameters() <= kHeldNumbers &&
           shape_.neuron.outputs <= kNarrowOutputs;
  }
  bool bounded() const { return shape_.neuron.secondLayer == SecondLayer::Bounded; }
  int64_t k() const { return shape_.neuron.outputs; }
  int64_t weight_stride() const { return k() == 1 ? 1 : (k() + 3) / 4 * 4; }
  Particles particles(int64_t first, int64_t count) const {
    return {weights_.data(), tails_.data(), first, count, stride_, shape_.inputs, shape_.neuron, shape_.firstParticle};
  }
  Operand weights_of(const Particles& part) const {
    return {part.weights + part.first * stride_, stride_, nullptr, part.count};
  }
  static Operand part_of(const Operand& rows, int64_t first, int64_t count) {
    return {rows.index ? rows.data : rows.data + first * rows.stride, rows.stride,
            rows.index ? rows.index + first : nullptr, count};
  }
  double row_flops(int64_t particles, int64_t rows) const {
    return 2.0 * static_cast<double>(particles) * static_cast<double>(rows) * static_cast<double>(shape_.inputs + 20);
  }
  Splits splits() const;
  int64_t slab_particles() const;

  Operand select(int32_t matrix, Rows rows);
  Operand coefficients(const Particles& part);
  Operand set_weights(const double* weights, int64_t rows);
  /// The sums over all rows for a slab of particles: moments, and with kDrift the drift. False when cancelled.
  template <class P>
  bool sum_rows(const Particles& part, const Operand& rows, const Operand& omega, bool drift,
                const CancelToken* cancel);
  bool sum_rows(const Particles& part, const Operand& rows, const Operand& omega, bool drift,
                const CancelToken* cancel);
  Drift drift() const { return {drift_.data(), stride_, moments_.data(), omegaSum_.data()}; }
  /// G into device memory for all particles, or, where `kept` is null, through memory for a slab of them to the host.
  Status gradient(int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel, float* gradient,
                  float* kept);
  int64_t numbers() const { return shape_.particles * shape_.parameters(); }
  float* field_at(int32_t field) { return fields_[static_cast<size_t>(field - 1)].resize(numbers()); }
  /// Launches NarrowDrift for these particles.
  void launch_narrow(const Particles& part, const Operand& rows, const Operand& omega, int64_t repeats,
                     uint64_t firstStep, const Motion& motion, float* gradient);
  void launch_held(const Particles& part, const Operand& rows, const Operand& omega, int64_t repeats,
                   uint64_t firstStep, const Motion& motion);
  template <class F>
  bool with_held_products(int64_t rows, F&& f) const;
  template <class Kernel>
  typename Kernel::Places held_places(const RoundedRows& rows, int chunk) const;
  template <class Kernel>
  int held_rows(const RoundedRows& rows) const;
  template <class Kernel>
  Status held_steps(const Operand& rows, const Operand& omega, const Update& update, const CancelToken* cancel);
  template <class Kernel>
  void launch_threads(const Kernel& kernel, int64_t threads) {
    device_.launch(kernel, (threads + Kernel::kThreads - 1) / Kernel::kThreads);
  }
  template <class F>
  void with_product(F&& f) const;
  template <class F>
  void with_narrow(F&& f) const;

  NetworkShape shape_;
  Device device_;
  int64_t stride_;  // of weights and of matrices: inputs, rounded up to four
  Array<float> weights_, tails_;
  std::deque<Matrix> matrices_;
  std::deque<Array<float>> fields_;
  Array<int32_t> index_;
  Array<uint32_t> rounded_;  // rows for persistent_products.h
  Array<float> c_, omega_, delta_, momentParts_, gradient_;
  Array<double> omegaSum_, offset_, partial_, z_, gathered_, drift_, moments_, sums_;
};

}  // namespace cuda
}  // namespace meanfield
