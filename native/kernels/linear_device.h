// The data of a linear model on a device: owns them, and turns status codes into typed errors.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "native/core/errors.h"
#include "native/kernels/linear_backend.h"

namespace meanfield {

class LinearDevice;

/// n × k numbers of the rows on a device; given back with the last owner.
class RowNumbers {
 public:
  RowNumbers(std::shared_ptr<LinearDevice> device, int32_t slot) : device_(std::move(device)), slot_(slot) {}
  ~RowNumbers();
  RowNumbers(const RowNumbers&) = delete;
  RowNumbers& operator=(const RowNumbers&) = delete;
  int32_t slot() const { return slot_; }
  std::vector<double> read() const;

 private:
  std::shared_ptr<LinearDevice> device_;
  int32_t slot_;
};
using HeldNumbers = std::shared_ptr<const RowNumbers>;

class LinearDevice : public std::enable_shared_from_this<LinearDevice> {
 public:
  LinearDevice(const LinearBackend* backend, const LinearShape& shape)
      : backend_(backend), numbers_(shape.rows * shape.outputs) {
    check(backend->open(&shape, &sum_));
  }
  ~LinearDevice() { backend_->close(sum_); }
  LinearDevice(const LinearDevice&) = delete;
  LinearDevice& operator=(const LinearDevice&) = delete;

  const char* isa() const { return backend_->isa; }

  // See LinearBackend; `curvatures` null: none.
  void pass(const double* w, const CancelToken* cancel, double* gradient, LossSums* sums, HeldNumbers* derivatives,
            HeldNumbers* curvatures) {
    int32_t slots[2] = {kNoSlot, kNoSlot};
    check(backend_->pass(sum_, w, cancel, gradient, sums, &slots[0], curvatures ? &slots[1] : nullptr));
    *derivatives = held(slots[0]);
    if (curvatures) *curvatures = held(slots[1]);
  }
  void batch(const std::vector<int64_t>& rows, const std::vector<double>& scale, const double* w,
             const HeldNumbers& snapshot, double factor, const CancelToken* cancel, double* out) {
    check(backend_->batch(sum_, rows.data(), scale.data(), static_cast<int64_t>(rows.size()), w, slot_of(snapshot),
                          factor, cancel, out));
  }
  void hessian_times(const double* v, const HeldNumbers& derivatives, const HeldNumbers& curvatures,
                     const CancelToken* cancel, double* out) {
    check(backend_->hessian_times(sum_, v, slot_of(derivatives), slot_of(curvatures), cancel, out));
  }
  void hessian_diagonal(const HeldNumbers& derivatives, const HeldNumbers& curvatures, const CancelToken* cancel,
                        double* out) {
    check(backend_->hessian_diagonal(sum_, slot_of(derivatives), slot_of(curvatures), cancel, out));
  }
  void transposed(const double* a, const CancelToken* cancel, double* out) {
    const HeldNumbers numbers = write(a);
    check(backend_->transposed(sum_, numbers->slot(), cancel, out));
  }
  DualSums dual_sums(const HeldNumbers& derivatives, const DualMix& mix, const CancelToken* cancel) {
    DualSums sums{};
    check(backend_->dual_sums(sum_, slot_of(derivatives), &mix, cancel, &sums));
    return sums;
  }
  HeldNumbers write(const double* numbers) {
    int32_t slot = kNoSlot;
    check(backend_->write(sum_, numbers, &slot));
    return held(slot);
  }

 private:
  friend class RowNumbers;
  HeldNumbers held(int32_t slot) { return std::make_shared<const RowNumbers>(shared_from_this(), slot); }
  static int32_t slot_of(const HeldNumbers& numbers) { return numbers ? numbers->slot() : kNoSlot; }
  void check(Status status) const {
    const std::string seen = status == Status::Ok || status == Status::Cancelled ? "" : backend_->message();
    switch (status) {
      case Status::Ok: return;
      case Status::Cancelled: throw Error(ErrorCode::Cancelled, "the work was cancelled.");
      case Status::OutOfMemory:
        throw Error(ErrorCode::OutOfMemory,
                    seen.empty() ? "out of memory; use fewer rows, or sparse features, or device 'cpu'." : seen);
      case Status::DeviceFailure:
        throw Error(ErrorCode::Device, seen.empty() ? "the GPU failed; use device 'cpu'." : seen);
    }
  }

  const LinearBackend* backend_;
  int64_t numbers_;
  void* sum_ = nullptr;
};

inline RowNumbers::~RowNumbers() {
  if (slot_ != kNoSlot) device_->backend_->release(device_->sum_, slot_);
}
inline std::vector<double> RowNumbers::read() const {
  std::vector<double> numbers(static_cast<size_t>(device_->numbers_));
  device_->check(device_->backend_->read(device_->sum_, slot_, numbers.data()));
  return numbers;
}

}  // namespace meanfield
