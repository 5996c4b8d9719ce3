// The seam between the algorithms and the machine: a versioned table of functions.
//
// Everything in the mean-field family is built from two operations on M particles and a matrix of inputs,
//
//     outputs   z_ij = (1/M) Σ_r h_{θ_r}(x_i)_j
//     drift     G_r  = Σ_i Σ_j ω_ij ∂h_{θ_r}(x_i)_j / ∂θ,     then   θ_r ← keep·θ_r − rate·G_r + noise·ξ_r ,
//
// and a backend is one implementation of them that owns the particles wherever it likes (host memory, a device).
// Nothing of size n × M is ever stored. Each row of z is summed over the particles in an order fixed by M alone, and each
// particle's G over the rows in an order fixed by n alone: the number of threads changes no bit.
#pragma once
#include <cstdint>

#include "native/core/cancel.h"
#include "native/core/host_device.h"
#include "native/core/philox.h"
#include "native/problem/neurons.h"

namespace meanfield {

/// Raised whenever the table or a struct in it changes; a shared library with another version is refused.
constexpr uint32_t kBackendVersion = 8;

enum class Status : int32_t { Ok = 0, Cancelled = 1, OutOfMemory = 2, DeviceFailure = 3 };

/// Of the products on a device with matrix units; accumulation is always in float32 or better. What it costs is stated
/// in docs/gpu.md.
enum class Precision : int32_t { Float32, Tf32, Bf16 };
inline const char* const kPrecisionNames[] = {"float32", "tf32", "bf16"};

struct NetworkShape {
  int64_t particles;  // M
  int64_t inputs;     // numbers of x a neuron sees, the constant 1 of the bias included
  Neuron neuron;
  int32_t threads;                           // >= 1; a device has its own
  Precision precision = Precision::Float32;  // others on a device only
  int32_t device = 0;                        // number of the device, where the backend has several
  uint64_t devices = 0;                      // a sharded backend: bit i for device i
  int64_t firstParticle =
      0;  // a shard on a device: the number of its first particle among all, which decides sign and noise
  /// p: inputs of the weights, then the tail of the second layer.
  int64_t parameters() const { return inputs + neuron.tail(); }
};

/// Rows of a matrix that take part, in this order; index = nullptr means all of them.
struct Rows {
  const int32_t* index = nullptr;
  int64_t count = 0;
};

/// θ ← keep·θ − rate·G(θ) + noise·ξ, done `repeats` times with the same ω; repeat q draws ξ at step firstStep + q.
struct Update {
  double keep = 1;
  double rate = 0;
  double noise = 0;  // 0: no normals are drawn
  int64_t repeats = 1;
  uint64_t firstStep = 0;
  RandomField field;  // ξ_{r,c} = field.normal(step, r, c)
};

/// Fields are M × p numbers that live where the particles do, for algorithms with more to remember of a particle than where it
/// is. They have the numbers 1 … kFields; kParticles stands for the particles themselves. What a field holds before it is
/// first written is not known, and memory for it is taken only then.
constexpr int32_t kParticles = 0, kFields = 3;

/// A step of kinetic (underdamped) dynamics with velocities v and two normals ξ, ζ for each coordinate:
///
///     f = G + pull·θ,    θ ← θ + φ0 v − φ1 f + ofPosition ξ,    v ← φ2 v − φ0 f + across ξ + ofVelocity ζ ,
///
/// ξ = position.normal(step, r, c) and ζ = velocity.normal(step + 1, r, c).
struct Kinetic {
  double phi0, phi1, phi2, ofPosition, across, ofVelocity;
  double pull = 0;
  RandomField position{}, velocity{};
  uint64_t step = 0;

  MEANFIELD_HOST_DEVICE void apply(float& theta, float& v, float gradient, float xi, float zeta) const {
    const double f = gradient + pull * theta, before = v;
    theta = static_cast<float>(theta + phi0 * before - phi1 * f + ofPosition * xi);
    v = static_cast<float>(phi2 * before - phi0 * f + across * xi + ofVelocity * zeta);
  }
};

/// The weights ω of some rows from their outputs z, both count × k: rows first … first + count of those of the call. A
/// row's weights may depend on its own outputs alone. Called by one thread at a time, rows in order, each once.
struct Weigh {
  void (*rows)(void* context, int64_t first, int64_t count, const double* z, double* weights);
  void* context;
};

/// count × dimension, row-major; memory belongs to the caller.
struct Points {
  const float* data;
  int64_t count, dimension;
  const float* operator[](int64_t r) const { return data + r * dimension; }
};
/// The most neighbours that a backend's `neighbours` is asked for.
constexpr int kMostNeighbours = 16;

struct Backend {
  uint32_t version;
  const char* name;  // "cpu", "reference", "cuda"
  const char* isa;   // instruction set or device generation

  Status (*open)(const NetworkShape* shape, void** network);
  void (*close)(void* network);

  /// Registers an n × features row-major matrix; the backend keeps its own copy, with a column of ones appended when the
  /// network has one more input than the matrix has columns. *id is then used to name it.
  Status (*add_matrix)(void* network, const float* x, int64_t rows, int64_t features, int32_t* id);

  /// Particles as an M × p row-major array.
  Status (*write_particles)(void* network, const float* particles);
  Status (*read_particles)(void* network, float* particles);

