#include "native/kernel_regime/kernel_spectrum.h"

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "native/core/errors.h"
#include "native/core/philox.h"

namespace meanfield {

namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

struct Pairs {
  Vector values;   // largest first
  Matrix vectors;  // a column each
};

Pairs largest_of(const Matrix& symmetric, int64_t count) {
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(symmetric);
  return {solver.eigenvalues().reverse().head(count), solver.eigenvectors().rowwise().reverse().leftCols(count)};
}

/// K V / n, rows of K in chunks.
Matrix times(const Eigen::Map<const Matrix>& K, const Matrix& V, ThreadPool& pool, const CancelToken* cancel) {
  constexpr int64_t kChunk = 64;
  const int64_t n = K.rows();
  Matrix image(n, V.cols());
  const auto chunk = [&](int64_t index, int) {
    const int64_t many = std::min(kChunk, n - index * kChunk);
    image.middleRows(index * kChunk, many).noalias() =
        K.middleCols(index * kChunk, many).transpose() * V / static_cast<double>(n);
  };
  if (!pool.run((n + kChunk - 1) / kChunk, chunk, cancel)) cancel->check();
  return image;
}

/// V with what it has in the columns of Q taken out twice, and orthonormal columns.
Matrix orthonormal(const Matrix& Q, Matrix V) {
  for (int round = 0; round < 2; ++round) {
    if (Q.cols() > 0) V -= Q * (Q.transpose() * V);
    V = Eigen::HouseholderQR<Matrix>(V).householderQ() * Matrix::Identity(V.rows(), V.cols());
  }
  return V;
}

Pairs block_krylov(const Eigen::Map<const Matrix>& K, int64_t count, uint64_t seed, ThreadPool& pool,
                   const CancelToken* cancel) {
  constexpr int64_t kBlock = 16;
  constexpr double kResidual = 1e-10;
  const int64_t n = K.rows();
  const RandomField field{seed, Stream::Certificate};
  Matrix V(n, kBlock);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < kBlock; ++j) V(i, j) = field.normal(0, static_cast<uint32_t>(i), static_cast<uint32_t>(j));
  Matrix Q(n, 0), image(n, 0);
  V = orthonormal(Q, V);
  for (;;) {
    const int64_t have = Q.cols();
    Q.conservativeResize(n, have + V.cols());
    Q.rightCols(V.cols()) = V;
    const Matrix product = times(K, V, pool, cancel);
    image.conservativeResize(n, Q.cols());
    image.rightCols(V.cols()) = product;
    const int64_t m = Q.cols();
    const bool full = m + kBlock > n;
    if (full || (m >= count + kBlock && (m / kBlock) % 4 == 0)) {
      const Matrix T = Q.transpose() * image;
      const Pairs inner = largest_of((T + T.transpose()) / 2, std::min(count, m));
      const Matrix vectors = Q * inner.vectors;
      const Matrix residual = image * inner.vectors - vectors * inner.values.asDiagonal();
      if (full || residual.colwise().norm().maxCoeff() <= kResidual * inner.values[0]) return {inner.values, vectors};
    }
    V = orthonormal(Q, product);
  }
}

/// Bounds of Tr Σ(Σ + ρ)^{-1} from the largest eigenvalues and the trace. λ/(λ + ρ) is concave: what is left of the trace gives most
/// when it is spread evenly, and least in pieces of the last eigenvalue found.
KernelSpectrum::Interval effective_dimension(const Vector& values, double trace, int64_t n, double ridge) {
  double known = 0, sum = 0;
  for (const double value : values) {
    known += std::max(value, 0.0) / (std::max(value, 0.0) + ridge);
    sum += value;
  }
  const double left = std::max(trace - sum, 0.0), others = static_cast<double>(n - values.size());
  if (others == 0 || left == 0) return {known, known};
  const double last = std::max(values[values.size() - 1], left / others);
  return {known + left / (last + ridge), known + left / (left / others + ridge)};
}

}  // namespace

