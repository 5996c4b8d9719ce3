// The one loop around every algorithm, proved on a method that counts: budgets, stop rules, trace and snapshots,
// divergence, interruption, and resuming bit for bit.
#include <doctest/doctest.h>

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "native/core/philox.h"
#include "native/driver/driver.h"

using namespace meanfield;

namespace {

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
  double passes() const override { return 2.5 * static_cast<double>(done); }
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

RunPlan plan(const OptionValues& values) { return {RunOptions::table().parse("run", values), {}, "", "", "identity"}; }

RunRecord run(Method& method, const RunPlan& plan, const CancelToken& cancel = CancelToken(),
              const std::function<void(const double*)>& onPoint = nullptr) {
  return drive(method, plan, cancel, onPoint);
}

/// A column of the trace; the seconds are the one column that no two runs share.
std::vector<double> column(const RunRecord& record, size_t index) {
  std::vector<double> values;
  for (size_t at = index; at < record.trace.size(); at += kColumns) values.push_back(record.trace[at]);
  return values;
}

bool same_trace(const RunRecord& a, const RunRecord& b) {
  for (size_t index : {0, 1, 3, 4, 5, 6})
    if (column(a, index) != column(b, index)) return false;
  return true;
}

/// A file name of its own, removed at the end.
struct File {
  File() : path(std::string(std::getenv("TMPDIR") ? std::getenv("TMPDIR") : "/tmp") + "/meanfield-driver-" +
                std::to_string(::getpid()) + ".ckpt") {
    ::unlink(path.c_str());
  }
  ~File() { ::unlink(path.c_str()); }
  std::string path;
};

}  // namespace

TEST_CASE("driver: trace rows have the columns that are documented") {
  CHECK(trace_columns().size() == kColumns);
  CHECK(Walk().trace_row(0, {}).size() == kColumns);
}

TEST_CASE("driver: budgets in steps and passes, none of them exceeded, and the method's own number without any") {
  Walk own, steps, none, passes, both;
  CHECK(run(own, plan({})).stop == "budget");
  CHECK(own.done == 37);
  run(steps, plan({{"steps", 12.0}}));
  CHECK(steps.done == 12);
  const RunRecord nothing = run(none, plan({{"steps", 0.0}}));
  CHECK(none.done == 0);
  CHECK(nothing.stop == "budget");
  CHECK(column(nothing, 0) == std::vector<double>{0});
  CHECK(nothing.last.objective == 1);
  run(passes, plan({{"passes", 10.0}}));
  CHECK(passes.done == 4);  // 2.5 passes a step
  run(both, plan({{"passes", 10.0}, {"steps", 3.0}}));
  CHECK(both.done == 3);
}

