// Differential entropy from points, in double.
//
// k nearest neighbours (L. F. Kozachenko, N. N. Leonenko, 1987): with ρ_k(r) the distance of point r to its k-th neighbour
// among M points in R^p and c_p the volume of the unit ball,
//
//     log q̂(θ_r) = ψ(k) − ψ(M) − log c_p − p log ρ_k(r),          Ĥ = −(1/M) Σ_r log q̂(θ_r).
//
// Gaussian mixture: the particles after a Langevin step from centres θ_r have the density (1/M) Σ_r N(·; centre_r, s² I)
// exactly, given the centres; its entropy needs draws but no neighbours, in any dimension.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "native/core/thread_pool.h"
#include "native/kernels/network.h"

namespace meanfield {

/// Where sums over pairs of points are made: on the backend of `network` if it can (a device, in float32), else by the pool,
/// in double.
struct PairWork {
  ThreadPool& pool;
  const CancelToken* cancel = nullptr;
  const Network* network = nullptr;

  bool on_backend() const { return network && network->has_points(); }
};

/// ψ(n), n ≥ 1.
double digamma(int64_t n);
/// log of the volume of the unit ball of R^p.
double log_unit_ball(int64_t p);

struct Mean {
  double value, standardError;
};
/// Mean of independent numbers with its standard error; NaN error for a single number.
Mean mean_of(const std::vector<double>& values);

/// For each query the distance to its k-th nearest point, as a logarithm: −infinity where k points coincide with it.
/// `self[q]` is the index of query q among the points, left out of its own neighbours, or −1; empty: all −1. On the host a
/// k-d tree up to dimension 10, blocked brute force beyond. Throws Cancelled.
std::vector<double> log_neighbour_distances(Points points, Points queries, const std::vector<int64_t>& self,
                                            int neighbours, const PairWork& work);

/// Kozachenko-Leonenko at `queries` of the points, evenly spread. Points with a k-th neighbour at distance 0 are counted as
/// duplicates and left out.
struct DensityEstimate {
  std::vector<int64_t> at;         // indices of the points that are not duplicates
  std::vector<double> logDensity;  // log q̂ there
  int64_t duplicates = 0;
};
DensityEstimate nearest_neighbour_density(Points points, int neighbours, int64_t queries, const PairWork& work);

struct EntropyEstimate {
  double entropy;
  double standardError;
  int64_t duplicates;
};
EntropyEstimate nearest_neighbour_entropy(const float* points, int64_t count, int64_t dimension, int neighbours,
                                          int64_t queries, const PairWork& work);

/// What the nearest-neighbour entropy may be off by, as measured on N(0, I_p) with 2000 points: 0.05 for p ≤ 5, 0.2 for
/// p ≤ 10, infinite beyond (1.4 at p = 20).
double nearest_neighbour_bias(int64_t p);

/// What a two-sample divergence may be too low by, beyond that: neighbours in p dimensions see a distance of D nats only in part,
/// 1.5 (k/M)^(1/p) of the estimate D, as measured on products of 2 to 10 densities (examples/certificate-estimators.mjs).
double two_sample_bias(int64_t p, int64_t count, int neighbours, double divergence);

/// log of (1/M) Σ_r N(y; centre_r, variance·I) at each query. Throws Cancelled.
std::vector<double> mixture_log_density(Points centres, double variance, Points queries, const PairWork& work);

/// KL(q‖p) from M points of q and S of p (Wang, Kulkarni, Verdú 2009): (dim/M) Σ_r log(ν_k(r)/ρ_k(r)) + log(S/(M−1)), with
/// ν the distance to the k-th point of p; one number for each point of q that has distinct neighbours.
std::vector<double> two_sample_divergences(Points q, Points p, int neighbours, int64_t queries, const PairWork& work);

}  // namespace meanfield
