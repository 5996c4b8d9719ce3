// Tangent kernels, their spectra, and the certificate of the linearized problem, against closed forms.
#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>

#include "native/kernel_regime/kernel_spectrum.h"
#include "native/kernel_regime/linearized.h"
#include "test/native/kernel_regime_data.h"

using namespace kernel_regime;

namespace {

constexpr double kPi = 3.14159265358979323846;

/// The setting of the paper's figures: R² = 1/800, R²γ² = 1/4.
KernelRegimeOptions figure(Layers layers) {
  KernelRegimeOptions o;
  o.width = 2;
  o.activation = ActivationShape::Relu;
  o.outputScale = 1 / (20 * std::sqrt(2.0));
  o.biasScale = 10 * std::sqrt(2.0);
  o.layers = layers;
  return o;
}

/// Eigenvalues of the circle for frequency k, by the table's formulas.
double exact(Layers layers, int k) {
  const auto h = [](int j) { return j == 0 ? 0.25 : j % 2 == 0 ? 0.0 : 1 / (kPi * kPi * j * j); };
  const double a = k == 0       ? 1 / (kPi * kPi)
                   : k == 1     ? 1.0 / 16
                   : k % 2 == 0 ? 1 / (kPi * kPi * (k * k - 1.0) * (k * k - 1.0))
                                : 0;
  const double b = 1.0 / 800 * ((k == 0 ? h(1) : (h(k - 1) + h(k + 1)) / 2) + 200 * h(k));
  return (layers != Layers::Input ? a : 0) + (layers != Layers::Output ? b : 0);
}

std::vector<double> sorted_exact(Layers layers, int count) {
  std::vector<double> values;
  for (int k = 0; k < 2000; ++k) values.insert(values.end(), k == 0 ? 1 : 2, exact(layers, k));
  std::sort(values.rbegin(), values.rend());
  values.resize(static_cast<size_t>(count));
  return values;
}

KernelSpectrum of_circle(Layers layers, int64_t n, const SpectrumQuestion& question, const Data& data) {
  ThreadPool pool(2);
  const TangentNetwork net(figure(layers), 2, 1, 1);
  return kernel_spectrum(TangentKernel(net, layers, KernelWidth::Infinite), data.rows(), question, 1, pool, nullptr);
}

}  // namespace

TEST_CASE("tangent kernel: the table of the circle") {
  CHECK(exact(Layers::Both, 0) == doctest::Approx(1.63947835e-1).epsilon(1e-8));
  CHECK(exact(Layers::Output, 6) == doctest::Approx(8.27111703e-5).epsilon(1e-8));
  CHECK(exact(Layers::Input, 3) == doctest::Approx(2.81447732e-3).epsilon(1e-8));
  const Data data = circle(400);
  SpectrumQuestion question;
  question.ridges = {1e-2, 1e-3, 1e-4};
  for (const Layers layers : kAllLayers) {
    const KernelSpectrum spectrum = of_circle(layers, 400, question, data);
    const std::vector<double> expected = sorted_exact(layers, 20);
    // n points add the frequencies k + jn to k: 2 Σ_j R²γ²/(π² n² j²) ≤ 1/(12 n²).
    for (size_t i = 0; i < 20; ++i)
      CHECK(std::fabs(spectrum.eigenvalues[i] - expected[i]) < 1.0 / (12 * 160000) + 1e-7);
    const double trace = (layers != Layers::Input ? 0.25 : 0) + (layers != Layers::Output ? 0.125625 : 0);
    CHECK(std::fabs(spectrum.trace - trace) < 1e-7);
    if (layers != Layers::Both) continue;
    const double dimensions[] = {4.95, 11.68, 31.43};
    // The sum over all frequencies has a tail beyond n: at 1e-4 about Σ_{odd k > 200} 2·1/(4 π² k²)/1e-4 = 1.3, of which n points fold half back.
    const double tolerance[] = {0.02, 0.05, 0.8};
    for (size_t i = 0; i < 3; ++i) {
      CHECK(std::fabs(spectrum.dimensions[i].least - dimensions[i]) < tolerance[i]);
      CHECK(spectrum.dimensions[i].least == spectrum.dimensions[i].most);
    }
  }
  // The table's values are those of 2000 frequencies; all of them give 4.955, 11.69 and 31.56.
  double dimension[3] = {0, 0, 0};
  for (int k = 0; k < 2000; ++k)
    for (size_t i = 0; i < 3; ++i)
      dimension[i] += (k == 0 ? 1 : 2) * exact(Layers::Both, k) / (exact(Layers::Both, k) + question.ridges[i]);
  CHECK(dimension[0] == doctest::Approx(4.95).epsilon(2e-3));
  CHECK(dimension[1] == doctest::Approx(11.68).epsilon(1e-3));
  CHECK(dimension[2] == doctest::Approx(31.43).epsilon(1e-3));
}

