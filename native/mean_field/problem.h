// The master objective of the mean-field family,
//
//     L(q) = (1/n) Σ_i ℓ(h_q(x_i), y_i) + λ' E_q‖θ‖² + λ E_q[log q],        F(q) = the first two terms,
//
// seen through M particles on a backend. Algorithms ask for outputs and loss weights and update the particles; the
// outputs are kept until the next update, so that a trace point costs the following step nothing.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "native/mean_field/field.h"
#include "native/mean_field/network_options.h"
#include "native/mean_field/normals.h"
#include "native/mean_field/preconditioner.h"
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
  Problem(Network& network, Targets train, Loss loss, double ridge, double entropy, double initialVariance,
          uint64_t seed)
      : network(network), train(train), loss(loss), ridge(ridge), entropy(entropy), initialVariance(initialVariance),
        seed(seed) {}

  /// λ_t = max(λ, λ_0 f(t/steps)); see network_options.h. With `ridgeToo` λ'_t/λ_t stays λ'/λ.
  struct Schedule {
    Annealing kind = Annealing::Constant;
    double start = 0;  // λ_0
    int64_t steps = 1;
    bool ridgeToo = false;
  };

  Network& network;
  const Targets train;
  const Loss loss;
  double ridge;                  // λ', of the present step while it lasts
  double entropy;                // λ, likewise
  const double initialVariance;  // of the law q⁽¹⁾ = N(0, · I)
  const uint64_t seed;
  int64_t firstStep = 0;  // steps done before on other rows, of which these are the next

  /// Makes further networks on the same backend, with the same matrices under the same numbers; needed by the algorithms
  /// that evaluate a second set of particles (reservoir, samples) and by the certificate.
  std::function<std::unique_ptr<Network>(const NetworkShape&)> another;

  Schedule schedule;
  Geometry geometry = Geometry::Free;
  const Preconditioner* preconditioner = nullptr;  // of every update; nullptr: none

  /// Sets λ and λ' to those of step t; settle() brings back the objective's own.
  void anneal(int64_t t);
  void settle();
  /// Brings the weights of every particle to length 1 on the sphere; its tail, if any, is free.
  void project();

  int outputs_per_row() const { return network.shape().neuron.outputs; }
  /// z: n × k at the present particles.
  const std::vector<double>& outputs();
  /// ω_ij = (1/n) ∂ℓ/∂z_ij at the present particles, into `weights` (n × k). Returns the mean loss; not finite numbers
  /// are the driver's to judge.
  double loss_weights(std::vector<double>& weights);
  /// The same over some rows: ω_ij = (1/rows.count) ∂ℓ/∂z_ij, rows.count × k. All rows in order cost no second pass.
  double loss_weights(Rows rows, std::vector<double>& weights);
  /// ω of `count` of the rows from the first-th on; adds their losses to *sum.
  void weigh(Rows rows, int64_t first, int64_t count, const double* z, double* weights, double* sum) const;
  void update(const std::vector<double>& weights, const Update& update);
  void update(Rows rows, const std::vector<double>& weights, const Update& update);
  /// The same with `rate` times `correction` taken off: one step, projected once where there is a sphere.
  void update(Rows rows, const std::vector<double>& weights, const Update& update, const Field& correction,
              double rate);
  /// A step of particles and velocities; `drift` is G of the particles.
  void kinetic(const Kinetic& step, Field& velocities, const Field& drift);
  /// `loss_weights` and `update` in one go, which computes each neuron only once (kernels.h: step); `weights` is room for
  /// ω. Returns the mean loss at the particles before the update.
  double descend(Rows rows, std::vector<double>& weights, const Update& update);
  /// Replaces all particles by draws from N(0, initialVariance·I).
  void draw_initial(Stream stream, uint64_t step);
  /// Replaces what a field holds by draws from N(0, variance·I).
  void draw(Field& field, double variance, Stream stream, uint64_t step);
  void write_particles(const float* particles);
  /// Operations of this problem's networks poll the token from now on and throw Cancelled; nullptr: they always finish.
  void interrupt_with(const CancelToken* cancel);
  /// A second network of the same shape, made when first asked for.
  Network& companion();
  /// M × p standard normals ξ_{r,c} = field.normal(step, r, c), drawn by the backend.
  std::vector<float> normals(Stream stream, uint64_t step);

  Evaluation evaluate_train();
  Evaluation evaluate(const Targets& other) const { return evaluate(network, other); }
  Evaluation evaluate(const Network& shown, const Targets& on) const;

 private:
  void draw(double variance, Stream stream, uint64_t step);
  void precondition(Rows rows, const std::vector<double>& weights, const Update& update);
  bool is_all(Rows rows) const { return !rows.index && rows.count == train.rows; }
  Evaluation evaluate(const Targets& on, const std::vector<double>& z) const;

  const double finalRidge_ = ridge, finalEntropy_ = entropy;
  std::unique_ptr<Network> companion_;
  std::unique_ptr<Normals> normals_;
  const CancelToken* cancel_ = nullptr;
  std::vector<double> z_;
  bool fresh_ = false;
};

}  // namespace meanfield
