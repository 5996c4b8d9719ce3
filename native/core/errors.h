// Typed errors. The core never prints, aborts or exits: it throws one of these, and the layer above turns the code
// into a class of its own language.
#pragma once
#include <stdexcept>
#include <string>
#include <utility>

namespace meanfield {

enum class ErrorCode { InvalidOption, InvalidData, Diverged, Cancelled, Checkpoint, OutOfMemory, Device, Internal };

/// The code as users see it, for example "MEANFIELD_INVALID_OPTION".
inline const char* code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidOption: return "MEANFIELD_INVALID_OPTION";
    case ErrorCode::InvalidData: return "MEANFIELD_INVALID_DATA";
    case ErrorCode::Diverged: return "MEANFIELD_DIVERGED";
    case ErrorCode::Cancelled: return "MEANFIELD_CANCELLED";
    case ErrorCode::Checkpoint: return "MEANFIELD_CHECKPOINT";
    case ErrorCode::OutOfMemory: return "MEANFIELD_OUT_OF_MEMORY";
    case ErrorCode::Device: return "MEANFIELD_DEVICE";
    case ErrorCode::Internal: return "MEANFIELD_INTERNAL";
  }
  return "MEANFIELD_INTERNAL";
}

/// `what()` says what was seen, what was expected and what to do about it.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace meanfield
