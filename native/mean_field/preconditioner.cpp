#include "native/mean_field/preconditioner.h"

#include <Eigen/Eigenvalues>
#include <cmath>

namespace meanfield {

namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Stride = Eigen::OuterStride<>;
using Block = Eigen::Map<Matrix, 0, Stride>;
using ConstBlock = Eigen::Map<const Matrix, 0, Stride>;

/// Added to the spectrum, in units of its mean: no direction is held still or let loose altogether.
constexpr double kFloor = 0.001;

/// P ∝ (S + kFloor · mean eigenvalue)^power, of trace d.
Preconditioner of_moment(const Eigen::MatrixXd& moment, int power) {
  const int64_t d = moment.rows();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(moment);
  const double mean = std::max(moment.trace() / static_cast<double>(d), 1e-300);
  Eigen::VectorXd spectrum = (solver.eigenvalues().array().max(0.0) + kFloor * mean).pow(power);
  spectrum *= static_cast<double>(d) / spectrum.sum();
  const auto matrix = [&](const Eigen::VectorXd& values) {
    const Matrix made = (solver.eigenvectors() * values.asDiagonal() * solver.eigenvectors().transpose()).cast<float>();
    return std::vector<float>(made.data(), made.data() + made.size());
  };
  return {d, matrix(spectrum), matrix(spectrum.cwiseSqrt()), matrix(spectrum.cwiseSqrt().cwiseInverse()),
          spectrum.maxCoeff()};
}

/// (1/n) Σ x xᵀ in double, by blocks of rows.
Eigen::MatrixXd second_moment(const float* rows, int64_t count, int64_t stride, int64_t d, const CancelToken* cancel) {
  constexpr int64_t kBlock = 256;
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(d, d);
  for (int64_t first = 0; first < count; first += kBlock) {
    if (cancel) cancel->check();
    const ConstBlock block(rows + first * stride, std::min(kBlock, count - first), d, Stride(stride));
    sum.selfadjointView<Eigen::Lower>().rankUpdate(block.cast<double>().transpose());
  }
  sum /= static_cast<double>(count);
  return sum.selfadjointView<Eigen::Lower>();
}

}  // namespace

std::vector<float> Preconditioner::transform(const MatrixView<const float>& x) const {
  std::vector<float> made(static_cast<size_t>(x.rows * d));
  Block(made.data(), x.rows, d, Stride(d)).noalias() =
      ConstBlock(x.data, x.rows, d, Stride(x.stride)) * ConstBlock(root.data(), d, d, Stride(d));
  return made;
}

void Preconditioner::map(std::vector<float>& particles, int64_t p, bool inverse) const {
  Block weights(particles.data(), static_cast<int64_t>(particles.size()) / p, d, Stride(p));
  weights = (weights * ConstBlock((inverse ? inverseRoot : root).data(), d, d, Stride(d))).eval();
}

void Preconditioner::move(float* theta, const float* gradient, const float* xi, int64_t count, int64_t p,
                          const Update& update) const {
  const float decay = static_cast<float>(1 - update.keep), rate = static_cast<float>(update.rate),
              noise = static_cast<float>(update.noise);
  const ConstBlock weights(theta, count, d, Stride(p));
  Matrix change = -decay * weights;
  if (rate != 0) change -= rate * ConstBlock(gradient, count, d, Stride(p));
  change = (change * ConstBlock(metric.data(), d, d, Stride(d))).eval();
  if (xi) change.noalias() += noise * ConstBlock(xi, count, d, Stride(p)) * ConstBlock(root.data(), d, d, Stride(d));
  for (int64_t r = 0; r < count; ++r) {
    float* to = theta + r * p;
    for (int64_t c = 0; c < d; ++c) to[c] += change(r, c);
    for (int64_t c = d; c < p; ++c)
      to[c] += noise * (xi ? xi[r * p + c] : 0) - decay * to[c] - (rate != 0 ? rate * gradient[r * p + c] : 0);
  }
}

Preconditioner whitening(const MatrixView<const float>& x, const CancelToken& cancel) {
  return of_moment(second_moment(x.data, x.rows, x.stride, x.cols, &cancel), -1);
}

Preconditioner gradient_covariance(const std::vector<float>& gradients, int64_t p, int64_t d) {
  const int64_t count = static_cast<int64_t>(gradients.size()) / p;
  return of_moment(second_moment(gradients.data(), count, p, d, nullptr), 1);
}

}  // namespace meanfield
