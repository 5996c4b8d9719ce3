#include "native/mean_field/entropy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "native/core/errors.h"

namespace meanfield {

namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kTreeDimension = 10;
constexpr int64_t kLeaf = 24;
constexpr int64_t kQueryBlock = 32, kPointBlock = 256;

bool stopped(const CancelToken* cancel) { return cancel && cancel->cancelled(); }

/// Tasks that take long look at the token themselves, and return when it is raised.
void run(const PairWork& work, int64_t count, const std::function<void(int64_t, int)>& task) {
  work.pool.run(count, task, work.cancel);
  if (stopped(work.cancel)) throw Error(ErrorCode::Cancelled, "the certificate was cancelled.");
}

double square_distance(const float* a, const float* b, int64_t dimension) {
  double sum = 0;
  for (int64_t c = 0; c < dimension; ++c) {
    const double difference = static_cast<double>(a[c]) - b[c];
    sum += difference * difference;
  }
  return sum;
}

/// The k smallest numbers seen, a max-heap.
class Smallest {
 public:
  explicit Smallest(int k) : k_(static_cast<size_t>(k)) { heap_.reserve(k_); }
  double worst() const { return heap_.size() < k_ ? kInfinity : heap_.front(); }
  void add(double value) {
    if (value >= worst()) return;
    if (heap_.size() == k_) {
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.pop_back();
    }
    heap_.push_back(value);
    std::push_heap(heap_.begin(), heap_.end());
  }

 private:
  size_t k_;
  std::vector<double> heap_;
};

/// Median splits on the widest coordinate; nodes implicit in the ranges of a permutation.
class Tree {
 public:
  explicit Tree(Points points) : points_(points), order_(static_cast<size_t>(points.count)) {
    std::iota(order_.begin(), order_.end(), int64_t{0});
    build(0, points.count);
  }
  void search(const float* query, int64_t self, Smallest& nearest) const { search(0, query, self, nearest); }

 private:
  struct Node {
    int64_t begin, end;
    int64_t left = -1, right = -1;
    int axis = 0;
    float cut = 0;
  };

  int64_t build(int64_t begin, int64_t end) {
    const int64_t index = static_cast<int64_t>(nodes_.size());
    nodes_.push_back({begin, end});
    if (end - begin <= kLeaf) return index;
    int axis = 0;
    float widest = -1;
    for (int64_t c = 0; c < points_.dimension; ++c) {
      float low = points_[order_[static_cast<size_t>(begin)]][c], high = low;
      for (int64_t i = begin; i < end; ++i) {
        const float value = points_[order_[static_cast<size_t>(i)]][c];
        low = std::min(low, value);
        high = std::max(high, value);
      }
      if (high - low > widest) {
        widest = high - low;
        axis = static_cast<int>(c);
      }
    }
    if (!(widest > 0)) return index;  // all points coincide
    const int64_t middle = (begin + end) / 2;
    std::nth_element(order_.begin() + begin, order_.begin() + middle, order_.begin() + end,
                     [&](int64_t a, int64_t b) { return points_[a][axis] < points_[b][axis]; });
    const float cut = points_[order_[static_cast<size_t>(middle)]][axis];
    const int64_t left = build(begin, middle), right = build(middle, end);
    Node& node = nodes_[static_cast<size_t>(index)];
    node.left = left;
    node.right = right;
    node.axis = axis;
    node.cut = cut;
    return index;
  }

  void search(int64_t index, const float* query, int64_t self, Smallest& nearest) const {
    const Node& node = nodes_[static_cast<size_t>(index)];
    if (node.left < 0) {
      for (int64_t i = node.begin; i < node.end; ++i) {
        const int64_t other = order_[static_cast<size_t>(i)];
        if (other != self) nearest.add(square_distance(query, points_[other], points_.dimension));
      }
      return;
    }
    const double side = static_cast<double>(query[node.axis]) - node.cut;
    search(side < 0 ? node.left : node.right, query, self, nearest);
    if (side * side < nearest.worst()) search(side < 0 ? node.right : node.left, query, self, nearest);
  }

