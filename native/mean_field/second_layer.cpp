#include "native/mean_field/second_layer.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>

namespace meanfield {

struct SecondLayerSolver::Factor {
  Eigen::MatrixXd features;  // H; n × M
  Eigen::LLT<Eigen::MatrixXd> cholesky;
  double ridge;
};

SecondLayerSolver::SecondLayerSolver(const Network& features, int64_t rows, double ridge) {
  const auto factor = std::make_shared<Factor>();
  const int64_t M = features.shape().particles;
  factor->ridge = ridge;
  factor->features.resize(rows, M);
  const double one = 1;
  for (int32_t i = 0; i < rows; ++i) {
    const std::vector<double> h = features.energies(0, {&i, 1}, &one);
    factor->features.row(i) = Eigen::Map<const Eigen::RowVectorXd>(h.data(), M);
  }
  Eigen::MatrixXd gram = Eigen::MatrixXd::Identity(rows, rows) * (static_cast<double>(rows) * ridge);
  gram.selfadjointView<Eigen::Lower>().rankUpdate(factor->features, 1.0 / static_cast<double>(M));
  factor->cholesky.compute(gram);
  factor_ = factor;
}

std::vector<double> SecondLayerSolver::solve(const double* y) const {
  const Eigen::Index n = factor_->features.rows();
  const Eigen::VectorXd u = factor_->cholesky.solve(Eigen::Map<const Eigen::VectorXd>(y, n));
  return {u.data(), u.data() + n};
}

std::vector<double> SecondLayerSolver::weights(const std::vector<double>& u) const {
  const Eigen::VectorXd a =
      factor_->features.transpose() * Eigen::Map<const Eigen::VectorXd>(u.data(), static_cast<Eigen::Index>(u.size()));
  return {a.data(), a.data() + a.size()};
}

double SecondLayerSolver::objective(const std::vector<double>& u, const double* y) const {
  double inner = 0;
  for (size_t i = 0; i < u.size(); ++i) inner += y[i] * u[i];
  return factor_->ridge / 2 * inner;
}

double SecondLayerSolver::plugin_bias(const std::vector<double>& u) const {
  const Eigen::MatrixXd& H = factor_->features;
  const Eigen::Index M = H.cols(), used = std::min<Eigen::Index>(M, 1000);
  const Eigen::Map<const Eigen::VectorXd> dual(u.data(), static_cast<Eigen::Index>(u.size()));
  Eigen::MatrixXd some(H.rows(), used);
  for (Eigen::Index q = 0; q < used; ++q) some.col(q) = H.col(q * M / used);
  const Eigen::VectorXd weights = some.transpose() * dual, f = H * (H.transpose() * dual) / static_cast<double>(M);
  factor_->cholesky.matrixL().solveInPlace(some);  // ‖L⁻¹h‖² = hᵀK⁻¹h
  const double spread = (weights.array().square() * some.colwise().squaredNorm().transpose().array()).mean() -
                        factor_->cholesky.matrixL().solve(f).squaredNorm();
  return factor_->ridge / 2 * spread / static_cast<double>(std::max<Eigen::Index>(1, M - 1));
}

double SecondLayerSolver::loss(const std::vector<double>& u) const {
  const double n = static_cast<double>(u.size());
  double square = 0;
  for (double value : u) square += value * value;
  return square * n * factor_->ridge * factor_->ridge / 2;
}

}  // namespace meanfield
