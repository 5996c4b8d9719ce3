// Boosting in its parts: losses and functional gradients, networks, layers, the optimiser, and what the theory says of a layer.
#include "native/boosting/boosting.h"

#include <algorithm>
#include <numeric>

#include "native/boosting/frank_wolfe.h"
#include "native/boosting/residual_boosting.h"
#include "test/native/boosting_data.h"

using namespace boosting_test;

namespace {

constexpr ClassLossKind kLosses[] = {ClassLossKind::Logistic, ClassLossKind::SmoothHinge};

struct Setting {
  int64_t n, d, classes;
  std::vector<float> z, linear;
  std::vector<int32_t> labels;
  LinearClassifier classifier() const { return {linear.data(), linear.data() + d * classes, d, classes}; }
};

Setting setting(int64_t n, int64_t d, int64_t classes) {
  Setting made{n, d, classes, uniforms(n * d, 1, 2), uniforms((d + 1) * classes, 2, 1), {}};
  for (int64_t i = 0; i < n; ++i) made.labels.push_back(static_cast<int32_t>((i * 7) % classes));
  return made;
}

/// Mean loss in double at features z, straight from the definition.
double mean_loss(const Setting& s, ClassLossKind kind, const std::vector<double>& z) {
  double sum = 0;
  for (int64_t i = 0; i < s.n; ++i) {
    std::vector<double> a(static_cast<size_t>(s.classes));
    for (int64_t k = 0; k < s.classes; ++k) {
      a[k] = s.linear[s.d * s.classes + k];
      for (int64_t j = 0; j < s.d; ++j) a[k] += z[i * s.d + j] * s.linear[j * s.classes + k];
    }
    double total = 0;
    for (int64_t k = 0; k < s.classes; ++k)
      total += kind == ClassLossKind::Logistic ? std::exp(a[k] - a[s.labels[i]])
                                               : std::log1p(std::exp(1 - (a[s.labels[i]] - a[k])));
    sum += kind == ClassLossKind::Logistic ? std::log(total) : total;
  }
  return sum / static_cast<double>(s.n);
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

}  // namespace

TEST_CASE(
    "boosting: the functional gradient is the derivative of the mean loss in the features, logit gradients sum to 0") {
  ThreadPool pool(2);
  const Multiplier multiply(pool);
  for (const ClassLossKind kind : kLosses) {
    const Setting s = setting(11, 3, 4);
    std::vector<float> gradient(s.z.size());
    const ClassSums sums =
        class_pass(multiply, kind, s.classifier(), view_of(s.z, s.d), s.labels.data(), gradient.data(), nullptr);
    std::vector<double> z(s.z.begin(), s.z.end());
    CHECK(sums.loss == doctest::Approx(mean_loss(s, kind, z)).epsilon(1e-6));
    for (size_t at = 0; at < z.size(); ++at) {
      const double kept = z[at], h = 1e-5;
      z[at] = kept + h;
      const double up = mean_loss(s, kind, z);
      z[at] = kept - h;
      const double slope = (up - mean_loss(s, kind, z)) / (2 * h);
      z[at] = kept;
      CHECK(std::fabs(gradient[at] - slope) < 1e-6);
    }
    // ‖G_i‖ ≤ √2 ‖W‖/n for the softmax, whose logit gradients are at most √2 long.
    double norms = 0, squares = 0, longest = 0;
    for (int64_t i = 0; i < s.n; ++i) {
      double square = 0;
      for (int64_t j = 0; j < s.d; ++j) square += std::pow(static_cast<double>(gradient[i * s.d + j]), 2);
      norms += std::sqrt(square);
      squares += square;
      longest = std::max(longest, std::sqrt(square));
    }
    CHECK(sums.l1 == doctest::Approx(norms).epsilon(1e-6));
    CHECK(sums.l2 == doctest::Approx(std::sqrt(static_cast<double>(s.n) * squares)).epsilon(1e-6));
    CHECK(sums.l1 <= sums.l2 * (1 + 1e-12));
    double frobenius = 0;
    for (int64_t i = 0; i < s.d * s.classes; ++i) frobenius += std::pow(static_cast<double>(s.linear[i]), 2);
    if (kind == ClassLossKind::Logistic) CHECK(longest <= std::sqrt(2 * frobenius) / static_cast<double>(s.n));
    CHECK(std::is_sorted(sums.margins.begin(), sums.margins.end()));
    for (int64_t y = 0; y < s.classes; ++y) {
      std::vector<float> slope(static_cast<size_t>(s.classes));
      class_loss(kind, s.z.data(), s.classes, y, slope.data());
      CHECK(std::fabs(std::accumulate(slope.begin(), slope.end(), 0.0)) < 1e-6);
    }
  }
}

TEST_CASE("boosting: logits as large as float32 holds give finite losses and slopes") {
  for (const ClassLossKind kind : kLosses)
    for (const float size : {1e4f, 1e30f}) {
      const float z[3] = {size, -size, 0};
      for (int64_t y = 0; y < 3; ++y) {
        float slope[3];
        CHECK(std::isfinite(class_loss(kind, z, 3, y, slope)));
        for (float value : slope) CHECK(std::isfinite(value));
      }
    }
}

TEST_CASE("boosting: gradients of one network and of a pair are those of their objective") {
  ThreadPool pool(2);
  const Multiplier multiply(pool);
  const int64_t n = 13;
  const std::vector<float> a = uniforms(n * 3, 1, 1), b = uniforms(n * 2, 2, 1), want = uniforms(n * 4, 3, 1);
  for (const Ending output : {Ending::Identity, Ending::Relu, Ending::Tanh})
    for (const bool pair : {false, true}) {
      std::vector<Branch> branches = {{Perceptron({3, 5, 6, 4}, output), view_of(a, 3)}};
      if (pair) branches.push_back({Perceptron({2, 5, 6, 4}, output), view_of(b, 2)});
      const RowLoss loss = [&](int64_t row, const float* out, float* slope) {
        double sum = 0;
        for (int j = 0; j < 4; ++j) {
          const double miss = static_cast<double>(out[j]) - want[row * 4 + j];
          sum += miss * miss;
          if (slope) slope[j] = static_cast<float>(2 * miss);
        }
        return sum;
      };
      InnerProblem problem(multiply, branches, loss, 0.1, nullptr);
      std::vector<float> p = uniforms(problem.parameters(), 4, 1);
      std::vector<float> gradient(p.size());
      std::vector<int32_t> rows(static_cast<size_t>(n));
      std::iota(rows.begin(), rows.end(), 0);
      problem.gradient(p.data(), rows.data(), n, gradient.data());
      for (size_t at = 0; at < p.size(); ++at) {
        // Float32 outputs: with h = 2^-10 the difference quotient is off by 2^-24/h + h² at most, away from the kinks.
        const float kept = p[at], h = 0x1p-10f;
        p[at] = kept + h;
        const double up = problem.objective(p.data());
        p[at] = kept - h;
        const double down = problem.objective(p.data());
        p[at] = kept;
        const double penalty = static_cast<int64_t>(at) < problem.weights() ? 0.1 * kept : 0;
        CAPTURE(at);
        CHECK(std::fabs(gradient[at] + penalty - (up - down) / (2.0 * h)) < 2e-2);
      }
      // Weights come first and are all that the penalty sees.
      CHECK(problem.weights() == (pair ? 2 * (5 * 6 + 6 * 4) + 3 * 5 + 2 * 5 : 3 * 5 + 5 * 6 + 6 * 4));
      CHECK(problem.parameters() - problem.weights() == (pair ? 30 : 15));
    }
}

TEST_CASE("boosting: a minibatch of rows that stand for all has the gradient of all") {
  ThreadPool pool(1);
  const std::vector<float> x = uniforms(600 * 4, 1, 1);
  const RowLoss loss = [](int64_t row, const float* out, float* slope) {
    if (slope) slope[0] = static_cast<float>(row % 3) * out[0];
    return 0.5 * static_cast<double>(row % 3) * out[0] * out[0];
  };
  InnerProblem problem(Multiplier(pool), {{Perceptron({4, 8, 1}, Ending::Identity), view_of(x, 4)}}, loss, 0, nullptr);
  const std::vector<float> p = uniforms(problem.parameters(), 2, 1);
  std::vector<float> all(p.size()), mean(p.size(), 0.0f), one(p.size());
  std::vector<int32_t> rows(600);
  std::iota(rows.begin(), rows.end(), 0);
  problem.gradient(p.data(), rows.data(), 600, all.data());
  for (int64_t part = 0; part < 6; ++part) {
    problem.gradient(p.data(), rows.data() + 100 * part, 100, one.data());
    for (size_t at = 0; at < p.size(); ++at) mean[at] += one[at] / 6;
  }
  for (size_t at = 0; at < p.size(); ++at) CHECK(mean[at] == doctest::Approx(all[at]).epsilon(1e-4));
}

TEST_CASE(
    "boosting: Nesterov's method finds the minimum of a quadratic, the search a rate that does, the guard halves one "
    "that does not") {
  ThreadPool pool(1);
  // One weight on one constant feature of 1: mean of ½ c_i (w − 3)², whose minimum is w = 3 up to the penalty.
  const std::vector<float> ones(40, 1.0f);
  const RowLoss loss = [](int64_t, const float* out, float* slope) {
    if (slope) slope[0] = 5 * (out[0] - 3);
    return 2.5 * (out[0] - 3.0) * (out[0] - 3.0);
  };
  InnerProblem problem(Multiplier(pool), {{Perceptron({1, 1}, Ending::Identity), view_of(ones, 1)}}, loss, 1e-6,
                       nullptr);
  const Shuffles shuffles = [](uint32_t attempt, uint32_t epoch) {
    return WordStream(1, Stream::Minibatch, uint64_t{attempt} << 30 | epoch);
  };
  NesterovOptions options{0.5, 7, 200, 0, 30};
  std::vector<float> p = {0.0f, 0.0f};
  double rate = Nesterov(problem, options, shuffles).search(p);
  // Rates are 0.01 · 2^k, and those beyond 2/(curvature 10 of w and b together) · (1 + μ) diverge.
  CHECK(std::fabs(std::log2(rate / 0.01) - std::round(std::log2(rate / 0.01))) < 1e-12);
  CHECK(rate < 0.3);
  CHECK(rate > 0.01);
  CHECK(p[0] == 0.0f);
  const double found = Nesterov(problem, options, shuffles).fit(p, rate);
  CHECK(found < 1e-4);
  CHECK(p[0] + p[1] == doctest::Approx(3).epsilon(1e-3));

  std::vector<float> q = {0.0f, 0.0f};
  double large = 100;
  CHECK(Nesterov(problem, options, shuffles).fit(q, large) < 1e-4);
  CHECK(large < 0.3);

  // Ends once 3 passes have brought less than 0.1 % each.
  options.patience = 3;
  Nesterov patient(problem, options, shuffles);
  CHECK(patient.fit(p, rate) <= found * (1 + 1e-9));
  CHECK(patient.rows_seen() < 200 * 40);
}

TEST_CASE("boosting: an objective that no rate can lower is told, not looped over") {
  ThreadPool pool(1);
  const std::vector<float> ones(4, 1.0f);
  const RowLoss loss = [](int64_t, const float* out, float* slope) {
    if (slope) slope[0] = -1e30f * (out[0] >= 0 ? 1.0f : -1.0f);
    return out[0] == 0 ? 0 : std::numeric_limits<double>::quiet_NaN();
  };
  InnerProblem problem(Multiplier(pool), {{Perceptron({1, 1}, Ending::Identity), view_of(ones, 1)}}, loss, 1e-6,
                       nullptr);
  const Shuffles shuffles = [](uint32_t, uint32_t epoch) { return WordStream(1, Stream::Minibatch, epoch); };
  Nesterov nesterov(problem, {0.9, 2, 3, 0, 3}, shuffles);
  std::vector<float> p = {0.0f, 0.0f};
  double rate = 1;
  for (const bool searching : {true, false}) {
    try {
      searching ? nesterov.search(p) : nesterov.fit(p, rate);
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::Diverged);
    }
  }
}

