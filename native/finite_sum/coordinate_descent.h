// Coordinate descent on working sets: J. Friedman, T. Hastie, R. Tibshirani, J. Stat. Softw. 2010; G.-X. Yuan, C.-H. Ho, C.-J. Lin,
// "An improved GLMNET", JMLR 2012 (proximal Newton); M. Massias, A. Gramfort, J. Salmon, "Celer", ICML 2018 (working sets);
// E. Ndiaye, O. Fercoq, A. Gramfort, J. Salmon, JMLR 2017 (gap-safe screening); H. Lee et al., NIPS 2006 (signs).
//
// A step: a full pass (gradient, certificate), a working set W of the support and the coordinates that violate optimality most, and the
// problem restricted to W solved by proximal Newton: at curvatures h_i the quadratic model
//
//     (1/n) Σ_i (g_i u_i + h_i u_i²/2) + R(w + δ),   u = X_W δ,      δ_j ← prox along its own curvature a_j = (1/n) Σ_i h_i x_ij² + λ2,
//
// then a line search. Few dense columns (restricted_dense.cpp): the model is the Gram matrix of W, kept from step to step for the squared loss.
// Many (restricted_compressed.cpp): a 16-bit copy of all columns, on which the whole problem is solved by working sets.
// Sparse columns (restricted_sparse.cpp): sweeps over copies of the columns, the most frequent of them moved together (dense_block.h), helped
// by the Gram matrix of the support. On a Gram matrix, sweeps find the signs and a Cholesky factor does the rest (gram_solver.h).
#pragma once
#include "native/finite_sum/method.h"
#include "native/finite_sum/restricted.h"

namespace meanfield {

struct CoordinateDescent {
  static constexpr const char* kName = "coordinate-descent";
  static constexpr bool kStartsWithPass = true;
  static constexpr const char* kTitle = "Coordinate descent with working sets and proximal Newton";
  static constexpr const char* kSource =
      "Yuan, Ho, Lin, JMLR 2012; Massias, Gramfort, Salmon, ICML 2018; Ndiaye et al., JMLR 2017";
  struct Options {
    Auto<int64_t> workingSet;
    bool screening = false;
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .integer(
                  "workingSet", "", &Options::workingSet, at_least(1),
                  "Columns that join the first working set; auto: 3000 for sparse data, with at most a 32nd of all "
                  "stored numbers where these are more than 2^24, 100 for dense and 500 for many dense columns.")
              .boolean("screening", &Options::screening,
                       "Gap-safe rule: coordinates that are zero in every solution are dropped for good (L1 alone).");
      return table;
    }
  };
  struct State {
    int64_t steps = 0;
    Vector w;
    Pass at;
    int64_t size = 0;          // of the next working set
    int64_t compressing = 0;   // 1: on the compressed copy, −1: no more
    int64_t stalled = 0;       // steps on the copy in a row that have not halved the largest violation
    double violation = 0;      // the largest before the last step
    std::vector<double> dead;  // screened: 1, k × d
    // Rebuilt, not kept:
    int64_t room = 0;  // of the first working set on the copy
    std::vector<Columns> columns;
    std::vector<int32_t> local;   // scratch: column to place in the working set, −1
    Vector squares;               // Σ_i c_i x_ij², for screening
    std::vector<int32_t> counts;  // stored numbers of each column; empty where they need not be counted
    DualAnchors anchors;
    bool screening = false;

    template <class V>
    void visit(V& v) {
      v(steps);
      v(w);
      at.visit(v);
      v(at.margins);
      v(size);
      v(compressing);
      v(stalled);
      v(violation);
      v(dead);
      for (Columns& each : columns) {
        v(each.index);
        v(each.gramPlaces);
        v(each.gramRoots);
        if constexpr (!std::is_same_v<V, Writer>) {  // gathered and formed again
          Columns kept;
          kept.index.swap(each.index);
          kept.gramPlaces.swap(each.gramPlaces);
          kept.gramRoots.swap(each.gramRoots);
          each = std::move(kept);
        }
      }
    }
  };
  static std::string refuse(const FiniteSum& f, const Options&);
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen);
  static void step(State& state, FiniteSum& f);
  /// Whether the next step is made on the compressed copy; makes the copy.
  static bool on_copy(State& state, FiniteSum& f, double violation);
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State& s) { return &s.at; }
};

}  // namespace meanfield
