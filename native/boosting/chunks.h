// Passes over all rows: in chunks that the threads take one after the other, with a place of its own for what each adds up.
#pragma once
#include <algorithm>
#include <cstdint>

#include "native/core/thread_pool.h"

namespace meanfield {

constexpr int64_t kChunkRows = 256;
inline int64_t chunk_count(int64_t rows) { return (rows + kChunkRows - 1) / kChunkRows; }

/// task(chunk, first row, rows, worker) for all chunks. Throws Cancelled.
template <class Task>
void over_chunks(ThreadPool& pool, int64_t rows, const CancelToken* cancel, const Task& task) {
  const bool done = pool.run(
      chunk_count(rows),
      [&](int64_t chunk, int worker) {
        const int64_t first = chunk * kChunkRows;
        task(chunk, first, std::min(kChunkRows, rows - first), worker);
      },
      cancel);
  if (!done) throw Error(ErrorCode::Cancelled, "the run was cancelled half-way through the rows.");
}

}  // namespace meanfield
