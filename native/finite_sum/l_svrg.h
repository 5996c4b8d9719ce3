// D. Kovalev, S. Horváth, P. Richtárik, "Don't jump through hoops and remove those loops: SVRG and Katyusha are better
// without the outer loop", ALT 2020: the snapshot is renewed after each step with probability b/n.
#pragma once
#include "native/finite_sum/svrg.h"

namespace meanfield {

struct LSvrg {
  static constexpr const char* kName = "l-svrg";
  static constexpr const char* kTitle = "Loopless SVRG";
  static constexpr const char* kSource = "Kovalev, Horvath, Richtarik, ALT 2020, Algorithm 1";
  struct Options : BatchOptions {
    static const OptionTable<Options>& table() {
      static const OptionTable<Options> table =
          batch_table<Options>("Step size; auto: 1/(2 L(b)), halved when the objective goes up between snapshots.",
                               "Rows of a minibatch; auto: min(L_max/L_F, √n).", false, true);
      return table;
    }
  };
  using State = SvrgState;
  static std::string refuse(const FiniteSum& f, const Options&) { return no_smoothness(f); }
  static std::string stays(const FiniteSum&, const Options&, bool) { return ""; }
  static State init(FiniteSum& f, const Options& options, const Vector& start, LinearChoices& chosen) {
    BatchOptions own = options;
    own.innerSteps = 1;  // not used: the coin ends a stage
    return svrg_init(f, own, start, chosen);
  }
  /// A step is what lies between two snapshots: a geometric number of minibatches of mean n/b.
  static void step(State& s, FiniteSum& f) {
    const double p = static_cast<double>(s.b) / static_cast<double>(f.n);
    svrg_stage(s, f, std::numeric_limits<int64_t>::max(),
               [&](uint64_t draw) { return WordStream(f.seed, Stream::Restart, draw).uniform() < p; });
  }
  static const Vector& weights(const State& s) { return s.w; }
  static const Pass* pass(const State& s) { return &s.at; }
};

}  // namespace meanfield
