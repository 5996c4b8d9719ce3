// Operations on points against plain double arithmetic; shared by the emulated and the real device.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "native/core/philox.h"
#include "native/kernels/kernels.h"

namespace meanfield {
namespace point_cases {

struct PointCase {
  int64_t points, queries, dimension;
  int k;
  bool self;  // the queries are points, and not their own neighbours
  double variance;
};

inline std::vector<PointCase> all_point_cases() {
  return {{1, 1, 1, 1, false, 1},      {5, 3, 2, 3, true, 0.3},      {5, 2, 3, 9, false, 2},
          {130, 67, 7, 10, true, 0.5}, {64, 64, 32, 1, true, 4},     {333, 65, 33, 16, true, 9},
          {200, 10, 70, 5, false, 12}, {2500, 70, 4, 10, true, 0.1}, {1025, 5, 131, 10, true, 40}};
}

struct PointSetting {
  explicit PointSetting(const PointCase& c) : kase(c) {
    const RandomField field{23, Stream::Init};
    points.resize(static_cast<size_t>(c.points * c.dimension));
    for (size_t i = 0; i < points.size(); ++i) points[i] = field.normal(0, static_cast<uint32_t>(i), 0);
    for (int64_t q = 0; q < c.queries; ++q) {
      if (c.self) self.push_back(q * c.points / c.queries);
      for (int64_t j = 0; j < c.dimension; ++j)
        queries.push_back(c.self ? points[static_cast<size_t>(self.back() * c.dimension + j)]
                                 : field.normal(1, static_cast<uint32_t>(q), static_cast<uint32_t>(j)));
    }
    // Two points coincide: their distance is 0 on every machine.
    if (c.points > 4) std::copy_n(points.begin() + c.dimension, c.dimension, points.begin() + 3 * c.dimension);
  }
  Points all() const { return {points.data(), kase.points, kase.dimension}; }
  Points asked() const { return {queries.data(), kase.queries, kase.dimension}; }
  const int64_t* left_out() const { return self.empty() ? nullptr : self.data(); }

  std::vector<double> squares_of(int64_t q, bool without) const {
    std::vector<double> squares;
    for (int64_t r = 0; r < kase.points; ++r) {
      if (without && !self.empty() && self[static_cast<size_t>(q)] == r) continue;
      double sum = 0;
      for (int64_t j = 0; j < kase.dimension; ++j) sum += std::pow(static_cast<double>(asked()[q][j]) - all()[r][j], 2);
      squares.push_back(sum);
    }
    std::sort(squares.begin(), squares.end());
    return squares;
  }
  /// Relative error of a square: native/kernels/cuda/point_kernels.h.
  double unit() const { return (36 + std::ceil(static_cast<double>(kase.dimension) / 32)) * 0x1p-24; }

  PointCase kase;
  std::vector<float> points, queries;
  std::vector<int64_t> self;
};

/// Largest error of `neighbours` and of `mixture` in units of their bounds; more than 1 is wrong, and so is a status that
/// is not Ok (infinity).
struct PointErrors {
  double neighbours = 0, mixture = 0;
};
inline PointErrors point_errors(const Backend* backend, int32_t device, const PointCase& c) {
  const PointSetting s(c);
  const double inf = std::numeric_limits<double>::infinity();
  PointErrors worst;
  std::vector<double> found(static_cast<size_t>(c.queries), -1), logs(static_cast<size_t>(c.queries));
  if (backend->neighbours(device, s.all(), s.asked(), s.left_out(), c.k, nullptr, found.data()) != Status::Ok ||
      backend->mixture(device, s.all(), c.variance, s.asked(), nullptr, logs.data()) != Status::Ok)
    return {inf, inf};
  for (int64_t q = 0; q < c.queries; ++q) {
    // Numbers that are each off by a factor of 1 ± unit have a k-th smallest that is off by no more.
    const std::vector<double> squares = s.squares_of(q, true);
    const double kth = c.k <= static_cast<int>(squares.size()) ? squares[static_cast<size_t>(c.k - 1)] : inf;
    const double square = found[static_cast<size_t>(q)];
    if (square != kth) worst.neighbours = std::fmax(worst.neighbours, std::fabs(square - kth) / (s.unit() * kth));
    // Terms more than 40 below the largest are left out, each e^-40 of it; of the others the exponent is off by its unit (and
    // those of the scale and the product), and each exponential and rescaling by 2^-22.
    const std::vector<double> all = s.squares_of(q, false);
    const double least = all.front() / (2 * c.variance);
    double sum = 0;
    for (double other : all) sum += std::exp(least - other / (2 * c.variance));
    const double bound = (s.unit() + 2 * 0x1p-24) * (least + 40) + static_cast<double>(64) * 0x1p-22;
    worst.mixture = std::fmax(worst.mixture, std::fabs(logs[static_cast<size_t>(q)] - (std::log(sum) - least)) / bound);
  }
  return worst;
}

}  // namespace point_cases
}  // namespace meanfield
