#include "native/finite_sum/libsvm.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>

#include "native/core/errors.h"
#include "native/core/thread_pool.h"

namespace meanfield {

namespace {

/// The bytes of a file, mapped and released piece by piece as they are read.
class Mapping {
 public:
  explicit Mapping(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || ::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
      const std::string reason = file < 0 ? std::strerror(errno) : "it is not a file";
      if (file >= 0) ::close(file);
      throw Error(ErrorCode::InvalidData, "'" + path + "' could not be read: " + reason + ".");
    }
    size_ = static_cast<size_t>(status.st_size);
    if (size_ > 0) {
      void* at = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
      if (at != MAP_FAILED) {
        data_ = static_cast<const char*>(at);
        ::madvise(at, size_, MADV_SEQUENTIAL);
      }
    }
    ::close(file);
    if (size_ > 0 && !data_)
      throw Error(ErrorCode::OutOfMemory, "'" + path + "' could not be mapped: " + std::strerror(errno) + ".");
  }
  ~Mapping() {
    if (data_) ::munmap(const_cast<char*>(data_), size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  const char* begin() const { return data_; }
  size_t size() const { return size_; }

 private:
  const char* data_ = nullptr;
  size_t size_ = 0;
};

struct Block {
  const char *first, *last;
  int64_t lines = 0;  // line ends before this block, once summed
  int64_t rows = 0, entries = 0;
  int32_t largest = 0;
};

bool space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

class Parser {
 public:
  Parser(const std::string& path, LibsvmData& data) : path_(path), data_(data) {}

  /// Rows and entries of a block: rows are lines with more than space and comment, entries are colons before a '#'.
  static void count(Block& block) {
    for (const char* at = block.first; at < block.last;) {
      const char* end = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(block.last - at)));
      if (!end) end = block.last;
      bool any = false;
      for (const char* c = at; c < end && *c != '#'; ++c) {
        block.entries += *c == ':';
        any |= !space(*c);
      }
      block.rows += any;
      ++block.lines;
      at = end + 1;
    }
  }

  void parse(Block& block, int64_t row, int64_t entry, int64_t line) const {
    for (const char* at = block.first; at < block.last; ++line) {
      const char* end = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(block.last - at)));
      if (!end) end = block.last;
      const char* next = end + 1;
      if (const void* comment = std::memchr(at, '#', static_cast<size_t>(end - at)))
        end = static_cast<const char*>(comment);
      while (at < end && space(*at)) ++at;
      if (at == end) {
        at = next;
        continue;
      }
      double label;
      at = number(at, end, label, line, "the label");
      data_.targets[static_cast<size_t>(row)] = label;
      int32_t before = 0;
      for (;;) {
        const char* word = at;
        while (at < end && space(*at)) ++at;
        if (at == end) break;
        if (word == at) refuse(line, "'" + sample(at, end) + "' follows a number without a space");
        int32_t index = 0;
        const auto read = std::from_chars(at, end, index);
        if (read.ec != std::errc() || read.ptr == end || *read.ptr != ':')
          refuse(line, "'" + sample(at, end) + "' is not an index from 1 and a value, such as 3:0.5");
        if (index < 1) refuse(line, "index " + std::to_string(index) + " is below 1; columns are counted from 1");
        if (index <= before)
          refuse(line, "index " + std::to_string(index) + " comes after " + std::to_string(before) +
                           "; expected increasing indices. Sort the row and add up what is repeated");
        before = index;
        double value;
        at = number(read.ptr + 1, end, value, line, "the value at index " + std::to_string(index));
        data_.columns[static_cast<size_t>(entry)] = index - 1;
        if (data_.single)
          data_.values32[static_cast<size_t>(entry)] = static_cast<float>(value);
        else
          data_.values64[static_cast<size_t>(entry)] = value;
        ++entry;
      }
      if (before > block.largest) block.largest = before;
      data_.rowStart[static_cast<size_t>(++row)] = entry;
      at = next;
    }
  }

 private:
  const char* number(const char* at, const char* end, double& value, int64_t line, const std::string& what) const {
    const char* start = at < end && *at == '+' ? at + 1 : at;
    const auto read = std::from_chars(start, end, value);
    if (read.ec != std::errc() || read.ptr == start) refuse(line, what + " is '" + sample(at, end) + "', not a number");
    if (!std::isfinite(value)) refuse(line, what + " is not finite; drop or impute the row first");
    return read.ptr;
  }
  static std::string sample(const char* at, const char* end) {
    const char* stop = at;
    while (stop < end && !space(*stop) && stop - at < 40) ++stop;
    return std::string(at, stop);
  }
  [[noreturn]] void refuse(int64_t line, const std::string& what) const {
    throw Error(ErrorCode::InvalidData, path_ + ", line " + std::to_string(line + 1) + ": " + what + ".");
  }

  const std::string& path_;
  LibsvmData& data_;
};

}  // namespace

LibsvmData read_libsvm(const std::string& path, bool single, int64_t columns, int threads, const CancelToken& cancel) {
  const Mapping file(path);
  ThreadPool pool(threads);
  constexpr size_t kBlock = size_t{4} << 20;
  std::vector<Block> blocks;
  const char *at = file.begin(), *end = at + file.size();
  while (at < end) {
    const char* stop = at + std::min(kBlock, static_cast<size_t>(end - at));
    const void* newline = stop < end ? std::memchr(stop, '\n', static_cast<size_t>(end - stop)) : nullptr;
    stop = newline ? static_cast<const char*>(newline) + 1 : end;
    Block block;
    block.first = at;
    block.last = stop;
    blocks.push_back(block);
    at = stop;
  }
  const int64_t count = static_cast<int64_t>(blocks.size());
  const auto each = [&](const std::function<void(int64_t, int)>& task) {
    if (!pool.run(count, task, &cancel)) throw Error(ErrorCode::Cancelled, "reading was cancelled.");
  };
  each([&](int64_t b, int) { Parser::count(blocks[static_cast<size_t>(b)]); });
  std::vector<int64_t> row(1, 0), entry(1, 0), line(1, 0);
  for (const Block& block : blocks) {
    row.push_back(row.back() + block.rows);
    entry.push_back(entry.back() + block.entries);
    line.push_back(line.back() + block.lines);
  }
  LibsvmData data;
  data.single = single;
  data.rows = row.back();
  if (data.rows == 0)
    throw Error(ErrorCode::InvalidData, "'" + path + "' has no rows; expected 'label index:value …' lines.");
  data.columns.resize(static_cast<size_t>(entry.back()));
  single ? data.values32.resize(data.columns.size()) : data.values64.resize(data.columns.size());
  data.rowStart.assign(static_cast<size_t>(data.rows) + 1, 0);
  data.targets.resize(static_cast<size_t>(data.rows));
  const Parser parser(path, data);
  each([&](int64_t b, int) {
    const size_t i = static_cast<size_t>(b);
    parser.parse(blocks[i], row[i], entry[i], line[i]);
  });
  int64_t largest = 0;
  for (const Block& block : blocks) largest = std::max<int64_t>(largest, block.largest);
  if (columns > 0 && largest > columns)
    throw Error(ErrorCode::InvalidData, "'" + path + "' has an index of " + std::to_string(largest) +
                                            "; expected at most " + std::to_string(columns) + " columns.");
  data.cols = columns > 0 ? columns : std::max<int64_t>(largest, 1);
  return data;
}

}  // namespace meanfield
