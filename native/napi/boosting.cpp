#include "native/napi/boosting.h"

#include <memory>

#include "native/boosting/fit.h"
#include "native/napi/convert.h"
#include "native/napi/failure.h"
#include "native/napi/fits.h"
#include "native/napi/reading.h"

namespace meanfield {

namespace {

const float* floats(const Napi::Object& object, const char* name, int64_t& count, Pins& pins) {
  size_t many = 0;
  const float* data = read_array<float>(object.Get(name), name, napi_float32_array, "Float32Array", many, pins);
  count = static_cast<int64_t>(many);
  return data;
}

Napi::Value joined(Napi::Env env, const std::vector<Layer>& layers, const std::vector<float> Layer::* member) {
  std::vector<float> all;
  for (const Layer& layer : layers) all.insert(all.end(), (layer.*member).begin(), (layer.*member).end());
  return float32_array(env, all.data(), all.size());
}

Napi::Object result_object(Napi::Env env, const BoostingFitResult& result) {
  Napi::Object object = Napi::Object::New(env);
  const std::vector<Layer>& layers = result.model.layers;
  std::vector<float> mixes, linears;
  for (const Layer& layer : layers) mixes.insert(mixes.end(), {layer.keep, layer.scale});
  for (const std::vector<float>& linear : result.model.linears)
    linears.insert(linears.end(), linear.begin(), linear.end());
  object.Set("parameters", joined(env, layers, &Layer::parameters));
  object.Set("matrices", joined(env, layers, &Layer::matrices));
  object.Set("mixes", float32_array(env, mixes.data(), mixes.size()));
  object.Set("linears", float32_array(env, linears.data(), linears.size()));
  object.Set("trace", float64_array(env, result.trace.data(), result.trace.size()));
  set_outcome(object, result);
  Napi::Object seconds = Napi::Object::New(env);
  seconds.Set("setup", result.setupSeconds);
  seconds.Set("solve", result.solveSeconds);
  object.Set("seconds", seconds);
  object.Set("isa", result.isa);
  return object;
}

using Answer = std::vector<float> (*)(const BoostingPredictRequest&, const CancelToken&);

Napi::Value answer(const Napi::CallbackInfo& arguments, Answer function) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    Pins pins;
    const Napi::Object object = read_object(arguments[0], "request");
    BoostingPredictRequest request;
    request.features = read_matrix(object.Get("features"), "features", pins);
    read_algorithm(object, request);
    request.parameters = floats(object, "parameters", request.parameterCount, pins);
    request.matrices = floats(object, "matrices", request.matrixCount, pins);
    request.mixes = floats(object, "mixes", request.mixCount, pins);
    request.linear = floats(object, "linear", request.linearCount, pins);
    request.layers = request.mixCount / 2;
    request.threads = read_threads(object.Get("threads"), request.threads);
    return start_job(env, std::move(pins), {},
                     [request, function](const CancelToken& cancel, const Progress&) -> Deliver {
                       const auto out = std::make_shared<const std::vector<float>>(function(request, cancel));
                       return [out](Napi::Env env) { return float32_array(env, out->data(), out->size()); };
                     });
  });
}

}  // namespace

Napi::Value fit_boosting(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    Pins pins;
    const Napi::Object object = read_object(arguments[0], "request");
    BoostingFitRequest request;
    const auto table = [&](const char* name, BoostingData& to) {
      read_table(object.Get(name), name, to.features, to.targets, to.targetCount, pins);
    };
    table("train", request.train);
    request.hasValidation = !absent(object.Get("validation"));
    if (request.hasValidation) table("validation", request.validation);
    read_fit(object, request);
    return start_fit(env, std::move(pins), arguments[1], std::make_shared<BoostingFit>(request),
                     boosting_trace_columns().size(), result_object);
  });
}

Napi::Value predict_boosting_job(const Napi::CallbackInfo& arguments) { return answer(arguments, predict_boosting); }
Napi::Value represent_boosting_job(const Napi::CallbackInfo& arguments) {
  return answer(arguments, represent_boosting);
}

}  // namespace meanfield
