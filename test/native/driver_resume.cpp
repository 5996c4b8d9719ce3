// The one loop around every algorithm: interruption, checkpoints, and resuming bit for bit.
#include <chrono>

#include "test/native/walk.h"

using namespace meanfield;
using namespace meanfield::walking;

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
