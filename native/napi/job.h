// A run on a thread of its own, as JavaScript sees it: `{ promise, cancel }` and batches of trace rows.
//
// Three threads may meet at a job: its own, the JavaScript thread that started it, and the one that ends the process.
// The rules that keep `worker.terminate()` and `process.exit()` clean:
//   * the job's thread talks to JavaScript only through the thread-safe function, and only under the job's lock with
//   the
//     `closed` flag down;
//   * whoever ends the environment first raises `closed` and the stop flag of every job, then joins them all, and only
//     then lets go of the thread-safe functions;
//   * references to JavaScript objects are dropped on the JavaScript thread, before the environment is gone.
#pragma once
#include <functional>
#include <vector>

#include "native/core/cancel.h"
#include "native/napi/node_addon.h"

namespace meanfield {

/// JavaScript objects kept alive while native code reads their memory.
using Pins = std::vector<Napi::ObjectReference>;

/// Makes the value that the promise resolves with; called once, on the JavaScript thread.
using Deliver = std::function<Napi::Value(Napi::Env)>;
/// Takes one trace row; called on the job's thread.
using Progress = std::function<void(const double* row, size_t columns)>;
/// The work, called on the job's thread. What it throws becomes the rejection.
using Work = std::function<Deliver(const CancelToken& cancel, const Progress& progress)>;

/// Sets up what jobs need in this environment: its instance data and the clean-up hook. Once, when the addon is loaded.
void prepare_environment(Napi::Env env);

/// Starts `work` on a new thread and returns `{ promise, cancel }`. `onPoints` may be empty; it gets the rows recorded
/// since its last call, oldest first, as one Float64Array, at most 20 times a second, at most kMaxPendingRows of them
/// (the latest), and never after the promise has settled.
Napi::Object start_job(Napi::Env env, Pins pins, Napi::Function onPoints, Work work);

constexpr size_t kMaxPendingRows = 512;

}  // namespace meanfield