TEST_CASE("tangent kernel: source norms of averages of eigenfunctions") {
  const Data data = circle(400);
  const auto target = [&](Layers layers) {  // the mean of #3 … #10
    SpectrumQuestion question;
    question.components = 10;
    const KernelSpectrum spectrum = of_circle(layers, 400, question, data);
    std::vector<double> values(400, 0.0);
    for (size_t c = 2; c < 10; ++c)
      for (size_t i = 0; i < 400; ++i) values[i] += std::sqrt(400.0) * spectrum.eigenvectors[c * 400 + i] / 8;
    return values;
  };
  const auto norms = [&](const std::vector<double>& values, Layers layers) {
    SpectrumQuestion question;
    question.powers = {0.5, 0.75, 1};
    question.functions = values.data();
    question.functionCount = 1;
    return of_circle(layers, 400, question, data).norms;
  };
  const auto check = [](const std::vector<double>& found, std::vector<double> expected) {
    for (size_t i = 0; i < 3; ++i) CHECK(found[i] == doctest::Approx(expected[i]).epsilon(0.03));
  };
  check(norms(target(Layers::Output), Layers::Output), {32.6, 407, 5.4e3});
  check(norms(target(Layers::Output), Layers::Both), {31.6, 387, 5.0e3});
  check(norms(target(Layers::Input), Layers::Input), {12.4, 81.6, 558});
  check(norms(target(Layers::Both), Layers::Input), {22.7, 235, 2.5e3});
  check(norms(target(Layers::Both), Layers::Both), {8.67, 50.3, 305});
}

TEST_CASE("tangent kernel: closed forms against sampled directions, and finite width against its definition") {
  ThreadPool pool(2);
  for (const int64_t d : {2, 5}) {
    const Data data = smooth_data(6, d, 1);
    for (const Layers layers : kAllLayers) {
      KernelRegimeOptions o = options(200000, layers, ActivationShape::Relu);
      const TangentNetwork wide(o, d, 1, 3);
      const std::vector<double> sampled = TangentKernel(wide, layers).gram(data.rows(), data.rows(), pool, nullptr);
      const std::vector<double> closed =
          TangentKernel(wide, layers, KernelWidth::Infinite).gram(data.rows(), data.rows(), pool, nullptr);
      // Terms are below 3 here: 100 000 directions leave a standard error of at most 0.005, five of them allowed.
      CHECK(largest_difference(sampled, closed) < 0.025);

      o.width = 600;
      o.activation = ActivationShape::Tanh;
      const TangentNetwork net(o, d, 1, 3);
      const std::vector<double> gram = TangentKernel(net, layers).gram(data.rows(), data.rows(), pool, nullptr);
      for (int64_t i = 0; i < 6; ++i)
        for (int64_t j = 0; j < 6; ++j) {
          double k = 0;
          for (int64_t r = 0; r < 300; ++r) {
            double u = 0, v = 0, dot = 0, s, t, p, q;
            for (int64_t c = 0; c < d; ++c) {
              u += net.directions[c * 300 + r] * data.x[i * d + c];
              v += net.directions[c * 300 + r] * data.x[j * d + c];
              dot += static_cast<double>(data.x[i * d + c]) * data.x[j * d + c];
            }
            net.activation(&u, 1, &s, &p);
            net.activation(&v, 1, &t, &q);
            if (layers != Layers::Input) k += s * t;
            if (layers != Layers::Output) k += 0.49 * (dot + 0.25) * p * q;
          }
          CHECK(std::fabs(gram[i * 6 + j] - 2 * k / 600) < 1e-13);
        }
      const std::vector<double> diagonal = TangentKernel(net, layers).diagonal(data.rows(), pool, nullptr);
      for (int64_t i = 0; i < 6; ++i) CHECK(std::fabs(diagonal[i] - gram[i * 7]) < 1e-13);
    }
  }
}

