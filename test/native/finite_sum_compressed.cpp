// Coordinate descent on a compressed copy of dense columns: the kernels against their definition, and fits that need more than 256 columns.
#include "native/finite_sum/compressed.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "native/kernels/kernels.h"
#include "test/native/finite_sum_data.h"

using namespace finite_sum_test;

namespace {

/// Rows of a stationary sequence with correlation 0.8 between neighbours; a tenth of the columns make the target.
Data chain(int64_t n, int64_t d, LossKind loss, int classes = 1) {
  Data data{n, d, std::vector<double>(static_cast<size_t>(n * d)), {}, {}, {}, {0}, {}};
  const RandomField field{11, Stream::Init};
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t r = static_cast<uint32_t>(i);
    double before = field.normal(0, r, 0), margin = 0;
    for (int64_t j = 0; j < d; ++j) {
      const uint32_t c = static_cast<uint32_t>(j);
      before = j == 0 ? before : 0.8 * before + 0.6 * field.normal(0, r, c);
      data.dense[i * d + j] = before;
      data.values.push_back(before);
      data.columns.push_back(static_cast<int32_t>(j));
      if (j % 10 == 3) margin += before * field.normal(1, 0, c);
    }
    data.start64.push_back(static_cast<int64_t>(data.values.size()));
    const double y = margin + 2 * field.normal(2, r, 0);
    data.targets.push_back(classes > 1                  ? std::fmod(std::fabs(std::floor(y / 4)), classes)
                           : loss == LossKind::Logistic ? (y > 0 ? 1 : -1)
                                                        : y);
  }
  return data;
}

LinearFitResult fitted(LinearFitRequest request, double threads, double tolerance = 1e-11) {
  request.run.push_back({"tolerance", tolerance});
  request.run.push_back({"threads", threads});
  LinearFit fit(request);
  return fit.run(CancelToken(), {});
}

double largest_product(const Data& data) {
  double largest = 0;
  for (int64_t j = 0; j < data.d; ++j) {
    double sum = 0;
    for (int64_t i = 0; i < data.n; ++i) sum += data.dense[i * data.d + j] * data.targets[i];
    largest = std::max(largest, std::fabs(sum) / static_cast<double>(data.n));
  }
  return largest;
}

}  // namespace

TEST_CASE("compressed columns: every instruction set against the definition, odd sizes, float32 and float64") {
  uint64_t r = 3;
  for (int set = 0; set < cpu_isa_count(); ++set) {
    if (!cpu_isa_supported(set)) continue;
    CAPTURE(cpu_isa_name(set));
    const LinearKernels& kernels = *linear_kernels(cpu_isa_name(set));
    const ColumnKernels& k = *kernels.columns;
    for (const auto& [rows, cols] :
         std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {63, 5}, {64, 16}, {65, 17}, {777, 35}}) {
      const int64_t blocks = (rows + 63) / 64, padded = 64 * blocks, wordsOfColumn = 32 * blocks, stride = cols + 2;
      std::vector<double> x(static_cast<size_t>(rows * stride));
      // Columns of all sizes, one of them zero; a block with one large number.
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < cols; ++j)
          x[i * stride + j] =
              static_cast<float>(j == 2 ? 0 : between(r, -1, 1) * std::pow(10.0, static_cast<double>(j % 7 * 4 - 12)));
      if (rows > 70) x[70 * stride] *= 1000;
      const std::vector<float> narrow(x.begin(), x.end());
      cpu::Buffer<int32_t> words(cols * wordsOfColumn), other(cols * wordsOfColumn);
      cpu::Buffer<float> scales(cols * blocks), otherScales(cols * blocks), t(padded), h(padded), moved(padded);
      for (int64_t i = 0; i < rows; i += 128) {
        const int64_t many = std::min<int64_t>(128, rows - i);
        k.compress64(x.data() + i * stride, many, cols, stride, words.data() + i / 2, wordsOfColumn,
                     scales.data() + i / 64, blocks);
      }
      k.compress32(narrow.data(), rows, cols, stride, other.data(), wordsOfColumn, otherScales.data(), blocks);
      t.clear(padded), h.clear(padded), moved.clear(padded);
      for (int64_t i = 0; i < rows; ++i) {
        t.data()[i] = static_cast<float>(between(r, -1, 1));
        h.data()[i] = static_cast<float>(between(r, 0, 1));
      }
      std::vector<double> sums(static_cast<size_t>(cols));
      k.dots(words.data(), wordsOfColumn, scales.data(), blocks, cols, t.data(), blocks, sums.data());
      for (int64_t j = 0; j < cols; ++j) {
        CAPTURE(rows);
        CAPTURE(j);
        const int32_t* column = words.data() + j * wordsOfColumn;
        const float* scale = scales.data() + j * blocks;
        double dot = 0, squares = 0, weighted = 0, size = 0;
        std::vector<double> decoded(static_cast<size_t>(rows));
        for (int64_t b = 0; b < blocks; ++b) {
          CHECK(scale[b] == otherScales.data()[j * blocks + b]);
          double most = 0;
          for (int64_t i = 64 * b; i < std::min(rows, 64 * b + 64); ++i)
            most = std::max(most, std::fabs(x[i * stride + j]));
          for (int64_t u = 0; u < 32; ++u) CHECK(column[32 * b + u] == other.data()[j * wordsOfColumn + 32 * b + u]);
          for (int64_t i = 64 * b; i < std::min(rows, 64 * b + 64); ++i) {
            const uint32_t word = static_cast<uint32_t>(column[32 * b + i % 32]);
            const int16_t part = static_cast<int16_t>(i % 64 < 32 ? word & 0xffff : word >> 16);
            decoded[i] = part * 65536.0 * static_cast<double>(scale[b]);
            // Half a unit of 1/32767, and the rounding of the scale.
            CHECK(std::fabs(decoded[i] - x[i * stride + j]) <= most * (0.5 / 32767 + 2e-7));
            dot += decoded[i] * t.data()[i];
            squares += decoded[i] * decoded[i];
            weighted += h.data()[i] * decoded[i] * decoded[i];
            size += std::fabs(decoded[i] * t.data()[i]);
          }
        }
        // Sums in float32: each of the vector's lanes adds up a tenth of the numbers at most.
        const double unit = 0x1p-24 * (static_cast<double>(rows) / 4 + 8);
        CHECK(std::fabs(k.dot(column, scale, t.data(), blocks, column) - dot) <= unit * size);
        CHECK(std::fabs(sums[j] - dot) <= unit * size);
        CHECK(std::fabs(k.squares(column, scale, nullptr, blocks) - squares) <= unit * squares);
        CHECK(std::fabs(k.squares(column, scale, h.data(), blocks) - weighted) <= unit * squares);
        for (const float* weights : {static_cast<const float*>(nullptr), static_cast<const float*>(h.data())}) {
          std::copy_n(t.data(), padded, moved.data());
          k.axpy(0.3f, column, scale, weights, moved.data(), blocks);
          for (int64_t i = 0; i < rows; ++i) {
            const double by = 0.3 * (weights ? weights[i] : 1.0f) * decoded[i];
            CHECK(std::fabs(moved.data()[i] - (t.data()[i] + by)) <= 0x1p-22 * (std::fabs(by) + 1));
          }
          for (int64_t i = rows; i < padded; ++i) CHECK(moved.data()[i] == 0);
        }
      }
    }
  }
}

