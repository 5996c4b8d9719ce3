// What JavaScript sees of the native side, one to one with lib/native/binding.ts.
#include <memory>
#include <string>
#include <vector>

#include "native/catalogue.h"
#include "native/core/errors.h"
#include "native/core/spectrum.h"
#include "native/core/thread_pool.h"
#include "native/kernels/kernels.h"
#include "native/mean_field/fit.h"
#include "native/napi/convert.h"
#include "native/napi/failure.h"
#include "native/napi/job.h"
#include "native/napi/node_addon.h"

namespace meanfield {

namespace {

Napi::Object argument(const Napi::CallbackInfo& arguments, size_t index, const char* name) {
  if (!arguments[index].IsObject() || arguments[index].IsFunction())
    throw Error(ErrorCode::InvalidOption, std::string(name) + " is missing; expected an object.");
  return arguments[index].As<Napi::Object>();
}

const char* compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "g++ " __VERSION__;
#else
  return "unknown";
#endif
}

Napi::Object cuda(Napi::Env env) {
  Napi::Object object = Napi::Object::New(env);
  const std::string version = MEANFIELD_CUDA_VERSION;
  object.Set("compiler", version.empty() ? env.Null() : Napi::Value(Napi::String::New(env, version)));
  object.Set("reason", version.empty()
                           ? "the addon was compiled without CUDA and has no CUDA kernels; runs use the CPU."
                           : "the addon has no CUDA kernels, although CUDA was there when it was compiled; "
                             "runs use the CPU.");
  object.Set("devices", 0);
  return object;
}

Napi::Value info(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    Napi::Object object = Napi::Object::New(env);
    object.Set("version", MEANFIELD_VERSION);
    object.Set("napi", NAPI_VERSION);
    object.Set("compiler", compiler());
    object.Set("isa", cpu_backend()->isa);
    Napi::Array isas = Napi::Array::New(env);
    for (int i = 0; i < cpu_isa_count(); ++i) {
      Napi::Object isa = Napi::Object::New(env);
      isa.Set("name", cpu_isa_name(i));
      isa.Set("supported", Napi::Boolean::New(env, cpu_isa_supported(i)));
      isas.Set(static_cast<uint32_t>(i), isa);
    }
    object.Set("isas", isas);
    object.Set("parallelism", available_parallelism());
    object.Set("cuda", cuda(env));
    return object;
  });
}

Napi::Value catalogue(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value { return Napi::String::New(env, catalogue_json()); });
}

Napi::Value fit_mean_field(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    Pins pins;
    const FitRequest request = read_fit_request(argument(arguments, 0, "request"), pins);
    const std::shared_ptr<MeanFieldFit> fit = prepare_mean_field(request);
    const Napi::Function onPoints = arguments[1].IsFunction() ? arguments[1].As<Napi::Function>() : Napi::Function();
    return start_job(env, std::move(pins), onPoints,
                     [fit](const CancelToken& cancel, const Progress& progress) -> Deliver {
                       std::function<void(const double*)> onPoint;
                       if (progress) onPoint = [&](const double* row) { progress(row, trace_columns().size()); };
                       const auto result = std::make_shared<const FitResult>(fit->run(cancel, onPoint));
                       return [result](Napi::Env env) -> Napi::Value { return fit_result_object(env, *result); };
                     });
  });
}

Napi::Value predict_mean_field_job(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    Pins pins;
    const PredictRequest request = read_predict_request(argument(arguments, 0, "request"), pins);
    const size_t count = static_cast<size_t>(request.features.rows * predict_outputs(request));
    return start_job(env, std::move(pins), {}, [request, count](const CancelToken& cancel, const Progress&) -> Deliver {
      const auto out = std::make_shared<std::vector<float>>(count);
      predict_mean_field(request, cancel, out->data());
      return [out](Napi::Env env) { return float32_array(env, out->data(), out->size()); };
    });
  });
}

Napi::Value right_singular_vectors_call(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    Pins pins;
    const MatrixView<const float> matrix = read_matrix(arguments[0], "matrix", pins);
    const RightSingular spectrum = right_singular_vectors(matrix, read_count(arguments[1], "count"));
    Napi::Object object = Napi::Object::New(env);
    object.Set("vectors", float64_array(env, spectrum.vectors.data(), spectrum.vectors.size()));
    object.Set("values", float64_array(env, spectrum.values.data(), spectrum.values.size()));
    return object;
  });
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  // Built first, so that at the end of the process they outlive the jobs that `prepare_environment` will stop.
  catalogue_json();
  prepare_environment(env);
  exports.Set("info", Napi::Function::New<info>(env, "info"));
  exports.Set("catalogue", Napi::Function::New<catalogue>(env, "catalogue"));
  exports.Set("fitMeanField", Napi::Function::New<fit_mean_field>(env, "fitMeanField"));
  exports.Set("predictMeanField", Napi::Function::New<predict_mean_field_job>(env, "predictMeanField"));
  exports.Set("rightSingularVectors", Napi::Function::New<right_singular_vectors_call>(env, "rightSingularVectors"));
  return exports;
}

}  // namespace

}  // namespace meanfield

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return meanfield::initialize(env, exports); }

NODE_API_MODULE(meanfield, Init)
