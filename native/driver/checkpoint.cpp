#include "native/driver/checkpoint.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <sstream>

namespace meanfield {

namespace {

constexpr char kMagic[8] = {'M', 'F', 'C', 'K', 'P', 'T', '0', '1'};
constexpr size_t kHeader = sizeof kMagic + sizeof(uint64_t);  // magic, length of the body
constexpr size_t kChecksum = sizeof(uint64_t);

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw Error(ErrorCode::Checkpoint, "checkpoint '" + path + "' " + why);
}

/// False, with errno set, when not all could be written.
bool write_all(int file, const char* bytes, size_t count) {
  while (count > 0) {
    const ssize_t written = ::write(file, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes += written;
    count -= static_cast<size_t>(written);
  }
  return true;
}

/// A name beside `path` that no other thread or process of this machine writes to.
std::string temporary_name(const std::string& path) {
  static std::atomic<unsigned> count{0};
  return path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

/// The first line of `expected` that `found` does not share, and what stands there instead.
std::string difference(const std::string& found, const std::string& expected) {
  std::istringstream a(found), b(expected);
  std::string lineA, lineB;
  for (;;) {
    const bool moreA = static_cast<bool>(std::getline(a, lineA)), moreB = static_cast<bool>(std::getline(b, lineB));
    if (!moreA && !moreB) return "it differs";
    if (!moreA) lineA = "nothing";
    if (!moreB) lineB = "nothing";
    if (lineA != lineB) return "it has " + lineA + " where this run has " + lineB;
  }
}

}  // namespace

uint64_t fingerprint(const void* data, size_t bytes, uint64_t start) {
  constexpr uint64_t kPrime = 0x100000001b3ull;
  const unsigned char* at = static_cast<const unsigned char*>(data);
  uint64_t hash = start;
  for (; bytes >= 8; bytes -= 8, at += 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    hash = (hash ^ word) * kPrime;
    hash ^= hash >> 32;  // a multiplication alone never carries high bits down
  }
  for (; bytes > 0; --bytes, ++at) hash = (hash ^ *at) * kPrime;
  return hash;
}

void write_checkpoint(const std::string& path, const std::string& identity, const std::vector<char>& payload) {
  Writer file;
  file.buffer.assign(kMagic, kMagic + sizeof kMagic);
  file(uint64_t{sizeof(uint64_t) + identity.size() + payload.size()});
  file(identity);
  file.buffer.insert(file.buffer.end(), payload.begin(), payload.end());
  file(fingerprint(file.buffer.data(), file.buffer.size()));

  const std::string temporary = temporary_name(path);
  const int handle = ::open(temporary.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
  if (handle < 0)
    refuse(path, std::string("could not be created: ") + std::strerror(errno) + ". Does its folder exist?");
  const auto give_up = [&](const std::string& what, const std::string& remedy) {
    const std::string reason = std::strerror(errno);
    ::unlink(temporary.c_str());
    refuse(path, what + ": " + reason + ". " + remedy);
  };
  const bool written = write_all(handle, file.buffer.data(), file.buffer.size()) && ::fsync(handle) == 0;
  const int failure = errno;
  const bool closed = ::close(handle) == 0;
  if (!written) errno = failure;
  if (!written || !closed) give_up("could not be written", "Free some space or choose another place.");
  if (::rename(temporary.c_str(), path.c_str()) != 0) give_up("could not be put in place", "Choose another place.");
  // The name itself must survive a power cut too.
  const int folder = ::open(folder_of(path).c_str(), O_RDONLY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
}

Reader read_checkpoint(const std::string& path, const std::string& identity) {
  FILE* file = std::fopen(path.c_str(), "rb");
  if (!file)
    refuse(path, std::string("could not be opened: ") + std::strerror(errno) + ". Check its name, or start anew.");
  struct stat status;
  if (::fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode)) {
    std::fclose(file);
    refuse(path, "is not a file. Name the checkpoint itself.");
  }
  std::vector<char> bytes(static_cast<size_t>(status.st_size));
  const size_t got = std::fread(bytes.data(), 1, bytes.size(), file);
  std::fclose(file);
  if (got != bytes.size()) refuse(path, "could not be read to its end. Use an older one or start anew.");
  if (bytes.size() < sizeof kMagic || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0)
    refuse(path, "is not a meanfield checkpoint of this version. Name another file or start anew.");
  uint64_t length = 0, checksum = 0;
  const bool headed = bytes.size() >= kHeader + kChecksum;
  if (headed) std::memcpy(&length, bytes.data() + sizeof kMagic, sizeof length);
  if (!headed || length != bytes.size() - kHeader - kChecksum)
    refuse(path, "is torn: " + std::to_string(bytes.size()) + " bytes. Use an older one or start anew.");
  std::memcpy(&checksum, bytes.data() + bytes.size() - kChecksum, kChecksum);
  if (checksum != fingerprint(bytes.data(), bytes.size() - kChecksum))
    refuse(path, "is damaged: its checksum does not match. Use an older one or start anew.");
  Reader reader(std::vector<char>(bytes.begin() + kHeader, bytes.end() - kChecksum));
  std::string found;
  reader(found);
  if (found != identity)
    refuse(path, "belongs to another run: " + difference(found, identity) +
                     ". Resume with the same data, model, algorithm and seed, or start anew.");
  return reader;
}

}  // namespace meanfield
