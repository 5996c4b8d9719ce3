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
  /// Gives the pages between back to the system: a file of any size takes no more memory than the pieces at work.
  static void release(const char* first, const char* last) {
    static const uintptr_t page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
    const uintptr_t from = (reinterpret_cast<uintptr_t>(first) + page - 1) / page * page,
                    to = reinterpret_cast<uintptr_t>(last) / page * page;
    if (from < to) ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
  }

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
bool digit(char c) { return c >= '0' && c <= '9'; }

/// How many bytes are ':'; eight at a time.
int64_t colons(const char* at, const char* end) {
  constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7f, kOnes = 0x0101010101010101;
  int64_t count = 0;
  for (; at + 8 <= end; at += 8) {
    uint64_t bytes;
    std::memcpy(&bytes, at, 8);
    bytes ^= kOnes * ':';
    const uint64_t zero = ~(((bytes & kLow) + kLow) | bytes | kLow);  // the top bit of each byte that was ':'
    count += static_cast<int64_t>((zero >> 7) * kOnes >> 56);
  }
  for (; at < end; ++at) count += *at == ':';
  return count;
}

/// The nearest double of a decimal number that ends at a space or at `end`, where that takes one rounding: digits below 2^53 and a power of
/// ten up to 10^22 are doubles themselves (W. Clinger, PLDI 1990). False, with nothing read, for all others.
bool short_decimal(const char*& from, const char* end, double& value) {
  static constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const char* at = from;
  const bool negative = at < end && *at == '-';
  at += negative;
  uint64_t digits = 0;
  const char* first = at;
  for (; at < end && digit(*at); ++at) digits = 10 * digits + static_cast<uint64_t>(*at - '0');
  int64_t count = at - first, power = 0;
  if (at < end && *at == '.') {
    const char* point = ++at;
    for (; at < end && digit(*at); ++at) digits = 10 * digits + static_cast<uint64_t>(*at - '0');
    count += at - point;
    power = point - at;
  }
  if (count == 0 || count > 18 || digits > uint64_t{1} << 53) return false;
  if (at < end && (*at == 'e' || *at == 'E')) {
    const bool down = ++at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    int64_t exponent = 0;
    const char* start = at;
    for (; at < end && digit(*at) && at - start < 4; ++at) exponent = 10 * exponent + (*at - '0');
    if (at == start) return false;
    power += down ? -exponent : exponent;
  }
  if ((at < end && !space(*at)) || power < -22 || power > 22) return false;
  const double magnitude =
      power < 0 ? static_cast<double>(digits) / kPowers[-power] : static_cast<double>(digits) * kPowers[power];
  value = negative ? -magnitude : magnitude;
  from = at;
  return true;
}

class Parser {
 public:
  Parser(const std::string& path, LibsvmData& data) : path_(path), data_(data) {}

  /// Rows and entries of a block: rows are lines with more than space and comment, entries are colons before a '#'.
  static void count(Block& block) {
    const bool comments = std::memchr(block.first, '#', static_cast<size_t>(block.last - block.first)) != nullptr;
    for (const char* at = block.first; at < block.last;) {
      const char* end = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(block.last - at)));
      if (!end) end = block.last;
      const char* stop =
          comments ? static_cast<const char*>(std::memchr(at, '#', static_cast<size_t>(end - at))) : nullptr;
      if (!stop) stop = end;
      block.entries += colons(at, stop);
      while (at < stop && space(*at)) ++at;
      block.rows += at < stop;
      ++block.lines;
      at = end + 1;
    }
  }

  void parse(Block& block, int64_t row, int64_t entry, int64_t line) const {
    int32_t* columns = data_.columns.data();
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
      at = number(at, end, label, line, 0);
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
        const char* text = read.ptr + 1;
        double value;
        at = number(text, end, value, line, index);
        columns[entry] = index - 1;
        if (data_.single)
          data_.values32.data()[entry] = nearest_float(text, end, value, line, index);
        else
          data_.values64.data()[entry] = value;
        ++entry;
      }
      if (before > block.largest) block.largest = before;
      data_.rowStart[static_cast<size_t>(++row)] = entry;
      at = next;
    }
  }

 private:
  /// What stands at `index`, 0 for the label.
  static std::string name(int32_t index) {
    return index == 0 ? "the label" : "the value at index " + std::to_string(index);
  }
  const char* number(const char* at, const char* end, double& value, int64_t line, int32_t index) const {
    const char* start = at < end && *at == '+' ? at + 1 : at;
    if (short_decimal(start, end, value)) return start;
    const auto read = std::from_chars(start, end, value);
    if (read.ec == std::errc::result_out_of_range)
      refuse(line,
             name(index) + ", '" + sample(at, end) + "', is out of the range of doubles; expected a number of it");
    if (read.ec != std::errc() || read.ptr == start)
      refuse(line, name(index) + " is '" + sample(at, end) + "', not a number");
    if (!std::isfinite(value)) refuse(line, name(index) + " is not finite; drop or impute the row first");
    return read.ptr;
  }
  /// The float nearest to the text of which `value` is the nearest double. Rounding twice errs where the double lies half-way between floats.
  float nearest_float(const char* at, const char* end, double value, int64_t line, int32_t index) const {
    uint64_t bits;
    std::memcpy(&bits, &value, 8);
    const double size = std::fabs(value);
    float near = static_cast<float>(value);
    if ((bits & 0x1fffffff) == 0x10000000 || (size != 0 && size < 2e-38)) {
      const auto read = std::from_chars(*at == '+' ? at + 1 : at, end, near);
      if (read.ec != std::errc()) near = static_cast<float>(value);
    }
    if (!std::isfinite(near))
      refuse(line,
             name(index) + ", '" + sample(at, end) + "', is out of the range of float32; read the file in float64");
    return near;
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
  each([&](int64_t b, int) {
    Block& block = blocks[static_cast<size_t>(b)];
    Parser::count(block);
    Mapping::release(block.first, block.last);
  });
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
  data.columns.resize(entry.back());
  single ? data.values32.resize(entry.back()) : data.values64.resize(entry.back());
  data.rowStart.assign(static_cast<size_t>(data.rows) + 1, 0);
  data.targets.resize(static_cast<size_t>(data.rows));
  const Parser parser(path, data);
  each([&](int64_t b, int) {
    const size_t i = static_cast<size_t>(b);
    parser.parse(blocks[i], row[i], entry[i], line[i]);
    Mapping::release(blocks[i].first, blocks[i].last);
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
