// Fields of a network on the processor (kernels.h).
#include <algorithm>
#include <cmath>
#include <utility>

#include "native/kernels/cpu/cpu_network.h"

namespace meanfield {
namespace cpu {

float* CpuNetwork::field_at(int32_t field) {
  Buffer<float>& numbers = fields_[field - 1];
  numbers.resize(shape_.particles * shape_.parameters());
  return numbers.data();
}

void CpuNetwork::write_field(int32_t field, const float* numbers) {
  std::copy(numbers, numbers + shape_.particles * shape_.parameters(), field_at(field));
}

void CpuNetwork::read_field(int32_t field, float* numbers) {
  const float* from = field_at(field);
  std::copy(from, from + shape_.particles * shape_.parameters(), numbers);
}

template <class F>
void CpuNetwork::each_particle(F&& f) {
  for_each(
      map_.panels(), static_cast<double>(shape_.particles * shape_.parameters()),
      [&](int64_t q, int) {
        const Panel panel = this->panel(q);
        for (int64_t lane = 0; lane < panel.particles; ++lane) f(panel, lanes_of(panel), lane);
      },
      nullptr);
}

template <class F>
void CpuNetwork::each_number(F&& f) {
  const int64_t p = shape_.parameters();
  each_particle([&](const Panel& panel, int64_t lanes, int64_t lane) {
    for (int64_t c = 0; c < p; ++c) f(panel.theta[c * lanes + lane], (panel.first + lane) * p + c);
  });
}

void CpuNetwork::exchange(int32_t field) {
  ++version_;
  float* numbers = field_at(field);
  each_number([&](float& theta, int64_t at) { std::swap(theta, numbers[at]); });
}

void CpuNetwork::axpby(float a, int32_t from, float b, int32_t to) {
  const auto combine = [a, b](float x, float& y) { y = b == 0 ? a * x : a * x + b * y; };
  if (to == kParticles) {
    ++version_;
    const float* x = field_at(from);
    each_number([&](float& theta, int64_t at) { combine(x[at], theta); });
  } else if (from == kParticles) {
    float* y = field_at(to);
    each_number([&](float& theta, int64_t at) { combine(theta, y[at]); });
  } else {
    const float* x = field_at(from);
    float* y = field_at(to);
    for (int64_t at = 0; at < shape_.particles * shape_.parameters(); ++at) combine(x[at], y[at]);
  }
}

void CpuNetwork::kinetic(const Kinetic& step, int32_t velocity, int32_t gradient) {
  ++version_;
  prepare_scratch();
  const int64_t p = shape_.parameters();
  float* v = field_at(velocity);
  const float* g = field_at(gradient);
  const auto draw = [&](const Panel& like, const RandomField& field, uint64_t at, float* to) {
    Update normals;
    normals.keep = 0;
    normals.noise = 1;
    normals.field = field;
    move({to, like.first, like.vectors, like.particles}, nullptr, normals, at);
  };
  for_each(
      map_.panels(), 200.0 * static_cast<double>(shape_.particles * p),
      [&](int64_t q, int worker) {
        Scratch& scratch = scratch_[static_cast<size_t>(worker)];
        const Panel panel = this->panel(q);
        const int64_t lanes = lanes_of(panel);
        float *xi = scratch.g.data(), *zeta = scratch.part.data();
        draw(panel, step.position, step.step, xi);
        draw(panel, step.velocity, step.step + 1, zeta);
        for (int64_t lane = 0; lane < panel.particles; ++lane)
          for (int64_t c = 0; c < p; ++c) {
            const int64_t mine = c * lanes + lane, at = (panel.first + lane) * p + c;
            step.apply(panel.theta[mine], v[at], g[at], xi[mine], zeta[mine]);
          }
      },
      nullptr);
}

void CpuNetwork::keep_some(double probability, const RandomField& random, uint64_t step, int32_t field) {
  const int64_t p = shape_.parameters();
  float* kept = field_at(field);
  each_particle([&](const Panel& panel, int64_t lanes, int64_t lane) {
    const int64_t r = panel.first + lane;
    if (random.uniform(step, static_cast<uint32_t>(r), 0) >= probability) return;
    for (int64_t c = 0; c < p; ++c) kept[r * p + c] = panel.theta[c * lanes + lane];
  });
}

void CpuNetwork::project() {
  ++version_;
  const int64_t inputs = shape_.inputs;
  each_particle([&](const Panel& panel, int64_t lanes, int64_t lane) {
    double square = 0;
    for (int64_t c = 0; c < inputs; ++c)
      square += static_cast<double>(panel.theta[c * lanes + lane]) * panel.theta[c * lanes + lane];
    const double scale = square > 0 ? 1 / std::sqrt(square) : 0;
    for (int64_t c = 0; c < inputs; ++c)
      panel.theta[c * lanes + lane] = static_cast<float>(panel.theta[c * lanes + lane] * scale);
  });
}

}  // namespace cpu
}  // namespace meanfield
