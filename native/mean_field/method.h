// Makes a Method, as the driver wants it, of an algorithm header and a problem.
#pragma once
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "native/driver/driver.h"
#include "native/mean_field/certificate.h"
#include "native/mean_field/constants.h"
#include "native/mean_field/problem.h"

namespace meanfield {

/// A method whose iterate is a measure, with a certificate.
class ParticleMethod : public Method {
 public:
  virtual Certificate certify(const CancelToken* cancel) = 0;
  virtual double progressive_loss() const = 0;
  /// At trace points whose step is a multiple of `every` (0: none) the measurement holds a certificate. `pool` must outlive
  /// the method.
  void certify_with(const CertificateOptions& options, ThreadPool& pool, int64_t every) {
    certificate_ = options;
    pool_ = &pool;
    every_ = every;
  }

 protected:
  CertificateOptions certificate_;
  ThreadPool* pool_ = nullptr;
  int64_t every_ = 0;
};

template <class A>
class MeanFieldMethod : public ParticleMethod {
 public:
  MeanFieldMethod(Problem& problem, std::optional<Targets> validation, typename A::Options options, double step)
      : problem_(problem), validation_(validation), options_(std::move(options)), step_(step) {
    state_ = A::init(problem_, options_);
  }

  void step() override {
    struct Annealed {
      Problem& problem;
      ~Annealed() { problem.settle(); }
    } annealed{problem_};
    problem_.anneal(steps());
    const double passes = A::step(state_, problem_, options_, step_).passes;
    passes_ += passes;
    seen_ += state_.lastLoss * passes;
  }
  /// Mean loss of the rows that this object's steps looked at, each before the step that learned of it.
  double progressive_loss() const override { return seen_ / passes_; }
  bool long_step() const override { return A::long_step(state_, options_); }
  int64_t steps() const override { return state_.steps; }
  double passes() const override { return passes_; }
  double last_loss() const override { return state_.lastLoss; }
  Measurement measure() override {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    const Network& shown = A::shown(state_, problem_);
    const bool own = &shown == &problem_.network;  // whose outputs are kept
    const Evaluation train = own ? problem_.evaluate_train() : problem_.evaluate(shown, problem_.train);
    const Evaluation other = validation_ ? problem_.evaluate(shown, *validation_) : Evaluation{kNone, kNone};
    const double moment = shown.second_moment();
    const double penalty = A::penalty(state_, problem_, shown);
    Measurement measured{train.loss + penalty, train.loss, moment, train.score, other.loss, other.score};
    if (every_ > 0 && steps() % every_ == 0 && std::isfinite(train.loss)) {
      const Certificate certificate = certify(cancel_);
      measured.primal = certificate.primal;
      measured.dual = certificate.dual;
      measured.gap = certificate.gap;
      measured.gapError = certificate.standardError;
    }
    return measured;
  }
  Certificate certify(const CancelToken* cancel) override {
    return meanfield::certify(A::subject(state_, problem_), certificate_, *pool_, cancel);
  }
  /// What is evaluated, not what the method samples with.
  std::vector<float> particles() const override {
    return A::shown(const_cast<typename A::State&>(state_), problem_).read_particles();
  }
  std::vector<float> result() const override { return A::particles(state_, problem_); }
  void interrupt_with(const CancelToken* cancel) override {
    cancel_ = cancel;
    problem_.interrupt_with(cancel);
  }
  void save(Writer& writer) const override {
    // One visit serves both directions; the writer only reads.
    const_cast<typename A::State&>(state_).visit(writer);
    writer(passes_);
    writer(problem_.network.read_particles());
  }
  void load(Reader& reader) override {
    state_.visit(reader);
    reader(passes_);
    std::vector<float> particles;
    reader(particles);
    const NetworkShape& shape = problem_.network.shape();
    if (particles.size() != static_cast<size_t>(shape.particles * shape.parameters()))
      throw Error(ErrorCode::Checkpoint, "the checkpoint holds another number of particles.");
    problem_.write_particles(particles.data());
  }
  std::string remedy() const override { return "the step is " + text(step_) + "; use a smaller one, or step: 'auto'."; }
  int64_t default_steps() const override { return A::kDefaultSteps; }

 private:
  Problem& problem_;
  std::optional<Targets> validation_;
  typename A::Options options_;
  double step_;
  double passes_ = 0;
  double seen_ = 0;  // Σ loss · passes of the steps
  const CancelToken* cancel_ = nullptr;
  typename A::State state_;
};

}  // namespace meanfield