TEST_CASE("float32 vectors over the rows: every instruction set against plain sums, across the pieces") {
  uint64_t r = 5;
  for (int set = 0; set < cpu_isa_count(); ++set) {
    if (!cpu_isa_supported(set)) continue;
    CAPTURE(cpu_isa_name(set));
    const FloatKernels& k = *linear_kernels(cpu_isa_name(set))->floats;
    for (int64_t n : {1, 31, 64, 100, 4097, 9001}) {
      const int64_t columns = 13;
      std::vector<float> x(static_cast<size_t>(columns * n)), u(static_cast<size_t>(2 * n));
      std::vector<int32_t> rows(static_cast<size_t>(n));
      std::vector<double> a(static_cast<size_t>(columns)), sums(a);
      for (float& v : x) v = static_cast<float>(between(r, -1, 1));
      for (float& v : u) v = static_cast<float>(between(r, -1, 1));
      for (double& v : a) v = static_cast<float>(between(r, -1, 1));
      for (int64_t e = 0; e < n; ++e) rows[e] = static_cast<int32_t>(2 * e + 1);
      k.dots(x.data(), columns, n, n, u.data(), sums.data());
      std::vector<float> moved(u.begin(), u.begin() + n), sparse = u;
      k.axpys(x.data(), columns, n, n, a.data(), moved.data());
      k.sparse_axpy(0.7f, x.data(), rows.data(), n, sparse.data());
      double sparseDot = 0;
      for (int64_t e = 0; e < n; ++e) sparseDot += static_cast<double>(x[e]) * u[rows[e]];
      const double unit = 0x1p-24 * 1100 * static_cast<double>(n);  // 4096 numbers over four lanes at least
      CHECK(std::fabs(k.sparse_dot(x.data(), rows.data(), n, u.data()) - sparseDot) <= unit);
      for (int64_t c = 0; c < columns; ++c) {
        double dot = 0;
        for (int64_t i = 0; i < n; ++i) dot += static_cast<double>(x[c * n + i]) * u[i];
        CHECK(std::fabs(sums[c] - dot) <= unit);
        CHECK(std::fabs(k.dot(x.data() + c * n, u.data(), n) - dot) <= unit);
      }
      for (int64_t i = 0; i < n; ++i) {
        double sum = u[i];
        for (int64_t c = 0; c < columns; ++c) sum += a[c] * x[c * n + i];
        CHECK(std::fabs(moved[i] - sum) <= 0x1p-24 * 30 * columns);
        CHECK(std::fabs(sparse[2 * i + 1] - (u[2 * i + 1] + 0.7 * x[i])) <= 0x1p-22);
        CHECK(sparse[2 * i] == u[2 * i]);
      }
    }
  }
}

