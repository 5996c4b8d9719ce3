// The one loop around every algorithm, proved on a method that counts: budgets, stop rules, trace, snapshots, divergence.
#include <algorithm>
#include <chrono>

#include "test/native/walk.h"

using namespace meanfield;
using namespace meanfield::walking;

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
  CHECK(again.seconds >= 0.03);      // what the checkpoint tells, before anything is done
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

TEST_CASE(
    "driver: where a step sees a hundredth of the rows, looks at all of them are rare, and the same for every budget") {
  const auto trace_of = [](double passes) {
    Walk walk;
    walk.passesPerStep = 0.01;
    walk.objective = [](int64_t) { return 1.0; };
    return column(run(walk, plan({{"passes", passes}})), 1);
  };
  const std::vector<double> at = trace_of(20);
  for (size_t i = 1; i + 1 < at.size(); ++i) {
    CHECK(at[i] - at[i - 1] <= 1);
    if (at[i - 1] > 3) CHECK(at[i] - at[i - 1] >= 0.5);  // the interval is what it stays
  }
  CHECK(at.size() >= 20);
  CHECK(at.size() <= 16 + 2 * 18 + 2);
  const std::vector<double> sooner = trace_of(6);
  CHECK(std::equal(sooner.begin(), sooner.end() - 1, at.begin()));  // but for the row that closes it
}

TEST_CASE("driver: every certificate that was asked for is a trace point, and is kept when others are thinned") {
  Walk walk;
  walk.passesPerStep = 0.01;
  walk.objective = [](int64_t) { return 1.0; };
  const std::vector<double> at = column(run(walk, plan({{"passes", 70.0}, {"certificateEvery", 7.0}})), 0);
  for (double step = 0; step <= 7000; step += 7) CHECK(std::find(at.begin(), at.end(), step) != at.end());
  CHECK(at.size() > 1000);
  Walk full;
  full.objective = [](int64_t) { return 1.0; };
  const RunRecord record = run(full, plan({{"passes", 2.5 * 5000}, {"certificateEvery", 1000.0}}));
  const std::vector<double> thinned = column(record, 0);
  for (double step : {0.0, 1000.0, 2000.0, 3000.0})
    CHECK(std::find(thinned.begin(), thinned.end(), step) != thinned.end());
  CHECK(thinned.size() <= 520);
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