namespace {

/// A layer of a rule at random embeddings, with what it was made of.
struct Made {
  Setting s;
  std::vector<float> gradient, direction;
  Layer layer;
  std::vector<std::vector<double>> products;
};

Made made(const Rule& rule, const Embeddings& embeddings, const Multiplier& multiply, const Setting& s,
          ClassLossKind kind, const std::vector<float>& x) {
  Made m{s, std::vector<float>(s.z.size()), std::vector<float>(s.z.size()), {}, {}};
  class_pass(multiply, kind, s.classifier(), view_of(s.z, s.d), s.labels.data(), m.gradient.data(), nullptr);
  const std::vector<float> p = uniforms(embeddings.parameters(), 9, 0.7);
  m.products = embeddings.products(p, view_of(s.z, s.d), view_of(x, s.d), view_of(m.gradient, s.d), nullptr);
  m.layer = rule.layer(0, p, m.products);
  return m;
}

BoostingOptions shape() {
  BoostingOptions options;
  options.width = 9;
  options.depth = 2;
  return options;
}

}  // namespace

TEST_CASE(
    "boosting: to first order a layer lowers the loss by η ⟨G, K G⟩ whatever the embedding, and the automatic step "
    "lowers it") {
  ThreadPool pool(2);
  const Multiplier multiply(pool);
  for (const ClassLossKind kind : kLosses) {
    const Setting s = setting(700, 5, 3);  // more than one chunk
    const double step = 1e-3;
    const ResidualBoosting fixed({step}), automatic({std::nullopt});
    const Embeddings embeddings(multiply, embedding_networks(shape(), fixed, s.d));
    Made m = made(fixed, embeddings, multiply, s, kind, s.z);
    const double squares =
        embeddings.directions(m.layer, view_of(s.z, s.d), view_of(s.z, s.d), m.direction.data(), nullptr);
    // ⟨G, ι M⟩ = ‖M‖², and K G from its definition.
    CHECK(dot(m.gradient, m.direction) == doctest::Approx(dot(m.layer.matrices, m.layer.matrices)).epsilon(1e-4));
    CHECK(squares == doctest::Approx(dot(m.direction, m.direction)).epsilon(1e-9));
    const auto loss_at = [&](double h) {
      std::vector<double> z(s.z.begin(), s.z.end());
      for (size_t at = 0; at < z.size(); ++at) z[at] += h * m.direction[at];
      return mean_loss(s, kind, z);
    };
    const double slope = dot(m.layer.matrices, m.layer.matrices), before = loss_at(0);
    CHECK(slope > 0);
    const double norm = 1e-4 / std::sqrt(squares / static_cast<double>(s.n));
    CHECK((loss_at(-norm) - before) / norm == doctest::Approx(-slope).epsilon(1e-2));

    double frobenius = 0;
    for (int64_t i = 0; i < s.d * s.classes; ++i) frobenius += std::pow(static_cast<double>(s.linear[i]), 2);
    const double smoothness = frobenius * class_curvature(kind, s.classes) / static_cast<double>(s.n);
    automatic.measured(m.layer, {slope, squares * smoothness, loss_at});
    CHECK(m.layer.scale < 0);
    // The bound at its best step promises half of slope²/curvature, and every step taken half of step · slope.
    CHECK(loss_at(m.layer.scale) <= before - 0.5 * slope * slope / (squares * smoothness) + 1e-9);
    const double taken = m.layer.scale;
    CHECK(loss_at(taken) <= before + 0.5 * taken * slope + 1e-9);
    CHECK(loss_at(2 * taken) > before + taken * slope);

    std::vector<float> z = s.z;
    m.layer.scale = -static_cast<float>(step);
    mix(m.layer, m.direction.data(), static_cast<int64_t>(z.size()), z.data());
    for (size_t at = 0; at < z.size(); ++at)
      CHECK(z[at] == doctest::Approx(s.z[at] - step * m.direction[at]).epsilon(1e-6));
  }
}

