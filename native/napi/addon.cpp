// What JavaScript sees of the native side, one to one with lib/native/binding.ts.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "native/catalogue.h"
#include "native/core/errors.h"
#include "native/core/spectrum.h"
#include "native/core/thread_pool.h"
#include "native/kernels/devices.h"
#include "native/mean_field/fit_many.h"
#include "native/napi/boosting.h"
#include "native/napi/convert.h"
#include "native/napi/failure.h"
#include "native/napi/fits.h"
#include "native/napi/job.h"
#include "native/napi/kernel_regime.h"
#include "native/napi/linear.h"
#include "native/napi/measures.h"
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

Napi::Object cuda_device(Napi::Env env, const CudaDevice& device) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", device.name);
  object.Set("capability", std::to_string(device.major) + "." + std::to_string(device.minor));
  object.Set("processors", device.processors);
  object.Set("memoryBytes", static_cast<double>(device.memoryBytes));
  object.Set("freeBytes", static_cast<double>(device.freeBytes));
  object.Set("image", device.image);
  object.Set("trouble", device.trouble);
  return object;
}

Napi::Value cuda_devices(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    const CudaReport report = cuda_report();
    Napi::Object object = Napi::Object::New(env);
    object.Set("library", report.library);
    object.Set("images", report.images);
    object.Set("runtime", report.runtime);
    object.Set("driver", report.driver);
    object.Set("reason", report.reason);
    Napi::Array devices = Napi::Array::New(env, report.devices.size());
    for (size_t i = 0; i < report.devices.size(); ++i)
      devices.Set(static_cast<uint32_t>(i), cuda_device(env, report.devices[i]));
    object.Set("devices", devices);
    return object;
  });
}

Napi::Value nccl(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value { return Napi::Number::New(env, nccl_version()); });
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
    const std::string cuda = MEANFIELD_CUDA_VERSION;
    object.Set("cudaCompiler", cuda.empty() ? env.Null() : Napi::Value(Napi::String::New(env, cuda)));
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
    return start_fit(env, std::move(pins), arguments[1], std::shared_ptr<MeanFieldFit>(prepare_mean_field(request)),
                     trace_columns().size(), fit_result_object);
  });
}

/// The array in the first argument, each entry by `read(object)`; errors name the entry.
template <class Read>
void read_requests(const Napi::CallbackInfo& arguments, Read read) {
  if (!arguments[0].IsArray()) throw Error(ErrorCode::InvalidOption, "requests is missing; expected an array.");
  const Napi::Array requests = arguments[0].As<Napi::Array>();
  for (uint32_t i = 0; i < requests.Length(); ++i) {
    const std::string place = "requests[" + std::to_string(i) + "]";
    const Napi::Value request = requests.Get(i);
    if (!request.IsObject()) throw Error(ErrorCode::InvalidOption, place + " is missing; expected an object.");
    try {
      read(request.As<Napi::Object>());
    } catch (const Error& error) {
      throw Error(error.code(), place + ": " + error.what());
    }
  }
}

Napi::Value fit_many_mean_field(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    Pins pins;
    std::vector<std::shared_ptr<MeanFieldFit>> fits;
    read_requests(arguments, [&](const Napi::Object& request) {
      fits.push_back(prepare_mean_field(as_one_of_many(read_fit_request(request, pins))));
    });
    const int threads = read_threads(arguments[1], available_parallelism());
    const Napi::Function onDone = arguments[2].IsFunction() ? arguments[2].As<Napi::Function>() : Napi::Function();
    return start_job(
        env, std::move(pins), onDone, [fits, threads](const CancelToken& cancel, const Progress& progress) -> Deliver {
          std::function<void(size_t)> tell;
          double done = 0;
          if (progress) tell = [&](size_t) { progress(&++done, 1); };
          const auto outcomes = std::make_shared<const std::vector<FitOutcome>>(fit_many(fits, threads, cancel, tell));
          return [outcomes](Napi::Env env) -> Napi::Value {
            Napi::Array list = Napi::Array::New(env, outcomes->size());
            for (uint32_t i = 0; i < outcomes->size(); ++i) {
              const FitOutcome& outcome = (*outcomes)[i];
              list.Set(i, outcome.failure ? Napi::Value(to_error(env, outcome.failure).Value())
                                          : Napi::Value(fit_result_object(env, *outcome.result)));
            }
            return list;
          };
        });
  });
}

