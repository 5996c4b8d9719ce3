// The seam between the methods of linear models and a device that holds their data: a table of functions, versioned with
// that of kernels.h.
//
// The device holds X (n × d, dense or CSR), targets and sample weights. Of the convex finite sum of finite_sum/problem.h it does
// what reads the data: margins X w + b, losses and their derivatives, products with Xᵀ. What crosses are vectors of k × p numbers,
// p = d + 1 with an intercept, class after class. Numbers of the rows (n × k: derivatives, curvatures) stay on the device in
// slots. Arithmetic is in double, whatever the format of the data; every sum has an order fixed by the shape of the data alone.
#pragma once
#include <cstdint>

#include "native/core/cancel.h"
#include "native/kernels/kernels.h"
#include "native/kernels/linear_kernels.h"
#include "native/problem/losses.h"

namespace meanfield {

/// Memory belongs to the caller and is copied by `open`.
struct LinearShape {
  int64_t rows, features;
  int32_t outputs;              // k
  bool intercept;               // a column of ones after the features
  bool single;                  // numbers of X in float32, else float64
  const void* values;           // dense: rows `stride` numbers apart; CSR: the stored numbers
  int64_t stride;               // dense
  const int32_t* columns;       // CSR
  const int64_t* starts;        // CSR: rows + 1 numbers, from 0; null: dense
  const double* targets;        // n, or n × k for scalar losses of k outputs
  bool classes;                 // scalar loss on class indices: +1 for the output's own class, −1 for the others
  const double* sampleWeights;  // n with mean 1; null: ones
  Loss loss;
  int32_t device;
  uint64_t devices;  // a sharded backend: bit i for device i

  int64_t targets_of_row() const { return loss.kind == LossKind::Softmax || classes ? 1 : outputs; }
};

/// How derivatives g become a dual point (finite_sum/dual_bound.cpp): g' = keep_c g + share_c g⁰, g⁰ the extreme derivative of
/// this sign; softmax: the distribution g + e_y becomes keep_0 of it + classes. Then both are shrunk towards 0 by `scale`.
struct DualMix {
  const double* keep;     // k
  const double* share;    // k
  const int32_t* sign;    // k; 0: nothing is mixed in
  const double* classes;  // k, softmax; null: nothing is mixed in
  double scale;
};
/// Over rows of positive weight c_i: Σ c_i ℓ*(scale·g'_i/c_i, y_i), and for scalar losses Σ g'²/c_i and Σ g' y_i.
struct DualSums {
  double conjugate, squares, product;
};

constexpr int32_t kNoSlot = -1;

struct LinearBackend {
  uint32_t version;  // kBackendVersion
  const char* isa;   // generation of the device; "several devices"

  Status (*open)(const LinearShape* shape, void** sum);
  void (*close)(void* sum);

  /// One full pass at w: gradient (k × p) of the mean loss, the two sums, and new slots with the derivatives c ∂ℓ/∂z and, where
  /// `curvatures` is not null, the curvatures c ∂²ℓ/∂z² of a scalar loss.
  Status (*pass)(void* sum, const double* w, const CancelToken* cancel, double* gradient, LossSums* sums,
                 int32_t* derivatives, int32_t* curvatures);
  /// out (k × p) = Σ_r factor·scale_r (c ∂ℓ/∂z(X_i w + b) − snapshot_i) x_i over rows i = rows[r]; snapshot a slot, or kNoSlot: 0.
  Status (*batch)(void* sum, const int64_t* rows, const double* scale, int64_t count, const double* w, int32_t snapshot,
                  double factor, const CancelToken* cancel, double* out);
  /// out = Xᵀ(h ∘ X v)/n, h the Hessian of the losses: the curvatures of a slot, or for softmax from its derivatives.
  Status (*hessian_times)(void* sum, const double* v, int32_t derivatives, int32_t curvatures,
                          const CancelToken* cancel, double* out);
  /// out = the diagonal of the same matrix Xᵀ h X/n.
  Status (*hessian_diagonal)(void* sum, int32_t derivatives, int32_t curvatures, const CancelToken* cancel,
                             double* out);
  /// out = Xᵀ a/n for the numbers of a slot.
  Status (*transposed)(void* sum, int32_t a, const CancelToken* cancel, double* out);
  Status (*dual_sums)(void* sum, int32_t derivatives, const DualMix* mix, const CancelToken* cancel, DualSums* out);

  /// n × k numbers of a slot, row after row.
  Status (*read)(void* sum, int32_t slot, double* numbers);
  Status (*write)(void* sum, const double* numbers, int32_t* slot);
  void (*release)(void* sum, int32_t slot);

  /// As Backend::message.
  const char* (*message)();
};

}  // namespace meanfield