TEST_CASE("boosting: the input branch of Frank-Wolfe is the minimiser over the unit ball of its kernel") {
  ThreadPool pool(2);
  const Multiplier multiply(pool);
  const Setting s = setting(530, 4, 3);
  const std::vector<float> x = uniforms(s.n * s.d, 21, 1);
  const FrankWolfe rule({2.0});
  const Embeddings embeddings(multiply, embedding_networks(shape(), rule, s.d));
  Made m = made(rule, embeddings, multiply, s, ClassLossKind::Logistic, x);
  const int64_t size = s.d * s.d;
  const std::vector<float> a1(m.layer.matrices.begin() + size, m.layer.matrices.end());
  CHECK(dot(a1, a1) == doctest::Approx(1).epsilon(1e-6));
  double norm = 0;
  for (double value : m.products[1]) norm += value * value;
  norm = std::sqrt(norm);

  Layer input = m.layer;
  std::fill(input.matrices.begin(), input.matrices.begin() + size, 0.0f);
  embeddings.directions(input, view_of(s.z, s.d), view_of(x, s.d), m.direction.data(), nullptr);
  // ⟨G, e1 A1⟩ = −‖e1ᵀ G‖, and no row of e1 A1 is longer than √D, as e1 is in [−1, 1]^D.
  CHECK(dot(m.gradient, m.direction) == doctest::Approx(-norm).epsilon(1e-4));
  for (int64_t i = 0; i < s.n; ++i) {
    double square = 0;
    for (int64_t j = 0; j < s.d; ++j) square += std::pow(static_cast<double>(m.direction[i * s.d + j]), 2);
    CHECK(square <= static_cast<double>(s.d) * (1 + 1e-5));
  }
  // Any other matrix of norm 1 aligns less.
  for (uint64_t trial = 0; trial < 20; ++trial) {
    std::vector<float> other = uniforms(size, 100 + trial, 1);
    const double length = std::sqrt(dot(other, other));
    for (int64_t i = 0; i < size; ++i) input.matrices[size + i] = static_cast<float>(other[i] / length);
    embeddings.directions(input, view_of(s.z, s.d), view_of(x, s.d), m.direction.data(), nullptr);
    CHECK(dot(m.gradient, m.direction) >= -norm * (1 + 1e-4));
  }
  // The gap of a point of the ball is at least 0, and 0 at the minimiser; outside of it can be below.
  CHECK(rule.gap(-norm, m.products) == doctest::Approx(0));
  CHECK(rule.gap(-2 * norm, m.products) < 0);
}