TEST_CASE("driver: a budget in seconds ends the run, and resuming adds the seconds before") {
  File file;
  Walk first, second;
  for (Walk* walk : {&first, &second})
    walk->halfway = [](int64_t, const CancelToken*) { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
  RunPlan timed = plan({{"seconds", 0.03}});
  timed.checkpoint = file.path;
  const RunRecord record = run(first, timed);
  CHECK(record.stop == "budget");
  CHECK(record.seconds >= 0.03);
  CHECK(first.done >= 1);
  timed.resume = file.path;
  const RunRecord again = run(second, timed);
  CHECK(again.resumedFrom == first.done);
  CHECK(second.done == first.done);  // the budget is spent
  CHECK(again.seconds >= 0.03);  // what the checkpoint tells, before anything is done
}

TEST_CASE("driver: the target stops at the first trace point at or below it") {
  Walk walk;
  const RunRecord record = run(walk, plan({{"steps", 100.0}, {"targetObjective", 0.1}, {"traceEvery", 4.0}}));
  CHECK(record.stop == "target");
  CHECK(walk.done == 12);  // 1/(k+1) ≤ 0.1 from k = 9 on, looked at every 4 steps
  CHECK(record.last.objective == 1.0 / 13);
  Walk at;
  at.objective = [](int64_t k) { return 5.0 - static_cast<double>(k); };
  CHECK(run(at, plan({{"steps", 100.0}, {"targetObjective", 2.0}, {"traceEvery", 1.0}})).stop == "target");
  CHECK(at.done == 3);
}

TEST_CASE("driver: the method's own reason to stop is asked for at trace points") {
  Walk walk;
  walk.enough = 0.1;
  CHECK(run(walk, plan({{"steps", 100.0}, {"traceEvery", 4.0}})).stop == "enough");
  CHECK(walk.done == 12);
}

TEST_CASE("driver: the tolerance stops once the objective has not fallen by its fraction over the patience") {
  Walk walk;
  walk.objective = [](int64_t k) { return k < 20 ? 10 - 0.4 * static_cast<double>(k) : 2.0; };
  const RunRecord record =
      run(walk, plan({{"steps", 1000.0}, {"tolerance", 1e-3}, {"patience", 5.0}, {"traceEvery", 1.0}}));
  CHECK(record.stop == "tolerance");
  CHECK(walk.done == 25);  // flat from 20 on, seen over five points
  Walk rising;
  rising.objective = [](int64_t k) { return 1 + 0.1 * static_cast<double>(k); };
  run(rising, plan({{"steps", 1000.0}, {"tolerance", 1e-9}, {"patience", 3.0}, {"traceEvery", 2.0}}));
  CHECK(rising.done == 6);
  Walk patient;
  patient.objective = [](int64_t) { return 2.0; };
  CHECK(run(patient, plan({{"steps", 50.0}})).stop == "budget");  // 0: never
}

TEST_CASE("driver: an automatic trace never exceeds 512 rows, evenly thinned, with first and last step") {
  for (int64_t steps : {1, 100, 512, 5000, 100000}) {
    Walk walk;
    walk.objective = [](int64_t) { return 1.0; };
    const RunRecord record = run(walk, plan({{"steps", static_cast<double>(steps)}}));
    const std::vector<double> at = column(record, 0);
    CHECK(at.size() <= 512);
    CHECK(at.size() >= static_cast<size_t>(std::min<int64_t>(steps + 1, 200)));
    CHECK(at.front() == 0);
    CHECK(at.back() == static_cast<double>(steps));
    for (size_t i = 2; i + 1 < at.size(); ++i) CHECK(at[i] - at[i - 1] == at[1]);
  }
  Walk open;  // no step budget: the interval doubles as the run gets longer
  open.objective = [](int64_t) { return 1.0; };
  const RunRecord record = run(open, plan({{"passes", 2.5 * 5000}}));
  const std::vector<double> at = column(record, 0);
  CHECK(at.size() <= 512);
  CHECK(at.size() >= 256);
  for (size_t i = 2; i + 1 < at.size(); ++i) CHECK(at[i] - at[i - 1] == at[1]);
  Walk given;
  given.objective = [](int64_t) { return 1.0; };
  CHECK(column(run(given, plan({{"steps", 2000.0}, {"traceEvery", 1.0}})), 0).size() == 2001);  // as asked
}

TEST_CASE("driver: every recorded row is passed on, in order, with the numbers of the trace") {
  Walk walk;
  std::vector<double> seen;
  const RunRecord record = run(walk, plan({{"steps", 10.0}, {"traceEvery", 3.0}}), CancelToken(),
                               [&](const double* row) { seen.insert(seen.end(), row, row + kColumns); });
  REQUIRE(seen.size() == record.trace.size());
  CHECK(column(record, 0) == std::vector<double>{0, 3, 6, 9, 10});
  for (size_t i = 0; i < seen.size(); ++i) CHECK((seen[i] == record.trace[i] || std::isnan(seen[i])));
  for (size_t at = 1; at < column(record, 2).size(); ++at) CHECK(column(record, 2)[at] >= column(record, 2)[at - 1]);
  CHECK(walk.measured == 5);
}

TEST_CASE("driver: snapshots of the steps asked for, the start included, missing ones left out") {
  Walk walk, twin;
  RunPlan some = plan({{"steps", 6.0}});
  some.snapshots = {0, 3, 6, 99};
  const RunRecord record = run(walk, some);
  REQUIRE(record.snapshots.size() == 3);
  for (const Snapshot& snapshot : record.snapshots) {
    while (twin.done < snapshot.step) twin.step();
    CHECK(snapshot.particles == twin.particles());
  }
}

TEST_CASE("driver: divergence names step, step size and remedy") {
  const auto message = [](const std::function<double(int64_t)>& objective) -> std::string {
    Walk walk;
    walk.objective = objective;
    try {
      run(walk, plan({{"steps", 100.0}, {"traceEvery", 10.0}}));
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::Diverged);
      return error.what();
    }
    return "";
  };
  const auto from = [](int64_t first, double value) { return [=](int64_t k) { return k < first ? 1.0 : value; }; };
  // A loss that is not finite is seen at the step itself, an objective that explodes at the next trace point.
  CHECK(message(from(4, kNan)) == "diverged at step 5: the loss is not finite; the step is 0.25; use a smaller one.");
  CHECK(message(from(4, INFINITY)).find("step 5: the loss is not finite") != std::string::npos);
  CHECK(message(from(10, kNan)).find("step 10: the objective is not finite") != std::string::npos);
  CHECK(message(from(12, 1e6)) ==
        "diverged at step 20: the objective rose from 1 to 1000000; the step is 0.25; use a smaller one.");
  CHECK(message(from(12, 1900)).empty());  // less than a thousandfold of (|start| + 1)
}

