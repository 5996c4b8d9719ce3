// The data of a linear model on several devices of a machine: each holds a stretch of the rows and makes its part of every sum; the
// k × p numbers of the parts are added up on the host, in the order of the devices. Where the stretches begin follows from the data
// and from how many devices there are, so that results are those of one device but for the rounding of that addition.
#pragma once
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "native/kernels/linear_backend.h"
#include "native/kernels/shards.h"

namespace meanfield {

/// The backend that shards over the devices in LinearShape::devices, of which `kPart(device)` is the backend of one.
template <const LinearBackend* (*kPart)(int device)>
class ShardedLinear {
 public:
  static const LinearBackend* backend() {
    static const LinearBackend table = make();
    return &table;
  }

 private:
  struct Shard {
    const LinearBackend* backend;
    void* sum;
    int64_t first, count;         // of its rows
    double share;                 // of all rows
    std::vector<double> part;     // of the sum that is asked for
    std::vector<int64_t> rows{};  // of a minibatch, from `first` on
    std::vector<double> scale{};
    std::vector<int32_t> slots{};  // by those that are told
  };
  struct Sum {
    int64_t k = 0, size = 0;  // size = k × p
    std::vector<Shard> shards;
    std::vector<int32_t> free;
    std::unique_ptr<ThreadPool> pool;  // a thread a shard

    ~Sum() {
      for (const Shard& shard : shards) shard.backend->close(shard.sum);
    }
    int32_t take() {
      if (free.empty()) {
        free.push_back(static_cast<int32_t>(shards.front().slots.size()));
        for (Shard& shard : shards) shard.slots.push_back(kNoSlot);
      }
      const int32_t slot = free.back();
      free.pop_back();
      return slot;
    }
    /// Gives back what the shards hold there.
    void release(int32_t slot) {
      for (Shard& shard : shards) {
        int32_t& held = shard.slots[static_cast<size_t>(slot)];
        if (held != kNoSlot) shard.backend->release(shard.sum, held);
        held = kNoSlot;
      }
      free.push_back(slot);
    }
  };

  static Sum& at(void* sum) { return *static_cast<Sum*>(sum); }
  static int32_t held(const Shard& shard, int32_t slot) {
    return slot == kNoSlot ? kNoSlot : shard.slots[static_cast<size_t>(slot)];
  }
  template <class F>
  static Status on_all(void* sum, F&& f) {
    return shards::on_all(at(sum).shards, *at(sum).pool, f);
  }
  /// f(shard, its number) on all shards, which leaves k × p numbers in `part`; out = Σ of those, times the shares of the rows where each
  /// is a mean.
  template <class F>
  static Status add_up(void* sum, bool means, double* out, F&& f) {
    const Status status = on_all(sum, f);
    if (status != Status::Ok) return status;
    std::fill(out, out + at(sum).size, 0.0);
    for (const Shard& shard : at(sum).shards) {
      const double factor = means ? shard.share : 1;
      for (int64_t j = 0; j < at(sum).size; ++j) out[j] += factor * shard.part[static_cast<size_t>(j)];
    }
    return Status::Ok;
  }

  /// Row where shard s of `count` begins: equal rows, or for sparse data about equal work, a row like a number; none is empty.
  static int64_t begin_of(const LinearShape& shape, int64_t s, int64_t count) {
    if (!shape.starts || s == 0 || s == count) return shape.rows * s / count;
    int64_t low = s, high = shape.rows - (count - s);
    const int64_t work = (shape.starts[shape.rows] + shape.rows) / count * s;
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      if (shape.starts[middle] + middle < work)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }
  static Status open_shard(const LinearShape& shape, Shard& shard, int device) {
    LinearShape part = shape;
    part.rows = shard.count;
    part.device = device;
    part.devices = 0;
    const int64_t bytes = shape.single ? sizeof(float) : sizeof(double);
    const int64_t skipped = shape.starts ? shape.starts[shard.first] : shard.first * shape.stride;
    part.values = static_cast<const char*>(shape.values) + skipped * bytes;
    std::vector<int64_t> starts;
    if (shape.starts) {
      for (int64_t i = 0; i <= shard.count; ++i) starts.push_back(shape.starts[shard.first + i] - skipped);
      part.starts = starts.data();
      part.columns = shape.columns + skipped;
    }
    part.targets = shape.targets + shard.first * shape.targets_of_row();
    if (shape.sampleWeights) part.sampleWeights = shape.sampleWeights + shard.first;
    return shard.backend->open(&part, &shard.sum);
  }
  static Status open(const LinearShape* shape, void** out) {
    return shards::guarded([&] {
      const std::vector<int> devices = shards::devices_of(shape->devices);
      const int64_t count = std::min<int64_t>(static_cast<int64_t>(devices.size()), shape->rows);
      const int64_t k = shape->outputs, size = k * (shape->features + (shape->intercept ? 1 : 0));
      auto sum = std::make_unique<Sum>();
      sum->k = k;
      sum->size = size;
      int64_t first = 0;
      for (int64_t s = 0; s < count; ++s) {
        const int64_t end = std::max(first + 1, begin_of(*shape, s + 1, count));
        const int device = devices[static_cast<size_t>(s)];
        Shard shard{kPart(device),
                    nullptr,
                    first,
                    end - first,
                    static_cast<double>(end - first) / static_cast<double>(shape->rows),
                    std::vector<double>(static_cast<size_t>(size))};
        const Status status = shards::told(shard, open_shard(*shape, shard, device));
        if (status != Status::Ok) return status;
        sum->shards.push_back(std::move(shard));
        first = end;
      }
      sum->pool = std::make_unique<ThreadPool>(static_cast<int>(count));
      *out = sum.release();
      return Status::Ok;
    });
  }

