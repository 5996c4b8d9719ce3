// The convex finite sum
//
//     P(w) = F(w) + R(w),   F(w) = (1/n) Σ_i c_i ℓ(X_i w + b, y_i),   R(w) = Σ_j λ1|w_j| + (λ2/2) w_j²   (+ w ≥ 0)
//
// over k outputs: w is k × p, class after class, p = d + 1 with an intercept (the last number of each class, which is not
// penalised). Scalar losses act on each output apart, so that one-vs-rest is k problems that share every row read;
// softmax couples them. Weights c_i have mean 1. The inner problems of Catalyst and APPA add (κ/2)‖w − a‖².
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "native/core/cancel.h"
#include "native/core/errors.h"
#include "native/core/option_fields.h"
#include "native/core/ordered_sum.h"
#include "native/core/thread_pool.h"
#include "native/finite_sum/data_rows.h"
#include "native/kernels/linear_device.h"
#include "native/problem/losses.h"
#include "native/problem/regularizers.h"

namespace meanfield {

using Vector = std::vector<double>;

struct LinearTargets {
  const double* values = nullptr;  // n (or n × k for scalar losses of k outputs)
  bool classes = false;            // scalar loss on class indices: +1 for the output's own class, −1 for the others
};

/// What a full pass at w leaves: everything that a snapshot and a certificate need.
struct Pass {
  Vector gradient;     // ∇F(w), k × p
  Vector derivatives;  // c_i ∂ℓ/∂z at row i, n × k
  Vector curvatures;   // c_i ∂²ℓ/∂z², n × k; only when asked for
  Vector margins;      // n × k; only when asked for
  bool keepMargins = false;
  LossSums sums;
  /// The same numbers of the rows on a device; the vectors above are then empty until they are brought.
  HeldNumbers heldDerivatives, heldCurvatures;

  void bring() {
    if (heldDerivatives && derivatives.empty()) derivatives = heldDerivatives->read();
    if (heldCurvatures && curvatures.empty()) curvatures = heldCurvatures->read();
  }

  template <class V>
  void visit(V& v) {
    bring();
    heldDerivatives = heldCurvatures = nullptr;  // what is read from a checkpoint is sent when it is needed
    v(gradient);
    v(derivatives);
    v(sums.value);
    v(sums.conjugate);
  }
};

struct Constants {
  Vector rows;      // L_i = c_i · smoothness · (‖x_i‖² + 1 with intercept)
  double max = 0;   // L_max
  double mean = 0;  // L̄
  double full = 0;  // L_F, of the mean loss, estimated by power iteration
};

class CompressedColumns;

class FiniteSum {
 public:
  DataRows x;
  LinearTargets y;
  const double* weights = nullptr;  // c_i with mean 1; null: ones
  Loss loss;
  int k = 1;
  bool intercept = true;
  Regularizer regularizer;
  int64_t n = 0, d = 0, p = 0, size = 0;  // size = k p
  uint64_t seed = 0;
  ThreadPool* pool = nullptr;
  const CancelToken* cancel = nullptr;
  std::shared_ptr<LinearDevice> device;  // where full passes and minibatches are computed; null: here

  std::shared_ptr<const CompressedColumns> compressed;  // made by who first wants it
  double tolerance = 0;                                 // relative gap that is asked for; 0: unknown

  double kappa = 0;  // of (κ/2)‖w − anchor‖²
  const Vector* anchor = nullptr;

  bool checked = true;   // the rows; false: the first full pass is to check them
  int64_t examples = 0;  // gradients of single examples evaluated so far
  double queries = 0;    // minibatches asked for; a full gradient counts n/b of them

  FiniteSum(DataRows rows, LinearTargets targets, Loss loss, int outputs, bool intercept, Regularizer regularizer,
            ThreadPool* pool);

  bool coupled() const { return loss.kind == LossKind::Softmax; }
  double weight(int64_t i) const { return weights ? weights[i] : 1; }
  double target(int64_t i, int c) const {
    if (coupled()) return y.values[i];
    if (y.classes) return y.values[i] == c ? 1 : -1;
    return y.values[i * k + c];
  }
  /// z_c = ⟨x_i, w_c⟩ + b_c
  void margins(int64_t i, const double* w, double* z) const {
    for (int c = 0; c < k; ++c) z[c] = x.dot(i, w + c * p) + (intercept ? w[c * p + d] : 0);
  }
  /// v ← v + Σ_c a_c x_i e_cᵀ
  void add(int64_t i, const double* a, double* v) const {
    for (int c = 0; c < k; ++c) {
      if (a[c] == 0) continue;
      x.axpy(i, a[c], v + c * p);
      if (intercept) v[c * p + d] += a[c];
    }
  }
  /// c_i ∂ℓ/∂z at margins z, into g; both k numbers.
  void derivative(int64_t i, const double* z, double* g) const;
  double squared_norm(int64_t i) const { return x.squared_norm(i) + (intercept ? 1 : 0); }

