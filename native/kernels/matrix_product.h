// Products of dense float32 matrices on the threads of a run.
#pragma once
#include <vector>

#include "native/core/thread_pool.h"
#include "native/kernels/cpu/memory.h"
#include "native/kernels/product_tiles.h"

namespace meanfield {

/// Of the instruction set that cpu_backend() uses.
const ProductTiles& product_tiles();
/// By name; nullptr when this processor or this build does not have it.
const ProductTiles* product_tiles(const char* isa);

/// Memory of one product at a time.
struct ProductScratch {
  cpu::Buffer<float> left;
  std::vector<cpu::Buffer<float>> right;  // one a thread
};

/// Products on the threads of a pool; from inside one of its tasks on that task's thread.
class Multiplier {
 public:
  explicit Multiplier(ThreadPool& pool, const ProductTiles& tiles = product_tiles()) : pool_(&pool), tiles_(&tiles) {}
  void operator()(const Product& product, ProductScratch& scratch) const;
  ThreadPool& pool() const { return *pool_; }
  const ProductTiles& tiles() const { return *tiles_; }

 private:
  ThreadPool* pool_;
  const ProductTiles* tiles_;
};

}  // namespace meanfield
