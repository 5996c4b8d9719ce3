#include "native/mean_field/fit_many.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "native/core/thread_pool.h"
#include "native/kernels/together.h"

namespace meanfield {

namespace {

/// Fits at a time on a device: they launch together and mostly wait.
constexpr int kGang = 64;

}  // namespace

FitRequest as_one_of_many(FitRequest request) {
  for (const auto& [name, value] : request.run) {
    if (name != "threads") continue;
    const double* threads = std::get_if<double>(&value);
    if (!threads || *threads != 1)
      throw Error(ErrorCode::InvalidOption,
                  "threads is " + format_option(value) +
                      " for one of many fits; each has one thread. Give the number of threads to the call as a whole.");
    return request;
  }
  request.run.emplace_back("threads", 1.0);
  return request;
}

std::vector<FitOutcome> fit_many(const std::vector<std::shared_ptr<MeanFieldFit>>& fits, int threads,
                                 const CancelToken& cancel, const std::function<void(size_t fit)>& onDone) {
  std::vector<FitOutcome> outcomes(fits.size());
  std::mutex telling;
  const auto fit = [&](size_t i) {
    try {
      outcomes[i].result = std::make_unique<FitResult>(fits[i]->run(cancel, {}));
    } catch (...) {
      outcomes[i].failure = std::current_exception();
    }
    if (!onDone) return;
    std::lock_guard<std::mutex> lock(telling);
    onDone(i);
  };
  std::vector<size_t> here;
  std::map<std::pair<const Backend*, int>, std::vector<size_t>> onDevices;
  for (size_t i = 0; i < fits.size(); ++i) {
    const auto [backend, device] = fits[i]->place();
    (backend->gang_open ? onDevices[{backend, device}] : here).push_back(i);
  }
  for (const auto& [place, those] : onDevices) {
    try {
      run_together(
          place.first, place.second, static_cast<int64_t>(those.size()), std::max(threads, kGang),
          [&, &some = those](int64_t index) { fit(some[static_cast<size_t>(index)]); }, &cancel);
    } catch (const Error&) {  // the device cannot be used
      for (size_t i : those)
        if (!outcomes[i].result && !outcomes[i].failure) outcomes[i].failure = std::current_exception();
    }
  }
  ThreadPool pool(static_cast<int>(std::clamp<size_t>(here.size(), 1, static_cast<size_t>(std::max(1, threads)))));
  pool.run(
      static_cast<int64_t>(here.size()), [&](int64_t index, int) { fit(here[static_cast<size_t>(index)]); }, &cancel);
  for (FitOutcome& outcome : outcomes)
    if (!outcome.result && !outcome.failure)
      outcome.failure =
          std::make_exception_ptr(Error(ErrorCode::Cancelled, "the fit was cancelled before it had begun."));
  return outcomes;
}

}  // namespace meanfield
