#include "native/napi/convert.h"

#include <cmath>

#include "native/core/errors.h"
#include "native/napi/fits.h"
#include "native/napi/reading.h"

namespace meanfield {

namespace {

const float* read_floats(const Napi::Value& value, const std::string& name, size_t& count, Pins& pins) {
  return read_array<float>(value, name, napi_float32_array, "Float32Array", count, pins);
}

Napi::Object certificate_object(Napi::Env env, const Certificate& certificate) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("primal", certificate.primal);
  object.Set("dual", certificate.dual);
  object.Set("gap", certificate.gap);
  object.Set("standardError", certificate.standardError);
  object.Set("biasBound", certificate.biasBound);
  object.Set("entropyEstimator", certificate.entropyEstimator);
  object.Set("partitionEstimator", certificate.partitionEstimator);
  object.Set("effectiveSampleSize", certificate.effectiveSampleSize);
  object.Set("effectiveFraction", certificate.effectiveFraction);
  object.Set("responseGap", certificate.responseGap);
  object.Set("trusted", Napi::Boolean::New(env, certificate.trusted));
  object.Set("words", certificate.words);
  return object;
}

}  // namespace

int64_t read_count(const Napi::Value& value, const std::string& name) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!(number >= 0 && number <= kLargestInteger && number == std::floor(number)))
    refuse(ErrorCode::InvalidOption, name, value, "a whole number of at least 0");
  return static_cast<int64_t>(number);
}

int read_threads(const Napi::Value& value, int otherwise) {
  if (absent(value)) return otherwise;
  const int64_t threads = read_count(value, "threads");
  if (threads < 1 || threads > 1024)
    refuse(ErrorCode::InvalidOption, "threads", value, "a whole number from 1 to 1024");
  return static_cast<int>(threads);
}

MatrixView<const float> read_matrix(const Napi::Value& value, const std::string& name, Pins& pins) {
  const Napi::Object object = read_object(value, name);
  const int64_t rows = read_count(object.Get("rows"), name + ".rows");
  const int64_t columns = read_count(object.Get("columns"), name + ".columns");
  size_t count = 0;
  const float* values = read_floats(object.Get("values"), name + ".values", count, pins);
  if (static_cast<double>(rows) * static_cast<double>(columns) != static_cast<double>(count))
    throw Error(ErrorCode::InvalidData, name + ".values holds " + std::to_string(count) + " numbers; expected " +
                                            std::to_string(rows) + " x " + std::to_string(columns) +
                                            ", row after row.");
  return MatrixView<const float>(values, rows, columns);
}

void read_table(const Napi::Value& value, const std::string& name, MatrixView<const float>& features,
                const double*& targets, int64_t& targetCount, Pins& pins) {
  features = read_matrix(value, name, pins);
  targets = read_doubles(value.As<Napi::Object>().Get("targets"), name + ".targets", targetCount, pins);
}

FitRequest read_fit_request(const Napi::Object& request, Pins& pins) {
  FitRequest fit;
  const auto table = [&](const char* name, Table& to) {
    read_table(request.Get(name), name, to.features, to.targets, to.targetCount, pins);
  };
  table("train", fit.train);
  fit.hasValidation = !absent(request.Get("validation"));
  if (fit.hasValidation) table("validation", fit.validation);
  read_fit(request, fit);
  if (!absent(request.Get("initial"))) {
    size_t count = 0;
    fit.initial = read_floats(request.Get("initial"), "initial", count, pins);
    fit.initialCount = static_cast<int64_t>(count);
  }
  if (!absent(request.Get("firstStep"))) fit.firstStep = read_count(request.Get("firstStep"), "firstStep");
  if (!absent(request.Get("snapshots"))) {
    if (!request.Get("snapshots").IsArray())
      refuse(ErrorCode::InvalidOption, "snapshots", request.Get("snapshots"), "an array of steps");
    const Napi::Array steps = request.Get("snapshots").As<Napi::Array>();
    for (uint32_t i = 0; i < steps.Length(); ++i)
      fit.snapshots.push_back(read_count(steps.Get(i), "snapshots[" + std::to_string(i) + "]"));
  }
  fit.backend = optional_text(request, "backend", fit.backend);
  fit.isa = optional_text(request, "isa", "");
  fit.precision = optional_text(request, "precision", fit.precision);
  return fit;
}

PredictRequest read_predict_request(const Napi::Object& request, Pins& pins) {
  PredictRequest predict;
  predict.features = read_matrix(request.Get("features"), "features", pins);
  size_t count = 0;
  predict.particles = read_floats(request.Get("particles"), "particles", count, pins);
  predict.particleCount = static_cast<int64_t>(count);
  predict.model = read_options(request.Get("model"), "model");
  predict.threads = read_threads(request.Get("threads"), predict.threads);
  predict.backend = optional_text(request, "backend", predict.backend);
  predict.isa = optional_text(request, "isa", "");
  predict.precision = optional_text(request, "precision", predict.precision);
  return predict;
}

Napi::Value float64_array(Napi::Env env, const double* values, size_t count) {
  return copied_array(env, "Float64Array", values, count);
}

Napi::Value float32_array(Napi::Env env, const float* values, size_t count) {
  return copied_array(env, "Float32Array", values, count);
}

Napi::Array chosen_array(Napi::Env env, const std::vector<Chosen>& chosen) {
  Napi::Array array = Napi::Array::New(env, chosen.size());
  for (size_t i = 0; i < chosen.size(); ++i) {
    Napi::Object choice = Napi::Object::New(env);
    choice.Set("name", chosen[i].name);
    choice.Set("value", option_value(env, chosen[i].value));
    choice.Set("why", chosen[i].why);
    array.Set(static_cast<uint32_t>(i), choice);
  }
  return array;
}

Napi::Object fit_result_object(Napi::Env env, const FitResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("particles", float32_array(env, result.particles.data(), result.particles.size()));
  object.Set("parameters", static_cast<double>(result.parameters));
  object.Set("trace", float64_array(env, result.trace.data(), result.trace.size()));
  Napi::Array snapshots = Napi::Array::New(env, result.snapshots.size());
  for (size_t i = 0; i < result.snapshots.size(); ++i) {
    Napi::Object snapshot = Napi::Object::New(env);
    snapshot.Set("step", static_cast<double>(result.snapshots[i].step));
    snapshot.Set("particles",
                 float32_array(env, result.snapshots[i].particles.data(), result.snapshots[i].particles.size()));
    snapshots.Set(static_cast<uint32_t>(i), snapshot);
  }
  object.Set("snapshots", snapshots);
  object.Set("objective", result.objective);
  object.Set("loss", result.loss);
  set_outcome(object, result);
  Napi::Object seconds = Napi::Object::New(env);
  seconds.Set("setup", result.setupSeconds);
  seconds.Set("solve", result.solveSeconds);
  seconds.Set("certificate", result.certificateSeconds);
  object.Set("seconds", seconds);
  object.Set("certificate", result.hasCertificate ? certificate_object(env, result.certificate) : env.Null());
  object.Set("isa", result.isa);
  return object;
}

}  // namespace meanfield
