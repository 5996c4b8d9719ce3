// How fast the kernels of particles are on a device, PyTorch and JAX beside them, and what is claimed of that.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "native/core/clock.h"
#include "native/core/philox.h"
#include "native/kernels/kernels.h"

namespace meanfield {

inline std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + "\"";
}
inline std::string number(double value) {
  if (!std::isfinite(value)) return "null";
  char text[40];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

struct Timing {
  int64_t n, d, particles;
  Precision precision;
  double outputs, update;              // seconds
  double outputsOfPeak, updateOfPeak;  // share of the measured peak of the precision
  std::string failed;                  // why there are none

  double step() const { return outputs + update; }
  std::string json() const {
    const std::string head = "{\"n\": " + number(static_cast<double>(n)) +
                             ", \"d\": " + number(static_cast<double>(d)) +
                             ", \"particles\": " + number(static_cast<double>(particles)) +
                             ", \"precision\": " + quoted(kPrecisionNames[static_cast<int>(precision)]);
    if (!failed.empty()) return head + ", \"failed\": " + quoted(failed) + "}";
    return head + ", \"outputsSeconds\": " + number(outputs) + ", \"updateSeconds\": " + number(update) +
           ", \"outputsFractionOfPeak\": " + number(outputsOfPeak) +
           ", \"updateFractionOfPeak\": " + number(updateOfPeak) + "}";
  }
};

/// Median of five, after one that warms up.
inline double timed(const std::function<void()>& work) {
  work();
  std::vector<double> seconds;
  for (int i = 0; i < 5; ++i) {
    const Clock::time_point start = Clock::now();
    work();
    seconds.push_back(seconds_since(start));
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[2];
}

/// A network with its data, drawn particles and constant weights, and what it is timed at.
struct TimedNetwork {
  TimedNetwork(const Backend* backend_, int device, int64_t n, int64_t d, int64_t M, Precision precision)
      : backend(backend_), rows{nullptr, n}, z(static_cast<size_t>(n)),
        omega(static_cast<size_t>(n), 1.0 / static_cast<double>(n)) {
    NetworkShape shape{M, d + 1, Neuron{}, 1};
    shape.precision = precision;
    shape.device = device;
    status = backend->open(&shape, &network);
    if (status != Status::Ok) return;
    std::vector<float> x(static_cast<size_t>(n * d));
    const RandomField field{3, Stream::Init};
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = 3.4641f * static_cast<float>(field.uniform(0, static_cast<uint32_t>(i), 0) - 0.5);
    status = backend->add_matrix(network, x.data(), n, d, &matrix);
    Update draw;
    draw.keep = 0;
    draw.noise = 1 / std::sqrt(static_cast<double>(d));
    update(draw);
  }
  ~TimedNetwork() {
    if (network) backend->close(network);
  }
  TimedNetwork(const TimedNetwork&) = delete;

  void outputs() {
    if (status == Status::Ok) status = backend->outputs(network, matrix, rows, nullptr, z.data());
  }
  void update(const Update& update) {
    if (status == Status::Ok) status = backend->update(network, matrix, rows, omega.data(), &update, nullptr);
  }
  static Update step(int64_t repeats) {
    Update step;
    step.keep = 0.999;
    step.rate = 0.1;
    step.noise = 0.001;
    step.repeats = repeats;
    return step;
  }
  std::string failed() const { return status == Status::Ok ? "" : backend->message(); }

  const Backend* backend;
  Rows rows;
  std::vector<double> z, omega;
  void* network = nullptr;
  int32_t matrix = 0;
  Status status;
};

inline Timing time_one(const Backend* backend, int device, int64_t n, int64_t d, int64_t M, Precision precision,
                       double peak) {
  TimedNetwork network(backend, device, n, d, M, precision);
  Timing timing{n, d, M, precision, 0, 0, 0, 0, ""};
  timing.outputs = timed([&] { network.outputs(); });
  timing.update = timed([&] { network.update(TimedNetwork::step(1)); });
  timing.failed = network.failed();
  const double products = 2.0 * static_cast<double>(n) * static_cast<double>(M) * static_cast<double>(d + 1);
  timing.outputsOfPeak = products / timing.outputs / peak;
  timing.updateOfPeak = 2 * products / timing.update / peak;
  return timing;
}

/// Steps with frozen weights: in one update, where a block keeps its particles on the chip, and one update each, which go by the tiles.
struct InnerTiming {
  static constexpr int64_t kSteps = 5;
  int64_t n, d, particles;
  Precision precision;
  double together, apart;  // seconds
  std::string failed;

  std::string json() const {
    const std::string head = "{\"n\": " + number(static_cast<double>(n)) +
                             ", \"d\": " + number(static_cast<double>(d)) +
                             ", \"particles\": " + number(static_cast<double>(particles)) +
                             ", \"precision\": " + quoted(kPrecisionNames[static_cast<int>(precision)]) +
                             ", \"steps\": " + number(static_cast<double>(kSteps));
    if (!failed.empty()) return head + ", \"failed\": " + quoted(failed) + "}";
    return head + ", \"persistentSeconds\": " + number(together) + ", \"tilesSeconds\": " + number(apart) + "}";
  }
};

inline InnerTiming time_inner(const Backend* backend, int device, int64_t n, int64_t d, int64_t M,
                              Precision precision) {
  TimedNetwork network(backend, device, n, d, M, precision);
  InnerTiming timing{n, d, M, precision, 0, 0, ""};
  timing.together = timed([&] { network.update(TimedNetwork::step(InnerTiming::kSteps)); });
  timing.apart = timed([&] {
    for (int64_t i = 0; i < InnerTiming::kSteps; ++i) network.update(TimedNetwork::step(1));
  });
  timing.failed = network.failed();
  return timing;
}

/// A step of another library at n = 20,000: a line of bench/gpu/others.py.
struct Other {
  std::string name, said;  // its version, or what failed
  int64_t d, particles;
  double step;  // seconds, NaN where it failed

  std::string json() const {
    return "{\"name\": " + quoted(name) + ", \"d\": " + number(static_cast<double>(d)) +
           ", \"particles\": " + number(static_cast<double>(particles)) + ", \"stepSeconds\": " + number(step) +
           ", \"said\": " + quoted(said) + "}";
  }
};

inline std::vector<Other> read_others(const std::string& path) {
  std::vector<Other> others;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Other other;
    std::string seconds;
    words >> other.name >> other.d >> other.particles >> seconds;
    std::getline(words >> std::ws, other.said);
    other.step = std::strtod(seconds.c_str(), nullptr);
    others.push_back(other);
  }
  return others;
}

struct Claim {
  std::string text;
  bool held;
};

/// What is to hold of the timings. Nothing is said of what was not measured. The step beside the others' is the one in tf32, as theirs.
inline std::vector<Claim> claims(const std::vector<Timing>& timings, const std::vector<InnerTiming>& inner,
                                 const std::vector<Other>& others, double small) {
  std::vector<Claim> all;
  char text[300];
  for (const Timing& t : timings) {
    const long long d = t.d, M = t.particles, n = t.n;
    if (n == 100000) {
      std::snprintf(text, sizeof text, "n = %lld, d = %lld, %lld particles run", n, d, M);
      all.push_back({text, t.failed.empty()});
    }
    if (n != 20000 || t.precision != Precision::Tf32 || !t.failed.empty()) continue;
    if (d == 784) {
      std::snprintf(text, sizeof text, "d = %lld, %lld particles: an update at half of the tf32 peak or more, %.1f %%",
                    d, M, 100 * t.updateOfPeak);
      all.push_back({text, t.updateOfPeak >= 0.5});
    }
    for (const Other& other : others) {
      if (other.d != d || other.particles != M || !(other.step > 0)) continue;
      const double ratio = other.step / t.step();
      std::snprintf(text, sizeof text,
                    "d = %lld, %lld particles: a step in a third of the time of %s or less, %.2f times as fast", d, M,
                    other.name.c_str(), ratio);
      all.push_back({text, ratio >= 3});
    }
  }
  for (const InnerTiming& t : inner) {
    if (!t.failed.empty()) continue;
    std::snprintf(text, sizeof text,
                  "d = %lld, %lld particles, %s: inner steps no slower than by the tiles, %.2f times as fast",
                  static_cast<long long>(t.d), static_cast<long long>(t.particles),
                  kPrecisionNames[static_cast<int>(t.precision)], t.apart / t.together);
    all.push_back({text, t.apart >= t.together});
  }
  std::snprintf(text, sizeof text, "small runs together: 100 times two CPU cores or more, %.1f times", small);
  all.push_back({text, small >= 100});
  return all;
}

}  // namespace meanfield
