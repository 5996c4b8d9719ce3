// A network on a backend: owns it, and turns status codes into typed errors.
#pragma once
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "native/core/errors.h"
#include "native/core/views.h"
#include "native/kernels/kernels.h"

namespace meanfield {

class Network {
 public:
  Network(const Backend* backend, const NetworkShape& shape) : backend_(backend), shape_(shape) {
    if (backend->version != kBackendVersion)
      throw Error(ErrorCode::Device, std::string("the ") + backend->name + " backend speaks version " +
                                         std::to_string(backend->version) + " of the kernel interface, expected " +
                                         std::to_string(kBackendVersion) + "; rebuild or reinstall it.");
    check(backend->open(&shape_, &network_));
  }
  ~Network() { backend_->close(network_); }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  const NetworkShape& shape() const { return shape_; }
  const char* isa() const { return backend_->isa; }
  /// An empty network of another shape on the same backend.
  std::unique_ptr<Network> alike(const NetworkShape& shape) const { return std::make_unique<Network>(backend_, shape); }
  /// Operations poll this token from now on and throw Cancelled once it is raised; nullptr: they always finish.
  void interrupt_with(const CancelToken* cancel) { cancel_ = cancel; }

  int32_t add_matrix(const MatrixView<const float>& x) {
    int32_t id = -1;
    if (x.stride == x.cols) {
      check(backend_->add_matrix(network_, x.data, x.rows, x.cols, &id));
    } else {
      std::vector<float> packed;
      packed.reserve(static_cast<size_t>(x.rows * x.cols));
      for (int64_t i = 0; i < x.rows; ++i) packed.insert(packed.end(), x.row(i), x.row(i) + x.cols);
      check(backend_->add_matrix(network_, packed.data(), x.rows, x.cols, &id));
    }
    return id;
  }
  void write_particles(const float* particles) { check(backend_->write_particles(network_, particles)); }
  std::vector<float> read_particles() const {
    std::vector<float> particles(static_cast<size_t>(shape_.particles * shape_.parameters()));
    check(backend_->read_particles(network_, particles.data()));
    return particles;
  }
  void outputs(int32_t matrix, Rows rows, double* z) const {
    check(backend_->outputs(network_, matrix, rows, cancel_, z));
  }
  void gradient(int32_t matrix, Rows rows, const double* weights, float* gradient) const {
    check(backend_->gradient(network_, matrix, rows, weights, cancel_, gradient));
  }
  void update(int32_t matrix, Rows rows, const double* weights, const Update& update) {
    check(backend_->update(network_, matrix, rows, weights, &update, cancel_));
  }
  /// `outputs`, then `weigh(first, count, z, weights)` on all rows piece by piece in order, then `update` (kernels.h).
  template <class F>
  void step(int32_t matrix, Rows rows, F&& weigh, const Update& update) {
    using Function = std::remove_reference_t<F>;
    const Weigh call{[](void* context, int64_t first, int64_t count, const double* z, double* weights) {
                       (*static_cast<Function*>(context))(first, count, z, weights);
                     },
                     const_cast<void*>(static_cast<const void*>(&weigh))};
    check(backend_->step(network_, matrix, rows, &call, &update, cancel_));
  }
  // Fields: kernels.h.
  void write_field(int32_t field, const float* numbers) { check(backend_->write_field(network_, field, numbers)); }
  std::vector<float> read_field(int32_t field) const {
    std::vector<float> numbers(static_cast<size_t>(shape_.particles * shape_.parameters()));
    check(backend_->read_field(network_, field, numbers.data()));
    return numbers;
  }
  void exchange(int32_t field) { check(backend_->exchange(network_, field)); }
  void axpby(float a, int32_t from, float b, int32_t to) { check(backend_->axpby(network_, a, from, b, to)); }
  void gradient_field(int32_t matrix, Rows rows, const double* weights, int32_t field) {
    check(backend_->gradient_field(network_, matrix, rows, weights, cancel_, field));
  }
  void kinetic(const Kinetic& step, int32_t velocity, int32_t gradient) {
    check(backend_->kinetic(network_, &step, velocity, gradient));
  }
  void keep_some(double probability, const RandomField& random, uint64_t step, int32_t field) {
    check(backend_->keep_some(network_, probability, &random, step, field));
  }
  void project() { check(backend_->project(network_)); }
  std::vector<double> energies(int32_t matrix, Rows rows, const double* weights) const {
    std::vector<double> energies(static_cast<size_t>(shape_.particles));
    check(backend_->energies(network_, matrix, rows, weights, cancel_, energies.data()));
    return energies;
  }
  /// Whether the backend does the two operations on points below.
  bool has_points() const { return backend_->neighbours && backend_->mixture; }
  /// See Backend::neighbours; `self` empty: none.
  std::vector<double> neighbours(Points points, Points queries, const std::vector<int64_t>& self, int k,
                                 const CancelToken* cancel) const {
    std::vector<double> squares(static_cast<size_t>(queries.count));
    check(backend_->neighbours(shape_.device, points, queries, self.empty() ? nullptr : self.data(), k, cancel,
                               squares.data()));
    return squares;
  }
  /// See Backend::mixture.
  std::vector<double> mixture(Points centres, double variance, Points queries, const CancelToken* cancel) const {
    std::vector<double> logs(static_cast<size_t>(queries.count));
    check(backend_->mixture(shape_.device, centres, variance, queries, cancel, logs.data()));
    return logs;
  }
  /// E‖θ‖² over the particles.
  double second_moment() const {
    double sum = 0;
    check(backend_->sum_squares(network_, &sum));
    return sum / static_cast<double>(shape_.particles);
  }

 private:
  void check(Status status) const {
    const std::string more = backend_->message && status != Status::Ok ? backend_->message() : "";
    switch (status) {
      case Status::Ok: return;
      case Status::Cancelled: throw Error(ErrorCode::Cancelled, "the run was cancelled.");
      case Status::OutOfMemory:
        throw Error(ErrorCode::OutOfMemory, "not enough memory for " + std::to_string(shape_.particles) +
                                                " particles of " + std::to_string(shape_.parameters()) +
                                                " numbers and the data; use fewer particles or fewer rows." +
                                                (more.empty() ? "" : " In detail: " + more));
      case Status::DeviceFailure:
        throw Error(
            ErrorCode::Device,
            more.empty() ? std::string("the ") + backend_->name + " backend failed; run 'meanfield doctor'." : more);
    }
  }

  const Backend* backend_;
  NetworkShape shape_;
  void* network_ = nullptr;
  const CancelToken* cancel_ = nullptr;
};

}  // namespace meanfield
