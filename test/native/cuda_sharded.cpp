// One network on several (emulated) devices against the scalar reference on one; outputs that meet by NCCL, for which
// stands a library that the tests build (fake_nccl.cpp), or on the host.
#include <dlfcn.h>

#include <cstdlib>

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

namespace {

/// For its lifetime the library in the place of NCCL; "none": none.
struct WithNccl {
  explicit WithNccl(const char* file, const char* how = "") {
    setenv("MEANFIELD_NCCL_LIBRARY", file, 1);
    setenv("MEANFIELD_FAKE_NCCL", how, 1);
  }
  ~WithNccl() {
    unsetenv("MEANFIELD_NCCL_LIBRARY");
    unsetenv("MEANFIELD_FAKE_NCCL");
  }
};

/// Sends and receives of the library so far.
int transfers(const char* file) {
  void* handle = dlopen(file, RTLD_NOW);
  REQUIRE(handle);
  const int count = *static_cast<int*>(dlsym(handle, "transfers"));
  dlclose(handle);
  return count;
}

}  // namespace

TEST_CASE("cuda emulation: outputs that meet by NCCL are those that meet on the host, bit for bit") {
  const char* library = MEANFIELD_FAKE_NCCL;
  for (const int k : {1, 3}) {
    const Case c{45, k == 1 ? 40 : 7, 61, Neuron{Activation::Tanh, SecondLayer::Bounded, Signs::Same, k, 1}, k == 3};
    Setting s(c);
    s.shape.devices = 0b10110;
    Update update;
    update.rate = 0.1;
    update.noise = 0.2;
    update.field = {6, Stream::Noise};
    std::vector<double> z;
    std::vector<float> stepped;
    for (const char* file : {"none", "/nowhere/libnccl.so.2", "libm.so.6"}) {
      const WithNccl nccl(file);
      Opened copies(sharded(), s, c);
      z = copies.outputs(s);
      stepped = copies.updated(s, update);
    }
    const int before = transfers(library);
    {
      const WithNccl nccl(library);
      Opened moved(sharded(), s, c);
      CHECK(moved.outputs(s) == z);
      CHECK(moved.updated(s, update) == stepped);
      CHECK(moved.outputs(s).size() == z.size());
      CancelToken raised;
      raised.cancel();
      CHECK(sharded()->outputs(moved.network, moved.matrix, s.rows(), &raised, z.data()) == Status::Cancelled);
      CHECK(sharded()->outputs(moved.network, moved.matrix, {nullptr, 0}, nullptr, nullptr) == Status::Ok);
    }
    CHECK(transfers(library) == before + 2 * 2);  // two outputs of two devices beside the first
    const std::string file = library, old = file.substr(0, file.rfind('/')) + "/." + file.substr(file.rfind('/'));
    const WithNccl nccl(old.c_str(), "2.6");  // the same file by another name, since what is open stays so
    Opened copies(sharded(), s, c);
    CHECK(copies.outputs(s) == z);
    CHECK(transfers(library) == before + 2 * 2);
    require_no_faults();
  }
}

TEST_CASE("cuda emulation: a transfer of NCCL that fails is an error with a remedy") {
  const Case c{20, 5, 30, Neuron{}};
  Setting s(c);
  s.shape.devices = 0b11;
  const WithNccl nccl(MEANFIELD_FAKE_NCCL, "fails");
  Opened moved(sharded(), s, c);
  std::vector<double> z(20);
  CHECK(sharded()->outputs(moved.network, moved.matrix, s.rows(), nullptr, z.data()) == Status::DeviceFailure);
  CHECK(std::string(sharded()->message()).find("NCCL failed: ") == 0);
  CHECK(std::string(sharded()->message()).find("MEANFIELD_NCCL_LIBRARY=none") != std::string::npos);
}
