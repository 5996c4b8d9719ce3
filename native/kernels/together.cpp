#include "native/kernels/together.h"

#include <algorithm>
#include <atomic>
#include <memory>

#include "native/core/errors.h"
#include "native/core/thread_pool.h"

namespace meanfield {

void run_together(const Backend* backend, int32_t device, int64_t count, int members,
                  const std::function<void(int64_t)>& task, const CancelToken* cancel) {
  const int size = static_cast<int>(std::clamp<int64_t>(count, 1, std::max(1, members)));
  void* opened = nullptr;
  const Status status = backend->gang_open(device, size, &opened);
  if (status != Status::Ok)
    throw Error(status == Status::OutOfMemory ? ErrorCode::OutOfMemory : ErrorCode::Device, backend->message());
  const std::unique_ptr<void, void (*)(void*)> gang(opened, backend->gang_close);
  std::atomic<int64_t> next{0};
  // One task of the pool a member, each on a thread of its own: they wait for each other.
  ThreadPool(size).run(size, [&](int64_t, int) {
    backend->gang_join(opened);
    for (int64_t mine = next++; mine < count && !(cancel && cancel->cancelled()); mine = next++) task(mine);
    backend->gang_leave(opened);
  });
}

}  // namespace meanfield
