#include "native/kernel_regime/linearized.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <functional>

#include "native/kernel_regime/tangent_kernel.h"

namespace meanfield {

namespace {

using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
constexpr double kWork = 2e10;  // operations of the products by features
constexpr int kLeastIterations = 5, kMostIterations = 1000;
constexpr double kSmall = 1e-24;  // of the squared residual, relative to |y|²

}  // namespace

KernelCertificate certify_linearized(const KernelRegimeProblem& problem, const std::vector<double>& theta,
                                     const std::vector<double>& outputs, int64_t gramRows) {
  const TangentNetwork& net = problem.network;
  const MatrixView<const float>& x = problem.rows;
  const int64_t n = x.rows, k = net.outputs;
  const double nn = static_cast<double>(n), lambda = problem.ridge;
  ThreadPool& pool = problem.pool;
  const CancelToken* cancel = problem.cancel;
  const Layers layers = net.trainsOutput ? net.trainsInput ? Layers::Both : Layers::Output : Layers::Input;
  const TangentKernel kernel(net, layers);
  const Eigen::Map<const Rows> y(problem.targets, n, k), g(outputs.data(), n, k);

  std::vector<double> gram;
  if (n <= gramRows) gram = kernel.gram(x, x, pool, cancel);
  const std::function<Rows(const Rows&)> apply = [&](const Rows& v) -> Rows {
    if (cancel) cancel->check();
    Rows image(n, k);
    if (!gram.empty()) {
      constexpr int64_t kChunk = 64;
      const Eigen::Map<const Rows> K(gram.data(), n, n);
      const auto chunk = [&](int64_t index, int) {
        const int64_t many = std::min(kChunk, n - index * kChunk);
        image.middleRows(index * kChunk, many).noalias() = K.middleRows(index * kChunk, many) * v;
      };
      if (!pool.run((n + kChunk - 1) / kChunk, chunk, cancel)) cancel->check();
    } else {
      const std::vector<double> product =
          kernel.product(x, kernel.transposed(x, v.data(), k, pool, cancel), k, pool, cancel);
      image = Eigen::Map<const Rows>(product.data(), n, k);
    }
    return image + nn * lambda * v;
  };

  KernelCertificate certificate;
  const std::vector<double> visible = kernel.product(x, kernel.visible(theta.data()), k, pool, cancel);
  const Eigen::Map<const Rows> linear(visible.data(), n, k);
  const double distance = Eigen::Map<const Eigen::VectorXd>(theta.data(), net.size()).squaredNorm();
  certificate.primal = (linear - y).squaredNorm() / (2 * nn) + lambda / 2 * distance;
  certificate.departure = std::sqrt((g - linear).squaredNorm() / (nn * static_cast<double>(k)));

  // Activations cost about 20 operations, products by features 4 a feature and output, both twice.
  const double each = 2 * nn * static_cast<double>(net.half) * (20 + 4 * static_cast<double>(k * (net.inputs + 1)));
  const int most =
      gram.empty() ? std::max(kLeastIterations, static_cast<int>(std::min(kWork / each, 1e3))) : kMostIterations;
  Rows alpha = (y - linear) / (nn * lambda), image = apply(alpha), residual = y - image, along = residual;
  const auto dots = [](const Rows& a, const Rows& b) -> Eigen::RowVectorXd {
    return a.cwiseProduct(b).colwise().sum();
  };
  Eigen::RowVectorXd squares = dots(residual, residual);
  const Eigen::RowVectorXd enough = kSmall * dots(y, y);
  // An output that is done, or whose direction has vanished, moves no more.
  while (certificate.iterations < most && (squares.array() > enough.array()).any()) {
    image = apply(along);
    const Eigen::RowVectorXd curvature = dots(along, image);
    const Eigen::RowVectorXd length =
        (curvature.array() > 0 && squares.array() > enough.array()).select(squares.array() / curvature.array(), 0);
    alpha += along * length.asDiagonal();
    residual -= image * length.asDiagonal();
    const Eigen::RowVectorXd next = dots(residual, residual);
    const Eigen::RowVectorXd turn = (squares.array() > 0).select(next.array() / squares.array(), 0);
    along = residual + along * turn.asDiagonal();
    squares = next;
    ++certificate.iterations;
  }
  // ⟨α, (K + nλ) α⟩ = ⟨α, y − residual⟩, with a residual that is computed anew.
  residual = y - apply(alpha);
  certificate.dual = lambda * (dots(alpha, y).sum() - dots(alpha, y - residual).sum() / 2);
  certificate.least = residual.squaredNorm() / (2 * nn);
  certificate.gap = certificate.primal - certificate.dual;
  return certificate;
}

}  // namespace meanfield
