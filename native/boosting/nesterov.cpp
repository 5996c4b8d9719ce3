#include "native/boosting/nesterov.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "native/core/option_fields.h"

namespace meanfield {

namespace {

constexpr double kFirstRate = 1e-2, kProgress = 1e-3;
constexpr int kHalvings = 40;
constexpr int64_t kPiece = 1 << 16;  // parameters that a thread moves at once

[[noreturn]] void no_rate(double rate, double objective) {
  throw Error(ErrorCode::Diverged, "the inner problem diverges even at the learning rate " + format_option(rate) +
                                       ", from an objective of " + format_option(objective) +
                                       "; scale the features, or raise l2 and embeddingL2.");
}

}  // namespace

void Nesterov::shuffle(uint32_t attempt, uint32_t epoch) {
  order_.resize(static_cast<size_t>(problem_.rows()));
  std::iota(order_.begin(), order_.end(), 0);
  WordStream words = shuffles_(attempt, epoch);
  for (int64_t i = problem_.rows() - 1; i > 0; --i) std::swap(order_[i], order_[words.below(i + 1)]);
}

void Nesterov::step(std::vector<float>& parameters, const int32_t* rows, int64_t count, double rate) {
  gradient_.resize(parameters.size());
  problem_.gradient(parameters.data(), rows, count, gradient_.data());
  rowsSeen_ += static_cast<double>(count);
  const float eta = static_cast<float>(rate), mu = static_cast<float>(options_.momentum),
              shrink = static_cast<float>(problem_.l2());
  const int64_t size = problem_.parameters(), weights = problem_.weights();
  // v ← μ v − η g, then p ← p − η g + μ v: where the momentum will have carried p.
  const auto move = [&](int64_t piece, int) {
    for (int64_t i = piece * kPiece; i < std::min(size, (piece + 1) * kPiece); ++i) {
      const float g = gradient_[i] + (i < weights ? shrink * parameters[i] : 0);
      velocity_[i] = mu * velocity_[i] - eta * g;
      parameters[i] += mu * velocity_[i] - eta * g;
    }
  };
  problem_.pool().run((size + kPiece - 1) / kPiece, move);
}

double Nesterov::tried(std::vector<float> parameters, double rate, uint32_t attempt) {
  restart();
  const int64_t n = problem_.rows();
  int64_t done = 0;
  for (uint32_t epoch = 0; done < options_.searchSteps; ++epoch) {
    shuffle(attempt, epoch);
    for (int64_t at = 0; at < n && done < options_.searchSteps; at += options_.minibatch, ++done)
      step(parameters, order_.data() + at, std::min(options_.minibatch, n - at), rate);
  }
  const double objective = problem_.objective(parameters.data());
  return std::isfinite(objective) ? objective : std::numeric_limits<double>::infinity();
}

double Nesterov::search(const std::vector<float>& parameters) {
  const double start = problem_.objective(parameters.data());
  uint32_t attempt = 0;
  double rate = kFirstRate, best = tried(parameters, rate, attempt++);
  const double twice = tried(parameters, 2 * rate, attempt++);
  if (best > start || twice > start || best < twice) {
    for (int halving = 0;; ++halving) {
      const double smaller = tried(parameters, rate / 2, attempt++);
      if (best <= start && smaller >= best) return rate;
      if (halving == kHalvings) no_rate(rate, start);
      rate /= 2;
      best = smaller;
    }
  }
  rate *= 2;
  best = twice;
  for (int doubling = 0; doubling < kHalvings; ++doubling) {
    const double larger = tried(parameters, 2 * rate, attempt++);
    if (!(larger < best)) break;
    rate *= 2;
    best = larger;
  }
  return rate;
}

double Nesterov::fit(std::vector<float>& parameters, double& rate) {
  const std::vector<float> initial = parameters;
  const int64_t n = problem_.rows();
  const double start = problem_.objective(parameters.data());
  for (uint32_t attempt = 0; attempt <= kHalvings; ++attempt, rate /= 2) {
    parameters = initial;
    restart();
    double objective = start, best = start;
    int64_t idle = 0;
    bool diverged = false;
    for (int64_t epoch = 0; epoch < options_.epochs && !diverged; ++epoch) {
      shuffle(attempt, static_cast<uint32_t>(epoch));
      for (int64_t at = 0; at < n; at += options_.minibatch)
        step(parameters, order_.data() + at, std::min(options_.minibatch, n - at), rate);
      objective = problem_.objective(parameters.data());
      diverged = !(objective < start + std::fabs(start) + 1);
      // Of a negative objective, 0.1 % less is 0.1 % further from 0.
      const bool better = objective < best - kProgress * std::fabs(best);
      idle = better ? 0 : idle + 1;
      if (better) best = objective;
      if (options_.patience > 0 && idle >= options_.patience) break;
    }
    // Above its start with momentum and noise of a rate that was found for other features: the same cure.
    if (!diverged && objective <= start + kProgress * std::fabs(start)) return objective;
  }
  no_rate(rate, start);
}

}  // namespace meanfield