TEST_CASE("boosting: with offset 2 the layers of Frank-Wolfe have weights 2(l + 1)/(T(T + 1)), which sum to 1") {
  const FrankWolfe rule({2.0});
  const int64_t rounds = 12;
  std::vector<double> weights;
  double inputs = 1;
  for (int64_t l = 0; l < rounds; ++l) {
    const Layer layer = rule.layer(l, {}, {{1.0}, {1.0}});
    CHECK(layer.keep + layer.scale == doctest::Approx(1));
    CHECK(layer.keep >= 0);
    for (double& weight : weights) weight *= layer.keep;
    inputs *= layer.keep;
    weights.push_back(layer.scale);
  }
  CHECK(inputs == 0);
  for (int64_t l = 0; l < rounds; ++l)
    CHECK(weights[static_cast<size_t>(l)] ==
          doctest::Approx(2.0 * static_cast<double>(l + 1) / static_cast<double>(rounds * (rounds + 1))).epsilon(1e-5));
}

TEST_CASE("boosting: the alignment loss lies within 2 √D, targets of the residual form have root mean square 1") {
  const Setting s = setting(90, 6, 3);
  ThreadPool pool(1);
  std::vector<float> gradient(s.z.size());
  class_pass(Multiplier(pool), ClassLossKind::Logistic, s.classifier(), view_of(s.z, s.d), s.labels.data(),
             gradient.data(), nullptr);
  const RowLoss alignment = FrankWolfe({2.0}).loss(view_of(gradient, s.d));
  const RowLoss squares = ResidualBoosting({}).loss(view_of(gradient, s.d));
  double best = 0, targets = 0;
  for (int64_t i = 0; i < s.n; ++i) {
    std::vector<float> sign(static_cast<size_t>(s.d)), nothing(static_cast<size_t>(s.d), 0.0f);
    for (int64_t j = 0; j < s.d; ++j) sign[j] = gradient[i * s.d + j] > 0 ? 2.0f : -2.0f;
    best += alignment(i, sign.data(), nullptr) / static_cast<double>(s.n);
    targets += squares(i, nothing.data(), nullptr) / static_cast<double>(s.n);
  }
  CHECK(best < -2);
  CHECK(best >= -2 * std::sqrt(static_cast<double>(s.d)));
  CHECK(targets == doctest::Approx(1).epsilon(1e-5));
}

