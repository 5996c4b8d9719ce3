// What runs on several devices of a machine at once: a part on each, driven by a thread of its own (sharded.h, sharded_linear.h).
#pragma once
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "native/core/thread_pool.h"
#include "native/kernels/kernels.h"

namespace meanfield {
namespace shards {

/// The numbers of a set of devices, bit N for device N.
inline std::vector<int> devices_of(uint64_t set) {
  std::vector<int> devices;
  for (int device = 0; device < 64; ++device)
    if (set >> device & 1) devices.push_back(device);
  return devices;
}

/// What a table says of the last call of this thread.
inline std::string& message() {
  static thread_local std::string text;
  return text;
}

/// No exception leaves a table.
template <class F>
Status guarded(F&& f) {
  message().clear();
  try {
    return f();
  } catch (const std::bad_alloc&) {
    return Status::OutOfMemory;
  }
}

/// A call of one part on this thread, with its words where it fails.
template <class Part>
Status told(const Part& part, Status status) {
  if (status != Status::Ok && part.backend->message) message() = part.backend->message();
  return status;
}

/// f(part, its number) on all parts at once; the first failure of them, with its words.
template <class Part, class F>
Status on_all(std::vector<Part>& parts, ThreadPool& pool, F&& f) {
  return guarded([&] {
    std::vector<Status> status(parts.size(), Status::Ok);
    std::vector<std::string> words(parts.size());
    pool.run(static_cast<int64_t>(parts.size()), [&](int64_t index, int) {
      const size_t s = static_cast<size_t>(index);
      status[s] = f(parts[s], s);
      if (status[s] != Status::Ok && parts[s].backend->message) words[s] = parts[s].backend->message();
    });
    for (size_t s = 0; s < status.size(); ++s)
      if (status[s] != Status::Ok) {
        message() = words[s];
        return status[s];
      }
    return Status::Ok;
  });
}

}  // namespace shards
}  // namespace meanfield
