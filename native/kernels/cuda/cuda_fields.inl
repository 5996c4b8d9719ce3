// The fields of cuda_network.h, a part of cuda_network.inl. Nobody waits here: what comes next is behind it in the stream.
#pragma once

namespace meanfield {
namespace cuda {

void CudaNetwork::write_field(int32_t field, const float* numbers) {
  device_.copy_in(field_at(field), 4, numbers, 4, 4, this->numbers());
}

void CudaNetwork::read_field(int32_t field, float* numbers) {
  device_.copy_out(numbers, 4, field_at(field), 4, 4, this->numbers());
}

void CudaNetwork::exchange(int32_t field) {
  launch_threads(Exchange{particles(0, shape_.particles), field_at(field)}, numbers());
}

void CudaNetwork::axpby(float a, int32_t from, float b, int32_t to) {
  launch_threads(Axpby{particles(0, shape_.particles), a, b, from == kParticles ? nullptr : field_at(from),
                       to == kParticles ? nullptr : field_at(to)},
                 numbers());
}

void CudaNetwork::kinetic(const Kinetic& step, int32_t velocity, int32_t gradient) {
  const int64_t quads = (shape_.parameters() + 3) / 4;
  launch_threads(KineticMove{particles(0, shape_.particles), step, field_at(velocity), field_at(gradient)},
                 shape_.particles * quads);
}

void CudaNetwork::keep_some(double probability, const RandomField& random, uint64_t step, int32_t field) {
  launch_threads(KeepSome{particles(0, shape_.particles), probability, random, step, field_at(field)}, numbers());
}

}  // namespace cuda
}  // namespace meanfield
