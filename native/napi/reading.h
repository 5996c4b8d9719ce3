// How values of JavaScript are read and made: strict, by name, without copies of numeric memory.
#pragma once
#include <cmath>
#include <cstring>
#include <string>

#include "native/core/errors.h"
#include "native/core/option_fields.h"
#include "native/napi/job.h"
#include "native/napi/node_addon.h"

namespace meanfield {

constexpr double kLargestInteger = 9007199254740991.0;  // Number.MAX_SAFE_INTEGER

/// What a value is, in a word, for messages.
inline std::string describe(const Napi::Value& value) {
  if (value.IsUndefined()) return "missing";
  if (value.IsNull()) return "null";
  if (value.IsNumber()) return format_option(value.As<Napi::Number>().DoubleValue());
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value() ? "true" : "false";
  if (value.IsString()) return "'" + value.As<Napi::String>().Utf8Value() + "'";
  if (value.IsArray()) return "an array";
  if (value.IsFunction()) return "a function";
  if (value.IsBigInt()) return "a BigInt";
  if (value.IsSymbol()) return "a symbol";
  const Napi::Value constructor = value.As<Napi::Object>().Get("constructor");
  if (!constructor.IsFunction()) return "an object";
  return "a " + constructor.As<Napi::Object>().Get("name").ToString().Utf8Value();
}

[[noreturn]] inline void refuse(ErrorCode code, const std::string& name, const Napi::Value& seen,
                                const std::string& expected) {
  throw Error(code, name + " is " + describe(seen) + "; expected " + expected + ".");
}

inline Napi::Object read_object(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject() || value.IsArray() || value.IsFunction())
    refuse(ErrorCode::InvalidOption, name, value, "an object");
  return value.As<Napi::Object>();
}

inline bool absent(const Napi::Value& value) { return value.IsUndefined() || value.IsNull(); }

inline std::string read_text(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) refuse(ErrorCode::InvalidOption, name, value, "text");
  const std::string text = value.As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos)
    throw Error(ErrorCode::InvalidOption, name + " contains a zero character; remove it.");
  return text;
}

inline std::string optional_text(const Napi::Object& object, const char* key, const std::string& otherwise) {
  const Napi::Value value = object.Get(key);
  return absent(value) ? otherwise : read_text(value, key);
}

inline OptionValues read_options(const Napi::Value& value, const std::string& name) {
  OptionValues options;
  const Napi::Object object = read_object(value, name);
  const Napi::Array keys = object.GetPropertyNames();
  for (uint32_t i = 0; i < keys.Length(); ++i) {
    const std::string key = keys.Get(i).ToString().Utf8Value();
    const Napi::Value entry = object.Get(key);
    if (entry.IsUndefined()) continue;
    if (entry.IsNumber()) {
      options.emplace_back(key, entry.As<Napi::Number>().DoubleValue());
    } else if (entry.IsBoolean()) {
      options.emplace_back(key, entry.As<Napi::Boolean>().Value());
    } else if (entry.IsString()) {
      const std::string text = entry.As<Napi::String>().Utf8Value();
      options.emplace_back(key, text == "auto" ? OptionValue(std::monostate{}) : OptionValue(text));
    } else {
      refuse(ErrorCode::InvalidOption, name + ": option '" + key + "'", entry, "a number, a boolean or text");
    }
  }
  return options;
}

/// The memory of a typed array of type T, kept alive by `pins`.
template <class T>
const T* read_array(const Napi::Value& value, const std::string& name, napi_typedarray_type type, const char* typeName,
                    size_t& count, Pins& pins) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type)
    refuse(ErrorCode::InvalidData, name, value, std::string("a ") + typeName);
  const Napi::Env env = value.Env();
  Napi::Object array = value.As<Napi::Object>();
  const Napi::Value buffer = array.Get("buffer");
  if (!buffer.IsArrayBuffer() || buffer.As<Napi::Object>().Get("resizable").ToBoolean().Value())
    array = env.Global().Get(typeName).As<Napi::Function>().New({array});
  else if (buffer.As<Napi::ArrayBuffer>().IsDetached())
    throw Error(ErrorCode::InvalidData, name +
                                            " has lost its memory: the buffer was transferred to another thread. "
                                            "Pass a copy (array.slice()) to the one or the other.");
  const Napi::TypedArrayOf<T> typed = array.As<Napi::TypedArrayOf<T>>();
  count = typed.ElementLength();
  pins.push_back(Napi::Persistent(array));
  return typed.Data();
}

/// The same for arrays of doubles.
inline const double* read_doubles(const Napi::Value& value, const std::string& name, int64_t& count, Pins& pins) {
  size_t many = 0;
  const double* data = read_array<double>(value, name, napi_float64_array, "Float64Array", many, pins);
  count = static_cast<int64_t>(many);
  return data;
}

/// Allocated by the constructor itself: Node-API's own functions end the process when there is no memory.
template <class T>
Napi::Value copied_array(Napi::Env env, const char* typeName, const T* values, size_t count) {
  const Napi::Object array =
      env.Global().Get(typeName).As<Napi::Function>().New({Napi::Number::New(env, static_cast<double>(count))});
  if (count > 0) std::memcpy(array.As<Napi::TypedArrayOf<T>>().Data(), values, count * sizeof(T));
  return array;
}

inline Napi::Value option_value(Napi::Env env, const OptionValue& value) {
  if (const double* number = std::get_if<double>(&value)) return Napi::Number::New(env, *number);
  if (const bool* flag = std::get_if<bool>(&value)) return Napi::Boolean::New(env, *flag);
  return Napi::String::New(env, format_option(value));
}

}  // namespace meanfield