TEST_CASE("driver: cancelled before the start has been measured, a run ends at once, and can be continued") {
  File file;
  RunPlan some = plan({{"steps", 10.0}});
  some.checkpoint = file.path;
  for (bool measuring : {false, true}) {
    CancelToken cancel;
    Walk walk;
    if (!measuring) cancel.cancel();
    walk.measuring = [&](int64_t, const CancelToken* token) {
      cancel.cancel();
      token->check();
    };
    const RunRecord record = run(walk, some, cancel);
    CHECK(record.stop == "cancelled");
    CHECK(record.trace.empty());
    CHECK(std::isnan(record.last.objective));
    CHECK(walk.measured == (measuring ? 1 : 0));
    CHECK(walk.done == 0);
  }
  some.checkpoint.clear();
  some.resume = file.path;
  Walk resumed, whole, high;
  const RunRecord record = run(resumed, some), expected = run(whole, plan({{"steps", 10.0}}));
  CHECK(record.resumedFrom == 0);
  CHECK(same_trace(record, expected));
  // Divergence is judged by the objective of the start, whoever measured it.
  high.objective = [](int64_t) { return 1e5; };
  CHECK_NOTHROW(run(high, some));
}

TEST_CASE("driver: every measurement can be interrupted, that of the trace's last row too") {
  CancelToken cancel;
  Walk walk;
  walk.measuring = [&](int64_t step, const CancelToken* token) {
    REQUIRE(token != nullptr);
    if (step == 10) cancel.cancel();
    token->check();
  };
  const RunRecord record = run(walk, plan({{"steps", 10.0}, {"traceEvery", 3.0}}), cancel);
  CHECK(record.stop == "cancelled");
  CHECK(column(record, 0) == std::vector<double>{0, 3, 6, 9});
  CHECK(record.last.objective == 0.1);  // of the last row
  CHECK(walk.done == 10);
}

TEST_CASE("driver: interrupted in the middle of a step, the state is that of the last whole step") {
  // Guarded are the first step, one after a step that took more than 10 ms, and one that the method calls long.
  for (int64_t at : {1, 5, 8}) {
    Walk walk, twin;
    walk.longStep = 8;
    CancelToken cancel;
    walk.halfway = [&](int64_t step, const CancelToken* token) {
      if (at == 5 && step == 4) std::this_thread::sleep_for(std::chrono::milliseconds(12));
      if (step != at) return;
      cancel.cancel();
      REQUIRE(token != nullptr);
      if (token->cancelled()) throw Error(ErrorCode::Cancelled, "stopped half-way");
    };
    const RunRecord record = run(walk, plan({{"steps", 10.0}}), cancel);
    CHECK(record.stop == "cancelled");
    CHECK(walk.done == at - 1);
    while (twin.done < walk.done) twin.step();
    CHECK(walk.particles() == twin.particles());
  }
}

TEST_CASE("driver: other errors in a step leave the loop as they are") {
  Walk walk;
  walk.halfway = [](int64_t, const CancelToken*) { throw Error(ErrorCode::OutOfMemory, "no memory"); };
  CHECK_THROWS_WITH_AS(run(walk, plan({{"steps", 10.0}})), "no memory", Error);
}

