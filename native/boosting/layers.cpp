#include "native/boosting/layers.h"

#include "native/boosting/chunks.h"
#include "native/boosting/inner_problem.h"

namespace meanfield {

namespace {

// Sums over chunks that are under way at once: a matter of memory, fixed so that threads do not change the order.
constexpr int64_t kSlots = 8;

std::vector<const Perceptron*> pointers(const std::vector<Perceptron>& networks) {
  std::vector<const Perceptron*> list;
  for (const Perceptron& network : networks) list.push_back(&network);
  return list;
}

}  // namespace

int64_t Embeddings::parameters() const {
  int64_t count = 0;
  for (const Perceptron& network : networks_) count += network.weights() + network.biases();
  return count;
}

int64_t Embeddings::matrices() const {
  int64_t count = 0;
  for (const Perceptron& network : networks_) count += network.outputs() * networks_.front().inputs();
  return count;
}

void Embeddings::embed(const float* parameters, size_t branch, const float* input, int64_t rows, Tape& tape,
                       const float*& output) const {
  const BranchParameters at = branch_parameters(pointers(networks_), branch);
  output = networks_[branch].forward(multiply_, parameters + at.weights, parameters + at.biases, input, rows, tape);
}

std::vector<std::vector<double>> Embeddings::products(const std::vector<float>& parameters, MatrixView<const float> z,
                                                      MatrixView<const float> x, MatrixView<const float> gradient,
                                                      const CancelToken* cancel) const {
  const int64_t n = gradient.rows, d = gradient.cols, chunks = chunk_count(n);
  std::vector<std::vector<double>> totals;
  for (size_t b = 0; b < networks_.size(); ++b) {
    const int64_t width = networks_[b].outputs();
    std::vector<std::vector<double>> slots(static_cast<size_t>(std::min(kSlots, chunks)),
                                           std::vector<double>(static_cast<size_t>(width * d)));
    const bool done = multiply_.pool().run(
        static_cast<int64_t>(slots.size()),
        [&](int64_t slot, int) {
          Tape tape;
          std::vector<float> part(static_cast<size_t>(width * d));
          std::vector<double>& sum = slots[static_cast<size_t>(slot)];
          for (int64_t chunk = slot; chunk < chunks; chunk += static_cast<int64_t>(slots.size())) {
            if (cancel) cancel->check();
            const int64_t first = chunk * kChunkRows, rows = std::min(kChunkRows, n - first);
            const float* e = nullptr;
            embed(parameters.data(), b, (b == 0 ? z : x).row(first), rows, tape, e);
            multiply_({width, d, rows, e, 1, width, gradient.row(first), gradient.stride, 1, part.data(), d},
                      tape.product);
            for (size_t at = 0; at < part.size(); ++at) sum[at] += part[at];
          }
        },
        cancel);
    if (!done && cancel) cancel->check();
    for (size_t slot = 1; slot < slots.size(); ++slot)
      for (size_t at = 0; at < slots[0].size(); ++at) slots[0][at] += slots[slot][at];
    totals.push_back(std::move(slots[0]));
  }
  return totals;
}

double Embeddings::direction(const Layer& layer, const float* z, const float* x, int64_t rows, Tape& tape,
                             float* to) const {
  const int64_t d = networks_.front().inputs();
  const float* matrix = layer.matrices.data();
  for (size_t b = 0; b < networks_.size(); ++b) {
    const int64_t width = networks_[b].outputs();
    const float* e = nullptr;
    embed(layer.parameters.data(), b, b == 0 ? z : x, rows, tape, e);
    multiply_({rows, d, width, e, width, 1, matrix, d, 1, to, d, b > 0}, tape.product);
    matrix += width * d;
  }
  double squares = 0;
  for (int64_t at = 0; at < rows * d; ++at) squares += static_cast<double>(to[at]) * to[at];
  return squares;
}

double Embeddings::directions(const Layer& layer, MatrixView<const float> z, MatrixView<const float> x,
                              float* direction_, const CancelToken* cancel) const {
  std::vector<double> parts(static_cast<size_t>(chunk_count(z.rows)));
  std::vector<Tape> tapes(static_cast<size_t>(multiply_.pool().threads()));
  over_chunks(multiply_.pool(), z.rows, cancel, [&](int64_t chunk, int64_t first, int64_t rows, int worker) {
    parts[static_cast<size_t>(chunk)] = direction(layer, z.row(first), x.row(first), rows,
                                                  tapes[static_cast<size_t>(worker)], direction_ + first * z.cols);
  });
  double sum = 0;
  for (double part : parts) sum += part;
  return sum;
}

void Embeddings::apply(const Layer& layer, MatrixView<const float> x, float* z, const CancelToken* cancel) const {
  std::vector<Tape> tapes(static_cast<size_t>(multiply_.pool().threads()));
  over_chunks(multiply_.pool(), x.rows, cancel, [&](int64_t, int64_t first, int64_t rows, int worker) {
    std::vector<float> to(static_cast<size_t>(rows * x.cols));
    float* mine = z + first * x.cols;
    direction(layer, mine, x.row(first), rows, tapes[static_cast<size_t>(worker)], to.data());
    mix(layer, to.data(), rows * x.cols, mine);
  });
}

void mix(const Layer& layer, const float* direction, int64_t count, float* z) {
  for (int64_t at = 0; at < count; ++at) z[at] = layer.keep * z[at] + layer.scale * direction[at];
}

}  // namespace meanfield
