// From C++ exceptions to JavaScript errors: an Error whose `code` is one of MEANFIELD_…, which the layer above turns
// into its own classes.
#pragma once
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include "native/core/errors.h"
#include "native/napi/node_addon.h"

namespace meanfield {

/// An Error with `message` and `code`.
inline Napi::Error make_error(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

/// Any exception of the core or of the standard library; one that came from JavaScript is passed through as it is.
inline Napi::Error to_error(Napi::Env env, const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Napi::Error& error) {
    return error;
  } catch (const Error& error) {
    return make_error(env, code_name(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return make_error(env, code_name(ErrorCode::OutOfMemory),
                      "not enough memory for this run; use fewer particles, rows or threads.");
  } catch (const std::length_error&) {  // a container asked for more than can exist
    return make_error(env, code_name(ErrorCode::OutOfMemory),
                      "more memory was asked for than can exist; use fewer particles, rows or outputs.");
  } catch (const std::system_error& error) {
    return make_error(env, code_name(ErrorCode::OutOfMemory),
                      std::string("the system refused a thread or a lock: ") + error.what() +
                          "; use fewer threads, or raise the process limit (ulimit -u).");
  } catch (const std::exception& error) {
    return make_error(env, code_name(ErrorCode::Internal), error.what());
  } catch (...) {
    return make_error(env, code_name(ErrorCode::Internal), "an exception of unknown type left the native code.");
  }
}

/// Runs `body` at the boundary: whatever it throws reaches JavaScript as an error with a `code`.
template <class Body>
auto guarded(Napi::Env env, Body body) -> decltype(body()) {
  std::exception_ptr failure;
  try {
    return body();
  } catch (...) {
    failure = std::current_exception();
  }
  throw to_error(env, failure);
}

}  // namespace meanfield
