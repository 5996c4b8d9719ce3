// Checkpoints: written to a temporary name, synced, renamed; magic, version, identity, checksum. A torn or foreign file is
// refused by name.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "native/core/errors.h"

namespace meanfield {

/// Appends plain numbers, strings and vectors of numbers to a byte buffer. Little-endian hosts only, as Node's are.
class Writer {
 public:
  template <class T>
  std::enable_if_t<std::is_arithmetic_v<T>> operator()(const T& value) {
    const char* bytes = reinterpret_cast<const char*>(&value);
    buffer.insert(buffer.end(), bytes, bytes + sizeof value);
  }
  void operator()(const std::string& text) { block(text.data(), text.size(), 1); }
  template <class T>
  void operator()(const std::vector<T>& values) {
    static_assert(std::is_arithmetic_v<T>);
    block(values.data(), values.size(), sizeof(T));
  }
  std::vector<char> buffer;

 private:
  void block(const void* data, uint64_t count, size_t size) {
    (*this)(count);
    const char* bytes = static_cast<const char*>(data);
    buffer.insert(buffer.end(), bytes, bytes + count * size);
  }
};

/// Reads back what Writer wrote, in the same order; throws Checkpoint on any length that does not fit.
class Reader {
 public:
  explicit Reader(std::vector<char> bytes) : buffer_(std::move(bytes)) {}
  template <class T>
  std::enable_if_t<std::is_arithmetic_v<T>> operator()(T& value) {
    need(sizeof value);
    std::memcpy(&value, buffer_.data() + at_, sizeof value);
    at_ += sizeof value;
  }
  void operator()(std::string& text) {
    text.resize(length(1));
    take(text.data(), text.size());
  }
  template <class T>
  void operator()(std::vector<T>& values) {
    values.resize(length(sizeof(T)));
    take(values.data(), values.size() * sizeof(T));
  }
  bool finished() const { return at_ == buffer_.size(); }

 private:
  void need(uint64_t bytes) const {
    if (bytes > buffer_.size() - at_) throw Error(ErrorCode::Checkpoint, "the checkpoint ends too early.");
  }
  uint64_t length(size_t size) {
    uint64_t count = 0;
    (*this)(count);
    if (count > (buffer_.size() - at_) / size) throw Error(ErrorCode::Checkpoint, "the checkpoint ends too early.");
    return count;
  }
  void take(void* to, size_t bytes) {
    need(bytes);
    if (bytes > 0) std::memcpy(to, buffer_.data() + at_, bytes);
    at_ += bytes;
  }
  std::vector<char> buffer_;
  size_t at_ = 0;
};

/// FNV-1a, 64 bits, over 8-byte words and then the remaining bytes.
uint64_t fingerprint(const void* data, size_t bytes, uint64_t start = 0xcbf29ce484222325ull);

/// `identity` is one "name=value" a line: what must be the same for a run to be continued.
void write_checkpoint(const std::string& path, const std::string& identity, const std::vector<char>& payload);
/// Throws Checkpoint when the file is missing, torn, foreign, of another version, or of another problem (naming the first
/// line of the identity that differs).
Reader read_checkpoint(const std::string& path, const std::string& identity);

}  // namespace meanfield