  /// z: rows.count × k, row-major. A non-null `cancel` is polled at least every few milliseconds of work.
  Status (*outputs)(void* network, int32_t matrix, Rows rows, const CancelToken* cancel, double* z);
  /// gradient: M × p row-major, G_r as above; weights ω: rows.count × k.
  Status (*gradient)(void* network, int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                     float* gradient);
  /// The update of all particles in place. After Cancelled some particles have moved and others have not: the caller
  /// restores them.
  Status (*update)(void* network, int32_t matrix, Rows rows, const double* weights, const Update* update,
                   const CancelToken* cancel);
  /// `outputs`, `weigh` and `update` in one call and bit for bit the same, but each neuron is computed only once where
  /// that is faster: rows are taken in chunks whose activations are still at hand when their weights are known.
  Status (*step)(void* network, int32_t matrix, Rows rows, const Weigh* weigh, const Update* update,
                 const CancelToken* cancel);
  /// energies[r] = Σ_i Σ_j ω_ij h_{θ_r}(x_i)_j, M numbers: the potential that the drift is the gradient of. Weights and
  /// rows as for `gradient`; summed over the rows in double.
  Status (*energies)(void* network, int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                     double* energies);
  /// Σ_r ‖θ_r‖² in double, in an order fixed by M and p. Not finite as soon as one coordinate is not.
  Status (*sum_squares)(void* network, double* sum);

  // Fields, none of which leaves its place but by the first two.
  Status (*write_field)(void* network, int32_t field, const float* numbers);
  Status (*read_field)(void* network, int32_t field, float* numbers);
  /// The particles become what the field holds, and the field what they were.
  Status (*exchange)(void* network, int32_t field);
  /// to ← a·from + b·to in float32, either of which may be the particles; with b = 0 what `to` held does not count.
  Status (*axpby)(void* network, float a, int32_t from, float b, int32_t to);
  /// `gradient` into a field, with the same bits. After Cancelled what it holds is not known.
  Status (*gradient_field)(void* network, int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                           int32_t field);
  /// The step of all particles, with the fields of v and of G.
  Status (*kinetic)(void* network, const Kinetic* step, int32_t velocity, int32_t gradient);
  /// Particle r goes into its place of the field where random.uniform(step, r, 0) < probability.
  Status (*keep_some)(void* network, double probability, const RandomField* random, uint64_t step, int32_t field);
  /// The first `inputs` numbers of every particle to length 1, those of length 0 left; lengths in double.
  Status (*project)(void* network);

  /// What was seen and what to do, when the last call of this thread returned OutOfMemory or DeviceFailure; "" when there
  /// is no more to say than the status does. Valid until the thread's next call. nullptr: the backend never has more to say.
  const char* (*message)();

  // On points that no network owns; nullptr where the host does as well. `device` as in NetworkShape.
  /// squares[q]: squared distance of query q to its k-th nearest point, k ≤ kMostNeighbours, the point self[q] left out (−1,
  /// or self = nullptr: none); infinity where there are fewer.
  Status (*neighbours)(int32_t device, Points points, Points queries, const int64_t* self, int32_t k,
                       const CancelToken* cancel, double* squares);
  /// logs[q] = log Σ_r exp(−‖query_q − centre_r‖²/(2·variance)).
  Status (*mixture)(int32_t device, Points centres, double variance, Points queries, const CancelToken* cancel,
                    double* logs);

  // One network on several devices (sharded.h); nullptr where there is but one.
  /// The devices of these networks as a group that moves numbers between them; *group = nullptr where nothing can, so that
  /// outputs are copied through the host.
  Status (*group_open)(void* const* networks, int32_t count, void** group);
  void (*group_close)(void* group);
  /// `outputs` that stay on the device, for gather_outputs.
  Status (*hold_outputs)(void* network, int32_t matrix, Rows rows, const CancelToken* cancel);
  /// Called for all members at once, each by a thread of its own, when all of them hold outputs of `count` numbers: z = Σ over the
  /// members, in their order, of shares[member] times their numbers. z is that of member 0.
  Status (*gather_outputs)(void* group, int32_t member, void* network, const double* shares, int64_t count, double* z);

  // Many small networks that launch together; nullptr where there is nothing to gain. A gang has `members` tasks, each of
  // which joins on its thread, opens, uses and closes networks of that device there, and leaves. All of them must
  // come to join, and none may wait for another: a member's operations return when all members have asked for one.
  Status (*gang_open)(int32_t device, int32_t members, void** gang);
  void (*gang_close)(void* gang);
  void (*gang_join)(void* gang);
  void (*gang_leave)(void* gang);
};

/// Slow, scalar, double precision inside, written to be read: every other backend is tested against it.
const Backend* reference_backend();

/// Instruction sets compiled into this binary, best first: "avx512", "avx2", "baseline" (or "neon").
int cpu_isa_count();
const char* cpu_isa_name(int index);
/// True when this processor and operating system can run it.
bool cpu_isa_supported(int index);
/// nullptr when there is none of that name or the processor cannot run it.
const Backend* cpu_backend(const char* isa);
/// The best supported one; MEANFIELD_FORCE_ISA overrides. Throws InvalidOption when the forced one is unknown or unsupported.
const Backend* cpu_backend();

}  // namespace meanfield
