// Everything there is to know of the CUDA kernels on a real device: correct against the reference and the CPU, then how
// fast. Writes one JSON record. Run by scripts/gpu-check; needs neither Node nor anything vendored.
//
//   gpu_check --device N [--only-correctness] [--quick] [--record FILE] [--note KEY=TEXT]... [--others FILE]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <utility>

#define MEANFIELD_WITHOUT_DOCTEST
#define REQUIRE(condition)                                             \
  do {                                                                 \
    if (!(condition)) throw std::runtime_error("failed: " #condition); \
  } while (false)
#define INFO(...)
#include "bench/native/gpu_check_claims.h"
#include "bench/native/gpu_check_linear.h"
#include "native/core/errors.h"
#include "native/core/thread_pool.h"
#include "native/kernels/devices.h"
#include "native/kernels/together.h"
#include "test/native/backend_cases.h"
#include "test/native/point_cases.h"

using namespace meanfield;
using namespace meanfield::backend_cases;

namespace {

struct Way {
  Precision precision;
  double unit;  // of a rounded factor (docs/gpu.md)
  const char* name() const { return kPrecisionNames[static_cast<int>(precision)]; }
};
const Way kWays[] = {{Precision::Float32, 0}, {Precision::Tf32, 0x1p-11}, {Precision::Bf16, 0x1p-8}};

/// Largest error in units of its bound; more than 1 is wrong.
template <class A, class B>
double worst_of(const std::vector<A>& actual, const std::vector<B>& expected, const std::vector<double>& bound) {
  double worst = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double allowed = bound[i] + 2 * kUnit * std::fabs(static_cast<double>(expected[i])) + 1e-300;
    const double error = std::fabs(static_cast<double>(actual[i]) - static_cast<double>(expected[i])) / allowed;
    if (!(error <= worst)) worst = std::isnan(error) ? INFINITY : error;
  }
  return worst;
}

struct Worst {
  double outputs = 0, gradient = 0, energies = 0, update = 0;
  int cases = 0;
  double all() const { return std::fmax(std::fmax(outputs, gradient), std::fmax(energies, update)); }
};

void compare(const Backend* backend, int device, const Case& c, const Way& way, Worst& worst) {
  const Setting plain(c);
  Setting s = plain;
  const Bounds bounds(s, c, way.unit, 1024);
  Opened reference(reference_backend(), s, c);
  s.shape.precision = way.precision;
  s.shape.device = device;
  Opened cuda(backend, s, c);
  ++worst.cases;
  worst.outputs = std::fmax(worst.outputs, worst_of(cuda.outputs(s), reference.outputs(s), bounds.z));
  worst.gradient = std::fmax(worst.gradient, worst_of(cuda.gradient(s), reference.gradient(s), bounds.gradient));
  worst.energies = std::fmax(worst.energies, worst_of(cuda.energies(s), reference.energies(s), bounds.energies));
  const FieldsLeft fields(backend, s, plain, c);
  worst.update = std::fmax(worst.update, worst_of(fields.actual, fields.expected, fields.bound));
  if (c.neuron.activation == Activation::Relu && way.unit > 0) return;  // a kink may fall between two roundings
  const Update update = moving(c);
  const Moved moved(reference, s, c, update, way.unit, 1024);
  worst.update = std::fmax(worst.update, worst_of(cuda.updated(s, update), moved.particles, moved.bound));
}

/// Steps that keep particles on the chip against single ones, by the tiles: the largest difference in units of a factor's rounding, beside
/// what the steps did. Both round the same factors, so that it is far below 1.
double persistent_against_tiles(const Backend* backend, int device, const Way& way) {
  const Neuron bounded{Activation::Tanh, SecondLayer::Bounded, Signs::Same, 1, 1.5f};
  double worst = 0;
  for (const Case& c :
       {Case{1100, 40, 8200, bounded}, Case{70, 300, 8193, bounded, true}, Case{35, 784, 4100, bounded}}) {
    Setting s(c);
    s.shape.precision = way.precision;
    s.shape.device = device;
    const double difference = together_and_apart(backend, s, c) / way.unit;
    if (!(difference <= worst)) worst = std::isnan(difference) ? INFINITY : difference;
  }
  return worst;
}

/// Largest difference of a coordinate from the CPU's after 100 steps with the same seed, float32.
double after_hundred_steps(const Backend* backend, int device, int64_t d) {
  const Case c{500, d, 700, Neuron{Activation::Tanh, SecondLayer::Bounded, Signs::Same, 1, 1}};
  Setting s(c);
  Opened cpu(cpu_backend(), s, c);
  s.shape.device = device;
  Opened cuda(backend, s, c);
  Update update;
  update.keep = 0.999;
  update.rate = 0.1;
  update.noise = 0.05;
  update.field = {42, Stream::Noise};
  update.repeats = 100;
  const auto mine = cuda.updated(s, update), other = cpu.updated(s, update);
  double worst = 0;
  for (size_t i = 0; i < mine.size(); ++i) worst = std::fmax(worst, std::fabs(static_cast<double>(mine[i]) - other[i]));
  return worst;
}

/// Noisy gradient descent of many small networks: 200 rows, 10 inputs, 100 particles, 200 full-batch steps each, every seed
/// its own. On a device together, `members` at a time, or one after the other; on the CPU (device −1) by `members` threads.
struct Small {
  static constexpr int64_t kSteps = 200;
  std::vector<std::vector<float>> particles;
  double seconds;
};
Small run_small(const Backend* backend, int device, int64_t runs, int members) {
  const Case c{200, 10, 100, Neuron{}};
  const Setting s(c);
  Small small{std::vector<std::vector<float>>(static_cast<size_t>(runs)), 0};
  const auto one = [&](int64_t i) {
    Setting mine = s;
    mine.shape.device = std::max(device, 0);
    Opened network(backend, mine, c);
    Update update;
    update.keep = 0.999;
    update.rate = 0.1;
    update.noise = 0.01;
    update.field = {static_cast<uint64_t>(i), Stream::Noise};
    for (int64_t step = 0; step < Small::kSteps; ++step, ++update.firstStep) network.step(mine, update);
    small.particles[static_cast<size_t>(i)] = network.particles(mine);
  };
  const Clock::time_point start = Clock::now();
  if (members > 1 && device >= 0)
    run_together(backend, device, runs, members, one, nullptr);
  else
    ThreadPool(members).run(runs, [&](int64_t i, int) { one(i); });
  small.seconds = seconds_since(start);
  return small;
}

/// Outputs of a network on this device and the next one, moved by NCCL where it is there: those that are copied through the host, bit
/// for bit. True where there is no second device.
bool moved_as_copied(int device, size_t devices) {
  if (static_cast<size_t>(device) + 1 >= devices) return true;
  const Case c{3000, 40, 5000, Neuron{Activation::Tanh, SecondLayer::Bounded, Signs::Same, 3, 1}};
  Setting s(c);
  s.shape.devices = uint64_t{3} << device;
  std::vector<double> z[2];
  for (int copied = 0; copied < 2; ++copied) {
    if (copied) setenv("MEANFIELD_NCCL_LIBRARY", "none", 1);
    Opened network(sharded_cuda_backend(s.shape.devices), s, c);
    z[copied] = network.outputs(s);
  }
  unsetenv("MEANFIELD_NCCL_LIBRARY");
  return z[0] == z[1];
}

struct Arguments {
  int device = 0;
  bool onlyCorrectness = false, quick = false;
  std::string record, others;
  std::vector<std::pair<std::string, std::string>> notes;
};

Arguments parse(int count, char** values) {
  Arguments a;
  for (int i = 1; i < count; ++i) {
    const std::string name = values[i];
    const auto value = [&]() -> std::string {
      if (i + 1 >= count) throw std::runtime_error(name + " needs a value.");
      return values[++i];
    };
    if (name == "--device")
      a.device = std::atoi(value().c_str());
    else if (name == "--only-correctness")
      a.onlyCorrectness = true;
    else if (name == "--quick")
      a.quick = true;
    else if (name == "--record")
      a.record = value();
    else if (name == "--others")
      a.others = value();
    else if (name == "--note") {
      const std::string note = value();
      const size_t at = note.find('=');
      a.notes.emplace_back(note.substr(0, at), at == std::string::npos ? "" : note.substr(at + 1));
    } else
      throw std::runtime_error("unknown argument " + name + ".");
  }
  return a;
}

std::vector<Case> cases_of(bool quick) {
  const std::vector<Neuron> neurons = all_neurons();
  // As many particles as make several steps in one launch in tf32 or bf16 (docs/gpu.md).
  const Neuron bounded{Activation::Tanh, SecondLayer::Bounded, Signs::Same, 3, 1.5f},
      parity{Activation::Silu, SecondLayer::Parity, Signs::Balanced, 16, 1};
  std::vector<Case> cases = {{20, 60, 8200, bounded, true}, {20, 460, 4100, parity}};
  size_t next = 0;
  for (const Neuron& neuron : neurons) {
    cases.push_back({67, 37, 131, neuron, next % 2 == 0});
    cases.push_back({75, 11, 45, neuron, next++ % 2 == 1});
  }
  if (quick) return {cases.begin(), cases.begin() + 26};
  cases.push_back({67, 784, 4133, bounded});
  cases.push_back({20, 300, 8193, Neuron{}});
  cases.push_back({1100, 40, 8200, bounded});
  for (int64_t n : {1, 33, 1100})
    for (int64_t d : {1, 6, 20, 31, 32, 131, 300})
      for (int64_t M : {1, 33, 257, 1111})
        cases.push_back({n, d, M, neurons[next++ * 7 % neurons.size()], next % 3 == 0});
  return cases;
}

int check(const Arguments& a) {
  const CudaReport report = cuda_report();
  if (a.device < 0 || static_cast<size_t>(a.device) >= report.devices.size())
    throw std::runtime_error("there is no device " + std::to_string(a.device) + ": " + report.reason);
  const CudaDevice& device = report.devices[static_cast<size_t>(a.device)];
  const Backend* backend = cuda_backend(a.device);
  std::printf("%s, capability %d.%d, runs %s\n", device.name.c_str(), device.major, device.minor, device.image.c_str());

  std::ostringstream json;
  char date[32];
  const std::time_t now = std::time(nullptr);
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  json << "{\n  \"date\": " << quoted(date) << ",\n  \"device\": " << quoted(device.name) << ",\n  \"capability\": \""
       << device.major << "." << device.minor << "\",\n  \"image\": " << quoted(device.image)
       << ",\n  \"driver\": " << report.driver << ",\n  \"runtime\": " << report.runtime;
  for (const auto& note : a.notes) json << ",\n  " << quoted(note.first) << ": " << quoted(note.second);

  bool correct = true;
  json << ",\n  \"correctness\": [";
  const char* comma = "\n    ";
  for (const Way& way : kWays) {
    if (way.unit > 0 && device.major < 8) continue;
    Worst worst;
    for (const Case& c : cases_of(a.quick)) compare(backend, a.device, c, way, worst);
    correct = correct && worst.all() <= 1;
    std::printf("%-8s %4d cases, largest error / bound: outputs %.3f gradient %.3f energies %.3f update %.3f\n",
                way.name(), worst.cases, worst.outputs, worst.gradient, worst.energies, worst.update);
    json << comma << "{\"precision\": " << quoted(way.name()) << ", \"cases\": " << worst.cases
         << ", \"errorOverBound\": {\"outputs\": " << number(worst.outputs)
         << ", \"gradient\": " << number(worst.gradient) << ", \"energies\": " << number(worst.energies)
         << ", \"update\": " << number(worst.update) << "}}";
    comma = ",\n    ";
  }
  std::ostringstream persistent;
  for (const Way& way : kWays) {
    if (way.unit == 0 || device.major < 8 || a.quick) continue;
    const double difference = persistent_against_tiles(backend, a.device, way);
    correct = correct && difference <= 1;
    std::printf("%-8s inner steps on the chip beside the tiles: %.3f roundings apart\n", way.name(), difference);
    persistent << (persistent.tellp() > 0 ? ", " : "") << quoted(way.name()) << ": " << number(difference);
  }
  point_cases::PointErrors points;
  for (const point_cases::PointCase& c : point_cases::all_point_cases()) {
    const point_cases::PointErrors errors = point_cases::point_errors(backend, a.device, c);
    points = {std::fmax(points.neighbours, errors.neighbours), std::fmax(points.mixture, errors.mixture)};
  }
  correct = correct && points.neighbours <= 1 && points.mixture <= 1;
  std::printf("points: largest error / bound: neighbours %.3f mixture %.3f\n", points.neighbours, points.mixture);
  const bool together = run_small(backend, a.device, 12, 1).particles == run_small(backend, a.device, 12, 12).particles;
  correct = correct && together;
  std::printf("networks that launch together give the bits that they give alone: %s\n", together ? "yes" : "no");
  const LinearBackend* linear = linear_cuda_backend(a.device);
  std::string sums, sumsOfTwo = "null";
  correct = linear_timings::correct(linear, uint64_t{1} << a.device, &sums) && correct;
  if (static_cast<size_t>(a.device) + 1 < report.devices.size()) {
    const uint64_t two = uint64_t{3} << a.device;
    correct = linear_timings::correct(sharded_linear_cuda_backend(two), two, &sumsOfTwo) && correct;
  }
  const bool moved = moved_as_copied(a.device, report.devices.size());
  correct = correct && moved;
  if (report.devices.size() > 1) std::printf("outputs of two devices as through the host: %s\n", moved ? "yes" : "no");
  json << "\n  ],\n  \"persistentAgainstTiles\": {" << persistent.str() << "},\n  \"finiteSums\": " << sums
       << ",\n  \"finiteSumsOfTwoDevices\": " << sumsOfTwo << ",\n  \"devices\": " << report.devices.size()
       << ",\n  \"movedAsCopied\": " << (moved ? "true" : "false");
  json << ",\n  \"togetherAsAlone\": " << (together ? "true" : "false")
       << ",\n  \"points\": {\"neighbours\": " << number(points.neighbours)
       << ", \"mixture\": " << number(points.mixture) << "},\n  \"differenceAfter100Steps\": {";
  comma = "";
  for (int64_t d : {5, 40, 300}) {
    const double difference = after_hundred_steps(backend, a.device, d);
    correct = correct && difference < 100 * 2e-6;  // test/native/cuda_emulation.cpp
    std::printf("100 steps, d = %lld: largest difference from the CPU %.2e\n", static_cast<long long>(d), difference);
    json << comma << "\"" << d << "\": " << number(difference);
    comma = ", ";
  }
  json << "},\n  \"correct\": " << (correct ? "true" : "false");

  if (!a.onlyCorrectness) {
    double peak[3] = {};
    json << ",\n  \"peakFlops\": {";
    for (int i = 0; i < 3; ++i) {
      peak[i] = cuda_peak(a.device, kWays[i].precision);
      json << (i ? ", " : "") << quoted(kWays[i].name()) << ": " << number(peak[i]);
    }
    json << "},\n  \"timings\": [";
    comma = "\n    ";
    std::vector<Timing> timings;
    const auto add = [&](int64_t n, int64_t d, int64_t M, int way) {
      const Timing timing = time_one(backend, a.device, n, d, M, kWays[way].precision, peak[way]);
      std::printf("%s\n", timing.json().c_str());
      json << comma << timing.json();
      comma = ",\n    ";
      timings.push_back(timing);
    };
    for (int64_t d : {10, 100, 784})
      for (int64_t M : {10000, 100000, 1000000})
        for (int way = 0; way < 3; ++way)
          if (peak[way] > 0) add(20000, d, M, way);
    for (int64_t d : {10, 784}) add(100000, d, 1000000, device.major < 8 ? 0 : 1);
    json << "\n  ]";
    json << ",\n  \"finiteSumTimings\": [";
    comma = "\n    ";
    for (const linear_timings::Shape& s : linear_timings::shapes()) {
      const std::string line = linear_timings::line(s, linear, a.device, timed);
      std::printf("%s\n", line.c_str());
      json << comma << line;
      comma = ",\n    ";
    }
    json << "\n  ]";
    json << ",\n  \"innerSteps\": [";
    comma = "\n    ";
    std::vector<InnerTiming> inner;
    const auto add_inner = [&](int64_t d, int64_t M, Precision precision) {
      if (precision != Precision::Float32 && device.major < 8) return;
      inner.push_back(time_inner(backend, a.device, 20000, d, M, precision));
      std::printf("%s\n", inner.back().json().c_str());
      json << comma << inner.back().json();
      comma = ",\n    ";
    };
    add_inner(100, 100000, Precision::Float32);
    for (int64_t d : {100, 300})
      for (const Precision precision : {Precision::Tf32, Precision::Bf16}) {
        add_inner(d, 100000, precision);
        add_inner(d, 8192, precision);
      }
    for (int64_t M : {4096, 10000, 100000}) add_inner(784, M, Precision::Bf16);
    json << "\n  ]";
    const double gpu = run_small(backend, a.device, 2048, 256).seconds,
                 cpu = run_small(cpu_backend(), -1, 128, 2).seconds;
    std::printf("small runs a second: %.0f together on the device, %.0f on two cores\n", 2048 / gpu, 128 / cpu);
    json << ",\n  \"smallRunsPerSecond\": {\"device\": " << number(2048 / gpu)
         << ", \"twoCores\": " << number(128 / cpu) << "}";
    const std::vector<Other> others = read_others(a.others);
    json << ",\n  \"others\": [";
    comma = "\n    ";
    for (const Other& other : others) {
      json << comma << other.json();
      comma = ",\n    ";
    }
    json << "\n  ],\n  \"claims\": [";
    comma = "\n    ";
    for (const Claim& claim : claims(timings, inner, others, (2048 / gpu) / (128 / cpu))) {
      std::printf("%s: %s\n", claim.held ? "holds" : "DOES NOT HOLD", claim.text.c_str());
      json << comma << "{\"claim\": " << quoted(claim.text) << ", \"holds\": " << (claim.held ? "true" : "false")
           << "}";
      comma = ",\n    ";
    }
    json << "\n  ]";
  }
  json << "\n}\n";
  if (!a.record.empty()) {
    std::ofstream file(a.record);
    file << json.str();
    if (!file) throw std::runtime_error("cannot write " + a.record + ".");
  }
  return correct ? 0 : 1;
}

}  // namespace

int main(int count, char** values) {
  try {
    return check(parse(count, values));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
