#include "bench/native/gpu_check_claims.h"

#include <cstdio>

#include <doctest/doctest.h>

using namespace meanfield;

TEST_SUITE("gpu claims") {
  TEST_CASE("what is said of timings and of the lines of other libraries") {
    const std::string path = "gpu-claims-others.txt";
    {
      std::ofstream file(path);
      file << "torch.compile 784 10000 0.35 2.4.0\njax.jit 784 10000 0.2 0.4.30\njax.jit 784 1000000 nan RuntimeError: "
              "out of memory\n";
    }
    const std::vector<Other> others = read_others(path);
    std::remove(path.c_str());
    REQUIRE(others.size() == 3);
    CHECK(others[1].json() ==
          "{\"name\": \"jax.jit\", \"d\": 784, \"particles\": 10000, \"stepSeconds\": 0.2, \"said\": \"0.4.30\"}");
    CHECK(others[2].said == "RuntimeError: out of memory");
    CHECK(others[2].json().find("\"stepSeconds\": null") != std::string::npos);

    const Timing slow{20000, 784, 10000, Precision::Float32, 1, 1, 0.1, 0.1, ""};
    const Timing fast{20000, 784, 10000, Precision::Tf32, 0.05, 0.05, 0.4, 0.6, ""};
    const Timing large{20000, 784, 1000000, Precision::Tf32, 5, 5, 0.3, 0.4, ""};
    const Timing none{100000, 784, 1000000, Precision::Tf32, 0, 0, 0, 0, "out of memory"};
    const InnerTiming sooner{20000, 300, 100000, Precision::Bf16, 1, 1.5, ""};
    const InnerTiming later{20000, 100, 8192, Precision::Tf32, 1, 0.8, ""};
    const std::vector<Claim> all = claims({slow, fast, large, none}, {sooner, later}, others, 120);
    std::vector<bool> held;
    for (const Claim& claim : all) held.push_back(claim.held);
    // Half of the peak and 3.5 times as fast as PyTorch, twice as fast as JAX; 40 % of the peak; does not run; inner steps sooner and
    // later than by the tiles; 120 times the CPU.
    CHECK(held == std::vector<bool>{true, true, false, false, false, true, false, true});
    CHECK(all[5].text.find("d = 300, 100000 particles, bf16: inner steps") == 0);
    CHECK(sooner.json().find("\"persistentSeconds\": 1, \"tilesSeconds\": 1.5}") != std::string::npos);
    CHECK(all[2].text.find("jax.jit or less, 2.00 times") != std::string::npos);
    CHECK(claims({}, {}, {}, 99.9).back().held == false);
  }
}
