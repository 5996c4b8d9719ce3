#include "native/napi/linear.h"

#include <memory>

#include "native/core/thread_pool.h"
#include "native/finite_sum/fit.h"
#include "native/finite_sum/libsvm.h"
#include "native/napi/convert.h"
#include "native/napi/failure.h"
#include "native/napi/fits.h"
#include "native/napi/reading.h"

namespace meanfield {

namespace {

using Held = std::shared_ptr<const LibsvmData>;

Held held_data(const Napi::Value& value, const char* name) {
  if (!value.IsExternal())
    throw Error(ErrorCode::InvalidData, std::string(name) + " is not what readLibsvm gave; pass its `handle`.");
  return *value.As<Napi::External<Held>>().Data();
}

bool is(const Napi::Value& value, napi_typedarray_type type) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type;
}

template <class T, class Index>
LinearData csr(const Napi::Object& object, const T* values, size_t count, int64_t rows, int64_t cols,
               const std::string& name, napi_typedarray_type type, const char* typeName, Pins& pins) {
  size_t columnCount = 0, startCount = 0;
  const int32_t* columns = read_array<int32_t>(object.Get("columnIndices"), name + ".columnIndices", napi_int32_array,
                                               "Int32Array", columnCount, pins);
  const Index* starts =
      read_array<Index>(object.Get("rowStarts"), name + ".rowStarts", type, typeName, startCount, pins);
  if (columnCount != count)
    throw Error(ErrorCode::InvalidData, name + ".columnIndices holds " + std::to_string(columnCount) +
                                            " numbers; expected " + std::to_string(count) + ", one a value.");
  if (startCount != static_cast<size_t>(rows) + 1)
    throw Error(ErrorCode::InvalidData, name + ".rowStarts holds " + std::to_string(startCount) +
                                            " numbers; expected rows + 1 = " + std::to_string(rows + 1) + ".");
  if (starts[0] != 0 || static_cast<size_t>(starts[rows]) != count)
    throw Error(ErrorCode::InvalidData, name + ".rowStarts runs from " + std::to_string(starts[0]) + " to " +
                                            std::to_string(starts[rows]) + "; expected 0 to the number of values, " +
                                            std::to_string(count) + ".");
  for (int64_t i = 0; i < rows; ++i)
    if (starts[i + 1] < starts[i])
      throw Error(ErrorCode::InvalidData,
                  name + ".rowStarts falls after row " + std::to_string(i) + "; expected increasing numbers.");
  return CsrView<T, Index>{values, columns, starts, rows, cols};
}

template <class T>
LinearData typed_data(const Napi::Object& object, const std::string& name, napi_typedarray_type type,
                      const char* typeName, Pins& pins) {
  const int64_t rows = read_count(object.Get("rows"), name + ".rows"),
                cols = read_count(object.Get("columns"), name + ".columns");
  size_t count = 0;
  const T* values = read_array<T>(object.Get("values"), name + ".values", type, typeName, count, pins);
  if (cols > INT32_MAX)
    throw Error(ErrorCode::InvalidData, name + ".columns is " + std::to_string(cols) + "; expected less than 2^31.");
  if (absent(object.Get("columnIndices"))) {
    if (static_cast<double>(rows) * static_cast<double>(cols) != static_cast<double>(count))
      throw Error(ErrorCode::InvalidData, name + ".values holds " + std::to_string(count) + " numbers; expected " +
                                              std::to_string(rows) + " x " + std::to_string(cols) + ", row after row.");
    return MatrixView<const T>(values, rows, cols);
  }
  if (is(object.Get("rowStarts"), napi_bigint64_array))
    return csr<T, int64_t>(object, values, count, rows, cols, name, napi_bigint64_array, "BigInt64Array", pins);
  return csr<T, int32_t>(object, values, count, rows, cols, name, napi_int32_array, "Int32Array", pins);
}

/// Dense `{ values, rows, columns }`, sparse with `columnIndices` and `rowStarts`, or `{ handle }` of readLibsvm.
LinearData read_data(const Napi::Value& value, const std::string& name, Pins& pins, Held& held) {
  const Napi::Object object = read_object(value, name);
  if (!absent(object.Get("handle"))) {
    held = held_data(object.Get("handle"), (name + ".handle").c_str());
    if (held->single)
      return CsrView<float, int64_t>{held->values32.data(), held->columns.data(), held->rowStart.data(), held->rows,
                                     held->cols};
    return CsrView<double, int64_t>{held->values64.data(), held->columns.data(), held->rowStart.data(), held->rows,
                                    held->cols};
  }
  if (is(object.Get("values"), napi_float32_array))
    return typed_data<float>(object, name, napi_float32_array, "Float32Array", pins);
  return typed_data<double>(object, name, napi_float64_array, "Float64Array", pins);
}

Napi::Object result_object(Napi::Env env, const LinearFitResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("weights", float64_array(env, result.weights.data(), result.weights.size()));
  object.Set("intercepts", float64_array(env, result.intercepts.data(), result.intercepts.size()));
  object.Set("trace", float64_array(env, result.trace.data(), result.trace.size()));
  object.Set("objective", result.objective);
  object.Set("loss", result.loss);
  object.Set("dual", result.dual);
  object.Set("gap", result.gap);
  set_outcome(object, result);
  object.Set("nonZeros", static_cast<double>(result.nonZeros));
  object.Set("queries", result.queries);
  Napi::Object seconds = Napi::Object::New(env);
  seconds.Set("setup", result.setupSeconds);
  seconds.Set("solve", result.solveSeconds);
  object.Set("seconds", seconds);
  object.Set("algorithm", result.algorithm);
  Napi::Array path = Napi::Array::New(env, result.path.size());
  for (size_t i = 0; i < result.path.size(); ++i) {
    const PathPoint& from = result.path[i];
    Napi::Object point = Napi::Object::New(env);
    point.Set("l1", from.l1);
    point.Set("l2", from.l2);
    point.Set("objective", from.objective);
    point.Set("dual", from.dual);
    point.Set("gap", from.gap);
    point.Set("passes", from.passes);
    point.Set("seconds", from.seconds);
    point.Set("nonZeros", static_cast<double>(from.nonZeros));
    point.Set("weights", float64_array(env, from.weights.data(), from.weights.size()));
    path.Set(static_cast<uint32_t>(i), point);
  }
  object.Set("path", path);
  object.Set("isa", result.isa);
  object.Set("device", result.device);
  object.Set("deviceReason", result.deviceReason);
  return object;
}

int read_threads(const Napi::Value& value) {
  if (absent(value)) return available_parallelism();
  const int64_t threads = read_count(value, "threads");
  if (threads < 1 || threads > 1024)
    refuse(ErrorCode::InvalidOption, "threads", value, "a whole number from 1 to 1024");
  return static_cast<int>(threads);
}

}  // namespace

