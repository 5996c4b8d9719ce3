// Columns gathered from sparse rows, and the Gram matrix of some of them.
#include "native/finite_sum/columns.h"

#include <algorithm>
#include <utility>

#include "native/finite_sum/gram_solver.h"

namespace meanfield {

namespace {

/// Numbers found while they are counted are kept, up to so many, so that the rows are read once.
constexpr int64_t kFew = 1 << 19;
struct Found {
  int32_t slot, row;
  float value;
};
/// Where the next number of a column goes; one without a list of rows takes it at its row.
struct Place {
  int32_t* rows;
  float* values;
  int64_t next;
};

/// Those numbers of row i whose column has a slot.
class Selected {
 public:
  Selected(const FiniteSum& f, const std::vector<int32_t>& slot) : f_(f), slot_(slot) {}
  /// How many there are; slots() and value(e) are of this row until the next.
  int64_t row(int64_t i) {
    const int64_t count = f_.x.count(i);
    if (static_cast<size_t>(count) + 16 > slots_.size()) {
      slots_.resize(static_cast<size_t>(2 * count) + 16);
      places_.resize(slots_.size());
    }
    i_ = i;
    return f_.x.kernels().select(f_.x.columns(i), count, slot_.data(), slots_.data(), places_.data());
  }
  const int32_t* slots() const { return slots_.data(); }
  double value(int64_t e) const {
    return f_.x.single ? static_cast<double>(f_.x.values32(i_)[places_[e]]) : f_.x.values64(i_)[places_[e]];
  }

