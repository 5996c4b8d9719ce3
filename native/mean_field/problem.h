// The master objective of the mean-field family,
//
//     L(q) = (1/n) Σ_i ℓ(h_q(x_i), y_i) + λ' E_q‖θ‖² + λ E_q[log q],        F(q) = the first two terms,
//
// seen through M particles on a backend. Algorithms ask for outputs and loss weights and update the particles; the
// outputs are kept until the next update, so that a trace point costs the following step nothing.
#pragma once
#include <vector>

#include "native/kernels/network.h"
#include "native/problem/losses.h"

namespace meanfield {

/// A matrix that the network knows, with its targets.
struct Targets {
  int32_t matrix = -1;
  int64_t rows = 0;
  const double* values = nullptr;
};

struct Evaluation {
  double loss = 0;   // mean over rows
  double score = 0;  // accuracy, or R² for the squared and Huber losses
};

class Problem {
 public:
  Problem(Network& network, Targets train, Loss loss, double ridge, double entropy, double initialVariance, uint64_t seed)
      : network(network),
        train(train),
        loss(loss),
        ridge(ridge),
        entropy(entropy),
        initialVariance(initialVariance),
        seed(seed) {}

  Network& network;
  const Targets train;
  const Loss loss;
  const double ridge;            // λ'
  const double entropy;          // λ
  const double initialVariance;  // of the law q⁽¹⁾ = N(0, · I)
  const uint64_t seed;

  int outputs_per_row() const { return network.shape().neuron.outputs; }
  /// z: n × k at the present particles.
  const std::vector<double>& outputs();
  /// ω_ij = (1/n) ∂ℓ/∂z_ij at the present particles, into `weights` (n × k). Returns the mean loss; not finite numbers
  /// are the driver's to judge.
  double loss_weights(std::vector<double>& weights);
  void update(const std::vector<double>& weights, const Update& update);
  /// Replaces all particles by draws from N(0, initialVariance·I).
  void draw_initial(Stream stream, uint64_t step);
  void write_particles(const float* particles);

  Evaluation evaluate_train();
  Evaluation evaluate(const Targets& other) const;
  /// λ' E‖θ‖²
  double penalty() const { return ridge == 0 ? 0 : ridge * network.second_moment(); }

 private:
  Evaluation evaluate(const Targets& on, const std::vector<double>& z) const;

  std::vector<double> z_;
  bool fresh_ = false;
};

}  // namespace meanfield
