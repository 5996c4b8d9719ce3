#include "native/finite_sum/placement.h"

#include "native/kernels/devices.h"
#include "native/kernels/shards.h"

namespace meanfield {

namespace {

/// Stored numbers times outputs under which 'auto' stays on the CPU: they fit into its caches, and copies and launches would be most of
/// a pass on a device.
constexpr int64_t kSmall = 1 << 20;

}  // namespace

LinearPlace choose_linear_place(const LinearFitRequest& request) {
  LinearPlace place;
  place.asked = !request.fallBack;
  if (request.backend == "cpu") return place;
  place.devices = cuda_device_set(request.backend);
  if (place.devices == 0)
    throw Error(ErrorCode::InvalidOption, "backend is '" + request.backend +
                                              "'; expected 'cpu', 'cuda', 'cuda:N' or 'cuda:N,N' for a linear model.");
  const std::vector<int> numbers = shards::devices_of(place.devices);
  place.name = "cuda:";
  for (int number : numbers) place.name += (place.name.back() == ':' ? "" : ",") + std::to_string(number);
  if (request.on)
    place.backend = request.on;
  else
    place.backend = numbers.size() > 1 ? sharded_linear_cuda_backend(place.devices) : linear_cuda_backend(numbers[0]);
  return place;
}

std::string move_to_place(FiniteSum& f, const LinearPlace& place, const std::string& algorithm,
                          const OptionValues& options, double tolerance) {
  if (!place.backend) return "";
  const bool open = algorithm == kAutoAlgorithm;
  std::string reason;
  if (!(open && place.asked)) {  // with a device asked for, the method is chosen among those that run there
    const AutoChoice method = open ? choose_linear_algorithm(f, tolerance) : AutoChoice{algorithm, options, ""};
    reason = find_linear_algorithm(method.algorithm).bind(method.options).stays(f, place.asked);
    if (!reason.empty()) reason = "algorithm '" + method.algorithm + "' stays on the CPU: " + reason;
  }
  if (place.asked && !reason.empty()) {
    std::string known;
    for (const LinearAlgorithm& each : linear_algorithms())
      if (each.onDevice) known += (known.empty() ? "'" : ", '") + each.name + "'";
    throw Error(ErrorCode::InvalidOption,
                "device is '" + place.name + "', but " + reason +
                    ". Use device 'cpu', algorithm 'auto', or one that runs on a device: " + known + ".");
  }
  if (!place.asked && reason.empty() && f.x.nonZeros * f.k < kSmall)
    reason = "the data are small: " + std::to_string(f.x.nonZeros * f.k) +
             " products a pass, less than what is worth the way to a device";
  if (!reason.empty()) return reason + ".";
  try {
    f.move_to(place.backend, place.devices);
  } catch (const Error& error) {
    if (place.asked) throw;
    return error.what();
  }
  return "";
}

}  // namespace meanfield
