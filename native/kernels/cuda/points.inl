// The operations of kernels.h on points: copies, splits and launches of point_kernels.h.
#include <algorithm>

#include "native/kernels/cuda/point_kernels.h"
#include "native/kernels/cuda/runtime.h"

namespace meanfield {
namespace cuda {

namespace {

/// Rows of a matrix on the device, padded to a multiple of four.
class DevicePoints {
 public:
  DevicePoints(Device& device, Points points) : values_(device), stride_((points.dimension + 3) / 4 * 4) {
    values_.resize(std::max<int64_t>(1, points.count * stride_));
    device.zero(values_.data(), static_cast<size_t>(points.count * stride_) * sizeof(float));
    device.copy_in(values_.data(), static_cast<size_t>(stride_) * 4, points.data,
                   static_cast<size_t>(points.dimension) * 4, static_cast<size_t>(points.dimension) * 4, points.count);
  }
  Operand rows(int64_t first, int64_t count) const {
    return {values_.data() + first * stride_, stride_, nullptr, count};
  }

 private:
  Array<float> values_;
  int64_t stride_;
};

/// results[q]: the fold of query q over all points. The splits follow from the number of points alone.
template <class Fold>
Status over_points(int32_t number, Points points, Points queries, const int64_t* self, const Fold& fold,
                   const CancelToken* cancel, double* results) {
  // Pairs of a launch, so that it takes a fraction of a second at most.
  constexpr double kLaunchCoordinates = 1e11;
  if (queries.count == 0) return Status::Ok;
  Device device(number);
  const DevicePoints all(device, points), asked(device, queries);
  Array<int64_t> left(device);
  if (self) device.copy_in(left.resize(queries.count), 8, self, 8, 8, queries.count);
  const int64_t tiles = std::max<int64_t>(1, (points.count + kPairTile - 1) / kPairTile);
  const int64_t wanted = std::max<int64_t>(1, std::min<int64_t>(64, tiles / 16)), each = (tiles + wanted - 1) / wanted;
  const int64_t splits = (tiles + each - 1) / each;
  const double perQuery = static_cast<double>(points.count) * static_cast<double>(points.dimension + 16);
  const int64_t most =
      std::max<int64_t>(kPairTile, static_cast<int64_t>(kLaunchCoordinates / perQuery) / kPairTile * kPairTile);
  Array<typename Fold::State> partial(device);
  Array<double> found(device);
  partial.resize(splits * std::min(most, queries.count));
  found.resize(std::min(most, queries.count));
  for (int64_t first = 0; first < queries.count; first += most) {
    const int64_t count = std::min(most, queries.count - first);
    device.launch(OverPoints<Fold>{all.rows(0, points.count), asked.rows(first, count), points.dimension,
                                   self ? left.data() + first : nullptr, each, fold, partial.data()},
                  (count + kPairTile - 1) / kPairTile, splits);
    device.launch(FoldSplits<Fold>{partial.data(), count, splits, fold, found.data()}, (count + 255) / 256);
    if (!device.wait(cancel)) return Status::Cancelled;
    device.copy_out(results + first, 8, found.data(), 8, 8, count);
  }
  return Status::Ok;
}

}  // namespace

}  // namespace cuda
}  // namespace meanfield
