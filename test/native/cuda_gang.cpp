// Networks that launch together give bit for bit what they give alone, in fewer launches.
#include "native/kernels/cuda/runtime.h"
#include "native/kernels/together.h"
#include "test/native/backend_cases.h"
#include "test/native/emulated.h"
#include "test/native/point_cases.h"

using namespace meanfield;
using namespace meanfield::backend_cases;

namespace {

struct Answers {
  std::vector<double> z, energies, squares;
  std::vector<float> gradient, stepped, moved;
  double sum = 0;
  bool operator==(const Answers& other) const {
    return z == other.z && energies == other.energies && squares == other.squares && gradient == other.gradient &&
           stepped == other.stepped && moved == other.moved && sum == other.sum;
  }
};

/// Every operation; `seed` makes runs of the same shape different.
Answers ask(const Case& c, uint64_t seed) {
  const Setting s(c);
  Opened network(emulated(), s, c);
  Update update;
  update.keep = 0.99;
  update.rate = 0.05;
  update.noise = 0.3;
  update.field = {seed, Stream::Noise};
  update.repeats = 1 + static_cast<int64_t>(seed % 3);
  Answers answers;
  answers.moved = network.updated(s, update);
  answers.z = network.outputs(s);
  answers.gradient = network.gradient(s);
  answers.energies = network.energies(s);
  update.repeats = 1;
  if (c.neuron.outputs == 1) answers.stepped = network.stepped(s, update, true);
  REQUIRE(emulated()->sum_squares(network.network, &answers.sum) == Status::Ok);
  answers.squares.resize(static_cast<size_t>(c.M));
  const Points points{answers.moved.data(), c.M, s.p};
  REQUIRE(emulated()->neighbours(0, points, points, nullptr, 2, nullptr, answers.squares.data()) == Status::Ok);
  return answers;
}

std::vector<Case> mixed_cases() {
  const std::vector<Neuron> neurons = all_neurons();
  std::vector<Case> cases;
  size_t next = 0;
  for (int64_t d : {3, 3, 40, 9, 3, 17, 40, 3, 5})
    cases.push_back({21 + d, d, 33 + 7 * static_cast<int64_t>(next % 3), neurons[next++ * 5], d == 9});
  return cases;
}

}  // namespace

TEST_CASE("cuda emulation: members of a gang give the bits that they give alone") {
  const std::vector<Case> cases = mixed_cases();
  std::vector<Answers> alone;
  for (size_t i = 0; i < cases.size(); ++i) alone.push_back(ask(cases[i], i));
  require_no_faults();
  for (int members : {1, 2, 4, 9, 20}) {
    std::vector<Answers> together(cases.size());
    run_together(
        emulated(), 0, static_cast<int64_t>(cases.size()), members,
        [&](int64_t i) {
          together[static_cast<size_t>(i)] = ask(cases[static_cast<size_t>(i)], static_cast<uint64_t>(i));
        },
        nullptr);
    for (size_t i = 0; i < cases.size(); ++i) {
      INFO(members, " members, case ", i);
      CHECK(together[i] == alone[i]);
    }
    require_no_faults();
  }
}

TEST_CASE("cuda emulation: a gang of networks of one shape launches as often as one of them") {
  const Case c{60, 5, 40, Neuron{}};
  const auto launches = [&](int64_t runs) {
    const int64_t before = cuda::emulated_launches();
    run_together(
        emulated(), 0, runs, static_cast<int>(runs), [&](int64_t i) { ask(c, 3 * static_cast<uint64_t>(i)); }, nullptr);
    return cuda::emulated_launches() - before;
  };
  const int64_t one = launches(1);
  CHECK(launches(12) <= one + 2 * 11);  // tiles of energies and of neighbours are launched one by one
}

TEST_CASE("cuda emulation: a member that fails does not keep the others waiting, and cancelling leaves out the rest") {
  const Case c{30, 4, 20, Neuron{}};
  std::vector<int> done(6, 0);
  run_together(
      emulated(), 0, 6, 3,
      [&](int64_t i) {
        if (i % 2 == 1) {
          void* network = nullptr;
          const NetworkShape huge{int64_t{1} << 45, 1000, Neuron{}, 1};
          done[static_cast<size_t>(i)] = emulated()->open(&huge, &network) == Status::OutOfMemory;
          return;
        }
        ask(c, static_cast<uint64_t>(i));
        done[static_cast<size_t>(i)] = 1;
      },
      nullptr);
  CHECK(done == std::vector<int>(6, 1));
  CancelToken cancel;
  std::atomic<int> begun{0};
  run_together(
      emulated(), 0, 50, 4,
      [&](int64_t i) {
        ++begun;
        ask(c, static_cast<uint64_t>(i));
        cancel.cancel();
      },
      &cancel);
  CHECK(begun <= 8);
}
