// The backend table of kernels.h over CudaNetwork. No exception leaves it.
#include "native/kernels/cuda/cuda_network.inl"
#include "native/kernels/cuda/guarded.h"
#include "native/kernels/cuda/points.inl"

namespace meanfield {
namespace cuda {

namespace {

/// f(network) on its device.
template <class F>
Status with(void* network, F&& f) {
  CudaNetwork& net = *static_cast<CudaNetwork*>(network);
  return guarded([&] {
    net.use();
    return f(net);
  });
}

Backend table_of(const char* isa) {
  Backend table{};
  table.version = kBackendVersion;
  table.name = "cuda";
  table.isa = isa;
  table.open = [](const NetworkShape* shape, void** network) {
    return guarded([&] {
      *network = new CudaNetwork(*shape);
      return Status::Ok;
    });
  };
  table.close = [](void* network) { delete static_cast<CudaNetwork*>(network); };
  table.add_matrix = [](void* network, const float* x, int64_t rows, int64_t features, int32_t* id) {
    return with(network, [&](CudaNetwork& net) { return *id = net.add_matrix(x, rows, features), Status::Ok; });
  };
  table.write_particles = [](void* network, const float* particles) {
    return with(network, [&](CudaNetwork& net) { return net.write_particles(particles), Status::Ok; });
  };
  table.read_particles = [](void* network, float* particles) {
    return with(network, [&](CudaNetwork& net) { return net.read_particles(particles), Status::Ok; });
  };
  table.outputs = [](void* network, int32_t matrix, Rows rows, const CancelToken* cancel, double* z) {
    return with(network, [&](CudaNetwork& net) { return net.outputs(matrix, rows, cancel, z); });
  };
  table.gradient = [](void* network, int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                      float* gradient) {
    return with(network, [&](CudaNetwork& net) { return net.gradient(matrix, rows, weights, cancel, gradient); });
  };
  table.update = [](void* network, int32_t matrix, Rows rows, const double* weights, const Update* update,
                    const CancelToken* cancel) {
    return with(network, [&](CudaNetwork& net) { return net.update(matrix, rows, weights, *update, cancel); });
  };
  table.step = [](void* network, int32_t matrix, Rows rows, const Weigh* weigh, const Update* update,
                  const CancelToken* cancel) {
    return with(network, [&](CudaNetwork& net) { return net.step(matrix, rows, *weigh, *update, cancel); });
  };
  table.energies = [](void* network, int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                      double* energies) {
    return with(network, [&](CudaNetwork& net) { return net.energies(matrix, rows, weights, cancel, energies); });
  };
  table.sum_squares = [](void* network, double* sum) {
    return with(network, [&](CudaNetwork& net) { return *sum = net.sum_squares(), Status::Ok; });
  };
  table.write_field = [](void* network, int32_t field, const float* numbers) {
    return with(network, [&](CudaNetwork& net) { return net.write_field(field, numbers), Status::Ok; });
  };
  table.read_field = [](void* network, int32_t field, float* numbers) {
    return with(network, [&](CudaNetwork& net) { return net.read_field(field, numbers), Status::Ok; });
  };
  table.exchange = [](void* network, int32_t field) {
    return with(network, [&](CudaNetwork& net) { return net.exchange(field), Status::Ok; });
  };
  table.axpby = [](void* network, float a, int32_t from, float b, int32_t to) {
    return with(network, [&](CudaNetwork& net) { return net.axpby(a, from, b, to), Status::Ok; });
  };
  table.gradient_field = [](void* network, int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                            int32_t field) {
    return with(network, [&](CudaNetwork& net) { return net.gradient_field(matrix, rows, weights, cancel, field); });
  };
  table.kinetic = [](void* network, const Kinetic* step, int32_t velocity, int32_t gradient) {
    return with(network, [&](CudaNetwork& net) { return net.kinetic(*step, velocity, gradient), Status::Ok; });
  };
  table.keep_some = [](void* network, double probability, const RandomField* random, uint64_t step, int32_t field) {
    return with(network,
                [&](CudaNetwork& net) { return net.keep_some(probability, *random, step, field), Status::Ok; });
  };
  table.project = [](void* network) {
    return with(network, [&](CudaNetwork& net) { return net.project(), Status::Ok; });
  };
  table.message = [] { return last_message().c_str(); };
  table.neighbours = [](int32_t device, Points points, Points queries, const int64_t* self, int32_t k,
                        const CancelToken* cancel, double* squares) {
    return guarded([&] { return over_points(device, points, queries, self, NearestFold{k}, cancel, squares); });
  };
  table.mixture = [](int32_t device, Points centres, double variance, Points queries, const CancelToken* cancel,
                     double* logs) {
    const MixtureFold fold{static_cast<float>(0.5 / variance)};
    return guarded([&] { return over_points(device, centres, queries, nullptr, fold, cancel, logs); });
  };
  table.group_open = [](void* const* networks, int32_t count, void** group) {
    return guarded([&] {
      std::vector<int> devices;
      for (int32_t i = 0; i < count; ++i) devices.push_back(static_cast<CudaNetwork*>(networks[i])->device());
      return *group = DeviceGroup::open(devices), Status::Ok;
    });
  };
  table.group_close = [](void* group) { delete static_cast<DeviceGroup*>(group); };
  table.hold_outputs = [](void* network, int32_t matrix, Rows rows, const CancelToken* cancel) {
    return with(network, [&](CudaNetwork& net) { return net.outputs(matrix, rows, cancel, nullptr); });
  };
  table.gather_outputs = [](void* group, int32_t member, void* network, const double* shares, int64_t count,
                            double* z) {
    return with(network, [&](CudaNetwork& net) {
      return net.gather_outputs(*static_cast<DeviceGroup*>(group), member, shares, count, z), Status::Ok;
    });
  };
  table.gang_open = [](int32_t device, int32_t members, void** gang) {
    return guarded([&] { return *gang = new Gang(device, members), Status::Ok; });
  };
  table.gang_close = [](void* gang) { delete static_cast<Gang*>(gang); };
  table.gang_join = [](void* gang) { static_cast<Gang*>(gang)->join(); };
  table.gang_leave = [](void* gang) { static_cast<Gang*>(gang)->leave(); };
  return table;
}

}  // namespace

}  // namespace cuda
}  // namespace meanfield