TEST_CASE("tangent kernel: the feature map makes the kernel") {
  ThreadPool pool(2);
  const Data data = smooth_data(150, 3, 1);
  for (const Layers layers : kAllLayers) {
    const TangentNetwork net(options(700, layers), 3, 1, 3);
    const TangentKernel kernel(net, layers);
    const std::vector<double> v = displaced(net, 1.0);  // some numbers
    const std::vector<double> image =
        kernel.product(data.rows(), kernel.transposed(data.rows(), v.data(), 2, pool, nullptr), 2, pool, nullptr);
    const std::vector<double> K = kernel.gram(data.rows(), data.rows(), pool, nullptr);
    for (int64_t i = 0; i < 150; ++i)
      for (int64_t o = 0; o < 2; ++o) {
        double sum = 0;
        for (int64_t j = 0; j < 150; ++j) sum += K[i * 150 + j] * v[j * 2 + o];
        CHECK(std::fabs(image[i * 2 + o] - sum) < 1e-11);
      }
  }
}

TEST_CASE("kernel spectrum: the largest eigenvalues of many rows, on and off the circle, and Nyström") {
  ThreadPool pool(2);
  for (const bool round : {false, true}) {
    const Data data = round ? circle(600) : smooth_data(600, 4, 1);
    const TangentNetwork net(options(200, Layers::Both, ActivationShape::Relu), data.d, 1, 3);
    const TangentKernel kernel(net, Layers::Both, KernelWidth::Infinite);
    SpectrumQuestion question;
    question.components = 21;
    question.ridges = {1e-3};
    const KernelSpectrum spectrum = kernel_spectrum(kernel, data.rows(), question, 1, pool, nullptr);
    CHECK_FALSE(spectrum.complete);
    const std::vector<double> K = kernel.gram(data.rows(), data.rows(), pool, nullptr);
    const Eigen::Map<const Eigen::MatrixXd> matrix(K.data(), 600, 600);
    const Eigen::VectorXd all =
        Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(matrix / 600.0, Eigen::EigenvaluesOnly).eigenvalues().reverse();
    for (int64_t i = 0; i < 21; ++i) CHECK(std::fabs(spectrum.eigenvalues[i] - all[i]) < 1e-10 * all[0]);
    const double dimension = (all.array() / (all.array() + 1e-3)).sum();
    CHECK(spectrum.dimensions[0].least <= dimension * (1 + 1e-9));
    CHECK(spectrum.dimensions[0].most >= dimension * (1 - 1e-9));
    const MatrixView<const float> some(data.x.data(), 50, data.d);
    const std::vector<double> extended = extend_eigenfunctions(kernel, data.rows(), spectrum.eigenvalues.data(),
                                                               spectrum.eigenvectors.data(), 21, some, pool, nullptr);
    for (int64_t i = 0; i < 50; ++i)
      for (int64_t c = 0; c < 5; ++c)
        CHECK(std::fabs(extended[i * 21 + c] - std::sqrt(600.0) * spectrum.eigenvectors[c * 600 + i]) < 1e-6);
  }
}