KernelSpectrum kernel_spectrum(const TangentKernel& kernel, const MatrixView<const float>& rows,
                               const SpectrumQuestion& question, uint64_t seed, ThreadPool& pool,
                               const CancelToken* cancel) {
  const int64_t n = rows.rows;
  if (n < 1 || n > kSpectrumRows)
    throw Error(ErrorCode::InvalidData, "the spectrum was asked for " + std::to_string(n) + " rows; expected 1 to " +
                                            std::to_string(kSpectrumRows) +
                                            ", whose kernel matrix is kept in memory. Take a sample of the rows.");
  if (question.components < 1)
    throw Error(ErrorCode::InvalidOption,
                "components is " + std::to_string(question.components) + "; expected at least 1.");
  for (const double ridge : question.ridges)
    if (!(ridge > 0 && std::isfinite(ridge)))
      throw Error(ErrorCode::InvalidOption,
                  "a ridge of the effective dimension is " + format_option(ridge) + "; expected numbers above 0.");
  for (const double power : question.powers)
    if (!(power >= 0 && std::isfinite(power)))
      throw Error(ErrorCode::InvalidOption,
                  "a power of the source condition is " + format_option(power) + "; expected numbers of at least 0.");
  const int64_t components = std::min(question.components, n);
  const std::vector<double> gram = kernel.gram(rows, rows, pool, cancel);
  const Eigen::Map<const Matrix> K(gram.data(), n, n);
  const double nn = static_cast<double>(n);

  KernelSpectrum spectrum;
  spectrum.trace = K.trace() / nn;
  spectrum.complete = n <= kDenseRows || (n <= kAllRows && 4 * components > n);
  Pairs pairs = spectrum.complete ? largest_of(K / nn, n) : block_krylov(K, components, seed, pool, cancel);
  if (cancel) cancel->check();
  for (const double ridge : question.ridges)
    spectrum.dimensions.push_back(effective_dimension(pairs.values, spectrum.trace, n, ridge));

  // Signs by the largest entry, so that they depend on the kernel alone.
  for (int64_t i = 0; i < pairs.vectors.cols(); ++i) {
    Eigen::Index at = 0;
    pairs.vectors.col(i).cwiseAbs().maxCoeff(&at);
    if (pairs.vectors(at, i) < 0) pairs.vectors.col(i) *= -1;
  }
  const double floor = nn * std::numeric_limits<double>::epsilon() * pairs.values[0];
  for (int64_t f = 0; f < question.functionCount; ++f) {
    const Eigen::Map<const Vector, 0, Eigen::InnerStride<>> values(question.functions + f, n,
                                                                   Eigen::InnerStride<>(question.functionCount));
    const Vector coefficients = pairs.vectors.transpose() * values / std::sqrt(nn);
    spectrum.coefficients.insert(spectrum.coefficients.end(), coefficients.data(), coefficients.data() + components);
    const double whole = values.squaredNorm() / nn;
    double inside = 0;
    std::vector<double> norms(question.powers.size(), 0.0);
    for (int64_t i = 0; i < coefficients.size(); ++i) {
      if (!(pairs.values[i] > floor)) continue;
      inside += coefficients[i] * coefficients[i];
      for (size_t p = 0; p < norms.size(); ++p)
        norms[p] += std::pow(pairs.values[i], -2 * question.powers[p]) * coefficients[i] * coefficients[i];
    }
    for (const double norm : norms) spectrum.norms.push_back(std::sqrt(norm));
    spectrum.captured.push_back(whole > 0 ? inside / whole : 1);
  }
  spectrum.eigenvalues.assign(pairs.values.data(), pairs.values.data() + components);
  spectrum.eigenvectors.assign(pairs.vectors.data(), pairs.vectors.data() + n * components);
  return spectrum;
}

std::vector<double> extend_eigenfunctions(const TangentKernel& kernel, const MatrixView<const float>& rows,
                                          const double* eigenvalues, const double* eigenvectors, int64_t components,
                                          const MatrixView<const float>& at, ThreadPool& pool,
                                          const CancelToken* cancel) {
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  constexpr int64_t kChunk = 1024;
  const int64_t n = rows.rows;
  const Eigen::Map<const Matrix> vectors(eigenvectors, n, components);
  const Vector factors =
      (std::sqrt(static_cast<double>(n)) * Eigen::Map<const Vector>(eigenvalues, components)).cwiseInverse();
  std::vector<double> values(static_cast<size_t>(at.rows * components));
  for (int64_t first = 0; first < at.rows; first += kChunk) {
    const MatrixView<const float> part(at.row(first), std::min(kChunk, at.rows - first), at.cols, at.stride);
    const std::vector<double> cross = kernel.gram(part, rows, pool, cancel);
    Eigen::Map<Rows>(values.data() + first * components, part.rows, components) =
        Eigen::Map<const Rows>(cross.data(), part.rows, n) * vectors * factors.asDiagonal();
  }
  return values;
}

}  // namespace meanfield