  Points points_;
  std::vector<int64_t> order_;
  std::vector<Node> nodes_;
};

std::vector<int64_t> evenly(int64_t count, int64_t queries) {
  const int64_t asked = std::min(queries, count);
  std::vector<int64_t> indices(static_cast<size_t>(asked));
  for (int64_t q = 0; q < asked; ++q) indices[static_cast<size_t>(q)] = q * count / asked;
  return indices;
}

std::vector<float> gather(Points points, const std::vector<int64_t>& indices) {
  std::vector<float> gathered;
  gathered.reserve(indices.size() * static_cast<size_t>(points.dimension));
  for (int64_t index : indices) gathered.insert(gathered.end(), points[index], points[index] + points.dimension);
  return gathered;
}

}  // namespace

double digamma(int64_t n) {
  constexpr double kEulerGamma = 0.57721566490153286061;
  if (n < 64) {
    double sum = -kEulerGamma;
    for (int64_t i = 1; i < n; ++i) sum += 1.0 / static_cast<double>(i);
    return sum;
  }
  const double x = static_cast<double>(n), inverse2 = 1 / (x * x);
  return std::log(x) - 0.5 / x - inverse2 * (1.0 / 12 - inverse2 * (1.0 / 120 - inverse2 / 252));
}

double log_unit_ball(int64_t p) {
  const double half = static_cast<double>(p) / 2;
  return half * std::log(kPi) - std::lgamma(1 + half);
}

Mean mean_of(const std::vector<double>& values) {
  const double n = static_cast<double>(values.size());
  double mean = 0, square = 0;
  for (double value : values) mean += value / n;
  for (double value : values) square += (value - mean) * (value - mean);
  return {mean, n > 1 ? std::sqrt(square / (n - 1) / n) : std::numeric_limits<double>::quiet_NaN()};
}

std::vector<double> log_neighbour_distances(Points points, Points queries, const std::vector<int64_t>& self,
                                            int neighbours, const PairWork& work) {
  std::vector<double> result(static_cast<size_t>(queries.count));
  if (work.on_backend() && neighbours <= kMostNeighbours) {
    result = work.network->neighbours(points, queries, self, neighbours, work.cancel);
    for (double& square : result) square = 0.5 * std::log(square);
    return result;
  }
  const auto itself = [&](int64_t q) { return self.empty() ? -1 : self[static_cast<size_t>(q)]; };
  const int64_t blocks = (queries.count + kQueryBlock - 1) / kQueryBlock;
  if (points.dimension <= kTreeDimension) {
    const Tree tree(points);
    run(work, blocks, [&](int64_t block, int) {
      for (int64_t q = block * kQueryBlock; q < std::min(queries.count, (block + 1) * kQueryBlock); ++q) {
        Smallest nearest(neighbours);
        tree.search(queries[q], itself(q), nearest);
        result[static_cast<size_t>(q)] = 0.5 * std::log(nearest.worst());
      }
    });
    return result;
  }
  run(work, blocks, [&](int64_t block, int) {
    const int64_t first = block * kQueryBlock, count = std::min(kQueryBlock, queries.count - first);
    std::vector<Smallest> nearest(static_cast<size_t>(count), Smallest(neighbours));
    for (int64_t from = 0; from < points.count; from += kPointBlock) {
      if (stopped(work.cancel)) return;
      const int64_t to = std::min(points.count, from + kPointBlock);
      for (int64_t q = 0; q < count; ++q)
        for (int64_t r = from; r < to; ++r)
          if (r != itself(first + q))
            nearest[static_cast<size_t>(q)].add(square_distance(queries[first + q], points[r], points.dimension));
    }
    for (int64_t q = 0; q < count; ++q)
      result[static_cast<size_t>(first + q)] = 0.5 * std::log(nearest[static_cast<size_t>(q)].worst());
  });
  return result;
}

DensityEstimate nearest_neighbour_density(Points points, int neighbours, int64_t queries, const PairWork& work) {
  const std::vector<int64_t> asked = evenly(points.count, queries);
  const std::vector<float> gathered = gather(points, asked);
  const std::vector<double> distances = log_neighbour_distances(
      points, {gathered.data(), static_cast<int64_t>(asked.size()), points.dimension}, asked, neighbours, work);
  DensityEstimate estimate;
  const double offset = digamma(neighbours) - digamma(points.count) - log_unit_ball(points.dimension);
  for (size_t q = 0; q < asked.size(); ++q) {
    if (!std::isfinite(distances[q])) {
      ++estimate.duplicates;
      continue;
    }
    estimate.at.push_back(asked[q]);
    estimate.logDensity.push_back(offset - static_cast<double>(points.dimension) * distances[q]);
  }
  return estimate;
}

