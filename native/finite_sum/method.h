// What a method of the finite-sum family is to the driver, to the wrappers (Catalyst, QNing, APPA) and to the tests.
#pragma once
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "native/driver/checkpoint.h"
#include "native/finite_sum/problem.h"
#include "native/finite_sum/sampling.h"

namespace meanfield {

using LinearChoices = std::vector<Chosen>;

/// A method at work: a step is one stage, about one to three passes over the data.
class Solver {
 public:
  virtual ~Solver() = default;
  virtual void step() = 0;
  virtual int64_t steps() const = 0;
  virtual const Vector& weights() const = 0;
  /// The pass at weights(), null when the method has none at hand.
  virtual const Pass* pass() const = 0;
  /// A dual value that the method knows, −∞ when it knows none.
  virtual double dual() const { return -std::numeric_limits<double>::infinity(); }
  virtual void save(Writer& writer) const = 0;
  virtual void load(Reader& reader) = 0;
};

template <class A, class = void>
struct HasDual : std::false_type {};
template <class A>
struct HasDual<A, std::void_t<decltype(&A::dual)>> : std::true_type {};

template <class A>
class SolverOf : public Solver {
 public:
  SolverOf(FiniteSum& f, const typename A::Options& options, const Vector& start, LinearChoices& chosen)
      : f_(f), state_(A::init(f, options, start, chosen)) {}
  void step() override {
    A::step(state_, f_);
    ++state_.steps;
  }
  int64_t steps() const override { return state_.steps; }
  const Vector& weights() const override { return A::weights(state_); }
  const Pass* pass() const override { return A::pass(state_); }
  double dual() const override {
    if constexpr (HasDual<A>::value) return A::dual(state_, f_);
    return Solver::dual();
  }
  void save(Writer& writer) const override {
    const_cast<typename A::State&>(state_).visit(writer);  // one visit serves both directions; the writer only reads
    writer(f_.examples);
    writer(f_.queries);
  }
  void load(Reader& reader) override {
    state_.visit(reader);
    reader(f_.examples);
    reader(f_.queries);
  }

