#include "native/mean_field/fit_many.h"

#include <algorithm>
#include <mutex>

#include "native/core/thread_pool.h"

namespace meanfield {

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
  ThreadPool pool(static_cast<int>(std::clamp<size_t>(fits.size(), 1, static_cast<size_t>(std::max(1, threads)))));
  pool.run(
      static_cast<int64_t>(fits.size()),
      [&](int64_t index, int) {
        const size_t i = static_cast<size_t>(index);
        try {
          outcomes[i].result = std::make_unique<FitResult>(fits[i]->run(cancel, {}));
        } catch (...) {
          outcomes[i].failure = std::current_exception();
        }
        if (!onDone) return;
        std::lock_guard<std::mutex> lock(telling);
        onDone(i);
      },
      &cancel);
  for (FitOutcome& outcome : outcomes)
    if (!outcome.result && !outcome.failure)
      outcome.failure = std::make_exception_ptr(
          Error(ErrorCode::Cancelled, "the fit was cancelled before it had begun."));
  return outcomes;
}

}  // namespace meanfield
