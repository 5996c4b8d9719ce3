// Products against sums in double, at sizes that leave every kind of remainder.
#include "native/kernels/matrix_product.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "native/core/word_stream.h"
#include "native/kernels/kernels.h"

using namespace meanfield;

namespace {

std::vector<float> numbers(int64_t count, uint64_t step) {
  WordStream words(5, Stream::Init, step);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(2 * words.uniform() - 1);
  return values;
}

struct Shape {
  int64_t rows, columns, depth;
};

constexpr Shape kShapes[] = {{1, 1, 1},    {7, 5, 3},     {8, 48, 16},    {9, 49, 17},   {13, 100, 31},
                             {65, 7, 513}, {3, 65, 1030}, {100, 97, 100}, {31, 150, 64}, {256, 33, 512}};

std::vector<float> product_of(const Shape& s, const std::vector<float>& a, const std::vector<float>& b, bool turnA,
                              bool turnB, int threads, const ProductTiles& tiles, float start, bool add) {
  ThreadPool pool(threads);
  ProductScratch scratch;
  std::vector<float> c(static_cast<size_t>(s.rows * (s.columns + 3)), start);
  Multiplier(pool, tiles)({s.rows, s.columns, s.depth, a.data(), turnA ? 1 : s.depth, turnA ? s.rows : 1, b.data(),
                           turnB ? 1 : s.columns, turnB ? s.depth : 1, c.data(), s.columns + 3, add},
                          scratch);
  return c;
}

}  // namespace

TEST_CASE("matrix product: every instruction set, layout and remainder agrees with sums in double") {
  for (int set = 0; set < cpu_isa_count(); ++set) {
    const ProductTiles* tiles = product_tiles(cpu_isa_name(set));
    if (!tiles) continue;
    for (const Shape& s : kShapes) {
      const std::vector<float> a = numbers(s.rows * s.depth, 1), b = numbers(s.depth * s.columns, 2);
      for (const bool turnA : {false, true})
        for (const bool turnB : {false, true})
          for (const bool add : {false, true}) {
            const std::vector<float> c = product_of(s, a, b, turnA, turnB, 1, *tiles, 0.5f, add);
            double worst = 0;
            for (int64_t i = 0; i < s.rows; ++i) {
              for (int64_t j = 0; j < s.columns; ++j) {
                double sum = add ? 0.5 : 0, size = 0.5;
                for (int64_t k = 0; k < s.depth; ++k) {
                  const double term = static_cast<double>(a[turnA ? k * s.rows + i : i * s.depth + k]) *
                                      b[turnB ? j * s.depth + k : k * s.columns + j];
                  sum += term;
                  size += std::fabs(term);
                }
                // Each of the depth + 2 roundings of a sum and of its products is at most 2^-24 of Σ|terms|.
                const double bound = 0x1p-24 * static_cast<double>(2 * s.depth + 2) * size;
                worst = std::max(worst, std::fabs(c[static_cast<size_t>(i * (s.columns + 3) + j)] - sum) / bound);
              }
              for (int64_t j = s.columns; j < s.columns + 3; ++j)
                CHECK(c[static_cast<size_t>(i * (s.columns + 3) + j)] == 0.5f);
            }
            CAPTURE(tiles->isa);
            CAPTURE(s.rows);
            CAPTURE(s.depth);
            CHECK(worst <= 1);
          }
    }
  }
}

TEST_CASE("matrix product: neither threads nor the other rows change a bit") {
  const Shape s{200, 300, 700};
  const std::vector<float> a = numbers(s.rows * s.depth, 1), b = numbers(s.depth * s.columns, 2);
  const std::vector<float> one = product_of(s, a, b, false, false, 1, product_tiles(), 0, false);
  CHECK(one == product_of(s, a, b, false, false, 3, product_tiles(), 0, false));
  for (const int64_t first : {0, 1, 117}) {
    const int64_t rows = 61;
    const std::vector<float> some(a.begin() + first * s.depth, a.begin() + (first + rows) * s.depth);
    const std::vector<float> part =
        product_of({rows, s.columns, s.depth}, some, b, false, false, 2, product_tiles(), 0, false);
    CHECK(std::equal(part.begin(), part.end(), one.begin() + first * (s.columns + 3)));
  }
}

TEST_CASE("matrix product: nothing to sum is 0, or what was there") {
  for (const bool add : {false, true}) {
    const std::vector<float> c = product_of({5, 4, 0}, {0}, {0}, false, false, 2, product_tiles(), 2.0f, add);
    CHECK(c[0] == (add ? 2.0f : 0.0f));
  }
}
