// The part of gpu_check.cpp about finite sums of linear models: a pass and a minibatch on the device beside those of the CPU.
#pragma once
#include <algorithm>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "native/finite_sum/problem.h"
#include "native/finite_sum/sampling.h"
#include "test/native/linear_cases.h"

namespace meanfield {
namespace linear_timings {

struct Shape {
  int64_t n, d;
  int outputs;
  LossKind loss;
  int64_t perRow;  // stored numbers of a sparse row; 0: dense
};
inline const std::vector<Shape>& shapes() {
  static const std::vector<Shape> shapes = {{1000000, 100, 1, LossKind::Logistic, 0},
                                            {1000000, 10, 1, LossKind::Squared, 0},
                                            {60000, 784, 10, LossKind::Softmax, 0},
                                            {700000, 50000, 1, LossKind::Logistic, 75}};
  return shapes;
}

/// Data in float32: uniform numbers of variance 1; sparse columns drawn with a density that falls like 1/j.
struct Data {
  std::vector<float> values;
  std::vector<int32_t> columns;
  std::vector<int64_t> starts{0};
  std::vector<double> targets;

  explicit Data(const Shape& s) {
    uint64_t state = 0x9E3779B97F4A7C15u;
    const auto uniform = [&] {  // xorshift: some hundred million numbers in a second
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      return static_cast<double>(state >> 11) * 0x1p-53;
    };
    for (int64_t i = 0; i < s.n; ++i) {
      targets.push_back(s.loss == LossKind::Softmax ? std::floor(uniform() * s.outputs) : uniform() < 0.5 ? -1 : 1);
      if (s.perRow == 0) {
        for (int64_t j = 0; j < s.d; ++j) values.push_back(static_cast<float>(3.4641 * (uniform() - 0.5)));
        continue;
      }
      std::vector<int32_t> row;
      for (int64_t e = 0; e < s.perRow; ++e)
        row.push_back(static_cast<int32_t>(std::min(s.d - 1.0, std::pow(static_cast<double>(s.d), uniform()) - 1)));
      std::sort(row.begin(), row.end());
      row.erase(std::unique(row.begin(), row.end()), row.end());
      columns.insert(columns.end(), row.begin(), row.end());
      values.resize(columns.size(), 1.0f);
      starts.push_back(static_cast<int64_t>(columns.size()));
    }
  }
  DataRows rows(const Shape& s) const {
    if (s.perRow == 0) return DataRows(MatrixView<const float>(values.data(), s.n, s.d));
    return DataRows(CsrView<float, int64_t>{values.data(), columns.data(), starts.data(), s.n, s.d});
  }
};

/// Seconds of a full pass and of a minibatch, on the device and with all threads of the CPU.
struct Timing {
  double pass[2], batch[2];
  int64_t minibatch;
  double bytes;  // of the data, read once by a pass
};
template <class Timed>
Timing time(const Shape& s, const LinearBackend* backend, int device, const Timed& timed) {
  const Data data(s);
  ThreadPool pool(available_parallelism());
  FiniteSum sum(data.rows(s), {data.targets.data(), false}, {s.loss, 1}, s.outputs, true, {0, 1e-4, false}, &pool);
  Timing timing{};
  timing.minibatch = s.n / 50;
  timing.bytes = static_cast<double>(data.values.size() * 4 + data.columns.size() * 4);
  const Vector w(static_cast<size_t>(sum.size), 0.01);
  for (int on = 0; on < 2; ++on) {
    if (on == 0)
      sum.move_to(backend, uint64_t{1} << device);
    else
      sum.device = nullptr;
    Pass pass;
    timing.pass[on] = timed([&] { sum.pass(w.data(), pass); });
    Batch batch(sum);
    Sampler sampler(sum, Sampling::Uniform);
    sampler.draw(WordStream(1, Stream::Minibatch, 0), timing.minibatch, batch.rows, batch.scale);
    timing.batch[on] = timed([&] {
      batch.gradient(sum, w.data(), &pass);
      std::fill(batch.sum.begin(), batch.sum.end(), 0.0);
    });
  }
  return timing;
}

/// One line of the record.
template <class Timed>
std::string line(const Shape& s, const LinearBackend* backend, int device, const Timed& timed) {
  const Timing t = time(s, backend, device, timed);
  std::ostringstream json;
  json << "{\"n\": " << s.n << ", \"d\": " << s.d << ", \"outputs\": " << s.outputs << ", \"loss\": \""
       << kLossNames[static_cast<int>(s.loss)] << "\", \"storedPerRow\": " << s.perRow
       << ", \"passSeconds\": " << t.pass[0] << ", \"cpuPassSeconds\": " << t.pass[1]
       << ", \"bytesPerSecond\": " << t.bytes / t.pass[0] << ", \"minibatch\": " << t.minibatch
       << ", \"batchSeconds\": " << t.batch[0] << ", \"cpuBatchSeconds\": " << t.batch[1] << "}";
  return json.str();
}

inline std::string finite(double value) { return std::isfinite(value) ? std::to_string(value) : "null"; }

/// Every case of test/native/linear_cases.h on these devices (bit i for device i); what the record says of it in `json`.
inline bool correct(const LinearBackend* backend, uint64_t devices, std::string* json) {
  linear_cases::LinearErrors worst;
  const std::vector<linear_cases::LinearCase> cases = linear_cases::all_linear_cases();
  for (const linear_cases::LinearCase& c : cases) worst.join(linear_cases::linear_errors(backend, devices, c));
  std::ostringstream text;
  text << "{\"cases\": " << cases.size() << ", \"errorOverBound\": {\"pass\": " << finite(worst.pass)
       << ", \"batch\": " << finite(worst.batch) << ", \"hessian\": " << finite(worst.hessian)
       << ", \"transposed\": " << finite(worst.transposed) << ", \"dual\": " << finite(worst.dual)
       << "}, \"sameBitsTwice\": " << (worst.again ? "true" : "false") << "}";
  *json = text.str();
  std::printf("finite sums (%s): %s\n", backend->isa, json->c_str());
  return worst.all() <= 1;
}

}  // namespace linear_timings
}  // namespace meanfield
