#include "native/napi/boosting.h"

#include <memory>

#include "native/boosting/fit.h"
#include "native/napi/convert.h"
#include "native/napi/failure.h"
#include "native/napi/reading.h"

namespace meanfield {

namespace {

BoostingData read_table(const Napi::Value& value, const std::string& name, Pins& pins) {
  const Napi::Object object = read_object(value, name);
  BoostingData data;
  data.features = read_matrix(object, name, pins);
  size_t count = 0;
  data.targets =
      read_array<double>(object.Get("targets"), name + ".targets", napi_float64_array, "Float64Array", count, pins);
  data.targetCount = static_cast<int64_t>(count);
  return data;
}

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
  object.Set("steps", static_cast<double>(result.steps));
  object.Set("passes", result.passes);
  Napi::Object seconds = Napi::Object::New(env);
  seconds.Set("setup", result.setupSeconds);
  seconds.Set("solve", result.solveSeconds);
  object.Set("seconds", seconds);
  object.Set("stop", result.stop);
  object.Set("chosen", chosen_array(env, result.chosen));
  object.Set("isa", result.isa);
  object.Set("threads", static_cast<double>(result.threads));
  object.Set("resumedFrom", static_cast<double>(result.resumedFrom));
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
    request.model = read_options(object.Get("model"), "model");
    const Napi::Object algorithm = read_object(object.Get("algorithm"), "algorithm");
    request.algorithm = read_text(algorithm.Get("name"), "algorithm.name");
    request.algorithmOptions = read_options(algorithm.Get("options"), request.algorithm);
    request.parameters = floats(object, "parameters", request.parameterCount, pins);
    request.matrices = floats(object, "matrices", request.matrixCount, pins);
    request.mixes = floats(object, "mixes", request.mixCount, pins);
    request.linear = floats(object, "linear", request.linearCount, pins);
    request.layers = request.mixCount / 2;
    if (!absent(object.Get("threads")))
      request.threads = static_cast<int>(read_count(object.Get("threads"), "threads"));
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
    request.train = read_table(object.Get("train"), "train", pins);
    request.hasValidation = !absent(object.Get("validation"));
    if (request.hasValidation) request.validation = read_table(object.Get("validation"), "validation", pins);
    request.model = read_options(object.Get("model"), "model");
    const Napi::Object algorithm = read_object(object.Get("algorithm"), "algorithm");
    request.algorithm = read_text(algorithm.Get("name"), "algorithm.name");
    request.algorithmOptions = read_options(algorithm.Get("options"), request.algorithm);
    request.run = read_options(object.Get("run"), "run");
    request.checkpoint = optional_text(object, "checkpoint", "");
    request.resume = optional_text(object, "resume", "");
    const auto fit = std::make_shared<BoostingFit>(request);
    const Napi::Function onPoints = arguments[1].IsFunction() ? arguments[1].As<Napi::Function>() : Napi::Function();
    return start_job(env, std::move(pins), onPoints,
                     [fit](const CancelToken& cancel, const Progress& progress) -> Deliver {
                       std::function<void(const double*)> onPoint;
                       if (progress)
                         onPoint = [&](const double* row) { progress(row, boosting_trace_columns().size()); };
                       const auto result = std::make_shared<const BoostingFitResult>(fit->run(cancel, onPoint));
                       return [result](Napi::Env env) -> Napi::Value { return result_object(env, *result); };
                     });
  });
}

Napi::Value predict_boosting_job(const Napi::CallbackInfo& arguments) { return answer(arguments, predict_boosting); }
Napi::Value represent_boosting_job(const Napi::CallbackInfo& arguments) {
  return answer(arguments, represent_boosting);
}

}  // namespace meanfield
