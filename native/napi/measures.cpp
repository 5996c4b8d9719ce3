#include "native/napi/measures.h"

#include <memory>

#include "native/core/thread_pool.h"
#include "native/mean_field/minimax.h"
#include "native/mean_field/particle_measure.h"
#include "native/napi/convert.h"
#include "native/napi/failure.h"
#include "native/napi/reading.h"

namespace meanfield {

namespace {

/// A copy: these arrays are small, and the caller may go on using its own.
std::vector<double> numbers(const Napi::Object& request, const char* name) {
  const Napi::Value value = request.Get(name);
  if (absent(value)) return {};
  Pins pins;
  size_t count = 0;
  const double* data = read_array<double>(value, name, napi_float64_array, "Float64Array", count, pins);
  return std::vector<double>(data, data + count);
}

OnRow row_sink(const Progress& progress, size_t columns) {
  if (!progress) return {};
  return [&progress, columns](const double* row) { progress(row, columns); };
}

template <class Result>
Napi::Object result_object(Napi::Env env, const Result& result, int threads) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("trace", float64_array(env, result.trace.data(), result.trace.size()));
  object.Set("steps", static_cast<double>(result.steps));
  object.Set("stop", result.cancelled ? "cancelled" : "budget");
  object.Set("threads", threads);
  if (result.cancelled) {
    object.Set("certificate", env.Null());
    return object;
  }
  Napi::Object certificate = Napi::Object::New(env);
  certificate.Set("primal", result.certificate.primal);
  certificate.Set("dual", result.certificate.dual);
  certificate.Set("gap", result.certificate.gap);
  certificate.Set("standardError", result.certificate.standardError);
  certificate.Set("trusted", Napi::Boolean::New(env, result.certificate.trusted));
  certificate.Set("words", result.certificate.words);
  object.Set("certificate", certificate);
  return object;
}

Napi::Function on_points(const Napi::CallbackInfo& arguments) {
  return arguments[1].IsFunction() ? arguments[1].As<Napi::Function>() : Napi::Function();
}

}  // namespace

Napi::Value fit_measure_job(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Napi::Object request = read_object(arguments[0], "request");
    const MeasureOptions options =
        MeasureOptions::table().parse("particle-measure", read_options(request.Get("options"), "options"));
    const MeasureRunOptions run = MeasureRunOptions::table().parse("run", read_options(request.Get("run"), "run"));
    const std::vector<double> target = numbers(request, "target"), initial = numbers(request, "initial");
    const int64_t dimension = read_count(request.Get("dimension"), "dimension");
    check_measure(target, dimension, initial, options);
    return start_job(
        env, {}, on_points(arguments), [=](const CancelToken& cancel, const Progress& progress) -> Deliver {
          const int threads = thread_count(run.threads);
          ThreadPool pool(threads);
          const auto result = std::make_shared<const MeasureResult>(fit_measure(
              target, dimension, initial, options, run, pool, &cancel, row_sink(progress, MeasureResult::kColumns)));
          return [result, threads](Napi::Env env) -> Napi::Value {
            Napi::Object object = result_object(env, *result, threads);
            object.Set("particles", float64_array(env, result->particles.data(), result->particles.size()));
            return object;
          };
        });
  });
}

Napi::Value play_minimax_job(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Napi::Object request = read_object(arguments[0], "request");
    const MinimaxOptions options =
        MinimaxOptions::table().parse("minimax-game", read_options(request.Get("options"), "options"));
    const MeasureRunOptions run = MeasureRunOptions::table().parse("run", read_options(request.Get("run"), "run"));
    const std::vector<double> initial = numbers(request, "initial");
    check_minimax(options, initial);
    return start_job(env, {}, on_points(arguments),
                     [=](const CancelToken& cancel, const Progress& progress) -> Deliver {
                       const int threads = thread_count(run.threads);
                       ThreadPool pool(threads);
                       const auto result = std::make_shared<const MinimaxResult>(
                           play(options, run, initial, pool, &cancel, row_sink(progress, MinimaxResult::kColumns)));
                       return [result, threads](Napi::Env env) -> Napi::Value {
                         Napi::Object object = result_object(env, *result, threads);
                         object.Set("x", float64_array(env, result->x.data(), result->x.size()));
                         object.Set("y", float64_array(env, result->y.data(), result->y.size()));
                         return object;
                       };
                     });
  });
}

}  // namespace meanfield
