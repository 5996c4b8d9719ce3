// Speed of the kernels alone: noisy gradient steps with the squared loss at fixed sizes, beside the multiply-add peak of
// one core measured in the same program.
//
//   meanfield_bench [--isa avx512] [--threads 1] [--n 2000] [--d 100] [--m 1000] [--activation tanh] [--bounded]
//                   [--k 1] [--mode step] [--repeats 1] [--seconds 0.5] [--json] [--cpu]
//
// With --cpu, seconds are those of the processor: for one thread on a machine that others use too.
// Modes: step (outputs, weights and update in one call), split (in two), inner (`repeats` updates with frozen weights).
// Without --n, --d or --m, that dimension runs over its list. A line: steps a second and GFLOP/s counting 4·n·M·d a
// step, medians of single calls; percent of `threads` times the peak; cycles of a core for a pair of row and particle.
#include "native/kernels/kernels.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "native/kernels/cpu/tiles.h"

using namespace meanfield;

namespace {

bool cpuTime = false;

/// Seconds: of the wall, or of all processors that worked for this process.
double now() {
  if (cpuTime) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// Median seconds of one call, over `seconds` of calls and at least three after one to warm up; of a single call when
/// `seconds` is 0.
double time_of(double seconds, const std::function<void()>& call) {
  if (seconds > 0) call();
  std::vector<double> times;
  const double end = now() + seconds;
  while (times.size() < (seconds > 0 ? 3u : 1u) || now() < end) {
    const double start = now();
    call();
    times.push_back(now() - start);
  }
  return median(times);
}

struct Options {
  std::string isa;
  int threads = 1;
  std::vector<int64_t> n{256, 2000, 20000}, d{10, 100, 784}, m{1000, 10000};
  Neuron neuron{Activation::Tanh, SecondLayer::Fixed, Signs::Same, 1, 1};
  std::string mode = "step";
  bool json = false;
  int64_t repeats = 1;
  double seconds = 0.5;
};

[[noreturn]] void usage(const std::string& seen) {
  std::fprintf(stderr, "meanfield_bench: '%s' is not understood; see the head of bench/native/kernels.cpp.\n",
               seen.c_str());
  std::exit(2);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--cpu") {
      cpuTime = true;
      continue;
    }
    if (name == "--json") {
      options.json = true;
      continue;
    }
    if (name == "--bounded") {
      options.neuron.secondLayer = SecondLayer::Bounded;
      continue;
    }
    if (i + 1 >= argc) usage(name);
    const std::string value = argv[++i];
    if (name == "--isa")
      options.isa = value;
    else if (name == "--threads")
      options.threads = std::max(1, std::atoi(value.c_str()));
    else if (name == "--n")
      options.n = {std::max<int64_t>(1, std::atoll(value.c_str()))};
    else if (name == "--d")
      options.d = {std::max<int64_t>(1, std::atoll(value.c_str()))};
    else if (name == "--m")
      options.m = {std::max<int64_t>(1, std::atoll(value.c_str()))};
    else if (name == "--k")
      options.neuron.outputs = std::max(1, std::atoi(value.c_str()));
    else if (name == "--repeats")
      options.repeats = std::max<int64_t>(1, std::atoll(value.c_str()));
    else if (name == "--mode" && (value == "step" || value == "split" || value == "inner"))
      options.mode = value;
    else if (name == "--seconds")
      options.seconds = std::atof(value.c_str());
    else if (name == "--activation") {
      int found = -1;
      for (int a = 0; a < 5; ++a)
        if (value == kActivationNames[a]) found = a;
      if (found < 0) usage(value);
      options.neuron.activation = static_cast<Activation>(found);
    } else {
      usage(name);
    }
  }
  return options;
}

/// Multiply-adds a second of one core, best of several.
double measure_peak(const cpu::Tiles& tiles, int trials) {
  const int64_t rounds = 200000;
  double best = 0;
  volatile float sink = 0;
  for (int i = 0; i < trials; ++i) {
    const double start = now();
    sink = sink + tiles.peak(rounds);
    best = std::max(best, static_cast<double>(rounds) * tiles.peakChains * tiles.width / (now() - start));
  }
  return best;
}

void elementwise(const cpu::Tiles& tiles, double hertz) {
  struct alignas(64) Line {
    float value[16];
  };
  std::vector<Line> in(256), out(256);
  const int64_t count = 4096;
  for (int64_t i = 0; i < count; ++i)
    in[static_cast<size_t>(i / 16)].value[i % 16] = static_cast<float>(i % 1000) * 0.008f - 4.0f;
  const std::pair<const char*, cpu::VectorFunction> functions[] = {
      {"tanh", cpu::VectorFunction::Tanh},         {"sigmoid", cpu::VectorFunction::Sigmoid},
      {"softplus", cpu::VectorFunction::Softplus}, {"silu", cpu::VectorFunction::Silu},
      {"exp", cpu::VectorFunction::Exp},           {"log", cpu::VectorFunction::Log}};
  std::printf("cycles a value (in the first-level cache):");
  for (const auto& [name, function] : functions) {
    const double seconds = time_of(0.02, [&, f = function] {
      for (int i = 0; i < 20; ++i) tiles.apply(f, in[0].value, count, out[0].value);
    });
    std::printf(" %s %.2f", name, seconds / (20.0 * count) * hertz);
  }
  const uint32_t key[2] = {1, 2}, counter[2] = {3, 4};
  const int64_t quads = count / (4 * tiles.width);
  const double seconds = time_of(0.02, [&] {
    for (int i = 0; i < 20; ++i) tiles.normals(key, counter, 0, quads, out[0].value);
  });
  std::printf(" normal %.2f\n", seconds / (20.0 * count) * hertz);
}

