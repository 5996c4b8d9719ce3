// One network on several devices of a machine: each holds a stretch of the particles and all rows. A step moves n × k numbers a
// device, the outputs of its particles, which are added up in the order of the devices; particles stay where they are. They meet on the first
// device where the backend can move them between devices (NCCL), else on the host, with the same bits.
#pragma once
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "native/kernels/shards.h"

namespace meanfield {

/// The backend that shards over the devices in NetworkShape::devices, of which `kPart(device)` is the backend of one. Results are
/// those of one device but for the order in which outputs are added.
template <const Backend* (*kPart)(int device)>
class Sharded {
 public:
  static const Backend* backend() {
    static const Backend table = make();
    return &table;
  }

 private:
  struct Shard {
    const Backend* backend;
    void* network;
    int64_t first, count;
  };
  struct Net {
    NetworkShape shape;
    std::vector<Shard> shards;
    std::vector<std::vector<double>> partial;
    std::unique_ptr<ThreadPool> pool;  // a thread a shard
    void* group = nullptr;             // of the backend; null: outputs meet on the host
    std::vector<double> shares;        // of the particles

    ~Net() {
      if (group) shards.front().backend->group_close(group);
      for (const Shard& shard : shards) shard.backend->close(shard.network);
    }
    int64_t k() const { return shape.neuron.outputs; }
  };

  template <class F>
  static Status on_all(void* network, F&& f) {
    Net& net = *static_cast<Net*>(network);
    return shards::on_all(net.shards, *net.pool, f);
  }

  static Status open(const NetworkShape* shape, void** network) {
    return shards::guarded([&] {
      auto net = std::make_unique<Net>();
      net->shape = *shape;
      const std::vector<int> devices = shards::devices_of(shape->devices);
      const int64_t count = std::min<int64_t>(static_cast<int64_t>(devices.size()), shape->particles);
      for (int64_t s = 0; s < count; ++s) {
        NetworkShape part = *shape;
        part.device = devices[static_cast<size_t>(s)];
        part.devices = 0;
        part.firstParticle = shape->particles * s / count;
        part.particles = shape->particles * (s + 1) / count - part.firstParticle;
        Shard shard{kPart(part.device), nullptr, part.firstParticle, part.particles};
        const Status status = shards::told(shard, shard.backend->open(&part, &shard.network));
        if (status != Status::Ok) return status;
        net->shards.push_back(shard);
      }
      net->pool = std::make_unique<ThreadPool>(static_cast<int>(count));
      net->partial.resize(net->shards.size());
      std::vector<void*> networks;
      for (const Shard& shard : net->shards) {
        net->shares.push_back(static_cast<double>(shard.count) / static_cast<double>(shape->particles));
        networks.push_back(shard.network);
      }
      const Backend* backend = net->shards.front().backend;
      if (count > 1 && backend->group_open) {
        const Status status = shards::told(
            net->shards.front(), backend->group_open(networks.data(), static_cast<int32_t>(count), &net->group));
        if (status != Status::Ok) return status;
      }
      *network = net.release();
      return Status::Ok;
    });
  }
  static Status outputs(void* network, int32_t matrix, Rows rows, const CancelToken* cancel, double* z) {
    Net& net = *static_cast<Net*>(network);
    const size_t count = static_cast<size_t>(rows.count * net.k());
    if (net.group) {
      const Status held = on_all(network, [&](const Shard& shard, size_t) {
        return shard.backend->hold_outputs(shard.network, matrix, rows, cancel);
      });
      if (held != Status::Ok) return held;
      return on_all(network, [&](const Shard& shard, size_t s) {
        return shard.backend->gather_outputs(net.group, static_cast<int32_t>(s), shard.network, net.shares.data(),
                                             rows.count * net.k(), s == 0 ? z : nullptr);
      });
    }
    const Status status = on_all(network, [&](const Shard& shard, size_t s) {
      net.partial[s].resize(count);
      return shard.backend->outputs(shard.network, matrix, rows, cancel, net.partial[s].data());
    });
    if (status != Status::Ok) return status;
    std::fill(z, z + count, 0.0);
    for (size_t s = 0; s < net.shards.size(); ++s) {
      for (size_t i = 0; i < count; ++i) z[i] += net.shares[s] * net.partial[s][i];
    }
    return Status::Ok;
  }
  static Status update(void* network, int32_t matrix, Rows rows, const double* weights, const Update* update,
                       const CancelToken* cancel) {
    return on_all(network, [&](const Shard& shard, size_t) {
      return shard.backend->update(shard.network, matrix, rows, weights, update, cancel);
    });
  }
  static int64_t numbers(void* network) { return static_cast<Net*>(network)->shape.parameters(); }

