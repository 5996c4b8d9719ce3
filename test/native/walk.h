// A method that only counts and walks at random, for the tests of the loop around every algorithm.
#pragma once
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "native/core/philox.h"
#include "native/driver/driver.h"

namespace meanfield {
namespace walking {

const double kNan = std::nan("");
// step passes seconds objective loss secondMoment score validationLoss validationScore primal dual gap gapError
constexpr size_t kColumns = 13;

/// Two particles that walk at random; a step moves the one, asks `halfway`, then moves the other.
class Walk : public Method {
 public:
  std::function<double(int64_t)> objective = [](int64_t k) { return 1.0 / static_cast<double>(k + 1); };
  std::function<void(int64_t, const CancelToken*)> halfway = [](int64_t, const CancelToken*) {};
  std::function<void(int64_t, const CancelToken*)> measuring = [](int64_t, const CancelToken*) {};
  double enough = 0;
  double passesPerStep = 2.5;
  int64_t longStep = 0;
  int64_t done = 0;
  int64_t measured = 0;

  void step() override {
    const RandomField field{5, Stream::Noise};
    x_[0] += field.normal(static_cast<uint64_t>(done), 0, 0);
    halfway(done + 1, cancel_);
    x_[1] = x_[1] * 0.5f + x_[0];
    lastLoss_ = objective(done);
    ++done;
  }
  bool long_step() const override { return done + 1 == longStep; }
  int64_t steps() const override { return done; }
  double passes() const override { return passesPerStep * static_cast<double>(done); }
  double last_loss() const override { return lastLoss_; }
  Measurement measure() override {
    ++measured;
    measuring(done, cancel_);
    const double value = objective(done);
    return {value, value / 2, static_cast<double>(x_[0]) * x_[0], 0.5, kNan, kNan};
  }
  std::vector<float> particles() const override { return x_; }
  std::vector<float> result() const override { return x_; }
  void interrupt_with(const CancelToken* cancel) override { cancel_ = cancel; }
  void save(Writer& writer) const override {
    writer(done);
    writer(lastLoss_);
    writer(x_);
  }
  void load(Reader& reader) override {
    reader(done);
    reader(lastLoss_);
    reader(x_);
  }
  std::string remedy() const override { return "the step is 0.25; use a smaller one."; }
  int64_t default_steps() const override { return 37; }
  std::string finished(const Measurement& m) const override { return m.objective < enough ? "enough" : ""; }

 private:
  std::vector<float> x_ = {0, 0};
  double lastLoss_ = 0;
  const CancelToken* cancel_ = nullptr;
};

inline RunPlan plan(const OptionValues& values) {
  return {RunOptions::table().parse("run", values), {}, "", "", "identity"};
}

inline RunRecord run(Method& method, const RunPlan& plan, const CancelToken& cancel = CancelToken(),
                     const std::function<void(const double*)>& onPoint = nullptr) {
  return drive(method, plan, cancel, onPoint);
}

/// A column of the trace; the seconds are the one column that no two runs share.
inline std::vector<double> column(const RunRecord& record, size_t index) {
  std::vector<double> values;
  for (size_t at = index; at < record.trace.size(); at += kColumns) values.push_back(record.trace[at]);
  return values;
}

inline bool same_trace(const RunRecord& a, const RunRecord& b) {
  for (size_t index : {0, 1, 3, 4, 5, 6})
    if (column(a, index) != column(b, index)) return false;
  return true;
}

/// A file name of its own, removed at the end.
struct File {
  File()
      : path(std::string(std::getenv("TMPDIR") ? std::getenv("TMPDIR") : "/tmp") + "/meanfield-driver-" +
             std::to_string(::getpid()) + ".ckpt") {
    ::unlink(path.c_str());
  }
  ~File() { ::unlink(path.c_str()); }
  std::string path;
};

}  // namespace walking
}  // namespace meanfield