void steps(const Options& options, const Backend* backend, int64_t n, int64_t d, int64_t m, const cpu::Tiles& tiles) {
  NetworkShape shape{m, d + 1, options.neuron, options.threads};
  void* network = nullptr;
  if (backend->open(&shape, &network) != Status::Ok) {
    std::printf("n=%lld d=%lld M=%lld: not enough memory\n", (long long)n, (long long)d, (long long)m);
    return;
  }
  const RandomField field{1, Stream::Init};
  std::vector<float> x(static_cast<size_t>(n * d));
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(static_cast<int32_t>(static_cast<uint32_t>(i) * 2654435761u)) * 0x1p-31f;
  const int64_t k = options.neuron.outputs;
  std::vector<double> z(static_cast<size_t>(n * k)), omega(z.size()), y(z.size());
  for (size_t i = 0; i < y.size(); ++i) y[i] = field.uniform(1, static_cast<uint32_t>(i), 0);
  int32_t matrix = 0;
  backend->add_matrix(network, x.data(), n, d, &matrix);
  x = {};
  Update update;
  update.keep = 0;
  update.noise = 0.1;
  update.field = field;
  backend->update(network, matrix, {nullptr, n}, omega.data(), &update, nullptr);
  update.keep = 0.9999;
  update.rate = 0.01;
  update.noise = 1e-3;
  update.repeats = options.repeats;

  struct Loss {
    const double* y;
    double scale;
    int64_t k;
    static void weigh(void* self, int64_t first, int64_t count, const double* z, double* weights) {
      const Loss& loss = *static_cast<Loss*>(self);
      for (int64_t i = 0; i < count * loss.k; ++i) weights[i] = (z[i] - loss.y[first * loss.k + i]) * loss.scale;
    }
  } loss{y.data(), 1 / static_cast<double>(n), k};
  const Weigh weigh{Loss::weigh, &loss};

  const Rows rows{nullptr, n};
  // The clock moves with the load of the whole machine: the peak is taken on both sides of the steps.
  const double before = measure_peak(tiles, 3);
  const double seconds = time_of(options.seconds, [&] {
    if (options.mode == "step") {
      backend->step(network, matrix, rows, &weigh, &update, nullptr);
    } else {
      if (options.mode == "split") {
        backend->outputs(network, matrix, rows, nullptr, z.data());
        Loss::weigh(&loss, 0, n, z.data(), omega.data());
      }
      backend->update(network, matrix, rows, omega.data(), &update, nullptr);
    }
    update.firstStep += static_cast<uint64_t>(update.repeats);
  });
  backend->close(network);
  const double peak = (before + measure_peak(tiles, 3)) / 2, hertz = peak / (2 * tiles.width);
  // Inner steps alone cost as much as whole steps: 2·n·M·d for the outputs of the frozen target's neurons, 2·n·M·d for G.
  const double count = options.mode == "inner" ? static_cast<double>(options.repeats) : 1;
  const double flops = 4.0 * count * static_cast<double>(n * d) * static_cast<double>(m);
  if (options.json)
    std::printf(
        "{\"peer\": \"meanfield\", \"n\": %lld, \"d\": %lld, \"m\": %lld, \"threads\": %d, \"stepsPerSecond\": %.4f, "
        "\"gflops\": %.2f, \"peak\": %.2f}\n",
        (long long)n, (long long)d, (long long)m, options.threads, count / seconds, flops / seconds * 1e-9,
        2e-9 * peak * options.threads);
  else
    std::printf("n=%-6lld d=%-4lld M=%-7lld %9.1f steps/s  %6.1f GFLOP/s  %4.1f%% of peak  %5.2f cycles a pair\n",
                (long long)n, (long long)d, (long long)m, count / seconds, flops / seconds * 1e-9,
                100 * flops / seconds / (2 * peak * options.threads),
                seconds / count * hertz * options.threads / (static_cast<double>(n) * static_cast<double>(m)));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const Backend* backend = options.isa.empty() ? cpu_backend() : cpu_backend(options.isa.c_str());
  if (!backend) usage(options.isa);
  const cpu::Tiles& tiles = *cpu::supported_tiles(backend->isa);
  const double peak = measure_peak(tiles, 12);
  // Two native multiply-adds a cycle on every core this was written for: the clock that the cycle counts assume.
  const double hertz = peak / (2 * tiles.width);
  if (!options.json) {
    std::printf(
        "%s, %d thread%s; multiply-add peak of one core %.0f GFLOP/s (clock of %.2f GHz at two a cycle); %s, %s "
        "layer\n",
        backend->isa, options.threads, options.threads == 1 ? "" : "s", 2e-9 * peak, hertz * 1e-9,
        kActivationNames[static_cast<int>(options.neuron.activation)],
        kSecondLayerNames[static_cast<int>(options.neuron.secondLayer)]);
    elementwise(tiles, hertz);
  }
  for (int64_t n : options.n)
    for (int64_t d : options.d)
      for (int64_t m : options.m) steps(options, backend, n, d, m, tiles);
  return 0;
}