TEST_CASE(
    "many dense columns: the solution of the sparse path, the same bits for any threads; losses, intercept, weights, "
    "elastic net, w >= 0, one-vs-rest, float32") {
  struct Case {
    const char* loss;
    int outputs;
    bool intercept, nonNegative, weighted;
    double l2;
  };
  for (const Case& each : {Case{"squared", 1, false, false, false, 0}, Case{"squared", 1, true, false, true, 0.01},
                           Case{"logistic", 1, false, false, false, 0}, Case{"logistic", 3, true, false, true, 0.001},
                           Case{"huber", 1, true, false, false, 0}, Case{"squared", 1, true, true, false, 0}}) {
    CAPTURE(each.loss);
    CAPTURE(each.outputs);
    CAPTURE(each.nonNegative);
    const bool labels = std::string(each.loss) == "logistic";
    const Data data = chain(400, 450, labels ? LossKind::Logistic : LossKind::Squared, each.outputs);
    const double l1 = labels ? 0.01 : 0.02 * largest_product(data);
    LinearFitRequest request =
        request_of(data, data.view(), each.loss, each.outputs, each.intercept, l1, each.l2, "coordinate-descent");
    request.model.push_back({"nonNegative", each.nonNegative});
    std::vector<double> weights;
    for (int64_t i = 0; i < data.n; ++i) weights.push_back(0.2 + static_cast<double>(i % 3));
    if (each.weighted) request.sampleWeights = weights.data(), request.sampleWeightCount = data.n;
    const LinearFitResult a = fitted(request, 1), b = fitted(request, 3);
    CHECK(a.stop == "gap");
    CHECK(a.weights == b.weights);
    CHECK(a.intercepts == b.intercepts);
    request.data = data.sparse();
    const LinearFitResult sparse = fitted(request, 1);
    CHECK(sparse.stop == "gap");
    CHECK(std::fabs(sparse.objective - a.objective) <= 2e-11 * std::fabs(a.objective));
    CHECK(a.nonZeros == sparse.nonZeros);
    const std::vector<float> narrow(data.dense.begin(), data.dense.end());
    request.data = MatrixView<const float>(narrow.data(), data.n, data.d);
    const LinearFitResult f32 = fitted(request, 1);
    CHECK(f32.stop == "gap");
    CHECK(std::fabs(f32.objective - a.objective) <= 1e-5 * std::fabs(a.objective));
  }
}

TEST_CASE("columns that a copy cannot tell apart, or cannot hold: the Gram matrix in full precision takes over") {
  for (const bool huge : {false, true}) {
    CAPTURE(huge);
    Data data = chain(200, 420, LossKind::Squared);
    const RandomField field{12, Stream::Init};
    for (int64_t i = 0; i < data.n; ++i)
      for (int64_t j = 0; j < data.d; j += 3) {
        double* x = data.dense.data() + i * data.d + j;
        if (huge && j == 3) x[1] *= 1e60, x[2] *= 1e-60;
        if (huge) continue;
        // Neighbours differ by as much as the copy rounds, and the target depends on these differences.
        for (uint32_t e = 1; e < 3; ++e)
          x[e] = x[0] + 1e-4 * field.normal(e, static_cast<uint32_t>(i), static_cast<uint32_t>(j));
        data.targets[i] += 2e3 * (x[1] - x[0]);
      }
    const LinearFitRequest request =
        request_of(data, data.view(), "squared", 1, false, huge ? 0.1 : 0.01, 0, "coordinate-descent");
    const LinearFitResult result = fitted(request, 1, 1e-7);
    CHECK(result.stop == "gap");
    CHECK(result.nonZeros > 50);
  }
}

TEST_CASE("a run on the copy goes on from its checkpoint as if it had not stopped") {
  const Data data = chain(300, 400, LossKind::Squared);
  const std::string file = (std::filesystem::temp_directory_path() / "meanfield-compressed.checkpoint").string();
  LinearFitRequest request =
      request_of(data, data.view(), "squared", 1, true, 0.03 * largest_product(data), 0, "coordinate-descent");
  const LinearFitResult whole = fitted(request, 1);
  CHECK(whole.steps > 2);
  request.checkpoint = file;
  request.run = {{"steps", 2.0}};
  CHECK(fitted(request, 1).steps == 2);
  request.checkpoint.clear();
  request.resume = file;
  request.run.clear();
  const LinearFitResult rest = fitted(request, 2);
  CHECK(rest.weights == whole.weights);
  CHECK(rest.gap == whole.gap);
  CHECK(rest.steps == whole.steps);
  std::filesystem::remove(file);
}