Napi::Value fit_linear(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    Pins pins;
    Held held;
    const Napi::Object object = read_object(arguments[0], "request");
    LinearFitRequest request;
    request.data = read_data(object.Get("data"), "data", pins, held);
    if (absent(object.Get("targets")) && held) {
      request.targets = held->targets.data();
      request.targetCount = held->rows;
    } else {
      request.targets = read_doubles(object.Get("targets"), "targets", request.targetCount, pins);
    }
    if (!absent(object.Get("sampleWeights")))
      request.sampleWeights =
          read_doubles(object.Get("sampleWeights"), "sampleWeights", request.sampleWeightCount, pins);
    if (!absent(object.Get("initial")))
      request.initial = read_doubles(object.Get("initial"), "initial", request.initialCount, pins);
    read_fit(object, request);
    request.isa = optional_text(object, "isa", "");
    request.backend = optional_text(object, "backend", "cpu");
    request.fallBack = object.Get("fallBack").ToBoolean().Value();
    if (!absent(object.Get("path"))) {
      request.path = read_count(object.Get("path"), "path");
      if (request.path < 1)
        refuse(ErrorCode::InvalidOption, "path", object.Get("path"), "a whole number of at least 1");
    }
    if (!absent(object.Get("pathRatio"))) {
      if (!object.Get("pathRatio").IsNumber())
        refuse(ErrorCode::InvalidOption, "pathRatio", object.Get("pathRatio"), "a number");
      request.pathRatio = object.Get("pathRatio").As<Napi::Number>().DoubleValue();
    }
    return start_fit(env, std::move(pins), arguments[1], std::make_shared<LinearFit>(request),
                     linear_trace_columns().size(), result_object, held);
  });
}

Napi::Value predict_linear_job(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    Pins pins;
    Held held;
    const Napi::Object object = read_object(arguments[0], "request");
    LinearPredictRequest request;
    request.data = read_data(object.Get("data"), "data", pins, held);
    request.weights = read_doubles(object.Get("weights"), "weights", request.weightCount, pins);
    request.intercepts = read_doubles(object.Get("intercepts"), "intercepts", request.outputs, pins);
    request.threads = read_threads(object.Get("threads"));
    const int64_t rows = std::visit([](const auto& view) { return view.rows; }, request.data);
    const size_t count = static_cast<size_t>(rows * request.outputs);
    return start_job(env, std::move(pins), {},
                     [request, held, count](const CancelToken& cancel, const Progress&) -> Deliver {
                       const auto out = std::make_shared<std::vector<double>>(count);
                       predict_linear(request, cancel, out->data());
                       return [out](Napi::Env env) { return float64_array(env, out->data(), out->size()); };
                     });
  });
}

Napi::Value read_libsvm_job(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::string path = read_text(arguments[0], "path");
    const Napi::Object options = read_object(arguments[1], "options");
    const bool single = options.Get("single").ToBoolean().Value();
    const int64_t columns = absent(options.Get("columns")) ? 0 : read_count(options.Get("columns"), "columns");
    const int threads = read_threads(options.Get("threads"));
    return start_job(env, {}, {}, [=](const CancelToken& cancel, const Progress&) -> Deliver {
      const Held data = std::make_shared<const LibsvmData>(read_libsvm(path, single, columns, threads, cancel));
      return [data](Napi::Env env) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("handle",
                   Napi::External<Held>::New(env, new Held(data), [](Napi::BasicEnv, Held* held) { delete held; }));
        object.Set("rows", static_cast<double>(data->rows));
        object.Set("columns", static_cast<double>(data->cols));
        object.Set("nonZeros", static_cast<double>(data->columns.size()));
        object.Set("targets", float64_array(env, data->targets.data(), data->targets.size()));
        return object;
      };
    });
  });
}

Napi::Value libsvm_arrays(const Napi::CallbackInfo& arguments) {
  const Napi::Env env = arguments.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Held data = held_data(arguments[0], "handle");
    const size_t count = static_cast<size_t>(data->columns.size());
    Napi::Object object = Napi::Object::New(env);
    object.Set("values", data->single ? float32_array(env, data->values32.data(), count)
                                      : float64_array(env, data->values64.data(), count));
    object.Set("columnIndices", copied_array(env, "Int32Array", data->columns.data(), count));
    object.Set("rowStarts", copied_array(env, "BigInt64Array", data->rowStart.data(), data->rowStart.size()));
    object.Set("rows", static_cast<double>(data->rows));
    object.Set("columns", static_cast<double>(data->cols));
    return object;
  });
}

}  // namespace meanfield