TEST_CASE("kernel spectrum: what cannot be answered is refused") {
  const Data data = smooth_data(5, 2, 1);
  ThreadPool pool(1);
  const TangentNetwork net(options(4, Layers::Both), 2, 1, 1);
  CHECK_THROWS_WITH_AS(TangentKernel(net, Layers::Both, KernelWidth::Infinite), doctest::Contains("relu"), Error);
  const TangentKernel kernel(net, Layers::Both);
  SpectrumQuestion question;
  question.components = 0;
  CHECK_THROWS_WITH_AS(kernel_spectrum(kernel, data.rows(), question, 1, pool, nullptr),
                       doctest::Contains("components"), Error);
  question.components = 3;
  question.ridges = {0};
  CHECK_THROWS_WITH_AS(kernel_spectrum(kernel, data.rows(), question, 1, pool, nullptr), doctest::Contains("above 0"),
                       Error);
  CancelToken cancel;
  cancel.cancel();
  question.ridges = {};
  CHECK_THROWS_WITH_AS(kernel_spectrum(kernel, data.rows(), question, 1, pool, &cancel), doctest::Contains("cancelled"),
                       Error);
}

TEST_CASE(
    "kernel regime certificate: the dual is the minimum of kernel ridge regression, by features or by the matrix") {
  const Data data = smooth_data(60, 3, 2);
  ThreadPool pool(2);
  for (const Layers layers : kAllLayers) {
    const TangentNetwork net(options(300, layers), 3, 2, 5);
    const double ridge = 0.003;
    const KernelRegimeProblem problem{net, data.rows(), data.y.data(), ridge, pool, 4};
    const std::vector<double> K = TangentKernel(net, layers).gram(data.rows(), data.rows(), pool, nullptr);
    Eigen::MatrixXd A = Eigen::Map<const Eigen::MatrixXd>(K.data(), 60, 60);
    A.diagonal().array() += 60 * ridge;
    const Eigen::Map<const Eigen::MatrixXd> y(data.y.data(), 2, 60);
    const double minimum = ridge / 2 * y.transpose().cwiseProduct(A.llt().solve(y.transpose())).sum();
    const std::vector<double> theta = displaced(net, 0.1), g = outputs(net, theta, data, pool);
    for (const int64_t gramRows : {kKernelRows, int64_t{0}}) {
      const KernelCertificate c = certify_linearized(problem, theta, g, gramRows);
      CHECK(c.dual == doctest::Approx(minimum).epsilon(1e-12));
      CHECK(c.least < 1e-12 * minimum);
      CHECK(c.gap == c.primal - c.dual);
      CHECK(c.gap > 0);
      if (layers == Layers::Output) CHECK(c.departure < 1e-14);
    }
  }
}

TEST_CASE("kernel regime certificate: averaged SGD converges to kernel ridge regression") {
  const Data data = smooth_data(50, 3, 1);
  ThreadPool pool(2);
  const TangentNetwork net(options(200, Layers::Output), 3, 1, 5);
  const KernelRegimeProblem problem{net, data.rows(), data.y.data(), 0.02, pool, 4};
  // All rows in every step: plain gradient descent, which forgets its start like 1/T in the average.
  AveragedSgd::State s = AveragedSgd::init(problem, 1.0, 50);
  for (int t = 0; t < 3000; ++t) AveragedSgd::step(s, problem);
  const KernelCertificate last = certify_linearized(problem, s.theta, outputs(net, s.theta, data, pool));
  CHECK(std::fabs(last.gap) < 1e-14);
  const auto gap_after = [&](int64_t steps) {
    AveragedSgd::State one = AveragedSgd::init(problem, 0.2, 1);
    while (one.steps < steps) AveragedSgd::step(one, problem);
    return certify_linearized(problem, one.average(), outputs(net, one.average(), data, pool)).gap;
  };
  // The distance of the average falls like 1/T, the gap like its square; the noise of the rows, drawn without
  // replacement, averages out faster than 1/T.
  const double first = gap_after(500), second = gap_after(8000);
  CHECK(second > -1e-15);
  CHECK(second < first / 16);
}
