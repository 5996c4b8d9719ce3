#include "native/napi/kernel_regime.h"

#include <memory>

#include "native/core/thread_pool.h"
#include "native/kernel_regime/fit.h"
#include "native/napi/convert.h"
#include "native/napi/failure.h"
#include "native/napi/fits.h"
#include "native/napi/reading.h"

namespace meanfield {

namespace {

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
  set_outcome(object, result);
  Napi::Object seconds = Napi::Object::New(env);
  seconds.Set("setup", result.setupSeconds);
  seconds.Set("solve", result.solveSeconds);
  seconds.Set("certificate", result.certificateSeconds);
  object.Set("seconds", seconds);
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
    const auto table = [&](const char* name, KernelRegimeTable& to) {
      read_table(object.Get(name), name, to.rows, to.targets, to.targetCount, pins);
    };
    table("train", request.train);
    if (!absent(object.Get("validation"))) table("validation", request.validation);
    request.outputs = read_count(object.Get("outputs"), "outputs");
    read_fit(object, request);
    return start_fit(env, std::move(pins), arguments[1], std::make_shared<KernelRegimeFit>(request),
                     kernel_regime_trace_columns().size(), result_object);
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
    request.directions = read_doubles(object.Get("directions"), "directions", request.directionCount, pins);
    request.displacement = read_doubles(object.Get("displacement"), "displacement", request.displacementCount, pins);
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
      request.directions = read_doubles(object.Get("directions"), "directions", request.directionCount, pins);
      if (request.directionCount != request.rows.cols * (request.model.width / 2))
        throw Error(ErrorCode::InvalidData, "directions hold " + std::to_string(request.directionCount) +
                                                " numbers; expected features times half the width.");
    }
    request.question.components = read_count(object.Get("components"), "components");
    int64_t count = 0;
    const double* values = read_doubles(object.Get("ridges"), "ridges", count, pins);
    request.question.ridges.assign(values, values + count);
    values = read_doubles(object.Get("powers"), "powers", count, pins);
    request.question.powers.assign(values, values + count);
    request.question.functions = read_doubles(object.Get("functions"), "functions", count, pins);
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