  bool penalised(int64_t coordinate) const { return !intercept || coordinate % p != d; }
  /// Strong convexity that the regularizer is sure of: λ2 + κ.
  double strong() const { return regularizer.l2 + kappa; }
  /// prox of R + (κ/2)w²: the linear part of the anchor belongs to the drift.
  double prox(double v, double t, bool penalty) const {
    if (!penalty) return kappa > 0 ? v / (1 + t * kappa) : v;
    const double shrunk = soft_threshold(v, t * regularizer.l1);
    return (regularizer.nonNegative && shrunk < 0 ? 0 : shrunk) / (1 + t * strong());
  }
  /// w ← prox_t(w − t·(a + b)) for all coordinates; b may be null.
  void prox_step(const double* from, double t, const double* a, const double* b, double* w) const;
  /// ∇F − κ·anchor: what a coordinate sees between two visits.
  void drift(const Pass& pass, Vector& out) const;

  double penalty(const double* w) const;
  double objective(const Pass& pass, const double* w) const {
    return pass.sums.value / static_cast<double>(n) + penalty(w);
  }

  /// The objective of this problem, (κ/2)‖w − anchor‖² included.
  double anchored_objective(const Pass& pass, const double* w) const {
    double sum = 0;
    if (kappa > 0)
      for (int64_t j = 0; j < size; ++j) sum += (w[j] - (*anchor)[j]) * (w[j] - (*anchor)[j]);
    return objective(pass, w) + kappa / 2 * sum;
  }

  /// Throws InvalidData where the rows are not what they should be, once.
  void check_rows();
  /// ∇F(w), derivatives and the two sums, in one reading of the data. `counted` adds n examples and n/minibatch queries.
  void pass(const double* w, Pass& out, bool curvatures = false);
  /// Puts the data on these devices (bit i for device i), where everything that reads all rows is computed from then on.
  void move_to(const LinearBackend* backend, uint64_t devices);
  /// Sends derivatives and curvatures to the device where they are not there.
  void send(Pass& pass) const;
  /// Margins of all rows, n × k.
  /// The sums of `pass` and nothing else, on the CPU.
  void losses(const double* w, Pass& out);
  void all_margins(const double* w, double* z);
  /// out = Xᵀ a / n for a of n × k.
  void transposed(const double* a, double* out);
  void count_pass(int64_t minibatch) {
    examples += n;
    queries += static_cast<double>(n) / static_cast<double>(minibatch);
  }
  void count_batch(int64_t minibatch) {
    examples += minibatch;
    queries += 1;
  }
  double passes() const { return static_cast<double>(examples) / static_cast<double>(n); }

  const Constants& constants();
  void poll() const {
    if (cancel && cancel->cancelled()) throw Error(ErrorCode::Cancelled, "cancelled");
  }
  /// Chunks of rows of a full pass, a function of the problem alone.
  int64_t chunks() const { return chunks_; }
  int64_t chunk_begin(int64_t chunk) const { return n / chunks_ * chunk + std::min(chunk, n % chunks_); }
  /// Runs task(chunk, first row, rows after) over the chunks; throws Cancelled.
  void over_chunks(const std::function<void(int64_t, int64_t, int64_t)>& task) const;
  /// total = Σ of what task(chunk, first row, rows after, part) adds to k·p zeros, in the order of the chunks.
  void sum_over_chunks(double* total, const std::function<void(int64_t, int64_t, int64_t, double*)>& task) const;

 private:
  void chunk_pass(int64_t first, int64_t last, const double* w, Pass& out, bool curvatures, double* gradient,
                  LossSums& sums) const;
  int64_t chunks_ = 1;
  std::shared_ptr<OrderedSum> sums_ = std::make_shared<OrderedSum>();  // over the chunks
  std::shared_ptr<Constants> constants_;
};

/// Fenchel's gap. The dual point is the derivatives, moved inside the constraints of the dual: balanced when there is an
/// intercept, shrunk when λ2 = 0. Always primal − dual ≥ P(w) − min P.
struct DualBound {
  double primal = 0;
  double dual = 0;  // −∞ when no regularizer bounds the dual
  double gap = 0;
  Vector point;  // v = −Xᵀg'/n of the dual point, k × d
};
/// Sums over the data that a balanced dual point needs; computed once.
struct DualAnchors {
  Vector negative, positive;          // Xᵀ g⁰/n of the two extreme dual points of each output, k × d
  Vector negativeMean, positiveMean;  // their means
  Vector classSum, columnSum;         // softmax: Σ_{i in class c} c_i x_i / n (k × d), Σ_i c_i x_i / n (d)
  Vector frequency;                   // softmax: weighted class frequencies
};
DualAnchors dual_anchors(FiniteSum& f);
DualBound dual_bound(const FiniteSum& f, const DualAnchors& anchors, const Pass& pass, const double* w);

}  // namespace meanfield
