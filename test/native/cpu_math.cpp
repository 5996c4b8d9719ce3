// Elementwise functions and normals of every instruction set, against double precision. The bounds are those stated in
// native/kernels/cpu/simd_math.h: units in the last place of the correctly rounded result (of the smallest subnormal
// below float32's normal range), plus an absolute term where a value is a difference of larger ones.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "native/core/philox.h"
#include "native/kernels/cpu/tiles.h"
#include "native/kernels/kernels.h"

using namespace meanfield;
using cpu::VectorFunction;

namespace {

float from_word(uint32_t word) {
  float value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}

double sigmoid(double s) { return s >= 0 ? 1 / (1 + std::exp(-s)) : std::exp(s) / (1 + std::exp(s)); }
double softplus(double s) { return std::fmax(s, 0.0) + std::log1p(std::exp(-std::fabs(s))); }
double silu(double s) { return std::isinf(s) ? (s > 0 ? s : -0.0) : s * sigmoid(s); }
double tanh_slope(double s) { return 1 - std::tanh(s) * std::tanh(s); }
double sigmoid_slope(double s) { return sigmoid(s) * (1 - sigmoid(s)); }
double silu_slope(double s) {
  if (std::isinf(s)) return s > 0 ? 1 : 0;
  return sigmoid(s) + silu(s) * (1 - sigmoid(s));
}
double exponential(double s) { return std::exp(s); }
double logarithm(double s) { return std::log(s); }
double hyperbolic(double s) { return std::tanh(s); }

struct Bound {
  const char* name;
  VectorFunction function;
  double (*exact)(double);
  double ulps;
  double absolute;  // added to the units in the last place
};
const Bound kBounds[] = {
    {"tanh", VectorFunction::Tanh, hyperbolic, 7, 0},
    {"sigmoid", VectorFunction::Sigmoid, sigmoid, 4, 0},
    {"softplus", VectorFunction::Softplus, softplus, 5, 0},
    {"silu", VectorFunction::Silu, silu, 5, 0x1p-142},
    {"exp", VectorFunction::Exp, exponential, 2, 0},
    {"log", VectorFunction::Log, logarithm, 2, 0},
    {"tanh slope", VectorFunction::TanhSlope, tanh_slope, 1, 0x1p-20},
    {"sigmoid slope", VectorFunction::SigmoidSlope, sigmoid_slope, 6, 0x1p-23},
    {"softplus slope", VectorFunction::SoftplusSlope, sigmoid, 5, 0},
    {"silu slope", VectorFunction::SiluSlope, silu_slope, 8, 0x1p-22},
};

double unit_in_last_place(double exact) {
  const double size = std::fmin(std::fabs(exact), static_cast<double>(std::numeric_limits<float>::max()));
  if (size < 0x1p-126) return 0x1p-149;
  return std::ldexp(1.0, std::ilogb(size) - 23);
}

/// The error in units of the bound: <= 1 is within it.
double error_of(const Bound& bound, float input, float actual) {
  const double exact = bound.exact(static_cast<double>(input));
  if (std::isnan(exact)) return std::isnan(actual) ? 0 : INFINITY;
  if (std::isnan(actual)) return INFINITY;
  const float rounded = static_cast<float>(exact);
  if (rounded == actual) return 0;
  if (std::isinf(actual) || std::isinf(rounded)) return INFINITY;
  return std::fabs(static_cast<double>(actual) - exact) / (bound.ulps * unit_in_last_place(exact) + bound.absolute);
}

std::vector<float> edges() {
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> all = {0.0f,
                            1.0f,
                            inf,
                            std::numeric_limits<float>::denorm_min(),
                            std::numeric_limits<float>::min(),
                            std::numeric_limits<float>::max(),
                            0x1p-127f,
                            0.5f,
                            2.0f,
                            0.70710678f,
                            1.41421356f,
                            0.99999994f,
                            1.0000001f};
  for (float center : {8.0f, 9.0f, 9.01f, 10.0f, 16.6f, 17.0f, 87.3f, 88.0f, 88.722839f, 88.73f, 89.0f, 100.0f, 103.0f,
                       103.97f, 104.0f, 110.0f, 120.0f, 0.34657359f, 0.693147181f})
    for (int step = -3; step <= 3; ++step) {
      float value = center;
      for (int i = 0; i < std::abs(step); ++i) value = std::nextafter(value, step < 0 ? -inf : inf);
      all.push_back(value);
    }
  const size_t count = all.size();
  for (size_t i = 0; i < count; ++i) all.push_back(-all[i]);
  return all;
}

template <class F>
void on_every_isa(F&& f) {
  for (int i = 0; i < cpu_isa_count(); ++i) {
    const cpu::Tiles* tiles = cpu::supported_tiles(cpu_isa_name(i));
    if (!tiles) continue;
    INFO("instruction set ", std::string(cpu_isa_name(i)));
    f(*tiles);
  }
}

struct alignas(64) Line {
  float value[16];
};

}  // namespace