  static Status pass(void* sum, const double* w, const CancelToken* cancel, double* gradient, LossSums* sums,
                     int32_t* derivatives, int32_t* curvatures) {
    const int32_t g = at(sum).take(), h = curvatures ? at(sum).take() : kNoSlot;
    std::vector<LossSums> parts(at(sum).shards.size());
    const Status status = add_up(sum, true, gradient, [&](Shard& shard, size_t s) {
      return shard.backend->pass(shard.sum, w, cancel, shard.part.data(), &parts[s], &shard.slots[g],
                                 curvatures ? &shard.slots[h] : nullptr);
    });
    if (status != Status::Ok) {
      at(sum).release(g);
      if (curvatures) at(sum).release(h);
      return status;
    }
    *sums = {};
    for (const LossSums& part : parts) {
      sums->value += part.value;
      sums->conjugate += part.conjugate;
    }
    *derivatives = g;
    if (curvatures) *curvatures = h;
    return Status::Ok;
  }
  /// The rows of a minibatch go to those who have them, in their order.
  static Status batch(void* sum, const int64_t* rows, const double* scale, int64_t count, const double* w,
                      int32_t snapshot, double factor, const CancelToken* cancel, double* out) {
    std::vector<Shard>& shards = at(sum).shards;
    for (Shard& shard : shards) {
      shard.rows.clear();
      shard.scale.clear();
    }
    for (int64_t r = 0; r < count; ++r) {
      Shard& shard = *(std::upper_bound(shards.begin(), shards.end(), rows[r],
                                        [](int64_t row, const Shard& one) { return row < one.first; }) -
                       1);
      shard.rows.push_back(rows[r] - shard.first);
      shard.scale.push_back(scale[r]);
    }
    return add_up(sum, false, out, [&](Shard& shard, size_t) {
      return shard.backend->batch(shard.sum, shard.rows.data(), shard.scale.data(),
                                  static_cast<int64_t>(shard.rows.size()), w, held(shard, snapshot), factor, cancel,
                                  shard.part.data());
    });
  }
  static Status dual_sums(void* sum, int32_t derivatives, const DualMix* mix, const CancelToken* cancel,
                          DualSums* out) {
    std::vector<DualSums> parts(at(sum).shards.size());
    const Status status = on_all(sum, [&](Shard& shard, size_t s) {
      return shard.backend->dual_sums(shard.sum, held(shard, derivatives), mix, cancel, &parts[s]);
    });
    *out = {};
    for (const DualSums& part : parts) {
      out->conjugate += part.conjugate;
      out->squares += part.squares;
      out->product += part.product;
    }
    return status;
  }

  static LinearBackend make() {
    LinearBackend table{};
    table.version = kBackendVersion;
    table.isa = "several devices";
    table.open = open;
    table.close = [](void* sum) { delete static_cast<Sum*>(sum); };
    table.pass = [](void* sum, const double* w, const CancelToken* cancel, double* gradient, LossSums* sums,
                    int32_t* derivatives, int32_t* curvatures) {
      return shards::guarded([&] { return pass(sum, w, cancel, gradient, sums, derivatives, curvatures); });
    };
    table.batch = [](void* sum, const int64_t* rows, const double* scale, int64_t count, const double* w,
                     int32_t snapshot, double factor, const CancelToken* cancel, double* out) {
      return shards::guarded([&] { return batch(sum, rows, scale, count, w, snapshot, factor, cancel, out); });
    };
    table.hessian_times = [](void* sum, const double* v, int32_t derivatives, int32_t curvatures,
                             const CancelToken* cancel, double* out) {
      return add_up(sum, true, out, [&](Shard& shard, size_t) {
        return shard.backend->hessian_times(shard.sum, v, held(shard, derivatives), held(shard, curvatures), cancel,
                                            shard.part.data());
      });
    };
    table.hessian_diagonal = [](void* sum, int32_t derivatives, int32_t curvatures, const CancelToken* cancel,
                                double* out) {
      return add_up(sum, true, out, [&](Shard& shard, size_t) {
        return shard.backend->hessian_diagonal(shard.sum, held(shard, derivatives), held(shard, curvatures), cancel,
                                               shard.part.data());
      });
    };
    table.transposed = [](void* sum, int32_t a, const CancelToken* cancel, double* out) {
      return add_up(sum, true, out, [&](Shard& shard, size_t) {
        return shard.backend->transposed(shard.sum, held(shard, a), cancel, shard.part.data());
      });
    };
    table.dual_sums = [](void* sum, int32_t derivatives, const DualMix* mix, const CancelToken* cancel, DualSums* out) {
      return shards::guarded([&] { return dual_sums(sum, derivatives, mix, cancel, out); });
    };
    table.read = [](void* sum, int32_t slot, double* numbers) {
      return on_all(sum, [&](Shard& shard, size_t) {
        return shard.backend->read(shard.sum, held(shard, slot), numbers + shard.first * at(sum).k);
      });
    };
    table.write = [](void* sum, const double* numbers, int32_t* slot) {
      return shards::guarded([&] {
        *slot = at(sum).take();
        const Status status = on_all(sum, [&](Shard& shard, size_t) {
          return shard.backend->write(shard.sum, numbers + shard.first * at(sum).k, &shard.slots[*slot]);
        });
        if (status != Status::Ok) at(sum).release(*slot);
        return status;
      });
    };
    table.release = [](void* sum, int32_t slot) { at(sum).release(slot); };
    table.message = [] { return shards::message().c_str(); };
    return table;
  }
};

}  // namespace meanfield
