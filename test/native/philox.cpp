// The random field: published known answers, the layout of its counter, and the law of the numbers made from it.
// Seeds are fixed; every tolerance is five standard errors of its statistic unless another level is stated.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <set>
#include <tuple>
#include <vector>

#include "native/core/philox.h"

using namespace meanfield;

namespace {

constexpr int64_t kDraws = 1 << 18;

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

/// sup |F_n − F| √n of Kolmogorov and Smirnov. Above 2.2 with probability 2 exp(−2·2.2²) = 1.3e-4 under the law F.
double kolmogorov(std::vector<double> values, const std::function<double(double)>& cdf) {
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  double distance = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double f = cdf(values[i]);
    distance = std::max({distance, f - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - f});
  }
  return distance * std::sqrt(n);
}

/// Correlation of two samples of standard normals; its standard error under independence is 1/√n.
double correlation(const std::function<double(uint32_t)>& a, const std::function<double(uint32_t)>& b) {
  double sum = 0;
  for (uint32_t i = 0; i < kDraws; ++i) sum += a(i) * b(i);
  return sum / static_cast<double>(kDraws);
}

}  // namespace

TEST_CASE("philox: the known answers of Random123 (kat_vectors, philox4x32 with 10 rounds)") {
  struct {
    PhiloxWords counter;
    uint32_t key0, key1;
    PhiloxWords answer;
  } const vectors[] = {
      {{{0, 0, 0, 0}}, 0, 0, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
      {{{~0u, ~0u, ~0u, ~0u}}, ~0u, ~0u, {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
      {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
       0xa4093822,
       0x299f31d0,
       {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
  };
  for (const auto& vector : vectors) {
    const PhiloxWords words = philox4x32_10(vector.counter, vector.key0, vector.key1);
    for (int i = 0; i < 4; ++i) CHECK(words.word[i] == vector.answer.word[i]);
  }
}

TEST_CASE("random field: seed in the key; quad, particle, step and stream in the counter, high bits included") {
  const RandomField field{0x0123456789abcdefull, Stream::Minibatch};
  const uint64_t step = 0x00abcdef12345678ull;
  const PhiloxWords expected = philox4x32_10({{7, 41, 0x12345678u, 0x02abcdefu}}, 0x89abcdefu, 0x01234567u);
  for (uint32_t c = 28; c < 32; ++c) CHECK(field.bits(step, 41, c) == expected.word[c % 4]);
  CHECK(field.uniform(step, 41, 30) == (expected.word[2] + 0.5) * 0x1p-32);
}

TEST_CASE("random field: changing any one of seed, stream, step, particle and coordinate gives another number") {
  // 64-bit values of two words: 400 different ones collide with probability 400²/2^65.
  std::set<uint64_t> seen;
  int asked = 0;
  for (uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32})
    for (Stream stream : {Stream::Init, Stream::Noise, Stream::Certificate})
      for (uint64_t step : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32, uint64_t{1} << 40})
        for (uint32_t particle : {0u, 1u, 65536u})
          for (uint32_t coordinate : {0u, 4u, 8u}) {
            const RandomField field{seed, stream};
            seen.insert(uint64_t{field.bits(step, particle, coordinate)} << 32 |
                        field.bits(step, particle, coordinate + 1));
            ++asked;
          }
  CHECK(static_cast<int>(seen.size()) == asked);
}

TEST_CASE("random field: uniforms lie strictly inside (0, 1), with the mean, variance and law of the uniform") {
  const RandomField field{11, Stream::Minibatch};
  std::vector<double> values;
  double mean = 0, variance = 0;
  for (uint32_t i = 0; i < kDraws; ++i) {
    values.push_back(field.uniform(i / 64, i % 64 / 4, i % 4));
    mean += values.back() / static_cast<double>(kDraws);
    variance += (values.back() - 0.5) * (values.back() - 0.5) / static_cast<double>(kDraws);
  }
  CHECK(*std::min_element(values.begin(), values.end()) > 0);
  CHECK(*std::max_element(values.begin(), values.end()) < 1);
  // Var u = 1/12, Var (u − ½)² = 1/80 − 1/144 = 1/180.
  CHECK(std::fabs(mean - 0.5) < 5 * std::sqrt(1.0 / 12 / kDraws));
  CHECK(std::fabs(variance - 1.0 / 12) < 5 * std::sqrt(1.0 / 180 / kDraws));
  CHECK(kolmogorov(values, [](double u) { return u; }) < 2.2);
}

TEST_CASE("random field: normals along every axis of the field have the moments and the law of N(0, 1)") {
  const RandomField field{2024, Stream::Noise};
  const std::function<double(uint32_t)> axes[] = {
      [&](uint32_t i) { return field.normal(i, 3, 1); },
      [&](uint32_t i) { return field.normal(5, i, 2); },
      [&](uint32_t i) { return field.normal(5, 7, i); },
      [&](uint32_t i) { return RandomField{i, Stream::Init}.normal(0, 0, 3); },
  };
  for (const auto& axis : axes) {
    std::vector<double> values;
    double power[5] = {0, 0, 0, 0, 0};
    for (uint32_t i = 0; i < kDraws; ++i) {
      values.push_back(axis(i));
      for (int q = 1; q <= 4; ++q) power[q] += std::pow(values.back(), q) / static_cast<double>(kDraws);
    }
    // Var x^q = (2q − 1)!! − (E x^q)²: 1, 2, 15, 96.
    CHECK(std::fabs(power[1]) < 5 * std::sqrt(1.0 / kDraws));
    CHECK(std::fabs(power[2] - 1) < 5 * std::sqrt(2.0 / kDraws));
    CHECK(std::fabs(power[3]) < 5 * std::sqrt(15.0 / kDraws));
    CHECK(std::fabs(power[4] - 3) < 5 * std::sqrt(96.0 / kDraws));
    CHECK(kolmogorov(values, normal_cdf) < 2.2);
  }
}

TEST_CASE("random field: neighbours are uncorrelated, and so are their squares") {
  const RandomField field{99, Stream::Noise}, otherSeed{100, Stream::Noise}, otherStream{99, Stream::Restart};
  const auto here = [&](uint32_t i) { return static_cast<double>(field.normal(i / 256, i % 256, 0)); };
  const std::function<double(uint32_t)> neighbours[] = {
      [&](uint32_t i) { return field.normal(i / 256, i % 256, 1); },  // the other of the Box-Muller pair
      [&](uint32_t i) { return field.normal(i / 256, i % 256, 2); },
      [&](uint32_t i) { return field.normal(i / 256, i % 256, 4); },
      [&](uint32_t i) { return field.normal(i / 256, i % 256 + 1, 0); },
      [&](uint32_t i) { return field.normal(i / 256 + 1, i % 256, 0); },
      [&](uint32_t i) { return otherSeed.normal(i / 256, i % 256, 0); },
      [&](uint32_t i) { return otherStream.normal(i / 256, i % 256, 0); },
  };
  for (const auto& there : neighbours) {
    CHECK(std::fabs(correlation(here, there)) < 5 / std::sqrt(static_cast<double>(kDraws)));
    const auto square = [](double x) { return (x * x - 1) / std::sqrt(2.0); };
    CHECK(std::fabs(
              correlation([&](uint32_t i) { return square(here(i)); }, [&](uint32_t i) { return square(there(i)); })) <
          5 / std::sqrt(static_cast<double>(kDraws)));
  }
}

TEST_CASE("random field: the tail is that of the normal, as far as 31 bits of the radius reach") {
  // Extremes of the words: the largest radius is √(2·32 ln 2) = 6.66, and no word gives an infinity.
  CHECK(radius_uniform(0) == 0x1p-32f);
  CHECK(radius_uniform(1) == 0x1p-32f);
  CHECK(radius_uniform(~0u) == 1);
  CHECK(half_turns(0x80000000u) == -1);
  CHECK(half_turns(0x7fffffffu) <= 1);
  const RandomField field{5, Stream::Noise};
  const int64_t draws = 1 << 21;
  int64_t beyond = 0;
  for (uint32_t i = 0; i < draws; ++i) beyond += std::fabs(field.normal(i, 0, 0)) > 3.5;
  const double expected = 2 * (1 - normal_cdf(3.5)) * static_cast<double>(draws);  // 976, Poisson
  CHECK(std::fabs(static_cast<double>(beyond) - expected) < 5 * std::sqrt(expected));
}