EntropyEstimate nearest_neighbour_entropy(const float* points, int64_t count, int64_t dimension, int neighbours,
                                          int64_t queries, const PairWork& work) {
  const DensityEstimate estimate = nearest_neighbour_density({points, count, dimension}, neighbours, queries, work);
  if (estimate.logDensity.empty()) return {-kInfinity, 0, estimate.duplicates};
  const Mean mean = mean_of(estimate.logDensity);
  return {-mean.value, mean.standardError, estimate.duplicates};
}

double nearest_neighbour_bias(int64_t p) { return p <= 5 ? 0.05 : p <= 10 ? 0.2 : kInfinity; }

double two_sample_bias(int64_t p, int64_t count, int neighbours, double divergence) {
  const double share = static_cast<double>(neighbours) / static_cast<double>(std::max<int64_t>(1, count));
  return 1.5 * std::pow(std::min(1.0, share), 1.0 / static_cast<double>(p)) * std::max(0.0, divergence);
}

std::vector<double> mixture_log_density(Points centres, double variance, Points queries, const PairWork& work) {
  const double p = static_cast<double>(centres.dimension);
  const double offset = -p / 2 * std::log(2 * kPi * variance) - std::log(static_cast<double>(centres.count));
  std::vector<double> result(static_cast<size_t>(queries.count));
  if (work.on_backend()) {
    result = work.network->mixture(centres, variance, queries, work.cancel);
    for (double& log : result) log += offset;
    return result;
  }
  const int64_t blocks = (queries.count + kQueryBlock - 1) / kQueryBlock;
  run(work, blocks, [&](int64_t block, int) {
    const int64_t first = block * kQueryBlock, count = std::min(kQueryBlock, queries.count - first);
    std::vector<double> top(static_cast<size_t>(count), -kInfinity), sum(static_cast<size_t>(count), 0.0);
    for (int64_t from = 0; from < centres.count; from += kPointBlock) {
      if (stopped(work.cancel)) return;
      const int64_t to = std::min(centres.count, from + kPointBlock);
      for (int64_t q = 0; q < count; ++q) {
        double& best = top[static_cast<size_t>(q)];
        double& total = sum[static_cast<size_t>(q)];
        for (int64_t r = from; r < to; ++r) {
          const double exponent = -square_distance(queries[first + q], centres[r], centres.dimension) / (2 * variance);
          if (exponent < best - 40) continue;  // below rounding
          if (exponent > best) {
            total = total * std::exp(best - exponent) + 1;
            best = exponent;
          } else {
            total += std::exp(exponent - best);
          }
        }
      }
    }
    for (int64_t q = 0; q < count; ++q)
      result[static_cast<size_t>(first + q)] =
          offset + top[static_cast<size_t>(q)] + std::log(sum[static_cast<size_t>(q)]);
  });
  return result;
}

std::vector<double> two_sample_divergences(Points q, Points p, int neighbours, int64_t queries, const PairWork& work) {
  const std::vector<int64_t> asked = evenly(q.count, queries);
  const std::vector<float> gathered = gather(q, asked);
  const Points from{gathered.data(), static_cast<int64_t>(asked.size()), q.dimension};
  const std::vector<double> own = log_neighbour_distances(q, from, asked, neighbours, work);
  const std::vector<double> other = log_neighbour_distances(p, from, {}, neighbours, work);
  std::vector<double> result;
  const double ratio = std::log(static_cast<double>(p.count) / static_cast<double>(q.count - 1));
  for (size_t r = 0; r < asked.size(); ++r)
    if (std::isfinite(own[r]) && std::isfinite(other[r]))
      result.push_back(static_cast<double>(q.dimension) * (other[r] - own[r]) + ratio);
  return result;
}

}  // namespace meanfield