Napi::Value predict_many_mean_field(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    Pins pins;
    std::vector<PredictRequest> requests;
    read_requests(arguments, [&](const Napi::Object& request) {
      requests.push_back(read_predict_request(request, pins));
      requests.back().threads = 1;
      predict_outputs(requests.back());
    });
    const int threads = read_threads(arguments[1], available_parallelism());
    return start_job(
        env, std::move(pins), {}, [requests, threads](const CancelToken& cancel, const Progress&) -> Deliver {
          struct Prediction {
            std::vector<float> outputs;
            std::exception_ptr failure;
          };
          const auto predictions = std::make_shared<std::vector<Prediction>>(requests.size());
          ThreadPool pool(static_cast<int>(std::clamp<size_t>(requests.size(), 1, static_cast<size_t>(threads))));
          pool.run(static_cast<int64_t>(requests.size()), [&](int64_t index, int) {
            const PredictRequest& request = requests[static_cast<size_t>(index)];
            Prediction& prediction = (*predictions)[static_cast<size_t>(index)];
            try {
              prediction.outputs.resize(static_cast<size_t>(request.features.rows * predict_outputs(request)));
              predict_mean_field(request, cancel, prediction.outputs.data());
            } catch (...) {
              prediction.failure = std::current_exception();
            }
          });
          return [predictions](Napi::Env env) -> Napi::Value {
            Napi::Array list = Napi::Array::New(env, predictions->size());
            for (uint32_t i = 0; i < predictions->size(); ++i) {
              const Prediction& prediction = (*predictions)[i];
              list.Set(i, prediction.failure
                              ? Napi::Value(to_error(env, prediction.failure).Value())
                              : float32_array(env, prediction.outputs.data(), prediction.outputs.size()));
            }
            return list;
          };
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
  exports.Set("cudaDevices", Napi::Function::New<cuda_devices>(env, "cudaDevices"));
  exports.Set("ncclVersion", Napi::Function::New<nccl>(env, "ncclVersion"));
  exports.Set("fitMeanField", Napi::Function::New<fit_mean_field>(env, "fitMeanField"));
  exports.Set("fitManyMeanField", Napi::Function::New<fit_many_mean_field>(env, "fitManyMeanField"));
  exports.Set("predictMeanField", Napi::Function::New<predict_mean_field_job>(env, "predictMeanField"));
  exports.Set("predictManyMeanField", Napi::Function::New<predict_many_mean_field>(env, "predictManyMeanField"));
  exports.Set("fitLinear", Napi::Function::New<fit_linear>(env, "fitLinear"));
  exports.Set("predictLinear", Napi::Function::New<predict_linear_job>(env, "predictLinear"));
  exports.Set("fitBoosting", Napi::Function::New<fit_boosting>(env, "fitBoosting"));
  exports.Set("predictBoosting", Napi::Function::New<predict_boosting_job>(env, "predictBoosting"));
  exports.Set("representBoosting", Napi::Function::New<represent_boosting_job>(env, "representBoosting"));
  exports.Set("fitKernelRegime", Napi::Function::New<fit_kernel_regime>(env, "fitKernelRegime"));
  exports.Set("predictKernelRegime", Napi::Function::New<predict_kernel_regime_job>(env, "predictKernelRegime"));
  exports.Set("kernelSpectrum", Napi::Function::New<kernel_spectrum_job>(env, "kernelSpectrum"));
  exports.Set("readLibsvm", Napi::Function::New<read_libsvm_job>(env, "readLibsvm"));
  exports.Set("libsvmArrays", Napi::Function::New<libsvm_arrays>(env, "libsvmArrays"));
  exports.Set("fitMeasure", Napi::Function::New<fit_measure_job>(env, "fitMeasure"));
  exports.Set("playMinimax", Napi::Function::New<play_minimax_job>(env, "playMinimax"));
  exports.Set("rightSingularVectors", Napi::Function::New<right_singular_vectors_call>(env, "rightSingularVectors"));
  return exports;
}

}  // namespace

}  // namespace meanfield

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return meanfield::initialize(env, exports); }

NODE_API_MODULE(meanfield, Init)
