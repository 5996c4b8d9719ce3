// What algorithms of the family share unless they say otherwise: the iterate is the set of particles in the problem's network.
// An algorithm derives from this and hides what differs.
#pragma once
#include <vector>

#include "native/core/option_fields.h"
#include "native/mean_field/certificate.h"
#include "native/mean_field/constants.h"
#include "native/mean_field/problem.h"

namespace meanfield {

struct ParticleAlgorithm {
  /// What a step tells: gradient evaluations per particle, in units of n.
  struct Info {
    double passes;
  };

  /// η; fills in what was left to 'auto'.
  template <class O>
  static double resolve(O& options, Resolver& resolver) {
    return resolver.step(options.step);
  }
  /// Whether the particles follow a law with a density, which needs a proper prior and allows a certificate.
  template <class O>
  static bool samples(const O&) {
    return true;
  }
  /// Where the present iterate is to be evaluated.
  template <class S>
  static const Network& shown(S&, Problem& problem) {
    return problem.network;
  }
  /// What the objective adds to the mean loss.
  template <class S>
  static double penalty(S&, Problem& problem, const Network& shown) {
    return problem.ridge == 0 ? 0 : problem.ridge * shown.second_moment();
  }
  /// True where the next step may take far longer than the last; see Method.
  template <class S, class O>
  static bool long_step(const S&, const O&) {
    return false;
  }
  /// The particles that are returned: the last.
  template <class S>
  static std::vector<float> particles(const S&, const Problem& problem) {
    return problem.network.read_particles();
  }
  /// What the certificate is about.
  template <class S>
  static Subject subject(S&, Problem& problem) {
    return network_subject(problem, problem.network);
  }
  /// Sets or checks options of the model; `targets` are those of the training rows. Throws InvalidOption.
  template <class O>
  static void adapt(const O&, NetworkOptions&, const double*, int64_t) {}

 protected:
  /// For algorithms whose law lives in the whole space, and why.
  static void needs_free_weights(const NetworkOptions& model, const char* algorithm, const char* why) {
    if (model.geometry != Geometry::Free)
      throw Error(ErrorCode::InvalidOption, std::string(algorithm) + ": geometry is 'sphere'; expected 'free', since " +
                                                why + ". The other algorithms run on the sphere.");
  }
  /// For algorithms whose moves are their own.
  static void needs_plain_steps(const NetworkOptions& model, const char* algorithm) {
    if (model.preconditioner != Preconditioning::None && !model.preconditionPrior)
      throw Error(ErrorCode::InvalidOption,
                  std::string(algorithm) +
                      ": its steps cannot be preconditioned; expected preconditionPrior true, which maps the "
                      "inputs, or one of langevin, sgd-langevin, dual-averaging and fictitious-play.");
  }
};

}  // namespace meanfield
