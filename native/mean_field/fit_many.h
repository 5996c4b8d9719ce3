// Many small fits in one call: each on one core, as many at a time as there are threads; those on a device launch their
// kernels together, 64 at a time or as many as there are threads.
#pragma once
#include <exception>
#include <functional>
#include <memory>
#include <vector>

#include "native/mean_field/fit.h"

namespace meanfield {

/// What became of one fit: its result, or what it threw.
struct FitOutcome {
  std::unique_ptr<FitResult> result;
  std::exception_ptr failure;
};

/// The request as one of many: on one thread, which changes no bit of its result. Throws InvalidOption where it asks for
/// more.
FitRequest as_one_of_many(FitRequest request);

/// Runs the fits, in order as threads fall free; each does what it would do alone, and one that fails leaves the others
/// alone. `onDone(i)` is called after fit i, by one thread at a time. Cancelling ends those under way as fits do (stop =
/// "cancelled"); those that had not begun fail with Cancelled. Costs a few microseconds a fit beside the fit itself.
std::vector<FitOutcome> fit_many(const std::vector<std::shared_ptr<MeanFieldFit>>& fits, int threads,
                                 const CancelToken& cancel, const std::function<void(size_t fit)>& onDone = {});

}  // namespace meanfield
