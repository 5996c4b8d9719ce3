#include "native/mean_field/torus_kernel.h"

#include <algorithm>
#include <cmath>

namespace meanfield {

namespace {

constexpr int64_t kBlock = 64;  // points whose factors are at hand together

double series_weight(int64_t frequency) { return 2.0 / static_cast<double>(1 + frequency); }

}  // namespace

double torus_factor(double t, int64_t frequencies) {
  double value = 1;
  for (int64_t j = 1; j <= frequencies; ++j) value += series_weight(j) * std::cos(static_cast<double>(j) * t);
  return value;
}

TorusPoints::TorusPoints(const std::vector<double>& points, int64_t dimension, int64_t frequencies)
    : count_(static_cast<int64_t>(points.size()) / dimension), dimension_(dimension), frequencies_(frequencies),
      waves_(points.size() * static_cast<size_t>(2 * frequencies)) {
  double* wave = waves_.data();
  for (int64_t c = 0; c < dimension; ++c)
    for (int64_t j = 1; j <= frequencies; ++j, wave += 2 * count_)
      for (int64_t i = 0; i < count_; ++i) {
        const double angle = static_cast<double>(j) * points[static_cast<size_t>(i * dimension + c)];
        wave[i] = std::cos(angle);
        wave[count_ + i] = std::sin(angle);
      }
}

double TorusPoints::mean(const double* a, double weight, double* gradient) const {
  const int64_t p = dimension_;
  std::vector<double> factors(static_cast<size_t>(p * kBlock)), slopes(gradient ? factors.size() : 0), own;
  for (int64_t c = 0; c < p; ++c)
    for (int64_t j = 1; j <= frequencies_; ++j) {
      own.push_back(series_weight(j) * std::cos(static_cast<double>(j) * a[c]));
      own.push_back(series_weight(j) * std::sin(static_cast<double>(j) * a[c]));
    }
  const double share = 1 / static_cast<double>(count_);
  double sum = 0;
  for (int64_t first = 0; first < count_; first += kBlock) {
    const int64_t many = std::min(kBlock, count_ - first);
    std::fill(factors.begin(), factors.end(), 1.0);
    std::fill(slopes.begin(), slopes.end(), 0.0);
    for (int64_t c = 0; c < p; ++c)
      for (int64_t j = 0; j < frequencies_; ++j) {
        const double cosine = own[static_cast<size_t>(2 * (c * frequencies_ + j))];
        const double sine = own[static_cast<size_t>(2 * (c * frequencies_ + j) + 1)];
        const double* cosines = waves_.data() + 2 * (c * frequencies_ + j) * count_ + first;
        const double* sines = cosines + count_;
        double* factor = factors.data() + c * kBlock;
        for (int64_t i = 0; i < many; ++i) factor[i] += cosine * cosines[i] + sine * sines[i];
        if (!gradient) continue;
        double* slope = slopes.data() + c * kBlock;
        const double times = static_cast<double>(j + 1);
        for (int64_t i = 0; i < many; ++i) slope[i] += times * (cosine * sines[i] - sine * cosines[i]);
      }
    double product[kBlock];
    const auto multiply = [&](const double* factor) {
      for (int64_t i = 0; i < many; ++i) product[i] *= factor[i];
    };
    const auto total = [&] {
      double all = 0;
      for (int64_t i = 0; i < many; ++i) all += product[i];
      return all;
    };
    std::fill(product, product + many, 1.0);
    for (int64_t c = 0; c < p; ++c) multiply(factors.data() + c * kBlock);
    sum += total();
    for (int64_t c = 0; gradient && c < p; ++c) {
      std::copy_n(slopes.data() + c * kBlock, many, product);
      for (int64_t other = 0; other < p; ++other)
        if (other != c) multiply(factors.data() + other * kBlock);
      gradient[c] += weight * share * total();
    }
  }
  return share * sum;
}

double mean_kernel(const std::vector<double>& x, const TorusPoints& y, int64_t dimension) {
  double sum = 0;
  const size_t p = static_cast<size_t>(dimension);
  for (size_t i = 0; i < x.size(); i += p) sum += y.mean(&x[i]);
  return sum / static_cast<double>(x.size() / p);
}

}  // namespace meanfield
