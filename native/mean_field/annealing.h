// Schedules of the temperature (L. Chizat, TMLR 2022, arXiv 2202.01009; Suzuki, Wu, Oko, Nitanda, NeurIPS 2023): factors f(s) ≤ 1
// with f(0) = 1.
#pragma once
#include <cmath>

namespace meanfield {

enum class Annealing { Constant, Geometric, Logarithmic, Harmonic };

/// Constant 1, geometric rounds 2^−⌊s⌋, logarithmic 1/log(e + s), harmonic 1/(1 + s).
inline double annealing_factor(Annealing kind, double s) {
  switch (kind) {
    case Annealing::Geometric: return std::exp2(-std::floor(s));
    case Annealing::Logarithmic: return 1 / std::log(std::exp(1.0) + s);
    case Annealing::Harmonic: return 1 / (1 + s);
    default: return 1;
  }
}

}  // namespace meanfield
