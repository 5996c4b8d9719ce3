// Views of memory, and the spectra computed through them, against matrices small enough to know.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "native/core/errors.h"
#include "native/core/philox.h"
#include "native/core/spectrum.h"
#include "native/core/views.h"

using namespace meanfield;

TEST_CASE("views: a matrix view with a stride reads a window of a larger matrix") {
  std::vector<float> numbers;
  for (int i = 0; i < 12; ++i) numbers.push_back(static_cast<float>(i));
  const MatrixView<float> whole(numbers.data(), 3, 4), window(numbers.data() + 1, 3, 2, 4);
  CHECK(whole.stride == 4);
  CHECK(whole(2, 3) == 11);
  CHECK(window(0, 0) == 1);
  CHECK(window(2, 1) == 10);
  CHECK(window.row(1) == numbers.data() + 5);
  window(1, 1) = -1;
  CHECK(whole(1, 2) == -1);
  const MatrixView<const float> everySecond(numbers.data(), 2, 4, 8);
  CHECK(everySecond(1, 0) == 8);
  CHECK(MatrixView<float>().rows == 0);
}

TEST_CASE_TEMPLATE("views: compressed rows, with pointers of 32 and 64 bits", Index, int32_t, int64_t) {
  // 1 0 2
  // 0 0 0
  // 0 3 0
  const std::vector<float> values = {1, 2, 3};
  const std::vector<int32_t> columns = {0, 2, 1};
  const std::vector<Index> starts = {0, 2, 2, 3};
  const CsrView<float, Index> matrix{values.data(), columns.data(), starts.data(), 3, 3};
  const double x[3] = {10, 100, 1000};
  CHECK(matrix.nonZeros() == 3);
  CHECK(matrix.dotRow(0, x) == 2010);
  CHECK(matrix.dotRow(1, x) == 0);
  CHECK(matrix.dotRow(2, x) == 300);
  // The last two rows alone: pointers need not begin at 0.
  const CsrView<float, Index> tail{values.data(), columns.data(), starts.data() + 1, 2, 3};
  CHECK(tail.nonZeros() == 1);
  CHECK(tail.dotRow(1, x) == 300);
  CHECK(CsrView<float, Index>().nonZeros() == 0);
  // Products are taken in double: in float32 there is no 16777217.
  const float big = 16777216, one = 1;
  const std::vector<float> wide = {big, one};
  const std::vector<int32_t> both = {0, 1};
  const std::vector<Index> single = {0, 2};
  const double ones[2] = {1, 1};
  CHECK(CsrView<float, Index>{wide.data(), both.data(), single.data(), 1, 2}.dotRow(0, ones) == 16777217.0);
}

TEST_CASE("spectrum: singular values and vectors of a matrix built from them") {
  // X = U diag(7, 2, 0.5) Vᵀ with U and V from Householder reflections, orthogonal to rounding.
  const auto reflection = [](int size, double first) {
    std::vector<double> v(static_cast<size_t>(size), 1), h(static_cast<size_t>(size * size));
    v[0] = first;
    double norm = 0;
    for (double x : v) norm += x * x;
    for (int i = 0; i < size; ++i)
      for (int j = 0; j < size; ++j)
        h[static_cast<size_t>(i * size + j)] =
            (i == j) - 2 * v[static_cast<size_t>(i)] * v[static_cast<size_t>(j)] / norm;
    return h;
  };
  const int n = 9, d = 3;
  const double sigma[3] = {7, 2, 0.5};
  const std::vector<double> u = reflection(n, 2), v = reflection(d, -3);
  std::vector<float> x;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < d; ++j) {
      double sum = 0;
      for (int q = 0; q < d; ++q)
        sum += u[static_cast<size_t>(i * n + q)] * sigma[q] * v[static_cast<size_t>(j * d + q)];
      x.push_back(static_cast<float>(sum));
    }
  const MatrixView<const float> matrix(x.data(), n, d);
  const RightSingular result = right_singular_vectors(matrix, 3);
  for (int q = 0; q < 3; ++q) {
    CHECK(result.values[static_cast<size_t>(q)] == doctest::Approx(sigma[q]).epsilon(1e-5));
    double cosine = 0;
    for (int j = 0; j < d; ++j)
      cosine += result.vectors[static_cast<size_t>(q * d + j)] * v[static_cast<size_t>(j * d + q)];
    CHECK(std::fabs(cosine) == doctest::Approx(1).epsilon(1e-6));
  }
  // λ_max of XᵀX/n, to the stated relative change of 1e-6.
  CHECK(second_moment_norm(matrix, false) == doctest::Approx(49.0 / n).epsilon(1e-5));
  CHECK(right_singular_vectors(matrix, 1).vectors.size() == 3);
}

TEST_CASE("spectrum: the second moment with a column of ones, bounded by trace and diagonal") {
  const RandomField field{1, Stream::Init};
  const int64_t n = 200, d = 6;
  std::vector<float> x, extended;
  for (uint32_t i = 0; i < n; ++i) {
    for (uint32_t j = 0; j < d; ++j) {
      x.push_back(field.normal(0, i, j) * static_cast<float>(1 + j) + 0.5f);
      extended.push_back(x.back());
    }
    extended.push_back(1);
  }
  const MatrixView<const float> plain(x.data(), n, d), withOnes(extended.data(), n, d + 1);
  const double norm = second_moment_norm(plain, true);
  CHECK(norm == doctest::Approx(second_moment_norm(withOnes, false)).epsilon(1e-12));
  const double singular = right_singular_vectors(withOnes, 1).values[0];
  CHECK(norm == doctest::Approx(singular * singular / n).epsilon(1e-4));
  double trace = 0;
  for (float value : extended) trace += static_cast<double>(value) * value / n;
  CHECK(norm <= trace);
  CHECK(norm > 1);
  const std::vector<float> zeros(12, 0.f);
  CHECK(second_moment_norm(MatrixView<const float>(zeros.data(), 4, 3), false) == 0);
}

TEST_CASE("spectrum: what has no singular vectors is refused") {
  const float numbers[4] = {1, 2, 3, std::nanf("")};
  const MatrixView<const float> good(numbers, 1, 3), bad(numbers, 2, 2), empty(numbers, 0, 3);
  CHECK_THROWS_WITH_AS(right_singular_vectors(good, 4), doctest::Contains("asked for 4 of a 1 x 3 matrix"), Error);
  CHECK_THROWS_AS(right_singular_vectors(good, 0), Error);
  CHECK_THROWS_AS(right_singular_vectors(empty, 1), Error);
  CHECK_THROWS_WITH_AS(right_singular_vectors(bad, 1), doctest::Contains("not finite"), Error);
}
