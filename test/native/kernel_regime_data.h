// Small problems of the kernel regime.
#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "native/core/philox.h"
#include "native/kernel_regime/averaged_sgd.h"

namespace kernel_regime {

using namespace meanfield;

struct Data {
  std::vector<float> x;
  std::vector<double> y;
  int64_t n, d, k;
  MatrixView<const float> rows() const { return {x.data(), n, d}; }
};

/// Normal features, targets a smooth function of them.
inline Data smooth_data(int64_t n, int64_t d, int64_t k, uint64_t seed = 3) {
  Data data{{}, {}, n, d, k};
  const RandomField field{seed, Stream::Labels};
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < d; ++j)
      data.x.push_back(field.normal(0, static_cast<uint32_t>(i), static_cast<uint32_t>(j)) /
                       static_cast<float>(std::sqrt(static_cast<double>(d))));
    for (int64_t o = 0; o < k; ++o) data.y.push_back(std::sin(2 * data.x[i * d] + static_cast<double>(o)));
  }
  return data;
}

/// n points equally spaced on the circle.
inline Data circle(int64_t n) {
  Data data{{}, std::vector<double>(static_cast<size_t>(n), 0.0), n, 2, 1};
  for (int64_t i = 0; i < n; ++i) {
    const double t = 2 * 3.14159265358979323846 * static_cast<double>(i) / static_cast<double>(n);
    data.x.push_back(static_cast<float>(std::cos(t)));
    data.x.push_back(static_cast<float>(std::sin(t)));
  }
  return data;
}

inline KernelRegimeOptions options(int64_t width, Layers layers, ActivationShape activation = ActivationShape::Swish) {
  KernelRegimeOptions o;
  o.width = width;
  o.layers = layers;
  o.activation = activation;
  if (activation != ActivationShape::Relu) o.sharpness = 3;
  o.outputScale = 0.7;
  o.biasScale = 0.5;
  return o;
}

inline const Layers kAllLayers[] = {Layers::Both, Layers::Output, Layers::Input};

/// Parameters that are not those of the start.
inline std::vector<double> displaced(const TangentNetwork& network, double size, uint64_t seed = 1) {
  const RandomField field{seed, Stream::Restart};
  std::vector<double> theta(static_cast<size_t>(network.size()));
  for (size_t i = 0; i < theta.size(); ++i) theta[i] = size * field.normal(0, static_cast<uint32_t>(i), 0);
  return theta;
}

inline std::vector<double> outputs(const TangentNetwork& network, const std::vector<double>& theta, const Data& data,
                                   ThreadPool& pool) {
  std::vector<double> out(static_cast<size_t>(data.n * network.outputs));
  network.evaluate(theta.data(), data.rows(), pool, nullptr, out.data());
  return out;
}

inline double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::fabs(a[i] - b[i]));
  return most;
}

}  // namespace kernel_regime