  static Backend make() {
    Backend table{};
    table.version = kBackendVersion;
    table.name = "cuda";
    table.isa = "several devices";
    table.open = open;
    table.close = [](void* network) { delete static_cast<Net*>(network); };
    table.add_matrix = [](void* network, const float* x, int64_t rows, int64_t features, int32_t* id) {
      std::vector<int32_t> ids(static_cast<Net*>(network)->shards.size());
      const Status status = on_all(network, [&](const Shard& shard, size_t s) {
        return shard.backend->add_matrix(shard.network, x, rows, features, &ids[s]);
      });
      *id = ids.front();  // every shard counts the same
      return status;
    };
    table.write_particles = [](void* network, const float* particles) {
      return on_all(network, [&](const Shard& shard, size_t) {
        return shard.backend->write_particles(shard.network, particles + shard.first * numbers(network));
      });
    };
    table.read_particles = [](void* network, float* particles) {
      return on_all(network, [&](const Shard& shard, size_t) {
        return shard.backend->read_particles(shard.network, particles + shard.first * numbers(network));
      });
    };
    table.outputs = outputs;
    table.gradient = [](void* network, int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                        float* gradient) {
      return on_all(network, [&](const Shard& shard, size_t) {
        return shard.backend->gradient(shard.network, matrix, rows, weights, cancel,
                                       gradient + shard.first * numbers(network));
      });
    };
    table.update = update;
    table.step = [](void* network, int32_t matrix, Rows rows, const Weigh* weigh, const Update* change,
                    const CancelToken* cancel) {
      return shards::guarded([&] {
        std::vector<double> z(static_cast<size_t>(rows.count * static_cast<Net*>(network)->k())), weights(z.size());
        const Status status = outputs(network, matrix, rows, cancel, z.data());
        if (status != Status::Ok) return status;
        weigh->rows(weigh->context, 0, rows.count, z.data(), weights.data());
        return update(network, matrix, rows, weights.data(), change, cancel);
      });
    };
    table.energies = [](void* network, int32_t matrix, Rows rows, const double* weights, const CancelToken* cancel,
                        double* energies) {
      return on_all(network, [&](const Shard& shard, size_t) {
        return shard.backend->energies(shard.network, matrix, rows, weights, cancel, energies + shard.first);
      });
    };
    table.sum_squares = [](void* network, double* sum) {
      std::vector<double> sums(static_cast<Net*>(network)->shards.size());
      const Status status = on_all(
          network, [&](const Shard& shard, size_t s) { return shard.backend->sum_squares(shard.network, &sums[s]); });
      *sum = 0;
      for (double part : sums) *sum += part;
      return status;
    };
    table.write_field = [](void* network, int32_t field, const float* numbers) {
      return on_all(network, [&](const Shard& shard, size_t) {
        return shard.backend->write_field(shard.network, field, numbers + shard.first * Sharded::numbers(network));
      });
    };
    table.read_field = [](void* network, int32_t field, float* numbers) {
      return on_all(network, [&](const Shard& shard, size_t) {
        return shard.backend->read_field(shard.network, field, numbers + shard.first * Sharded::numbers(network));
      });
    };
    table.exchange = [](void* network, int32_t field) {
      return on_all(network, [&](const Shard& shard, size_t) { return shard.backend->exchange(shard.network, field); });
    };
    table.axpby = [](void* network, float a, int32_t from, float b, int32_t to) {
      return on_all(network,
                    [&](const Shard& shard, size_t) { return shard.backend->axpby(shard.network, a, from, b, to); });
    };
    table.gradient_field = [](void* network, int32_t matrix, Rows rows, const double* weights,
                              const CancelToken* cancel, int32_t field) {
      return on_all(network, [&](const Shard& shard, size_t) {
        return shard.backend->gradient_field(shard.network, matrix, rows, weights, cancel, field);
      });
    };
    table.kinetic = [](void* network, const Kinetic* step, int32_t velocity, int32_t gradient) {
      return on_all(network, [&](const Shard& shard, size_t) {
        return shard.backend->kinetic(shard.network, step, velocity, gradient);
      });
    };
    table.keep_some = [](void* network, double probability, const RandomField* random, uint64_t step, int32_t field) {
      return on_all(network, [&](const Shard& shard, size_t) {
        return shard.backend->keep_some(shard.network, probability, random, step, field);
      });
    };
    table.project = [](void* network) {
      return on_all(network, [&](const Shard& shard, size_t) { return shard.backend->project(shard.network); });
    };
    table.message = [] { return shards::message().c_str(); };
    // Points lie on the first of the devices.
    table.neighbours = [](int32_t device, Points points, Points queries, const int64_t* self, int32_t k,
                          const CancelToken* cancel, double* squares) {
      return of_one(device, kPart(device)->neighbours(device, points, queries, self, k, cancel, squares));
    };
    table.mixture = [](int32_t device, Points centres, double variance, Points queries, const CancelToken* cancel,
                       double* logs) {
      return of_one(device, kPart(device)->mixture(device, centres, variance, queries, cancel, logs));
    };
    return table;
  }
  static Status of_one(int32_t device, Status status) {
    const Backend* part = kPart(device);
    shards::message() = status != Status::Ok && part->message ? part->message() : "";
    return status;
  }
};

}  // namespace meanfield
