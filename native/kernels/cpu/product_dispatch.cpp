// Products on several threads, and the instruction set they take: the one that cpu_backend() has chosen.
#include <algorithm>
#include <cstring>

#include "native/kernels/kernels.h"
#include "native/kernels/matrix_product.h"

namespace meanfield {

namespace cpu {
#if defined(__x86_64__)
namespace avx512 {
const ProductTiles* product();
}
namespace avx2 {
const ProductTiles* product();
}
namespace baseline {
const ProductTiles* product();
}
#else
namespace neon {
const ProductTiles* product();
}
#endif
}  // namespace cpu

const ProductTiles* product_tiles(const char* isa) {
#if defined(__x86_64__)
  const ProductTiles* const all[] = {cpu::avx512::product(), cpu::avx2::product(), cpu::baseline::product()};
#else
  const ProductTiles* const all[] = {cpu::neon::product()};
#endif
  for (const ProductTiles* tiles : all)
    if (std::strcmp(tiles->isa, isa) == 0 && cpu_backend(isa)) return tiles;
  return nullptr;
}

const ProductTiles& product_tiles() { return *product_tiles(cpu_backend()->isa); }

// Below this many multiply-adds, some tens of microseconds, waking threads costs more than they save.
constexpr int64_t kWorthSharing = 1 << 21;

void Multiplier::operator()(const Product& product, ProductScratch& scratch) const {
  const int64_t strips = (product.rows + tiles_->rows - 1) / tiles_->rows;
  const int64_t panels = (product.columns + tiles_->lanes - 1) / tiles_->lanes;
  const bool shared = panels > 1 && product.rows * product.columns * product.depth >= kWorthSharing;
  scratch.left.resize(strips * tiles_->rows * std::min(product.depth, kDepthBlock));
  scratch.right.resize(static_cast<size_t>(pool_->threads()));
  for (cpu::Buffer<float>& right : scratch.right) right.resize(kDepthBlock * tiles_->lanes);
  int64_t from = 0;
  do {
    const int64_t depth = std::min(kDepthBlock, product.depth - from);
    tiles_->pack_left(product, from, depth, scratch.left.data());
    const auto panel = [&](int64_t index, int worker) {
      tiles_->panel(product, from, depth, scratch.left.data(), scratch.right[static_cast<size_t>(worker)].data(),
                    index * tiles_->lanes);
    };
    if (shared)
      pool_->run(panels, panel);
    else
      for (int64_t index = 0; index < panels; ++index) panel(index, 0);
    from += depth;
  } while (from < product.depth);
}

}  // namespace meanfield
