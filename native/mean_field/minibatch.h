// Minibatches without replacement, a pure function of (seed, step): no epochs, nothing to store in a checkpoint. Or the rows
// in their order, a pure function of the step: what can be done with rows that come and go.
#pragma once
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "native/core/philox.h"
#include "native/kernels/kernels.h"

namespace meanfield {

/// B of the n rows for step k, uniform over all subsets, increasing. R. Floyd's algorithm (Bentley, CACM 1987): for
/// j = n−B … n−1 draw t uniform in [0, j] and take t, or j when t is taken already. 32 bits a draw: bias below n/2³².
inline std::vector<int32_t> draw_minibatch(uint64_t seed, int64_t step, int64_t rows, int64_t minibatch) {
  const RandomField field{seed, Stream::Minibatch};
  std::vector<bool> taken(static_cast<size_t>(rows), false);
  std::vector<int32_t> chosen;
  chosen.reserve(static_cast<size_t>(minibatch));
  for (int64_t j = rows - minibatch; j < rows; ++j) {
    const double u = field.uniform(static_cast<uint64_t>(step), 0, static_cast<uint32_t>(chosen.size()));
    int64_t row = std::min(j, static_cast<int64_t>(u * static_cast<double>(j + 1)));
    if (taken[static_cast<size_t>(row)]) row = j;
    taken[static_cast<size_t>(row)] = true;
    chosen.push_back(static_cast<int32_t>(row));
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

/// The rows of one step: all of them in their order when the minibatch is the whole.
struct Minibatch {
  Minibatch(uint64_t seed, int64_t step, int64_t rows, int64_t size) : count(size) {
    if (size < rows) index = draw_minibatch(seed, step, rows, size);
  }
  /// B rows after those of step k − 1; a pass takes ⌈n/B⌉ steps, the last one what is left of the rows.
  static Minibatch in_order(int64_t step, int64_t rows, int64_t size) {
    const int64_t first = step % ((rows + size - 1) / size) * size;
    Minibatch batch(0, 0, rows, rows);
    batch.count = std::min(size, rows - first);
    if (batch.count == rows) return batch;
    batch.index.resize(static_cast<size_t>(batch.count));
    std::iota(batch.index.begin(), batch.index.end(), static_cast<int32_t>(first));
    return batch;
  }
  Rows rows() const { return {index.empty() ? nullptr : index.data(), count}; }
  int64_t row(int64_t i) const { return index.empty() ? i : index[static_cast<size_t>(i)]; }
  int64_t count;
  std::vector<int32_t> index;
};

}  // namespace meanfield
