// What the fits of all models have in common: how a request is read, run as a job and told.
#pragma once
#include <functional>
#include <memory>

#include "native/napi/convert.h"
#include "native/napi/reading.h"

namespace meanfield {

template <class Request>
void read_algorithm(const Napi::Object& object, Request& request) {
  request.model = read_options(object.Get("model"), "model");
  const Napi::Object algorithm = read_object(object.Get("algorithm"), "algorithm");
  request.algorithm = read_text(algorithm.Get("name"), "algorithm.name");
  request.algorithmOptions = read_options(algorithm.Get("options"), request.algorithm);
}

/// Everything but the data and what a model has of its own.
template <class Request>
void read_fit(const Napi::Object& object, Request& request) {
  read_algorithm(object, request);
  request.run = read_options(object.Get("run"), "run");
  request.checkpoint = optional_text(object, "checkpoint", "");
  request.resume = optional_text(object, "resume", "");
}

/// Runs `fit` as a job that tells rows of `columns` numbers to `onPoints`, where that is a function, and gives what `told(env, result)`
/// makes of the result. `keep` lives as long as the job.
template <class Fit, class Told>
Napi::Value start_fit(Napi::Env env, Pins&& pins, const Napi::Value& onPoints, std::shared_ptr<Fit> fit, size_t columns,
                      Told told, std::shared_ptr<const void> keep = nullptr) {
  const Napi::Function listener = onPoints.IsFunction() ? onPoints.As<Napi::Function>() : Napi::Function();
  return start_job(env, std::move(pins), listener,
                   [fit, columns, told, keep](const CancelToken& cancel, const Progress& progress) -> Deliver {
                     std::function<void(const double*)> onPoint;
                     if (progress) onPoint = [&](const double* row) { progress(row, columns); };
                     using Result = decltype(fit->run(cancel, onPoint));
                     const auto result = std::make_shared<const Result>(fit->run(cancel, onPoint));
                     return [result, told](Napi::Env env) -> Napi::Value { return told(env, *result); };
                   });
}

template <class Result>
void set_outcome(Napi::Object object, const Result& result) {
  object.Set("steps", static_cast<double>(result.steps));
  object.Set("passes", result.passes);
  object.Set("stop", result.stop);
  object.Set("chosen", chosen_array(object.Env(), result.chosen));
  object.Set("threads", static_cast<double>(result.threads));
  object.Set("resumedFrom", static_cast<double>(result.resumedFrom));
}

}  // namespace meanfield
