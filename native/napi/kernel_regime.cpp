#include "native/napi/kernel_regime.h"

#include <memory>

#include "native/core/thread_pool.h"
#include "native/kernel_regime/fit.h"
#include "native/napi/convert.h"
#include "native/napi/failure.h"
#include "native/napi/reading.h"

namespace meanfield {

namespace {

KernelRegimeTable read_table(const Napi::Value& value, const std::string& name, Pins& pins) {
  const Napi::Object object = read_object(value, name);
  KernelRegimeTable table;
  table.rows = read_matrix(object, name, pins);
  size_t count = 0;
  table.targets =
      read_array<double>(object.Get("targets"), name + ".targets", napi_float64_array, "Float64Array", count, pins);
  table.targetCount = static_cast<int64_t>(count);
  return table;
}

const double* doubles(const Napi::Object& object, const char* name, int64_t& count, Pins& pins) {
  size_t many = 0;
  const double* data = read_array<double>(object.Get(name), name, napi_float64_array, "Float64Array", many, pins);
  count = static_cast<int64_t>(many);
  return data;
}

Napi::Value array_of(Napi::Env env, const std::vector<double>& values) {
  return float64_array(env, values.data(), values.size());
}

Napi::Object result_object(Napi::Env env, const KernelRegimeResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("directions", array_of(env, result.parameters.directions));
  object.Set("displacement", array_of(env, result.parameters.displacement));
  object.Set("trace", array_of(env, result.trace));
  object.Set("objective", result.objective);
  object.Set("loss", result.loss);
  object.Set("distance", result.distance);
  if (result.hasCertificate) {
    const KernelCertificate& c = result.certificate;
    Napi::Object certificate = Napi::Object::New(env);
    certificate.Set("primal", c.primal);
    certificate.Set("dual", c.dual);
    certificate.Set("gap", c.gap);
    certificate.Set("slack", c.least);
    certificate.Set("departure", c.departure);
    certificate.Set("iterations", static_cast<double>(c.iterations));
    object.Set("certificate", certificate);
  }
  object.Set("steps", static_cast<double>(result.steps));
  object.Set("passes", result.passes);
  Napi::Object seconds = Napi::Object::New(env);
  seconds.Set("setup", result.setupSeconds);
  seconds.Set("solve", result.solveSeconds);
  seconds.Set("certificate", result.certificateSeconds);
  object.Set("seconds", seconds);
  object.Set("stop", result.stop);
  object.Set("chosen", chosen_array(env, result.chosen));
  object.Set("threads", static_cast<double>(result.threads));
  object.Set("resumedFrom", static_cast<double>(result.resumedFrom));
  return object;
}

struct SpectrumRequest {
  MatrixView<const float> rows;
  KernelRegimeOptions model;
  Layers layers = Layers::Both;
  KernelWidth width = KernelWidth::Finite;
  const double* directions = nullptr;  // absent: those of the seed
  int64_t directionCount = 0;
  SpectrumQuestion question;
  uint64_t seed = 0;
  int threads = 0;
};

Napi::Object spectrum_object(Napi::Env env, const KernelSpectrum& spectrum) {
  Napi::Object object = Napi::Object::New(env);
  std::vector<double> least, most;
  for (const KernelSpectrum::Interval& each : spectrum.dimensions) {
    least.push_back(each.least);
    most.push_back(each.most);
  }
  object.Set("eigenvalues", array_of(env, spectrum.eigenvalues));
  object.Set("eigenvectors", array_of(env, spectrum.eigenvectors));
  object.Set("trace", spectrum.trace);
  object.Set("least", array_of(env, least));
  object.Set("most", array_of(env, most));
  object.Set("coefficients", array_of(env, spectrum.coefficients));
  object.Set("norms", array_of(env, spectrum.norms));
  object.Set("captured", array_of(env, spectrum.captured));
  object.Set("complete", spectrum.complete);
  return object;
}

template <class Choice>
Choice read_choice(const Napi::Object& object, const char* name, const std::vector<std::string>& names) {
  const std::string text = read_text(object.Get(name), name);
  std::string listed;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<Choice>(i);
    listed += (i ? ", " : "") + names[i];
  }
  throw Error(ErrorCode::InvalidOption, std::string(name) + " is '" + text + "'; expected one of " + listed + ".");
}

}  // namespace

