#include "native/finite_sum/restricted.h"

#include <cmath>

namespace meanfield {

MarginLine::MarginLine(const FiniteSum& f, const Pass& at, int c)
    : z(static_cast<size_t>(f.n)), u(z.size(), 0.0), g(z.size()), h(z.size()), f_(f), labels_(f.y.values),
      at_(z.size()) {
  for (int64_t i = 0; i < f.n; ++i) z[i] = at.margins[i * f.k + c];
  if (f.k > 1 || f.y.classes) {
    for (int64_t i = 0; i < f.n; ++i) own_.push_back(f.target(i, c));
    labels_ = own_.data();
  }
  loss = evaluate(0);
}

double MarginLine::evaluate(double t) {
  for (int64_t i = 0; i < f_.n; ++i) at_[i] = z[i] + t * u[i];
  if (f_.loss.kind == LossKind::Logistic)
    return f_.x.kernels().logistic(at_.data(), labels_, f_.weights, f_.n, g.data(), h.data()).value /
           static_cast<double>(f_.n);
  // Piecewise quadratic losses have flat parts; a floor keeps the model from running away there.
  const double floor =
      f_.loss.kind == LossKind::Poisson || f_.loss.kind == LossKind::Squared ? 0 : 0.05 * f_.loss.smoothness();
  double sum = 0;
  for (int64_t i = 0; i < f_.n; ++i) {
    const double weight = f_.weight(i);
    sum += weight * f_.loss.value(&at_[i], &labels_[i], 1);
    g[i] = weight * f_.loss.derivative(at_[i], labels_[i]);
    h[i] = weight * std::max(f_.loss.curvature(at_[i], labels_[i]), floor);
  }
  return sum / static_cast<double>(f_.n);
}

double MarginLine::search(const Sweeps& sweeps, const Vector& delta) {
  double slope = 0;
  for (int64_t i = 0; i < f_.n; ++i) slope += g[i] * u[i];
  slope /= static_cast<double>(f_.n);
  const auto penalty = [&](double step) {
    double sum = 0;
    for (size_t a = 0; a < delta.size(); ++a)
      if (!sweeps.free[a]) sum += sweeps.regularizer.value(sweeps.w[a] + step * delta[a]);
    return sum;
  };
  const double here = penalty(0), before = loss + here, decrease = slope + penalty(1) - here;
  // Close to the optimum the decrease is lost in the rounding of the objective; the full step is then as good as any.
  const double rounding = 1e-15 * std::fabs(before);
  if (!(decrease < rounding)) return 0;
  for (double step = 1; step > 1e-8; step /= 2) {
    const double after = evaluate(step);
    if (after + penalty(step) <= before + 1e-4 * step * decrease + rounding) {
      loss = after;
      z.swap(at_);
      return step;
    }
  }
  return 0;
}

}  // namespace meanfield
