#include "native/mean_field/preconditioner.h"

#include <Eigen/Eigenvalues>
#include <cmath>

#include "native/core/spectrum.h"

namespace meanfield {

namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Stride = Eigen::OuterStride<>;
using Block = Eigen::Map<Matrix, 0, Stride>;
using ConstBlock = Eigen::Map<const Matrix, 0, Stride>;

/// Added to the spectrum, in units of its mean: no direction is held still or let loose altogether.
constexpr double kFloor = 0.001;

/// P ∝ (S + kFloor · mean eigenvalue)^power, of trace d; S the second moment of the rows.
Preconditioner of_moment(const MatrixView<const float>& rows, int power, const CancelToken* cancel) {
  const int64_t d = rows.cols;
  const std::vector<double> sum = second_moment(rows, cancel);
  const Eigen::Map<const Eigen::MatrixXd> moment(sum.data(), d, d);
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
  return of_moment(x, -1, &cancel);
}

Preconditioner gradient_covariance(const std::vector<float>& gradients, int64_t p, int64_t d) {
  return of_moment({gradients.data(), static_cast<int64_t>(gradients.size()) / p, d, p}, 1, nullptr);
}

}  // namespace meanfield