Napi::Value fit_kernel_regime(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    Pins pins;
    const Napi::Object object = read_object(arguments[0], "request");
    KernelRegimeRequest request;
    request.train = read_table(object.Get("train"), "train", pins);
    if (!absent(object.Get("validation")))
      request.validation = read_table(object.Get("validation"), "validation", pins);
    request.outputs = read_count(object.Get("outputs"), "outputs");
    request.model = read_options(object.Get("model"), "model");
    const Napi::Object algorithm = read_object(object.Get("algorithm"), "algorithm");
    request.algorithm = read_text(algorithm.Get("name"), "algorithm.name");
    request.algorithmOptions = read_options(algorithm.Get("options"), request.algorithm);
    request.run = read_options(object.Get("run"), "run");
    request.checkpoint = optional_text(object, "checkpoint", "");
    request.resume = optional_text(object, "resume", "");
    const auto fit = std::make_shared<KernelRegimeFit>(request);
    const Napi::Function onPoints = arguments[1].IsFunction() ? arguments[1].As<Napi::Function>() : Napi::Function();
    return start_job(env, std::move(pins), onPoints,
                     [fit](const CancelToken& cancel, const Progress& progress) -> Deliver {
                       std::function<void(const double*)> onPoint;
                       if (progress)
                         onPoint = [&](const double* row) { progress(row, kernel_regime_trace_columns().size()); };
                       const auto result = std::make_shared<const KernelRegimeResult>(fit->run(cancel, onPoint));
                       return [result](Napi::Env env) -> Napi::Value { return result_object(env, *result); };
                     });
  });
}

Napi::Value predict_kernel_regime_job(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    Pins pins;
    const Napi::Object object = read_object(arguments[0], "request");
    KernelRegimePrediction request;
    request.rows = read_matrix(object.Get("features"), "features", pins);
    request.outputs = read_count(object.Get("outputs"), "outputs");
    request.model = read_options(object.Get("model"), "model");
    request.directions = doubles(object, "directions", request.directionCount, pins);
    request.displacement = doubles(object, "displacement", request.displacementCount, pins);
    request.threads = available_parallelism();
    return start_job(env, std::move(pins), {}, [request](const CancelToken& cancel, const Progress&) -> Deliver {
      const auto out = std::make_shared<const std::vector<float>>(predict_kernel_regime(request, cancel));
      return [out](Napi::Env env) { return float32_array(env, out->data(), out->size()); };
    });
  });
}

Napi::Value kernel_spectrum_job(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    Pins pins;
    const Napi::Object object = read_object(arguments[0], "request");
    SpectrumRequest request;
    request.rows = read_matrix(object.Get("features"), "features", pins);
    request.model = KernelRegimeOptions::table().parse("kernel-regime", read_options(object.Get("model"), "model"));
    request.model.check();
    request.layers = read_choice<Layers>(object, "layers", {"both", "output", "input"});
    request.width = read_choice<KernelWidth>(object, "width", {"finite", "infinite"});
    if (!absent(object.Get("directions"))) {
      request.directions = doubles(object, "directions", request.directionCount, pins);
      if (request.directionCount != request.rows.cols * (request.model.width / 2))
        throw Error(ErrorCode::InvalidData, "directions hold " + std::to_string(request.directionCount) +
                                                " numbers; expected features times half the width.");
    }
    request.question.components = read_count(object.Get("components"), "components");
    int64_t count = 0;
    const double* values = doubles(object, "ridges", count, pins);
    request.question.ridges.assign(values, values + count);
    values = doubles(object, "powers", count, pins);
    request.question.powers.assign(values, values + count);
    request.question.functions = doubles(object, "functions", count, pins);
    const int64_t n = std::max<int64_t>(request.rows.rows, 1);
    request.question.functionCount = count / n;
    if (count % n != 0)
      throw Error(ErrorCode::InvalidData, "functions hold " + std::to_string(count) +
                                              " numbers; expected a value for each of the " +
                                              std::to_string(request.rows.rows) + " rows of each function.");
    request.seed = static_cast<uint64_t>(read_count(object.Get("seed"), "seed"));
    return start_job(env, std::move(pins), {}, [request](const CancelToken& cancel, const Progress&) -> Deliver {
      const int64_t d = request.rows.cols;
      const TangentNetwork network =
          request.directions
              ? TangentNetwork(request.model, d, 1, {request.directions, request.directions + request.directionCount})
              : TangentNetwork(request.model, d, 1, request.seed);
      ThreadPool pool(available_parallelism());
      const TangentKernel kernel(network, request.layers, request.width);
      const auto spectrum = std::make_shared<const KernelSpectrum>(
          kernel_spectrum(kernel, request.rows, request.question, request.seed, pool, &cancel));
      return [spectrum](Napi::Env env) -> Napi::Value { return spectrum_object(env, *spectrum); };
    });
  });
}

}  // namespace meanfield