 private:
  const FiniteSum& f_;
  const std::vector<int32_t>& slot_;
  std::vector<int32_t> slots_, places_;
  int64_t i_ = 0;
};

}  // namespace

void gather(const FiniteSum& f, Columns& columns) {
  const int64_t first = columns.done, count = static_cast<int64_t>(columns.index.size()) - first;
  if (count == 0) return;
  std::vector<int32_t> slot(static_cast<size_t>(f.d) + 1, 0);
  for (int64_t a = 0; a < count; ++a) slot[columns.index[first + a]] = static_cast<int32_t>(a + 1);
  const int32_t intercept = f.intercept ? slot[f.d] : 0;
  std::vector<std::vector<int64_t>> place(static_cast<size_t>(f.chunks()));  // by chunk and slot: count, then place
  std::vector<std::vector<Found>> found(place.size());
  std::vector<char> all(place.size(), first > 0);  // whether `found` holds all; the first call asks for most
  f.over_chunks([&](int64_t chunk, int64_t from, int64_t to) {
    std::vector<int64_t>& many = place[chunk];
    many.assign(static_cast<size_t>(count) + 1, 0);
    std::vector<Found>& kept = found[chunk];
    const size_t few = static_cast<size_t>(kFew / f.chunks());
    Selected selected(f, slot);
    for (int64_t i = from; i < to; ++i) {
      const int64_t end = selected.row(i);
      if (all[chunk] && kept.size() + static_cast<size_t>(end) > few) {
        all[chunk] = 0;
        std::vector<Found>().swap(kept);
      }
      for (int64_t e = 0; e < end; ++e) ++many[selected.slots()[e]];
      for (int64_t e = 0; e < end && all[chunk]; ++e)
        kept.push_back({selected.slots()[e], static_cast<int32_t>(i), static_cast<float>(selected.value(e))});
    }
    if (intercept) many[intercept] += to - from;
  });
  // Where each column is kept: dense ones first, side by side and without a list of rows.
  std::vector<int64_t> many(static_cast<size_t>(count) + 1, 0), start(many.size()), list(many.size(), -1);
  for (const std::vector<int64_t>& each : place)
    for (int64_t a = 1; a <= count; ++a) many[a] += each[a];
  int64_t numbers = 0, listed = 0;
  for (const bool dense : {true, false})
    for (int64_t a = 1; a <= count; ++a) {
      if (kept_dense(f.n, many[a]) != dense) continue;
      start[a] = numbers;
      if (dense) {
        many[a] = f.n;
      } else {
        list[a] = listed;
        int64_t next = 0;
        for (std::vector<int64_t>& each : place) next += std::exchange(each[a], next);
        listed += many[a];
      }
      numbers += many[a];
    }
  int32_t* rows = columns.rows.emplace_back(listed).data();
  float* values = columns.values.emplace_back(numbers).data();
  float* scaled = columns.scaled.emplace_back(numbers).data();
  for (int64_t a = 1; a <= count; ++a) {
    if (list[a] < 0) std::fill_n(values + start[a], f.n, 0.0f);
    columns.sparse.push_back({list[a] < 0 ? nullptr : rows + list[a], values + start[a], scaled + start[a], many[a]});
  }
  f.over_chunks([&](int64_t chunk, int64_t from, int64_t to) {
    std::vector<Place> places;
    for (int64_t a = 0; a <= count; ++a)
      places.push_back({list[a] < 0 ? nullptr : rows + list[a], values + start[a], place[chunk][a]});
    const auto put = [&](int64_t i, int32_t at, float value) {
      Place& to = places[at];
      if (to.rows) {
        to.rows[to.next] = static_cast<int32_t>(i);
        to.values[to.next++] = value;
      } else {
        to.values[i] = value;
      }
    };
    for (const auto& [at, i, value] : found[chunk]) put(i, at, value);
    Selected selected(f, slot);
    for (int64_t i = from; i < to && !all[chunk]; ++i)
      for (int64_t e = 0, end = selected.row(i); e < end; ++e)
        put(i, selected.slots()[e], static_cast<float>(selected.value(e)));
    if (intercept) std::fill_n(values + start[intercept] + from, to - from, 1.0f);
  });
  columns.done = first + count;
}

void form_gram(const FiniteSum& f, Columns& columns) {
  const int64_t m = static_cast<int64_t>(columns.gramPlaces.size()), ld = gram_padded(m);
  columns.ld = ld;
  columns.gram.resize(ld * ld);
  columns.gram.clear(ld * ld);
  // In the order of the data's columns, so that places increase along a row.
  std::sort(columns.gramPlaces.begin(), columns.gramPlaces.end(),
            [&](int32_t a, int32_t b) { return columns.index[a] < columns.index[b]; });
  std::vector<int32_t> slot(static_cast<size_t>(f.d) + 1, 0);
  for (int64_t s = 0; s < m; ++s) slot[columns.index[columns.gramPlaces[s]]] = static_cast<int32_t>(s + 1);
  const int64_t pieces = f.pool->threads();
  const double scale = 1 / static_cast<double>(f.n);
  // Threads own rows of Q, so that every entry is summed over the rows of the data in their order.
  const bool done = f.pool->run(
      pieces,
      [&](int64_t piece, int) {
        Selected selected(f, slot);
        std::vector<int32_t> place(static_cast<size_t>(m) + 1);
        Vector value(place.size());
        for (int64_t i = 0; i < f.n; ++i) {
          int64_t count = selected.row(i);
          const double root = columns.gramRoots[i];
          for (int64_t e = 0; e < count; ++e) {
            place[e] = selected.slots()[e] - 1;
            value[e] = root * selected.value(e);
          }
          if (f.intercept && slot[f.d] != 0) {
            place[count] = slot[f.d] - 1;
            value[count++] = root;
          }
          for (int64_t e = 0; e < count; ++e)
            if (pieces == 1 || place[e] % pieces == piece)
              f.x.kernels().f64.sparse_axpy(value[e] * scale, value.data() + e, place.data() + e, count - e,
                                            columns.gram.data() + place[e] * ld);
          if (i % 4096 == 0 && f.cancel && f.cancel->cancelled()) return;
        }
      },
      f.cancel);
  if (!done) throw Error(ErrorCode::Cancelled, "cancelled");
  f.poll();
  for (int64_t a = 0; a < m; ++a)
    for (int64_t b = a + 1; b < m; ++b) columns.gram.data()[b * ld + a] = columns.gram.data()[a * ld + b];
}

}  // namespace meanfield