TEST_CASE("cpu: elementwise functions keep their bounds over all of float32 and at the edges") {
  std::vector<float> inputs = edges();
  for (uint32_t i = 0; i < 100000; ++i) {
    const PhiloxWords words = philox4x32_10({{i, 0, 0, 0}}, 5, 6);
    inputs.push_back(from_word(words.word[0]));                                            // any bit pattern
    inputs.push_back(static_cast<float>(static_cast<int32_t>(words.word[1])) * 0x1p-24f);  // uniform in ±128
    inputs.push_back(static_cast<float>(static_cast<int32_t>(words.word[2])) * 0x1p-28f);  // uniform in ±8
    inputs.push_back(static_cast<float>(words.word[3]) * 0x1p-31f);                        // uniform in (0, 2)
  }
  // Two vectors share a division, so that what is not a number spreads to a neighbour; it has a case of its own below.
  inputs.erase(std::remove_if(inputs.begin(), inputs.end(), [](float x) { return std::isnan(x); }), inputs.end());
  std::vector<Line> in((inputs.size() + 15) / 16), out(in.size());
  std::memcpy(static_cast<void*>(in.data()), inputs.data(), inputs.size() * sizeof(float));
  on_every_isa([&](const cpu::Tiles& tiles) {
    for (const Bound& bound : kBounds) {
      tiles.apply(bound.function, in[0].value, static_cast<int64_t>(in.size()) * 16, out[0].value);
      double worst = 0;
      float at = 0;
      for (size_t i = 0; i < inputs.size(); ++i) {
        const double error = error_of(bound, inputs[i], out[i / 16].value[i % 16]);
        if (error > worst) {
          worst = error;
          at = inputs[i];
        }
      }
      INFO(std::string(bound.name), ": ", worst, " times the bound at ", at);
      CHECK(worst <= 1);
    }
  });
}

TEST_CASE("cpu: elementwise functions of what is not a number are not numbers") {
  std::vector<Line> in(3), out(3);
  for (Line& line : in)
    for (float& value : line.value) value = std::numeric_limits<float>::quiet_NaN();
  on_every_isa([&](const cpu::Tiles& tiles) {
    for (const Bound& bound : kBounds) {
      tiles.apply(bound.function, in[0].value, 48, out[0].value);
      INFO(std::string(bound.name));
      for (const Line& line : out)
        for (float value : line.value) CHECK(std::isnan(value));
    }
  });
}

TEST_CASE("cpu: normals are those of the random field, to 2^-22 of the radius") {
  const uint32_t key[2] = {0x9E3779B9u, 77}, counter[2] = {123456, RandomField::high_word(Stream::Noise, 123456)};
  const RandomField field{uint64_t{77} << 32 | 0x9E3779B9u, Stream::Noise};
  const int64_t quads = 2000;
  on_every_isa([&](const cpu::Tiles& tiles) {
    std::vector<Line> out(static_cast<size_t>(quads * 4 * tiles.width / 16));
    tiles.normals(key, counter, 40, quads, out[0].value);
    double worst = 0;
    for (int64_t c = 0; c < 4 * quads; ++c)
      for (int lane = 0; lane < tiles.width; ++lane) {
        const double exact = field.normal(123456, static_cast<uint32_t>(40 + lane), static_cast<uint32_t>(c));
        const double other = field.normal(123456, static_cast<uint32_t>(40 + lane), static_cast<uint32_t>(c ^ 1));
        const int64_t at = c * tiles.width + lane;
        worst = std::fmax(
            worst, std::fabs(out[static_cast<size_t>(at / 16)].value[at % 16] - exact) / std::hypot(exact, other));
      }
    INFO("worst error over radius: 2^", std::log2(worst));
    CHECK(worst <= 0x1p-22);
  });
}
