#include "native/finite_sum/compressed.h"

#include <algorithm>

namespace meanfield {

CompressedColumns::CompressedColumns(const FiniteSum& f)
    : kernels_(f.x.kernels().columns), blocks_((f.n + kColumnBlock - 1) / kColumnBlock),
      wordsOfColumn_(blocks_ * (kColumnBlock / 2)), words_(f.p * wordsOfColumn_), scales_(f.p * blocks_) {
  // As many rows at a time as keep the pages of both sides at hand.
  constexpr int64_t kRows = 4 * kColumnBlock;
  const bool done = f.pool->run(
      (f.n + kRows - 1) / kRows,
      [&](int64_t piece, int) {
        const int64_t i = piece * kRows, rows = std::min(kRows, f.n - i);
        int32_t* to = words_.data() + i / 2;
        float* scales = scales_.data() + i / kColumnBlock;
        if (f.x.single)
          kernels_->compress32(f.x.values32(i), rows, f.d, f.x.stride(), to, wordsOfColumn_, scales, blocks_);
        else
          kernels_->compress64(f.x.values64(i), rows, f.d, f.x.stride(), to, wordsOfColumn_, scales, blocks_);
      },
      f.cancel);
  if (!done) throw Error(ErrorCode::Cancelled, "cancelled");
  if (!f.intercept) return;
  const std::vector<float> ones(static_cast<size_t>(f.n), 1.0f);
  kernels_->compress32(ones.data(), f.n, 1, 1, words(f.d), wordsOfColumn_, scales(f.d), blocks_);
}

void CompressedColumns::dots(const FiniteSum& f, const float* t, double* out) const {
  constexpr int64_t kColumns = 64;
  const int64_t columns = f.p;
  const bool done = f.pool->run((columns + kColumns - 1) / kColumns,
                                [&](int64_t piece, int) {
                                  const int64_t j = piece * kColumns;
                                  kernels_->dots(words(j), wordsOfColumn_, scales(j), blocks_,
                                                 std::min(kColumns, columns - j), t, blocks_, out + j);
                                },
                                f.cancel);
  if (!done) throw Error(ErrorCode::Cancelled, "cancelled");
}

}  // namespace meanfield
