// Checkpoints: what was written is read back; whatever is torn, flipped, foreign or of another run is refused by name;
// a write that fails leaves the file before it as it was.
#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "native/driver/checkpoint.h"

using namespace meanfield;

namespace {

/// A folder of its own that goes with the test.
struct Folder {
  Folder() {
    const char* base = std::getenv("TMPDIR");
    path = std::string(base && *base ? base : "/tmp") + "/meanfield-test-XXXXXX";
    REQUIRE(mkdtemp(path.data()) != nullptr);
  }
  ~Folder() {
    for (const std::string& file : files) ::unlink(file.c_str());
    ::rmdir(path.c_str());
  }
  std::string file(const std::string& name) {
    files.push_back(path + "/" + name);
    return files.back();
  }
  std::string path;
  std::vector<std::string> files;
};

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void spill(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// The message of the refusal, empty when the file was accepted.
std::string refusal(const std::string& path, const std::string& identity) {
  try {
    read_checkpoint(path, identity);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::Checkpoint);
    CHECK(std::string(error.what()).find(path) != std::string::npos);
    return error.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const std::string kIdentity = "algorithm=langevin\nstep=auto\nseed=7\n";

std::vector<char> payload() {
  Writer writer;
  writer(int64_t{-5});
  writer(3.25);
  writer(std::string("text"));
  writer(std::vector<float>{1, 2, 3});
  writer(std::vector<double>{});
  return writer.buffer;
}

}  // namespace

TEST_CASE("checkpoint: reads back what was written, and replaces the one before") {
  Folder folder;
  const std::string path = folder.file("run.ckpt");
  write_checkpoint(path, kIdentity, {'o', 'l', 'd'});
  write_checkpoint(path, kIdentity, payload());
  Reader reader = read_checkpoint(path, kIdentity);
  int64_t whole = 0;
  double number = 0;
  std::string text;
  std::vector<float> floats;
  std::vector<double> none{1};
  reader(whole);
  reader(number);
  reader(text);
  reader(floats);
  CHECK_FALSE(reader.finished());
  reader(none);
  CHECK(reader.finished());
  CHECK(whole == -5);
  CHECK(number == 3.25);
  CHECK(text == "text");
  CHECK(floats == std::vector<float>{1, 2, 3});
  CHECK(none.empty());
  CHECK_THROWS_AS(reader(whole), Error);
}

TEST_CASE("checkpoint: torn at every byte, it is refused") {
  Folder folder;
  const std::string path = folder.file("run.ckpt");
  write_checkpoint(path, kIdentity, payload());
  const std::string whole = slurp(path);
  for (size_t length = 0; length < whole.size(); ++length) {
    spill(path, whole.substr(0, length));
    const std::string message = refusal(path, kIdentity);
    CHECK(has(message, length < 8 ? "is not a meanfield checkpoint" : "is torn: " + std::to_string(length) + " bytes"));
  }
  spill(path, whole + '\0');
  CHECK(has(refusal(path, kIdentity), "is torn"));
  spill(path, whole);
  CHECK(refusal(path, kIdentity).empty());
}

TEST_CASE("checkpoint: any one flipped bit is refused") {
  Folder folder;
  const std::string path = folder.file("run.ckpt");
  write_checkpoint(path, kIdentity, payload());
  const std::string whole = slurp(path);
  for (size_t at = 0; at < whole.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      spill(path, flipped);
      const std::string message = refusal(path, kIdentity);
      CHECK(has(message, at < 8 ? "is not a meanfield checkpoint" : at < 16 ? "is torn" : "is damaged: its checksum"));
    }
}

TEST_CASE("checkpoint: foreign files, folders and nothing at all are refused") {
  Folder folder;
  const std::string path = folder.file("other.txt");
  CHECK(has(refusal(path, kIdentity), "could not be opened: No such file"));
  CHECK(has(refusal(folder.path, kIdentity), "is not a file"));
  spill(path, "");
  CHECK(has(refusal(path, kIdentity), "is not a meanfield checkpoint of this version"));
  spill(path, std::string(1000, 'x'));
  CHECK(has(refusal(path, kIdentity), "is not a meanfield checkpoint of this version"));
  write_checkpoint(path, kIdentity, payload());
  std::string later = slurp(path);
  later[7] = '2';
  spill(path, later);
  CHECK(has(refusal(path, kIdentity), "of this version"));
}

TEST_CASE("checkpoint: one of another run is refused, naming the first difference") {
  Folder folder;
  const std::string path = folder.file("run.ckpt");
  write_checkpoint(path, kIdentity, payload());
  CHECK(has(refusal(path, "algorithm=langevin\nstep=auto\nseed=8\n"), "it has seed=7 where this run has seed=8"));
  CHECK(has(refusal(path, "algorithm=langevin\nstep=auto\n"), "it has seed=7 where this run has nothing"));
  CHECK(has(refusal(path, kIdentity + "extra=1\n"), "it has nothing where this run has extra=1"));
  CHECK(has(refusal(path, ""), "belongs to another run"));
}

TEST_CASE("checkpoint: a length inside the file that promises too much is refused, however large") {
  for (uint64_t count : {uint64_t{5}, uint64_t{1} << 32, ~uint64_t{0}, ~uint64_t{0} / 4 + 1}) {
    Writer writer;
    writer(count);
    writer(int32_t{1});
    std::vector<float> floats;
    std::string text;
    CHECK_THROWS_AS(Reader(writer.buffer)(floats), Error);
    CHECK_THROWS_AS(Reader(writer.buffer)(text), Error);
  }
}

TEST_CASE("checkpoint: a write that fails leaves the old file, and nothing else") {
  Folder folder;
  const std::string path = folder.file("run.ckpt");
  write_checkpoint(path, kIdentity, payload());
  const std::string before = slurp(path);

  // A file-size limit stands for the full disk.
  struct rlimit old;
  REQUIRE(getrlimit(RLIMIT_FSIZE, &old) == 0);
  void (*handler)(int) = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit small = old;
  small.rlim_cur = 4096;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string message;
  try {
    write_checkpoint(path, kIdentity, std::vector<char>(1 << 20));
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::Checkpoint);
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  CHECK(has(message, "checkpoint '" + path + "' could not be written: "));
  CHECK(slurp(path) == before);

  CHECK_THROWS_WITH_AS(write_checkpoint(folder.path + "/none/run.ckpt", kIdentity, payload()),
                       doctest::Contains("could not be created: No such file"), Error);
  const std::string taken = folder.path + "/folder";
  REQUIRE(::mkdir(taken.c_str(), 0700) == 0);
  CHECK_THROWS_WITH_AS(write_checkpoint(taken, kIdentity, payload()), doctest::Contains("could not be put in place"),
                       Error);
  CHECK(::rmdir(taken.c_str()) == 0);
  ::unlink(path.c_str());
  CHECK(::rmdir(folder.path.c_str()) == 0);  // no temporary file is left behind
  REQUIRE(::mkdir(folder.path.c_str(), 0700) == 0);
}

TEST_CASE("checkpoint: two threads that write to one name leave one of the two, whole") {
  Folder folder;
  const std::string path = folder.file("run.ckpt");
  const auto write = [&](char fill) {
    for (int repeat = 0; repeat < 40; ++repeat) write_checkpoint(path, kIdentity, std::vector<char>(20000, fill));
  };
  std::thread other(write, 'b');
  CHECK_NOTHROW(write('a'));
  other.join();
  CHECK(refusal(path, kIdentity).empty());
}

TEST_CASE("fingerprint: depends on every byte, on their order and on where it starts") {
  std::string text = "0123456789abcdefXYZ";
  const uint64_t hash = fingerprint(text.data(), text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = '!';
    CHECK(fingerprint(other.data(), other.size()) != hash);
    CHECK(fingerprint(text.data(), i) != hash);
  }
  CHECK(fingerprint(text.data(), text.size(), hash) != hash);
  CHECK(fingerprint("", 0, 42) == 42);
}
