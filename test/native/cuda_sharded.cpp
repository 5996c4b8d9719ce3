// One network on several (emulated) devices against the scalar reference on one.
#include "native/kernels/sharded.h"
#include "test/native/backend_cases.h"
#include "test/native/emulated.h"

using namespace meanfield;
using namespace meanfield::backend_cases;

namespace {

const Backend* emulated_device(int) { return emulated(); }
const Backend* sharded() { return Sharded<emulated_device>::backend(); }

}  // namespace

TEST_CASE("cuda emulation: sharded over three devices, every second layer and sign, against the reference") {
  size_t next = 0;
  for (const Neuron& neuron : all_neurons()) {
    if (neuron.activation != Activation::Tanh) continue;
    for (int64_t M : {int64_t{2}, int64_t{61}}) {
      const Case c{35, next % 2 ? 40 : 7, M, neuron, next % 3 == 0};
      ++next;
      INFO(name_of(c));
      Setting s(c);
      const Bounds bounds(s, c, 0, 1024);
      Opened reference(reference_backend(), s, c);
      s.shape.devices = 0b10110;
      Opened cuda(sharded(), s, c);
      CHECK(cuda.particles(s) == s.particles);
      require_close(cuda.outputs(s), reference.outputs(s), bounds.z);
      require_close(cuda.gradient(s), reference.gradient(s), bounds.gradient);
      require_close(cuda.energies(s), reference.energies(s), bounds.energies);
      double squares = 0, expected = 0;
      REQUIRE(sharded()->sum_squares(cuda.network, &squares) == Status::Ok);
      REQUIRE(reference_backend()->sum_squares(reference.network, &expected) == Status::Ok);
      CHECK(squares == doctest::Approx(expected).epsilon(1e-12));
      Update update;
      update.keep = 0.99;
      update.rate = 0.05;
      update.noise = 0.3;
      update.field = {5, Stream::Noise};
      const auto moved = reference.updated(s, update);
      require_close(cuda.updated(s, update), moved, bounds.moved(s, update, moved));
    }
  }
}

TEST_CASE("cuda emulation: shards step as they do in parts, cancel together and tell what failed") {
  const Case c{30, 6, 50, Neuron{}};
  Setting s(c);
  s.shape.devices = 0b11;
  Update update;
  update.rate = 0.1;
  update.noise = 0.2;
  Opened whole(sharded(), s, c), parts(sharded(), s, c);
  CHECK(whole.stepped(s, update, true) == parts.stepped(s, update, false));
  CancelToken raised;
  raised.cancel();
  std::vector<double> z(30);
  CHECK(sharded()->outputs(whole.network, whole.matrix, s.rows(), &raised, z.data()) == Status::Cancelled);
  void* network = nullptr;
  NetworkShape huge{int64_t{1} << 45, 1000, Neuron{}, 1};
  huge.devices = 0b11;
  CHECK(sharded()->open(&huge, &network) == Status::OutOfMemory);
  CHECK(std::string(sharded()->message()).find("bytes") != std::string::npos);
}