TEST_CASE("boosting: layers of some rows are those of all rows, bit for bit, for any number of threads") {
  const Setting s = setting(700, 5, 3);
  const std::vector<float> x = uniforms(s.n * s.d, 21, 1);
  const FrankWolfe rule({3.0});
  ThreadPool one(1), three(3);
  const Embeddings single(Multiplier(one), embedding_networks(shape(), rule, s.d));
  const Embeddings shared(Multiplier(three), embedding_networks(shape(), rule, s.d));
  const Made m = made(rule, single, Multiplier(one), s, ClassLossKind::Logistic, x);
  CHECK(m.products == made(rule, shared, Multiplier(three), s, ClassLossKind::Logistic, x).products);
  std::vector<float> all = s.z, again = s.z, part(s.z.begin() + 300 * s.d, s.z.begin() + 611 * s.d);
  single.apply(m.layer, view_of(x, s.d), all.data(), nullptr);
  shared.apply(m.layer, view_of(x, s.d), again.data(), nullptr);
  CHECK(all == again);
  const std::vector<float> xPart(x.begin() + 300 * s.d, x.begin() + 611 * s.d);
  shared.apply(m.layer, view_of(xPart, s.d), part.data(), nullptr);
  CHECK(std::equal(part.begin(), part.end(), all.begin() + 300 * s.d));
}
