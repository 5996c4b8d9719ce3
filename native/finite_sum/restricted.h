// The problem of coordinate descent restricted to a working set of columns of one class, solved by proximal Newton.
#pragma once
#include <vector>

#include "native/finite_sum/columns.h"
#include "native/finite_sum/compressed.h"
#include "native/finite_sum/quadratic_sweeps.h"

namespace meanfield {

/// What is solved: class c over `members`, places in columns.index (dense: over all columns), from the pass `at` at w, until the violation of optimality within
/// the working set is at most `enough`. `w` is k × p; the class's part of it is written.
struct Restricted {
  FiniteSum& f;
  Columns& columns;
  const std::vector<int32_t>& members;
  const Pass& at;
  int c;
  double enough;
};
void solve_sparse(const Restricted& problem, Vector& w);
void solve_dense(const Restricted& problem, Vector& w);

/// All columns of class c, on f.compressed, from the pass `at` at w, until the violation of optimality in the copy is at most `enough`. `room` columns
/// join the first working set; `dead` ones (null: none) stay at zero. False where sweeps are too slow for that, or the line search has found no way down.
struct Compressed {
  FiniteSum& f;
  const Pass& at;
  int c;
  double enough;
  int64_t room;
  const double* dead;
};
bool solve_compressed(const Compressed& problem, Vector& w);

/// The loss of one class on the line z + t u of margins, and its derivatives where it stands.
class MarginLine {
 public:
  Vector z, u;  // n; u is the caller's to fill
  Vector g, h;  // c_i ℓ' and c_i ℓ'' at z
  double loss;  // mean loss at z

  MarginLine(const FiniteSum& f, const Pass& at, int c);
  /// Moves z to z + t u, t the largest of 1, 1/2, 1/4, … for which P along w + t δ goes down enough; 0 when none does.
  double search(const Sweeps& sweeps, const Vector& delta);

 private:
  double evaluate(double t);
  const FiniteSum& f_;
  Vector own_;  // labels, where the problem does not hold them one after the other
  const double* labels_;
  Vector at_;
};

}  // namespace meanfield
