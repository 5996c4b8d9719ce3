#include "native/core/spectrum.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <string>

#include "native/core/errors.h"

namespace meanfield {

std::vector<double> second_moment(const MatrixView<const float>& matrix, const CancelToken* cancel) {
  constexpr int64_t kBlock = 256;
  using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const int64_t d = matrix.cols;
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(d, d);
  for (int64_t first = 0; first < matrix.rows; first += kBlock) {
    if (cancel) cancel->check();
    const Eigen::Map<const Rows, 0, Eigen::OuterStride<>> block(
        matrix.row(first), std::min(kBlock, matrix.rows - first), d, Eigen::OuterStride<>(matrix.stride));
    sum.selfadjointView<Eigen::Lower>().rankUpdate(block.cast<double>().transpose());
  }
  sum /= static_cast<double>(matrix.rows);
  sum.triangularView<Eigen::StrictlyUpper>() = sum.transpose().eval();
  return {sum.data(), sum.data() + sum.size()};
}

RightSingular right_singular_vectors(const MatrixView<const float>& matrix, int64_t count) {
  const int64_t d = matrix.cols;
  if (matrix.rows < 1 || d < 1 || count < 1 || count > d)
    throw Error(ErrorCode::InvalidData, "singular vectors: asked for " + std::to_string(count) + " of a " +
                                            std::to_string(matrix.rows) + " x " + std::to_string(d) +
                                            " matrix; expected between 1 and the number of columns.");
  const std::vector<double> moment = second_moment(matrix);
  const Eigen::Map<const Eigen::MatrixXd> gram(moment.data(), d, d);
  if (!gram.allFinite())
    throw Error(ErrorCode::InvalidData, "singular vectors: the matrix holds numbers that are not finite.");
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram);
  RightSingular result;
  for (int64_t j = 0; j < count; ++j) {
    const Eigen::VectorXd vector = solver.eigenvectors().col(d - 1 - j);
    result.vectors.insert(result.vectors.end(), vector.data(), vector.data() + d);
    result.values.push_back(
        std::sqrt(std::max(0.0, solver.eigenvalues()[d - 1 - j]) * static_cast<double>(matrix.rows)));
  }
  return result;
}

double second_moment_norm(const MatrixView<const float>& matrix, bool bias, const CancelToken* cancel) {
  const int64_t d = matrix.cols, size = d + (bias ? 1 : 0);
  std::vector<double> v(static_cast<size_t>(size), 1 / std::sqrt(static_cast<double>(size))), next(v.size());
  double eigen = 0;
  for (int iteration = 0; iteration < 200; ++iteration) {
    std::fill(next.begin(), next.end(), 0.0);
    if (cancel) cancel->check();
    for (int64_t i = 0; i < matrix.rows; ++i) {
      const float* x = matrix.row(i);
      double product = bias ? v.back() : 0;
      for (int64_t c = 0; c < d; ++c) product += v[static_cast<size_t>(c)] * x[c];
      product /= static_cast<double>(matrix.rows);
      for (int64_t c = 0; c < d; ++c) next[static_cast<size_t>(c)] += product * x[c];
      if (bias) next.back() += product;
    }
    double norm = 0;
    for (double value : next) norm += value * value;
    norm = std::sqrt(norm);
    if (norm == 0) return 0;
    for (size_t c = 0; c < v.size(); ++c) v[c] = next[c] / norm;
    if (std::fabs(norm - eigen) <= 1e-6 * norm) return norm;
    eigen = norm;
  }
  return eigen;
}

}  // namespace meanfield
