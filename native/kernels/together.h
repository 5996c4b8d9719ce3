// Tasks that each use networks of their own, many at a time, so that a device gets their work together.
#pragma once
#include <functional>

#include "native/core/cancel.h"
#include "native/kernels/kernels.h"

namespace meanfield {

/// task(i) for every i in [0, count), `members` at a time, each on a thread that is in a gang of the device (kernels.h); the
/// backend has gangs. A task opens, uses and closes its networks and does not throw. Those not begun when `cancel` is raised
/// are left out. Throws Error when the device cannot be used.
void run_together(const Backend* backend, int32_t device, int64_t count, int members,
                  const std::function<void(int64_t)>& task, const CancelToken* cancel);

}  // namespace meanfield
