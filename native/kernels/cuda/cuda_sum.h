// A finite sum on a CUDA device: the operations of kernels/linear_backend.h as sequences of launches.
#pragma once
#include <deque>
#include <vector>

#include "native/kernels/cuda/runtime.h"
#include "native/kernels/cuda/sum_kernels.h"

namespace meanfield {
namespace cuda {

class CudaSum {
 public:
  /// Throws Failure.
  explicit CudaSum(const LinearShape& shape);

  /// First in every call.
  void begin() {
    device_.use();
    device_.lower_stop_flag();
  }
  Status pass(const double* w, const CancelToken* cancel, double* gradient, LossSums* sums, int32_t* derivatives,
              int32_t* curvatures);
  Status batch(const int64_t* rows, const double* scale, int64_t count, const double* w, int32_t snapshot,
               double factor, const CancelToken* cancel, double* out);
  Status hessian_times(const double* v, int32_t derivatives, int32_t curvatures, const CancelToken* cancel,
                       double* out);
  Status hessian_diagonal(int32_t derivatives, int32_t curvatures, const CancelToken* cancel, double* out);
  Status transposed(int32_t a, const CancelToken* cancel, double* out);
  Status dual_sums(int32_t derivatives, const DualMix& mix, const CancelToken* cancel, DualSums* out);
  void read(int32_t slot, double* numbers);
  int32_t write(const double* numbers);
  void release(int32_t slot) { free_.push_back(slot); }

 private:
  struct Split {
    int64_t stretch, blocks;  // rows of a block
    int lanes;
  };

  int64_t n() const { return shape_.rows; }
  int64_t k() const { return shape_.outputs; }
  int64_t p() const { return shape_.features + (shape_.intercept ? 1 : 0); }
  bool sparse() const { return shape_.starts != nullptr; }
  SumTargets targets() const { return {targets_.data(), weights_, shape_.classes, shape_.outputs, shape_.loss}; }
  double* slot(int32_t slot) { return slot < 0 ? nullptr : slots_[static_cast<size_t>(slot)].data(); }
  int32_t take();

  void upload_columns();
  Split split(int64_t count) const;
  /// Margins of some rows (index null: all), the rule on them, and their product with Xᵀ times `factor` into out_. The numbers
  /// that `a` holds afterwards are those of the rule.
  void run(const SumRule& rule, const int64_t* index, int64_t count, const double* w, double factor, double* a);
  /// out_ = factor Σ_r a_rc x_r
  void add_up(const int64_t* index, int64_t count, const double* a, bool squared, double factor);
  /// Waits, then k × p numbers of out_. False when cancelled.
  bool fetch(const CancelToken* cancel, double* out);
  template <class F>
  void with_rows(const int64_t* index, int64_t count, bool squared, F&& f) const;
  template <class F>
  void with_outputs(F&& f) const;
  template <class T>
  void copy_in(T* to, const T* from, int64_t count) {
    if (count == 0) return;
    const size_t bytes = static_cast<size_t>(count) * sizeof(T);
    device_.copy_in(to, bytes, from, bytes, bytes, 1);
  }
  template <class T>
  void copy_out(T* to, const T* from, int64_t count) {
    const size_t bytes = static_cast<size_t>(count) * sizeof(T);
    device_.copy_out(to, bytes, from, bytes, bytes, 1);
  }
  template <class T>
  void fill(Array<T>& array, const T* from, int64_t count) {
    copy_in(array.resize(count > 0 ? count : 1), from, count);
  }
  size_t number_bytes() const { return shape_.single ? sizeof(float) : sizeof(double); }

  LinearShape shape_;  // its pointers are the caller's and are not read after the constructor
  Device device_;
  Array<char> values_, columnValues_;  // of the rows; of the segments of the columns
  Array<int32_t> columns_, segmentRows_;
  Array<int64_t> starts_, segmentStarts_, columnSegments_;
  Array<double> targets_, weightNumbers_;
  const double* weights_ = nullptr;
  int64_t stored_ = 0, segments_ = 0;
  std::deque<Array<double>> slots_;
  std::vector<int32_t> free_;
  Array<double> input_, a_, partial_, parts_, sums_, out_, mixNumbers_;
  Array<int32_t> signs_;
  std::vector<double> staged_;
};

}  // namespace cuda
}  // namespace meanfield
