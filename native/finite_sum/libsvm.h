// LIBSVM's text format: "label index:value index:value …" a row, indices from 1, increasing.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "native/core/cancel.h"
#include "native/core/views.h"
#include "native/kernels/cpu/memory.h"

namespace meanfield {

struct LibsvmData {
  cpu::Buffer<double> values64;
  cpu::Buffer<float> values32;  // when read in single precision
  cpu::Buffer<int32_t> columns;
  std::vector<int64_t> rowStart;
  std::vector<double> targets;
  int64_t rows = 0, cols = 0;
  bool single = false;
};

/// Reads the file with `threads` threads; numbers are the nearest doubles (or floats). Memory: the data, and pieces of the file of 4 MiB a
/// thread. `columns` ≥ 1 fixes d, 0 takes the largest
/// index. Throws InvalidData with the line and what is wrong in it, Cancelled.
LibsvmData read_libsvm(const std::string& path, bool single, int64_t columns, int threads, const CancelToken& cancel);

}  // namespace meanfield
