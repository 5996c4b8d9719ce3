// Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011: Philox 4×32-10.
//
// A counter-based generator: the number at (seed, stream, step, particle, coordinate) is a pure function of these five,
// so that neither threads, nor blocks, nor interruptions can change it. Every backend computes the same integers; the
// normals made from them agree to the rounding of sine, cosine and logarithm.
#pragma once
#include <cmath>
#include <cstdint>

#include "native/core/host_device.h"

namespace meanfield {

/// What a random number is for. Streams never share a counter. Values are part of the checkpoint format.
enum class Stream : uint32_t {
  Init = 0,
  Noise = 1,
  Minibatch = 2,
  Restart = 3,
  Certificate = 4,
  Output = 5,
  Velocity = 6,
  Coordinate = 7,
  Accept = 8,
  Reservoir = 9,
  Labels = 10
};

struct PhiloxWords {
  uint32_t word[4];
};

MEANFIELD_HOST_DEVICE inline PhiloxWords philox4x32_10(PhiloxWords counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53u} * counter.word[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57u} * counter.word[2];
    counter = {{static_cast<uint32_t>(product1 >> 32) ^ counter.word[1] ^ key0, static_cast<uint32_t>(product1),
                static_cast<uint32_t>(product0 >> 32) ^ counter.word[3] ^ key1, static_cast<uint32_t>(product0)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

/// Position in the random field. One Philox call serves the four coordinates 4q .. 4q+3.
struct RandomField {
  uint64_t seed = 0;
  Stream stream = Stream::Noise;

  /// Words 1..3 of the counter are (particle, step low, stream and step high); word 0 is coordinate / 4.
  MEANFIELD_HOST_DEVICE static uint32_t high_word(Stream stream, uint64_t step) {
    return (static_cast<uint32_t>(stream) << 24) | static_cast<uint32_t>((step >> 32) & 0xFFFFFFu);
  }
  MEANFIELD_HOST_DEVICE PhiloxWords words(uint64_t step, uint32_t particle, uint32_t quad) const {
    return philox4x32_10({{quad, particle, static_cast<uint32_t>(step), high_word(stream, step)}},
                         static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
  }
  /// Uniform 32-bit word for one coordinate.
  MEANFIELD_HOST_DEVICE uint32_t bits(uint64_t step, uint32_t particle, uint32_t coordinate) const {
    return words(step, particle, coordinate / 4).word[coordinate % 4];
  }
  /// Uniform in (0, 1), 32 bits.
  MEANFIELD_HOST_DEVICE double uniform(uint64_t step, uint32_t particle, uint32_t coordinate) const {
    return (bits(step, particle, coordinate) + 0.5) * 0x1p-32;
  }
  /// Standard normal. Reference for every backend's vectorized version.
  float normal(uint64_t step, uint32_t particle, uint32_t coordinate) const;
};

/// The two uniforms of a Box-Muller pair, rounded to float32 in a way that any instruction set reproduces:
/// radiusUniform in (0, 1], 31 bits, exact near 0 where the tail lives; halfTurns in [-1, 1].
MEANFIELD_HOST_DEVICE inline float radius_uniform(uint32_t word) {
  return static_cast<float>(static_cast<int32_t>(word >> 1)) * 0x1p-31f + 0x1p-32f;
}
MEANFIELD_HOST_DEVICE inline float half_turns(uint32_t word) {
  return static_cast<float>(static_cast<int32_t>(word)) * 0x1p-31f;
}

/// Box-Muller: words (0, 1) give normals 0 = R cos, 1 = R sin; words (2, 3) give 2 and 3.
inline float RandomField::normal(uint64_t step, uint32_t particle, uint32_t coordinate) const {
  const PhiloxWords w = words(step, particle, coordinate / 4);
  const int pair = (coordinate % 4) / 2;
  const double radius = std::sqrt(-2 * std::log(static_cast<double>(radius_uniform(w.word[2 * pair]))));
  const double angle = 3.14159265358979323846 * half_turns(w.word[2 * pair + 1]);
  return static_cast<float>(radius * (coordinate % 2 == 0 ? std::cos(angle) : std::sin(angle)));
}

}  // namespace meanfield
