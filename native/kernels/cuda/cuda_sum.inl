// The bodies of cuda_sum.h and the table of kernels/linear_backend.h over it; included where cuda_network.inl is.
#include <algorithm>
#include <cstring>

#include "native/kernels/cuda/cuda_sum.h"
#include "native/kernels/cuda/guarded.h"

namespace meanfield {
namespace cuda {

namespace {

constexpr int64_t kMostBlocks = 512;        // of a launch over rows: each leaves a partial sum
constexpr int64_t kFusedNumbers = 1 << 14;  // k × p up to which each of them has one of its own, 64 MiB together
constexpr int64_t kPartialNumbers = 1 << 23;
constexpr int64_t kSegment = 2048;  // stored numbers of a segment of a column

int64_t quotient_up(int64_t value, int64_t by) { return (value + by - 1) / by; }

int lanes_for(int64_t numbers, int64_t rows) {
  const int64_t each = numbers / std::max<int64_t>(rows, 1);
  return each >= 24 ? 32 : each >= 12 ? 16 : 8;
}

}  // namespace

CudaSum::CudaSum(const LinearShape& shape)
    : shape_(shape), device_(shape.device), values_(device_), columnValues_(device_), columns_(device_),
      segmentRows_(device_), starts_(device_), segmentStarts_(device_), columnSegments_(device_), targets_(device_),
      weightNumbers_(device_), input_(device_), a_(device_), partial_(device_), parts_(device_), sums_(device_),
      out_(device_), mixNumbers_(device_), signs_(device_) {
  stored_ = sparse() ? shape.starts[n()] : n() * shape.features;
  const size_t row = static_cast<size_t>(shape.features) * number_bytes();
  values_.resize(std::max<int64_t>(1, stored_ * static_cast<int64_t>(number_bytes())));
  if (sparse()) {
    if (n() > INT32_MAX)
      throw Failure{Status::DeviceFailure, "sparse data of " + std::to_string(n()) +
                                               " rows are on a device only up to 2147483647 rows. Use device 'cpu'."};
    copy_in(values_.data(), static_cast<const char*>(shape.values), stored_ * static_cast<int64_t>(number_bytes()));
    fill(columns_, shape.columns, stored_);
    fill(starts_, shape.starts, n() + 1);
    upload_columns();
  } else {
    device_.copy_in(values_.data(), row, shape.values, static_cast<size_t>(shape.stride) * number_bytes(), row, n());
  }
  fill(targets_, shape.targets, n() * shape.targets_of_row());
  if (shape.sampleWeights) {
    fill(weightNumbers_, shape.sampleWeights, n());
    weights_ = weightNumbers_.data();
  }
  out_.resize(k() * p());
}

/// The data once more by columns, a column of ones for the intercept after them, in segments of at most kSegment numbers.
void CudaSum::upload_columns() {
  const int64_t d = shape_.features, ones = shape_.intercept ? n() : 0;
  std::vector<int64_t> at(static_cast<size_t>(p() + 1), 0);
  for (int64_t e = 0; e < stored_; ++e) ++at[static_cast<size_t>(shape_.columns[e]) + 1];
  if (ones > 0) at[static_cast<size_t>(d) + 1] = ones;
  for (size_t j = 0; j + 1 < at.size(); ++j) at[j + 1] += at[j];
  std::vector<int64_t> segmentStarts, columnSegments;
  for (int64_t j = 0; j < p(); ++j) {
    columnSegments.push_back(static_cast<int64_t>(segmentStarts.size()));
    for (int64_t e = at[static_cast<size_t>(j)]; e < at[static_cast<size_t>(j) + 1]; e += kSegment)
      segmentStarts.push_back(e);
  }
  segments_ = static_cast<int64_t>(segmentStarts.size());
  columnSegments.push_back(segments_);
  segmentStarts.push_back(stored_ + ones);
  std::vector<int32_t> rows(static_cast<size_t>(stored_ + ones));
  std::vector<char> values(rows.size() * number_bytes());
  const char* from = static_cast<const char*>(shape_.values);
  for (int64_t i = 0; i < n(); ++i) {
    for (int64_t e = shape_.starts[i]; e < shape_.starts[i + 1]; ++e) {
      const size_t to = static_cast<size_t>(at[static_cast<size_t>(shape_.columns[e])]++);
      rows[to] = static_cast<int32_t>(i);
      std::memcpy(values.data() + to * number_bytes(), from + static_cast<size_t>(e) * number_bytes(), number_bytes());
    }
    if (ones > 0) {
      const size_t to = static_cast<size_t>(stored_ + i);
      const float one32 = 1;
      const double one64 = 1;
      rows[to] = static_cast<int32_t>(i);
      std::memcpy(values.data() + to * number_bytes(),
                  shape_.single ? static_cast<const void*>(&one32) : static_cast<const void*>(&one64), number_bytes());
    }
  }
  fill(segmentRows_, rows.data(), stored_ + ones);
  fill(columnValues_, values.data(), static_cast<int64_t>(values.size()));
  fill(segmentStarts_, segmentStarts.data(), segments_ + 1);
  fill(columnSegments_, columnSegments.data(), p() + 1);
}

int32_t CudaSum::take() {
  if (free_.empty()) {
    slots_.emplace_back(device_);
    free_.push_back(static_cast<int32_t>(slots_.size()) - 1);
    slots_.back().resize(n() * k());
  }
  const int32_t slot = free_.back();
  free_.pop_back();
  return slot;
}

template <class F>
void CudaSum::with_rows(const int64_t* index, int64_t count, bool squared, F&& f) const {
  const auto of = [&](auto number) {
    using T = decltype(number);
    const T* numbers = reinterpret_cast<const T*>(values_.data());
    if (sparse())
      f(HeldRows<T, true>{numbers, 0, starts_.data(), columns_.data(), index, count, squared});
    else
      f(HeldRows<T, false>{numbers, shape_.features, nullptr, nullptr, index, count, squared});
  };
  if (shape_.single)
    of(float{});
  else
    of(double{});
}

template <class F>
void CudaSum::with_outputs(F&& f) const {
  if (k() == 1)
    f(std::integral_constant<int, 1>{});
  else
    f(std::integral_constant<int, 4>{});
}

CudaSum::Split CudaSum::split(int64_t count) const {
  const int64_t stretch = quotient_up(std::max<int64_t>(quotient_up(count, kMostBlocks), 1), 32) * 32;
  return {stretch, quotient_up(count, stretch), stretch < kSumChunk ? 32 : lanes_for(stored_, n())};
}

void CudaSum::run(const SumRule& rule, const int64_t* index, int64_t count, const double* w, double factor, double* a) {
  const Split split = this->split(count);
  const bool fused = !sparse() && k() * p() <= kFusedNumbers;
  sums_.resize(2 * split.blocks);
  double* partial = fused ? partial_.resize(split.blocks * k() * p()) : nullptr;
  with_rows(index, count, false, [&](auto rows) {
    using Rows = decltype(rows);
    using T = std::remove_const_t<std::remove_pointer_t<decltype(rows.values)>>;
    with_outputs([&](auto outputs) {
      device_.launch(SumRows<T, Rows::sparse, decltype(outputs)::value>{rows, rule, w, p(), shape_.intercept,
                                                                        split.stretch, split.lanes, a, sums_.data(),
                                                                        partial, device_.stop_flag()},
                     split.blocks);
    });
  });
  if (fused)
    device_.launch(FoldParts{partial, k() * p(), split.blocks, factor, out_.data()},
                   quotient_up(k() * p(), FoldParts::kBeside));
  else
    add_up(index, count, a, false, factor);
}

void CudaSum::add_up(const int64_t* index, int64_t count, const double* a, bool squared, double factor) {
  const int64_t size = k() * p();
  const int32_t outputs32 = shape_.outputs;
  const int64_t affordable = std::max<int64_t>(1, kPartialNumbers / size);
  const auto fold = [&](int64_t parts) {
    device_.launch(FoldParts{partial_.data(), size, parts, factor, out_.data()}, quotient_up(size, FoldParts::kBeside));
  };
  with_rows(index, count, squared, [&](auto rows) {
    using Rows = decltype(rows);
    using T = std::remove_const_t<std::remove_pointer_t<decltype(rows.values)>>;
    if constexpr (Rows::sparse) {
      if (index) {
        const int64_t share = quotient_up(count, std::min({quotient_up(count, 8), affordable, 2 * kMostBlocks}));
        const int64_t shares = quotient_up(count, share);
        partial_.resize(shares * size);
        device_.zero(partial_.data(), static_cast<size_t>(shares * size) * sizeof(double));
        device_.launch(ScatterRows<T>{rows, a, outputs32, p(), share, shape_.intercept, partial_.data()}, shares);
        fold(shares);
        return;
      }
      parts_.resize(std::max<int64_t>(1, segments_ * k()));
      const HeldRows<T, true> segments{reinterpret_cast<const T*>(columnValues_.data()),
                                       0,
                                       segmentStarts_.data(),
                                       segmentRows_.data(),
                                       nullptr,
                                       segments_,
                                       squared};
      const int lanes = lanes_for(stored_, segments_);
      if (segments_ > 0)
        with_outputs([&](auto outputs) {
          device_.launch(SegmentSums<T, decltype(outputs)::value>{segments, a, outputs32, lanes, parts_.data()},
                         quotient_up(segments_, kSumChunk));
        });
      device_.launch(FoldSegments{parts_.data(), columnSegments_.data(), p(), outputs32, factor, out_.data()},
                     quotient_up(size, FoldSegments::kThreads));
    } else {
      const int64_t stretch = quotient_up(count, std::min<int64_t>({quotient_up(count, kSumChunk), affordable, 64}));
      const int64_t stretches = quotient_up(count, stretch);
      partial_.resize(stretches * size);
      with_outputs([&](auto outputs) {
        device_.launch(SumColumns<T, decltype(outputs)::value>{rows, a, outputs32, p(), stretch, partial_.data()},
                       quotient_up(p(), kSumThreads), stretches);
      });
      fold(stretches);
    }
  });
}

bool CudaSum::fetch(const CancelToken* cancel, double* out) {
  if (!device_.wait(cancel)) return false;
  copy_out(out, out_.data(), k() * p());
  return true;
}

Status CudaSum::pass(const double* w, const CancelToken* cancel, double* gradient, LossSums* sums, int32_t* derivatives,
                     int32_t* curvatures) {
  const int32_t g = take(), h = curvatures ? take() : kNoSlot;
  fill(input_, w, k() * p());
  run({SumRule::kLoss, targets(), slot(h), nullptr, nullptr, 1}, nullptr, n(), input_.data(),
      1 / static_cast<double>(n()), slot(g));
  if (!fetch(cancel, gradient)) {
    release(g);
    if (curvatures) release(h);
    return Status::Cancelled;
  }
  std::vector<double> parts(static_cast<size_t>(2 * split(n()).blocks));
  copy_out(parts.data(), sums_.data(), static_cast<int64_t>(parts.size()));
  *sums = {};
  for (size_t i = 0; i < parts.size(); i += 2) {
    sums->value += parts[i];
    sums->conjugate += parts[i + 1];
  }
  *derivatives = g;
  if (curvatures) *curvatures = h;
  return Status::Ok;
}

Status CudaSum::batch(const int64_t* rows, const double* scale, int64_t count, const double* w, int32_t snapshot,
                      double factor, const CancelToken* cancel, double* out) {
  if (count == 0) {
    std::fill(out, out + k() * p(), 0.0);
    return Status::Ok;
  }
  // Everything in one copy: w, the scales, the rows.
  static_assert(sizeof(double) == sizeof(int64_t), "they share an array");
  const int64_t size = k() * p();
  staged_.resize(static_cast<size_t>(size + 2 * count));
  std::copy(w, w + size, staged_.begin());
  std::copy(scale, scale + count, staged_.begin() + size);
  std::memcpy(staged_.data() + size + count, rows, static_cast<size_t>(count) * sizeof(int64_t));
  fill(input_, staged_.data(), size + 2 * count);
  const int64_t* index = reinterpret_cast<const int64_t*>(input_.data() + size + count);
  run({SumRule::kBatch, targets(), nullptr, slot(snapshot), input_.data() + size, factor}, index, count, input_.data(),
      1, a_.resize(count * k()));
  return fetch(cancel, out) ? Status::Ok : Status::Cancelled;
}

Status CudaSum::hessian_times(const double* v, int32_t derivatives, int32_t curvatures, const CancelToken* cancel,
                              double* out) {
  fill(input_, v, k() * p());
  run({SumRule::kHessian, targets(), slot(curvatures), slot(derivatives), nullptr, 1}, nullptr, n(), input_.data(),
      1 / static_cast<double>(n()), a_.resize(n() * k()));
  return fetch(cancel, out) ? Status::Ok : Status::Cancelled;
}

Status CudaSum::hessian_diagonal(int32_t derivatives, int32_t curvatures, const CancelToken* cancel, double* out) {
  const double* h = slot(curvatures);
  if (shape_.loss.kind == LossKind::Softmax) {
    const SumRule rule{SumRule::kHessian, targets(), nullptr, slot(derivatives), nullptr, 1};
    h = a_.resize(n() * k());
    device_.launch(SoftmaxCurvatures{rule, n() * k(), a_.data()}, quotient_up(n() * k(), SoftmaxCurvatures::kThreads));
  }
  add_up(nullptr, n(), h, true, 1 / static_cast<double>(n()));
  return fetch(cancel, out) ? Status::Ok : Status::Cancelled;
}

Status CudaSum::transposed(int32_t a, const CancelToken* cancel, double* out) {
  add_up(nullptr, n(), slot(a), false, 1 / static_cast<double>(n()));
  return fetch(cancel, out) ? Status::Ok : Status::Cancelled;
}

Status CudaSum::dual_sums(int32_t derivatives, const DualMix& mix, const CancelToken* cancel, DualSums* out) {
  const size_t count = static_cast<size_t>(k());
  std::vector<double> numbers(mix.keep, mix.keep + count);
  numbers.insert(numbers.end(), mix.share, mix.share + count);
  if (mix.classes) numbers.insert(numbers.end(), mix.classes, mix.classes + count);
  fill(mixNumbers_, numbers.data(), static_cast<int64_t>(numbers.size()));
  fill(signs_, mix.sign, k());
  const DualMix held{mixNumbers_.data(), mixNumbers_.data() + count, signs_.data(),
                     mix.classes ? mixNumbers_.data() + 2 * count : nullptr, mix.scale};
  const Split split = this->split(n());
  sums_.resize(3 * split.blocks);
  device_.launch(DualParts{targets(), n(), split.stretch, slot(derivatives), held, sums_.data()}, split.blocks);
  if (!device_.wait(cancel)) return Status::Cancelled;
  std::vector<double> parts(static_cast<size_t>(3 * split.blocks));
  copy_out(parts.data(), sums_.data(), 3 * split.blocks);
  *out = {};
  for (size_t i = 0; i < parts.size(); i += 3) {
    out->conjugate += parts[i];
    out->squares += parts[i + 1];
    out->product += parts[i + 2];
  }
  return Status::Ok;
}

void CudaSum::read(int32_t from, double* numbers) { copy_out(numbers, slot(from), n() * k()); }

int32_t CudaSum::write(const double* numbers) {
  const int32_t to = take();
  copy_in(slot(to), numbers, n() * k());
  return to;
}

namespace {

/// f(sum) on its device.
template <class F>
Status with_sum(void* sum, F&& f) {
  CudaSum& at = *static_cast<CudaSum*>(sum);
  return guarded([&] {
    at.begin();
    return f(at);
  });
}

LinearBackend linear_table_of(const char* isa) {
  LinearBackend table{};
  table.version = kBackendVersion;
  table.isa = isa;
  table.open = [](const LinearShape* shape, void** sum) {
    return guarded([&] { return *sum = new CudaSum(*shape), Status::Ok; });
  };
  table.close = [](void* sum) { delete static_cast<CudaSum*>(sum); };
  table.pass = [](void* sum, const double* w, const CancelToken* cancel, double* gradient, LossSums* sums,
                  int32_t* derivatives, int32_t* curvatures) {
    return with_sum(sum, [&](CudaSum& s) { return s.pass(w, cancel, gradient, sums, derivatives, curvatures); });
  };
  table.batch = [](void* sum, const int64_t* rows, const double* scale, int64_t count, const double* w,
                   int32_t snapshot, double factor, const CancelToken* cancel, double* out) {
    return with_sum(sum, [&](CudaSum& s) { return s.batch(rows, scale, count, w, snapshot, factor, cancel, out); });
  };
  table.hessian_times = [](void* sum, const double* v, int32_t derivatives, int32_t curvatures,
                           const CancelToken* cancel, double* out) {
    return with_sum(sum, [&](CudaSum& s) { return s.hessian_times(v, derivatives, curvatures, cancel, out); });
  };
  table.hessian_diagonal = [](void* sum, int32_t derivatives, int32_t curvatures, const CancelToken* cancel,
                              double* out) {
    return with_sum(sum, [&](CudaSum& s) { return s.hessian_diagonal(derivatives, curvatures, cancel, out); });
  };
  table.transposed = [](void* sum, int32_t a, const CancelToken* cancel, double* out) {
    return with_sum(sum, [&](CudaSum& s) { return s.transposed(a, cancel, out); });
  };
  table.dual_sums = [](void* sum, int32_t derivatives, const DualMix* mix, const CancelToken* cancel, DualSums* out) {
    return with_sum(sum, [&](CudaSum& s) { return s.dual_sums(derivatives, *mix, cancel, out); });
  };
  table.read = [](void* sum, int32_t slot, double* numbers) {
    return with_sum(sum, [&](CudaSum& s) { return s.read(slot, numbers), Status::Ok; });
  };
  table.write = [](void* sum, const double* numbers, int32_t* slot) {
    return with_sum(sum, [&](CudaSum& s) { return *slot = s.write(numbers), Status::Ok; });
  };
  table.release = [](void* sum, int32_t slot) { static_cast<CudaSum*>(sum)->release(slot); };
  table.message = [] { return last_message().c_str(); };
  return table;
}

}  // namespace

}  // namespace cuda
}  // namespace meanfield
