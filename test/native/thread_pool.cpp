// The thread pool: every task once, sums in an order of their own, exceptions, cancellation, nesting.
#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "native/core/thread_pool.h"

using namespace meanfield;

TEST_CASE("thread pool: every task runs once, by a worker of the pool, for any number of threads and tasks") {
  for (int threads : {1, 2, 5})
    for (int64_t count : {0, 1, 2, 7, 1000}) {
      ThreadPool pool(threads);
      CHECK(pool.threads() == threads);
      std::vector<std::atomic<int>> runs(static_cast<size_t>(count));
      std::atomic<bool> strange{false};
      CHECK(pool.run(count, [&](int64_t index, int worker) {
        ++runs[static_cast<size_t>(index)];
        if (worker < 0 || worker >= threads) strange = true;
      }));
      for (const std::atomic<int>& times : runs) CHECK(times == 1);
      CHECK_FALSE(strange);
    }
}

TEST_CASE("thread pool: no two tasks share a worker number at the same time") {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> inside(4);
  std::atomic<bool> shared{false};
  pool.run(2000, [&](int64_t, int worker) {
    if (++inside[static_cast<size_t>(worker)] != 1) shared = true;
    std::this_thread::yield();
    --inside[static_cast<size_t>(worker)];
  });
  CHECK_FALSE(shared);
}

TEST_CASE("thread pool: sums have the same bits whatever the number of threads") {
  // Terms of very different size and sign: any other order of adding would round to another number.
  const auto term = [](int64_t i) { return (i % 2 == 0 ? 1 : -1) * std::pow(1.37, static_cast<double>(i % 97)) / 7; };
  ThreadPool one(1);
  const double expected = one.sum(5000, term);
  double inOrder = 0, backwards = 0;
  for (int64_t i = 0; i < 5000; ++i) inOrder += term(i);
  for (int64_t i = 4999; i >= 0; --i) backwards += term(i);
  CHECK(expected == inOrder);
  CHECK(expected != backwards);
  for (int threads : {2, 5})
    for (int repeat = 0; repeat < 20; ++repeat) {
      ThreadPool pool(threads);
      CHECK(pool.sum(5000, term) == expected);
    }
  CHECK(one.sum(0, term) == 0);
}

TEST_CASE("thread pool: an exception in a task arrives at the caller, and the pool lives on") {
  for (int threads : {1, 3}) {
    ThreadPool pool(threads);
    for (int repeat = 0; repeat < 50; ++repeat) {
      std::atomic<int> done{0};
      CHECK_THROWS_WITH_AS(pool.run(100,
                                    [&](int64_t index, int) {
                                      if (index == 17) throw std::invalid_argument("task 17");
                                      ++done;
                                    }),
                           "task 17", std::invalid_argument);
      CHECK(done < 100);
      CHECK(pool.run(10, [&](int64_t, int) {}));
    }
    CHECK_THROWS_AS(pool.sum(4, [](int64_t) -> double { throw std::runtime_error("no sum"); }), std::runtime_error);
  }
}

TEST_CASE("thread pool: a raised token ends the loop early, and says so") {
  for (int threads : {1, 3}) {
    ThreadPool pool(threads);
    CancelToken raised;
    raised.cancel();
    int64_t ran = 0;
    CHECK_FALSE(pool.run(10, [&](int64_t, int) { ++ran; }, &raised));
    CHECK(ran == 0);
    CHECK(pool.run(0, [&](int64_t, int) {}, &raised));  // nothing was left to do

    CancelToken later;
    std::atomic<int64_t> done{0};
    CHECK_FALSE(pool.run(
        1000000,
        [&](int64_t index, int) {
          ++done;
          if (index == 20) later.cancel();
        },
        &later));
    CHECK(done < 1000000);
    CHECK(pool.run(10, [&](int64_t, int) {}));  // the next loop knows nothing of it
  }
}

TEST_CASE("thread pool: a loop inside a task runs on the worker that asked for it") {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    std::vector<std::atomic<int>> runs(40 * 30);
    std::atomic<bool> moved{false};
    CHECK(pool.run(40, [&](int64_t outer, int worker) {
      const std::thread::id me = std::this_thread::get_id();
      pool.run(30, [&](int64_t inner, int innerWorker) {
        ++runs[static_cast<size_t>(outer * 30 + inner)];
        if (innerWorker != worker || std::this_thread::get_id() != me) moved = true;
      });
    }));
    for (const std::atomic<int>& times : runs) CHECK(times == 1);
    CHECK_FALSE(moved);

    CHECK_THROWS_WITH_AS(
        pool.run(8, [&](int64_t, int) { pool.run(8, [](int64_t, int) { throw std::runtime_error("inner"); }); }),
        "inner", std::runtime_error);
    CancelToken cancel;
    std::atomic<bool> finished{false};
    pool.run(1, [&](int64_t, int) { finished = pool.run(5, [&](int64_t, int) { cancel.cancel(); }, &cancel); });
    CHECK_FALSE(finished);
    CHECK(pool.sum(3, [&](int64_t i) { return pool.sum(2, [&](int64_t j) { return static_cast<double>(i + j); }); }) ==
          9);
  }
}

TEST_CASE("thread pool: two pools nest in one another") {
  ThreadPool outer(2), inner(2);
  std::mutex only;  // a pool serves one caller at a time
  std::atomic<int64_t> total{0};
  outer.run(10, [&](int64_t, int) {
    std::lock_guard<std::mutex> lock(only);
    inner.run(10, [&](int64_t, int) { ++total; });
  });
  CHECK(total == 100);
}

TEST_CASE("thread pool: pools come and go") {
  for (int repeat = 0; repeat < 200; ++repeat) {
    ThreadPool pool(3);
    if (repeat % 2 == 0) pool.run(3, [](int64_t, int) {});
  }
  CHECK(available_parallelism() >= 1);
}
