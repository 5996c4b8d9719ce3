#include "native/kernel_regime/tangent_kernel.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <string>

#include "native/core/errors.h"

namespace meanfield {

namespace {

using Matrix = Eigen::MatrixXd;
constexpr int64_t kRows = 128, kPairs = TangentNetwork::kPairs;
constexpr double kPi = 3.14159265358979323846;

/// Activations of a block of pairs, a column a row.
struct Tile {
  Matrix values, slopes;
  Tile(const TangentNetwork& network, const Matrix& x, int64_t block)
      : values(network.block_size(block), x.cols()), slopes(values.rows(), x.cols()) {
    double u[kPairs];
    for (int64_t i = 0; i < x.cols(); ++i) {
      network.start_preactivations(block * kPairs, values.rows(), x.col(i).data(), u);
      network.activation(u, values.rows(), values.col(i).data(), slopes.col(i).data());
    }
  }
};

int64_t chunks(const MatrixView<const float>& rows) { return (rows.rows + kRows - 1) / kRows; }

/// Rows (x, γ) of a chunk, a column each.
Matrix augmented(const TangentNetwork& network, const MatrixView<const float>& rows, int64_t chunk) {
  const int64_t begin = chunk * kRows, many = std::min(kRows, rows.rows - begin);
  Matrix x(network.inputs, many);
  for (int64_t i = 0; i < many; ++i) network.augment(rows.row(begin + i), x.col(i).data());
  return x;
}

void run(ThreadPool& pool, int64_t tasks, const CancelToken* cancel, const std::function<void(int64_t)>& task) {
  if (!pool.run(tasks, [&](int64_t index, int) { task(index); }, cancel) || (cancel && cancel->cancelled()))
    throw Error(ErrorCode::Cancelled, "the work was cancelled before it had a result.");
}

}  // namespace

TangentKernel::TangentKernel(const TangentNetwork& network, Layers layers, KernelWidth width)
    : network_(network), output_(layers != Layers::Input), input_(layers != Layers::Output),
      infinite_(width == KernelWidth::Infinite) {
  if (infinite_ && network.activation.shape != ActivationShape::Relu)
    throw Error(
        ErrorCode::InvalidOption,
        "kernel-regime: the kernel of infinite width has a closed form for relu alone; use activation 'relu', or "
        "width 'finite'.");
}

double TangentKernel::infinite(const double* x, const double* z) const {
  double xx = 0, zz = 0, xz = 0;
  for (int64_t j = 0; j < network_.features; ++j) {
    xx += x[j] * x[j];
    zz += z[j] * z[j];
    xz += x[j] * z[j];
  }
  const double norms = std::sqrt(xx * zz);
  // ReLU'(0) = 0: a row of zeros has no slope anywhere.
  if (norms == 0) return 0;
  // From |x/|x| − z/|z|| and its complement, which keep all digits at angles near 0 and π.
  double apart = 0, along = 0;
  for (int64_t j = 0; j < network_.features; ++j) {
    const double a = x[j] / std::sqrt(xx), b = z[j] / std::sqrt(zz);
    apart += (a - b) * (a - b);
    along += (a + b) * (a + b);
  }
  const double phi = 2 * std::atan2(std::sqrt(apart), std::sqrt(along)), slopes = (kPi - phi) / (2 * kPi);
  double k = 0;
  if (output_)
    k += norms * (std::sin(phi) + (kPi - phi) * std::cos(phi)) / (2 * kPi * static_cast<double>(network_.features));
  if (input_) k += network_.R * network_.R * (xz + network_.gamma * network_.gamma) * slopes;
  return k;
}

std::vector<double> TangentKernel::diagonal(const MatrixView<const float>& rows, ThreadPool& pool,
                                            const CancelToken* cancel) const {
  std::vector<double> k(static_cast<size_t>(rows.rows));
  run(pool, chunks(rows), cancel, [&](int64_t chunk) {
    const Matrix x = augmented(network_, rows, chunk);
    Eigen::Map<Eigen::VectorXd> to(&k[chunk * kRows], x.cols());
    if (infinite_) {
      for (int64_t i = 0; i < x.cols(); ++i) to[i] = infinite(x.col(i).data(), x.col(i).data());
      return;
    }
    Eigen::VectorXd values = Eigen::VectorXd::Zero(x.cols()), slopes = values;
    for (int64_t block = 0; block < network_.blocks() && !(cancel && cancel->cancelled()); ++block) {
      const Tile tile(network_, x, block);
      values += tile.values.colwise().squaredNorm().transpose();
      slopes += tile.slopes.colwise().squaredNorm().transpose();
    }
    to.setZero();
    if (output_) to += values;
    if (input_) to += network_.R * network_.R * slopes.cwiseProduct(x.colwise().squaredNorm().transpose());
    to *= 2.0 / static_cast<double>(network_.width);
  });
  return k;
}

std::vector<double> TangentKernel::gram(const MatrixView<const float>& x, const MatrixView<const float>& z,
                                        ThreadPool& pool, const CancelToken* cancel) const {
  const bool symmetric = x.data == z.data && x.rows == z.rows;
  std::vector<double> k(static_cast<size_t>(x.rows) * static_cast<size_t>(z.rows));
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Eigen::Map<Rows> all(k.data(), x.rows, z.rows);
  const int64_t across = chunks(z);
  run(pool, chunks(x) * across, cancel, [&](int64_t tile) {
    const int64_t I = tile / across, J = tile % across;
    if (symmetric && J > I) return;
    const Matrix xi = augmented(network_, x, I), zj = augmented(network_, z, J);
    Matrix values = Matrix::Zero(xi.cols(), zj.cols());
    if (infinite_) {
      for (int64_t i = 0; i < xi.cols(); ++i)
        for (int64_t j = 0; j < zj.cols(); ++j) values(i, j) = infinite(xi.col(i).data(), zj.col(j).data());
    } else {
      Matrix slopes = values;
      for (int64_t block = 0; block < network_.blocks() && !(cancel && cancel->cancelled()); ++block) {
        const Tile a(network_, xi, block), b(network_, zj, block);
        if (output_) values.noalias() += a.values.transpose() * b.values;
        if (input_) slopes.noalias() += a.slopes.transpose() * b.slopes;
      }
      if (input_) values += network_.R * network_.R * slopes.cwiseProduct(xi.transpose() * zj);
      values *= 2.0 / static_cast<double>(network_.width);
    }
    // A tile on the diagonal is computed once and mirrored: exactly symmetric.
    if (symmetric && I == J) values.triangularView<Eigen::StrictlyUpper>() = values.transpose().eval();
    all.block(I * kRows, J * kRows, xi.cols(), zj.cols()) = values;
    if (symmetric && I != J) all.block(J * kRows, I * kRows, zj.cols(), xi.cols()) = values.transpose();
  });
  return k;
}

std::vector<double> TangentKernel::transposed(const MatrixView<const float>& rows, const double* v, int64_t k,
                                              ThreadPool& pool, const CancelToken* cancel) const {
  const int64_t inputs = network_.inputs, first = output_ ? network_.half : 0;
  std::vector<double> w(static_cast<size_t>(features() * k));
  const double factor = std::sqrt(2.0 / static_cast<double>(network_.width));
  run(pool, network_.blocks(), cancel, [&](int64_t block) {
    const int64_t many = network_.block_size(block);
    Matrix output = Matrix::Zero(many, k), input = Matrix::Zero(many, k * inputs);
    for (int64_t chunk = 0; chunk < chunks(rows) && !(cancel && cancel->cancelled()); ++chunk) {
      const Matrix x = augmented(network_, rows, chunk);
      const Tile tile(network_, x, block);
      const Eigen::Map<const Matrix> part(v + chunk * kRows * k, k, x.cols());
      if (output_) output.noalias() += tile.values * part.transpose();
      if (!input_) continue;
      Matrix weighted(k * inputs, x.cols());
      for (int64_t o = 0; o < k; ++o) weighted.middleRows(o * inputs, inputs) = x * part.row(o).asDiagonal();
      input.noalias() += tile.slopes * weighted.transpose();
    }
    for (int64_t o = 0; o < k; ++o) {
      double* to = &w[o * features()];
      if (output_) Eigen::Map<Eigen::VectorXd>(to + block * kPairs, many) = factor * output.col(o);
      if (input_)
        Eigen::Map<Matrix, 0, Eigen::OuterStride<>>(to + first + block * kPairs, many, inputs,
                                                    Eigen::OuterStride<>(network_.half)) =
            factor * network_.R * input.middleCols(o * inputs, inputs);
    }
  });
  return w;
}

std::vector<double> TangentKernel::product(const MatrixView<const float>& rows, const std::vector<double>& w, int64_t k,
                                           ThreadPool& pool, const CancelToken* cancel) const {
  const int64_t inputs = network_.inputs, first = output_ ? network_.half : 0;
  std::vector<double> out(static_cast<size_t>(rows.rows * k));
  const double factor = std::sqrt(2.0 / static_cast<double>(network_.width));
  run(pool, chunks(rows), cancel, [&](int64_t chunk) {
    const Matrix x = augmented(network_, rows, chunk);
    Eigen::Map<Matrix> to(&out[chunk * kRows * k], k, x.cols());
    to.setZero();
    Matrix along = Matrix::Zero(inputs, x.cols());
    for (int64_t block = 0; block < network_.blocks() && !(cancel && cancel->cancelled()); ++block) {
      const Tile tile(network_, x, block);
      for (int64_t o = 0; o < k; ++o) {
        const double* from = &w[o * features()];
        if (output_)
          to.row(o) +=
              Eigen::Map<const Eigen::VectorXd>(from + block * kPairs, tile.values.rows()).transpose() * tile.values;
        if (!input_) continue;
        const Eigen::Map<const Matrix, 0, Eigen::OuterStride<>> b(from + first + block * kPairs, tile.slopes.rows(),
                                                                  inputs, Eigen::OuterStride<>(network_.half));
        along.noalias() = b.transpose() * tile.slopes;
        to.row(o) += network_.R * along.cwiseProduct(x).colwise().sum();
      }
    }
    to *= factor;
  });
  return out;
}

std::vector<double> TangentKernel::visible(const double* theta) const {
  const TangentNetwork& net = network_;
  const double root = std::sqrt(0.5);
  std::vector<double> w(static_cast<size_t>(features() * net.outputs));
  double* to = w.data();
  for (int64_t o = 0; o < net.outputs; ++o) {
    if (output_) {
      const double* a = net.output_weights(theta, o);
      for (int64_t r = 0; r < net.half; ++r) *to++ = root * (a[r] + a[net.half + r]);
    }
    for (int64_t j = 0; input_ && j < net.inputs; ++j) {
      const double* b = net.input_weights(theta, o) + j * net.width;
      for (int64_t r = 0; r < net.half; ++r) *to++ = root * (b[r] - b[net.half + r]);
    }
  }
  return w;
}

}  // namespace meanfield
