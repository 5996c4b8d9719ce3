// The instruction sets of this binary and the choice among them.
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <system_error>

#include "native/core/errors.h"
#include "native/kernels/cpu/cpu_network.h"

namespace meanfield {
namespace cpu {

#if defined(__x86_64__)
namespace avx512 {
const Tiles* tiles();
}
namespace avx2 {
const Tiles* tiles();
}
namespace baseline {
const Tiles* tiles();
}
#else
namespace neon {
const Tiles* tiles();
}
#endif

namespace {

struct InstructionSet {
  const char* name;
  const Tiles* (*tiles)();
  /// Processor and operating system have it.
  bool (*supported)();
};

#if defined(__x86_64__)
bool has_avx512() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool has_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2");
}
bool has_baseline() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
}
constexpr InstructionSet kSets[] = {{"avx512", avx512::tiles, has_avx512},
                                    {"avx2", avx2::tiles, has_avx2},
                                    {"baseline", baseline::tiles, has_baseline}};
#else
bool always() { return true; }
constexpr InstructionSet kSets[] = {{"neon", neon::tiles, always}};
#endif
constexpr int kCount = static_cast<int>(sizeof kSets / sizeof kSets[0]);

CpuNetwork& of(void* network) { return *static_cast<CpuNetwork*>(network); }

/// Nothing may leave the table but a status.
template <class F>
Status guarded(F&& f) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    return Status::OutOfMemory;
  } catch (const std::length_error&) {
    return Status::OutOfMemory;
  } catch (const std::system_error&) {  // no thread to be had
    return Status::OutOfMemory;
  } catch (...) {
    return Status::DeviceFailure;
  }
}

template <int kSet>
Status open(const NetworkShape* shape, void** network) {
  return guarded([&] {
    *network = nullptr;
    *network = new CpuNetwork(*shape, *kSets[kSet].tiles());
    return Status::Ok;
  });
}

template <int kSet>
const Backend* backend() {
  static const Backend table = {
      kBackendVersion,
      "cpu",
      kSets[kSet].name,
      open<kSet>,
      [](void* network) { delete static_cast<CpuNetwork*>(network); },
      [](void* network, const float* x, int64_t rows, int64_t features, int32_t* id) {
        return guarded([&] { return *id = of(network).add_matrix(x, rows, features), Status::Ok; });
      },
      [](void* network, const float* particles) {
        return guarded([&] { return of(network).write_particles(particles), Status::Ok; });
      },
      [](void* network, float* particles) {
        return guarded([&] { return of(network).read_particles(particles), Status::Ok; });
      },
      [](void* network, int32_t matrix, Rows rows, const CancelToken* cancel, double* z) {
        return guarded([&] { return of(network).outputs(matrix, rows, cancel, z); });
      },
      [](void* network, int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel, float* gradient) {
        return guarded([&] { return of(network).gradient(matrix, rows, weights, cancel, gradient); });
      },
      [](void* network, int32_t matrix, Rows rows, const double* weights, const Update* update,
         const CancelToken* cancel) {
        return guarded([&] { return of(network).update(matrix, rows, weights, *update, cancel); });
      },
      [](void* network, int32_t matrix, Rows rows, const Weigh* weigh, const Update* update,
         const CancelToken* cancel) {
        return guarded([&] { return of(network).step(matrix, rows, *weigh, *update, cancel); });
      },
      [](void* network, int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel, double* energies) {
        return guarded([&] { return of(network).energies(matrix, rows, weights, cancel, energies); });
      },
      [](void* network, double* sum) { return guarded([&] { return *sum = of(network).sum_squares(), Status::Ok; }); },
      [](void* network, int32_t field, const float* numbers) {
        return guarded([&] { return of(network).write_field(field, numbers), Status::Ok; });
      },
      [](void* network, int32_t field, float* numbers) {
        return guarded([&] { return of(network).read_field(field, numbers), Status::Ok; });
      },
      [](void* network, int32_t field) { return guarded([&] { return of(network).exchange(field), Status::Ok; }); },
      [](void* network, float a, int32_t from, float b, int32_t to) {
        return guarded([&] { return of(network).axpby(a, from, b, to), Status::Ok; });
      },
      [](void* network, int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel, int32_t field) {
        return guarded([&] { return of(network).gradient_field(matrix, rows, weights, cancel, field); });
      },
      [](void* network, const Kinetic* step, int32_t velocity, int32_t gradient) {
        return guarded([&] { return of(network).kinetic(*step, velocity, gradient), Status::Ok; });
      },
      [](void* network, double probability, const RandomField* random, uint64_t step, int32_t field) {
        return guarded([&] { return of(network).keep_some(probability, *random, step, field), Status::Ok; });
      },
      [](void* network) { return guarded([&] { return of(network).project(), Status::Ok; }); },
      nullptr,  // message
      nullptr,  // neighbours
      nullptr,  // mixture
      nullptr,  // group_open
      nullptr,  // group_close
      nullptr,  // hold_outputs
      nullptr,  // gather_outputs
      nullptr,  // gang_open
      nullptr,  // gang_close
      nullptr,  // gang_join
      nullptr,  // gang_leave
  };
  return &table;
}

const Backend* backend_of(int set) {
  switch (set) {
    case 0: return backend<0>();
#if defined(__x86_64__)
    case 1: return backend<1>();
    case 2: return backend<2>();
#endif
  }
  return nullptr;
}

}  // namespace

const Tiles* supported_tiles(const char* isa) {
  for (const InstructionSet& set : kSets)
    if (std::strcmp(set.name, isa) == 0 && set.supported()) return set.tiles();
  return nullptr;
}

}  // namespace cpu

int cpu_isa_count() { return cpu::kCount; }
const char* cpu_isa_name(int index) { return cpu::kSets[index].name; }
bool cpu_isa_supported(int index) { return cpu::kSets[index].supported(); }

const Backend* cpu_backend(const char* isa) {
  for (int i = 0; i < cpu_isa_count(); ++i)
    if (std::strcmp(cpu_isa_name(i), isa) == 0 && cpu_isa_supported(i)) return cpu::backend_of(i);
  return nullptr;
}

const Backend* cpu_backend() {
  std::string known;
  for (int i = 0; i < cpu_isa_count(); ++i)
    if (cpu_isa_supported(i)) known += (known.empty() ? "" : ", ") + std::string(cpu_isa_name(i));
  const char* forced = std::getenv("MEANFIELD_FORCE_ISA");
  if (forced && *forced) {
    if (const Backend* backend = cpu_backend(forced)) return backend;
    throw Error(ErrorCode::InvalidOption,
                "MEANFIELD_FORCE_ISA is '" + std::string(forced) +
                    "', which this processor cannot run or this build does not know; use one of " + known +
                    ", or unset it.");
  }
  for (int i = 0; i < cpu_isa_count(); ++i)
    if (cpu_isa_supported(i)) return cpu::backend_of(i);
  throw Error(ErrorCode::Device,
              "this processor lacks the instructions every build needs (x86-64-v2: SSE4.2 and POPCNT); "
              "build from source on it or use a newer machine.");
}

}  // namespace meanfield
