// A part of an algorithm's state that is as large as the particles, and stays where they are.
#pragma once
#include <vector>

#include "native/driver/checkpoint.h"
#include "native/kernels/network.h"

namespace meanfield {

/// M × p numbers beside the particles of a network (kernels.h); none of them until something is put there.
class Field {
 public:
  Field() = default;
  /// `number`: 1 … kFields, one for each field of the network.
  Field(Network& network, int32_t number) : network_(&network), number_(number) {}

  int32_t number() const { return number_; }
  bool empty() const { return !held_; }
  /// Becomes what the particles are.
  void take_particles() {
    set([&] { network_->axpby(1, kParticles, 0, number_); });
  }
  /// Becomes G (kernels.h) of the particles.
  void take_gradient(int32_t matrix, Rows rows, const double* weights) {
    set([&] { network_->gradient_field(matrix, rows, weights, number_); });
  }
  /// Becomes a·other + b·itself.
  void axpby(float a, const Field& other, float b) { network_->axpby(a, other.number_, b, number_); }
  /// Becomes what the particles are, for those r with random.uniform(step, r, 0) < probability.
  void take_some(double probability, const RandomField& random, uint64_t step) {
    network_->keep_some(probability, random, step, number_);
  }
  /// f() with the particles in the place of this field, and the field in theirs. Left so when f throws: as always, the caller
  /// restores both.
  template <class F>
  void exchanged(F&& f) {
    network_->exchange(number_);
    f();
    network_->exchange(number_);
  }
  /// For the host to look at; empty where there are none.
  std::vector<float> read() const { return held_ ? network_->read_field(number_) : std::vector<float>{}; }

  void visit(Writer& writer) const { writer(read()); }
  void visit(Reader& reader) {
    std::vector<float> numbers;
    reader(numbers);
    held_ = false;
    if (numbers.empty()) return;
    const NetworkShape& shape = network_->shape();
    if (numbers.size() != static_cast<size_t>(shape.particles * shape.parameters()))
      throw Error(ErrorCode::Checkpoint, "the checkpoint holds another number of particles.");
    set([&] { network_->write_field(number_, numbers.data()); });
  }

 private:
  template <class F>
  void set(F&& f) {
    f();
    held_ = true;
  }

  Network* network_ = nullptr;
  int32_t number_ = 0;
  bool held_ = false;
};

}  // namespace meanfield