TEST_CASE("driver: cancelled anywhere and resumed, the run is that which was never stopped, bit for bit") {
  Walk whole;
  RunPlan full = plan({{"steps", 40.0}, {"traceEvery", 3.0}});
  full.snapshots = {0, 9, 12, 33};
  const RunRecord expected = run(whole, full);
  for (bool measuring : {false, true})  // the token is raised half-way through a step, or through a measurement
    for (int64_t at = 0; at <= 40; ++at) {
      if (measuring && (at == 0 || (at % 3 != 0 && at != 40))) continue;
      File file;
      CancelToken cancel;
      Walk first;
      const auto stop = [&](int64_t step, const CancelToken* token) {
        if (step != at) return;
        cancel.cancel();
        if (token) throw Error(ErrorCode::Cancelled, "stopped");
      };
      (measuring ? first.measuring : first.halfway) = stop;
      RunPlan interrupted = full;
      interrupted.checkpoint = file.path;
      const RunRecord part = run(first, interrupted, cancel);
      CHECK(part.resumedFrom == -1);

      Walk second;
      RunPlan rest = full;
      rest.resume = file.path;
      const RunRecord record = run(second, rest);
      CHECK(record.resumedFrom == first.done);
      CHECK(second.done == 40);
      CHECK(second.particles() == whole.particles());
      CHECK(same_trace(record, expected));
      CHECK(record.last.objective == expected.last.objective);
      REQUIRE(record.snapshots.size() == expected.snapshots.size());
      for (size_t i = 0; i < record.snapshots.size(); ++i) {
        CHECK(record.snapshots[i].step == expected.snapshots[i].step);
        CHECK(record.snapshots[i].particles == expected.snapshots[i].particles);
      }
    }
}

TEST_CASE("driver: a finished run is continued with a larger budget as if it had had it from the start") {
  File file;
  Walk first, second, whole;
  RunPlan part = plan({{"steps", 10.0}, {"traceEvery", 4.0}});
  part.checkpoint = file.path;
  run(first, part);
  RunPlan rest = plan({{"steps", 30.0}, {"traceEvery", 4.0}});
  rest.resume = file.path;
  const RunRecord record = run(second, rest), expected = run(whole, plan({{"steps", 30.0}, {"traceEvery", 4.0}}));
  CHECK(second.particles() == whole.particles());
  CHECK(same_trace(record, expected));
  Walk again;  // the same budget again: nothing is left to do, and the result is the same
  part.resume = file.path;
  part.checkpoint = "";
  const RunRecord repeated = run(again, part);
  CHECK(again.particles() == first.particles());
  CHECK(column(repeated, 0) == std::vector<double>{0, 4, 8, 10});
}

TEST_CASE("driver: periodic checkpoints are those of whole steps, each good to continue from") {
  File file;
  Walk whole, first;
  run(whole, plan({{"steps", 30.0}}));
  RunPlan often = plan({{"steps", 30.0}, {"checkpointSeconds", 1e-9}});
  often.checkpoint = file.path;
  int continued = 0;
  first.halfway = [&](int64_t step, const CancelToken*) {  // a kill at this moment would leave this very file
    Walk second;
    RunPlan rest = plan({{"steps", 30.0}});
    rest.resume = file.path;
    const RunRecord record = run(second, rest);
    CHECK(record.resumedFrom == step - 1);
    CHECK(second.particles() == whole.particles());
    ++continued;
  };
  run(first, often);
  CHECK(continued == 30);
}

TEST_CASE("driver: a checkpoint of another run, or one whose inside does not fit, is refused before any step") {
  File file;
  Walk first, second;
  RunPlan some = plan({{"steps", 3.0}});
  some.checkpoint = file.path;
  run(first, some);
  RunPlan other = plan({{"steps", 3.0}});
  other.resume = file.path;
  other.identity = "another";
  CHECK_THROWS_WITH_AS(run(second, other), doctest::Contains("belongs to another run"), Error);
  write_checkpoint(file.path, "identity", {1, 2, 3});
  other.identity = "identity";
  CHECK_THROWS_WITH_AS(run(second, other), doctest::Contains("ends too early"), Error);
  CHECK(second.done == 0);
}

TEST_CASE("driver: a place for checkpoints that cannot be written to is refused before any step") {
  Walk walk;
  RunPlan nowhere = plan({{"steps", 3.0}});
  nowhere.checkpoint = "/no/such/folder/checkpoint";
  CHECK_THROWS_WITH_AS(run(walk, nowhere), doctest::Contains("Does its folder exist?"), Error);
  CHECK(walk.done == 0);
}

TEST_CASE("driver: a run killed before its first trace point measures its start when it goes on") {
  File file;
  Walk first;
  first.objective = [](int64_t) { return 1e6; };  // an explosion, were the start taken for 0
  RunPlan some = plan({{"steps", 3.0}});
  some.checkpoint = file.path;
  bool continued = false;
  first.measuring = [&](int64_t step, const CancelToken*) {  // a kill at this moment would leave this very file
    if (step > 0) return;
    Walk second;
    second.objective = first.objective;
    RunPlan rest = plan({{"steps", 3.0}});
    rest.resume = file.path;
    CHECK(run(second, rest).resumedFrom == 0);
    CHECK(second.done == 3);
    continued = true;
  };
  run(first, some);
  CHECK(continued);
}