 private:
  FiniteSum& f_;
  typename A::State state_;
};

/// The entry of the catalogue.
struct LinearAlgorithm {
  struct Bound {
    std::string canonical;
    /// Why the method cannot solve this problem; empty when it can.
    std::function<std::string(const FiniteSum&)> refuse;
    /// Why the method stays on the CPU; empty when it runs on a device. `asked`: for a device, not for whatever is best.
    std::function<std::string(const FiniteSum&, bool asked)> stays;
    bool startsWithPass;  // over all rows, before anything else reads them
    std::function<std::unique_ptr<Solver>(FiniteSum&, const Vector& start, LinearChoices&)> start;
  };
  std::string name, title, source;
  bool onDevice;  // with options that allow it
  std::vector<OptionField> fields;
  std::function<Bound(const OptionValues&)> bind;
};

/// Methods that read the data in full passes and minibatches alone have a function `stays`, as above.
template <class A, class = void>
struct OnDevice : std::false_type {};
template <class A>
struct OnDevice<A, std::void_t<decltype(&A::stays)>> : std::true_type {};

/// Methods whose init makes a full pass before anything else reads the data say so: the pass checks the data.
template <class A, class = void>
struct StartsWithPass : std::false_type {};
template <class A>
struct StartsWithPass<A, std::void_t<decltype(A::kStartsWithPass)>> : std::true_type {};

template <class A>
LinearAlgorithm linear_algorithm() {
  return {A::kName,
          A::kTitle,
          A::kSource,
          OnDevice<A>::value,
          A::Options::table().describe(),
          [](const OptionValues& values) {
            const typename A::Options options = A::Options::table().parse(A::kName, values);
            return LinearAlgorithm::Bound{
                A::Options::table().canonical(options), [options](const FiniteSum& f) { return A::refuse(f, options); },
                [options](const FiniteSum& f, bool asked) -> std::string {
                  if constexpr (OnDevice<A>::value) return A::stays(f, options, asked);
                  return "it takes rows or coordinates one after the other";
                },
                StartsWithPass<A>::value,
                [options](FiniteSum& f, const Vector& start, LinearChoices& chosen) -> std::unique_ptr<Solver> {
                  return std::make_unique<SolverOf<A>>(f, options, start, chosen);
                }};
          }};
}

// ---- what the options of the incremental methods share

struct BatchOptions {
  Auto<double> step;         // η
  Auto<int64_t> minibatch;   // b
  Auto<int64_t> innerSteps;  // m
  Sampling sampling = Sampling::Uniform;
};

template <class O>
OptionTable<O> batch_table(const char* stepDoc, const char* minibatchDoc, bool innerSteps, bool sampling) {
  OptionTable<O> table;
  table.number("step", "η", static_cast<Auto<double> O::*>(&BatchOptions::step), above(0), stepDoc)
      .integer("minibatch", "b", static_cast<Auto<int64_t> O::*>(&BatchOptions::minibatch), at_least(1), minibatchDoc);
  if (innerSteps)
    table.integer("innerSteps", "m", static_cast<Auto<int64_t> O::*>(&BatchOptions::innerSteps), at_least(1),
                  "Minibatch steps of a stage; auto: n/b, one more pass.");
  if (sampling)
    table.choice("sampling", static_cast<Sampling O::*>(&BatchOptions::sampling), {"uniform", "importance"},
                 "Rows of a minibatch: distinct and equally likely, or with replacement in proportion to L_i.");
  return table;
}

inline std::string number_text(double value) { return format_option(value); }

/// b as asked for, checked against n, or `automatic` with its reason.
inline int64_t choose_minibatch(const FiniteSum& f, const Auto<int64_t>& asked, double automatic,
                                const std::string& why, LinearChoices& chosen) {
  if (asked) {
    if (*asked > f.n)
      throw Error(ErrorCode::InvalidOption, "minibatch is " + std::to_string(*asked) + " but the data have " +
                                                std::to_string(f.n) + " rows; use at most that, or 'auto'.");
    return *asked;
  }
  const int64_t b = std::clamp<int64_t>(static_cast<int64_t>(std::ceil(automatic)), 1, f.n);
  chosen.push_back({"minibatch", OptionValue(static_cast<double>(b)), why});
  return b;
}

inline int64_t choose_inner(const FiniteSum& f, const Auto<int64_t>& asked, int64_t b, LinearChoices& chosen) {
  if (asked) return *asked;
  const int64_t m = std::max<int64_t>(1, f.n / b);
  chosen.push_back({"innerSteps", OptionValue(static_cast<double>(m)), "n/b, one pass"});
  return m;
}

inline double choose_step(const Auto<double>& asked, double automatic, const std::string& why, LinearChoices& chosen) {
  if (asked) return *asked;
  chosen.push_back({"step", OptionValue(automatic), why});
  return automatic;
}

/// Minibatch of methods without acceleration: the size from which the expected smoothness L(b) is below 2 L_F, at most √n.
inline double plain_minibatch(FiniteSum& f) {
  const Constants& c = f.constants();
  return std::min(c.max / c.full, std::sqrt(static_cast<double>(f.n)));
}
inline constexpr const char* kPlainMinibatch =
    "min(L_max/L_F, √n): L(b) is then at most 2 L_F and passes do not suffer";

/// b* of the optimal methods: √n + n/√κ, κ = L_max/(λ2 + κ_c).
inline double optimal_minibatch(FiniteSum& f) {
  const double root = std::sqrt(static_cast<double>(f.n)), mu = f.strong();
  return mu > 0 ? root + static_cast<double>(f.n) / std::sqrt(std::max(f.constants().max / mu, 1.0)) : root;
}
inline constexpr const char* kOptimalMinibatch =
    "b* = √n + n/√κ, κ = L_max/μ: the smallest with optimal iteration complexity";

inline std::string no_smoothness(const FiniteSum& f) {
  return f.loss.kind == LossKind::Poisson ? "the Poisson loss has no smoothness constant to set a step from; use "
                                            "'newton', 'coordinate-descent' or 'fista'"
                                          : "";
}

/// Stage-end check of methods whose step comes from an estimate: a stage that raised the objective, or made it not finite,
/// is undone and repeated with half the step.
inline bool rose(double before, double after) { return !(after <= before + 1e-12 * std::fabs(before)); }

/// Whether coordinates outside a minibatch should be caught up lazily: sparse rows that leave most columns alone.
inline bool worth_skipping(const FiniteSum& f, int64_t b) {
  return !f.device && f.x.sparse && b * (f.x.nonZeros / std::max<int64_t>(f.n, 1) + 1) < f.d;
}

}  // namespace meanfield
