// No exception leaves the tables: failures become their status, and their words the message of the thread.
#pragma once
#include <new>
#include <string>

#include "native/kernels/cuda/failures.h"

namespace meanfield {
namespace cuda {

inline std::string& last_message() {
  static thread_local std::string message;
  return message;
}

template <class F>
Status guarded(F&& f) {
  last_message().clear();
  try {
    return f();
  } catch (const Failure& failure) {
    last_message() = failure.message;
    return failure.status;
  } catch (const std::bad_alloc&) {
    return Status::OutOfMemory;
  }
}

}  // namespace cuda
}  // namespace meanfield
