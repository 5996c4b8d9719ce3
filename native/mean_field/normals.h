// Standard normals for arithmetic on the host, drawn by the backend's vectorized generator.
#pragma once
#include <memory>
#include <vector>

#include "native/kernels/network.h"

namespace meanfield {

class Normals {
 public:
  explicit Normals(const Network& like) : network_(like.alike(like.shape())) {
    const std::vector<float> blank(static_cast<size_t>(like.shape().inputs), 0.f);
    network_->add_matrix(MatrixView<const float>(blank.data(), 1, like.shape().inputs));
  }
  /// M × p numbers ξ_{r,c} = field.normal(step, r, c).
  std::vector<float> draw(const RandomField& field, uint64_t step) {
    const std::vector<double> zero(static_cast<size_t>(network_->shape().neuron.outputs), 0.0);
    Update update;
    update.keep = 0;
    update.noise = 1;
    update.firstStep = step;
    update.field = field;
    network_->update(0, {nullptr, 1}, zero.data(), update);
    return network_->read_particles();
  }

 private:
  std::unique_ptr<Network> network_;
};

}  // namespace meanfield
