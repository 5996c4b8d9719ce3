// Newton's method for smooth P (λ1 = 0): S. G. Nash, "A survey of truncated-Newton methods", J. Comput. Appl. Math. 2000;
// sub-sampled Hessians as in F. Roosta-Khorasani, M. Mahoney, Math. Program. 2019.
//
//     w ← w − t H⁻¹∇P(w),   H ≈ (1/n) Σ c_i ℓ''_i x_i x_iᵀ + λ2 I (without λ2 for the intercept),   t by halving from 1.
//
// Few columns, scalar loss: H is formed and factored (Cholesky). With many dense rows it is formed from a sample of them, on
// which the problem is solved first (samples growing eightfold): each pass over all rows then multiplies the error by about
// 2√(p/rows), and H is formed anew, from all rows, when a pass achieves less than a quarter. Otherwise H v is computed by passes,
// conjugate gradients with a diagonal preconditioner up to ‖r‖ ≤ min(0.1, √‖g‖)‖g‖.
#pragma once
#include "native/finite_sum/method.h"

namespace meanfield {

struct Newton {
  static constexpr const char* kName = "newton";
  static constexpr bool kStartsWithPass = true;
  static constexpr const char* kTitle = "Newton: Cholesky with sampled Hessians, or truncated by conjugate gradients";
  static constexpr const char* kSource =
      "Nash, J. Comput. Appl. Math. 2000; Roosta-Khorasani, Mahoney, Math. Program. 2019";
  enum class System { Auto, Cholesky, ConjugateGradients };
  struct Options {
    System system = System::Auto;
    Auto<int64_t> hessianRows;
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          OptionTable<Options>()
              .choice("system", &Options::system, {"automatic", "cholesky", "conjugate-gradients"},
                      "How H is solved; automatic: Cholesky for scalar losses up to 512 columns.")
              .integer("hessianRows", "", &Options::hessianRows, at_least(1),
                       "Rows that the first Hessian is made of; auto: n/8 for dense data of more than 200 rows a "
                       "column, else n.");
      return table;
    }
  };
  struct State {
    int64_t steps = 0;
    Vector w;
    Pass at;
    Vector factor;      // Cholesky factors of the classes, k × p × p, lower triangles row by row
    bool stale = true;  // the factor must be formed at w
    double norm = 0;    // ‖∇P‖ at the last step
    // Rebuilt, not kept:
    bool direct = true;
    int64_t sample = 0;  // rows of a sampled first Hessian, 0: none

    template <class V>
    void visit(V& v) {
      v(steps);
      v(w);
      at.visit(v);
      v(at.curvatures);
      v(factor);
      v(stale);
      v(norm);
    }
  };
  static std::string refuse(const FiniteSum& f, const Options& options);
  static std::string stays(const FiniteSum& f, const Options& options, bool asked);
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen);
  static void step(State& state, FiniteSum& f);
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State& s) { return &s.at; }
};

}  // namespace meanfield
