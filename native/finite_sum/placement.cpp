#include "native/finite_sum/placement.h"

#include "native/kernels/devices.h"

namespace meanfield {

namespace {

/// Stored numbers times outputs under which 'auto' stays on the CPU: they fit into its caches, and copies and launches would be most of
/// a pass on a device.
constexpr int64_t kSmall = 1 << 20;

}  // namespace

LinearPlace choose_linear_place(const LinearFitRequest& request) {
  LinearPlace place;
  place.asked = !request.fallBack;
  if (request.on) {
    place.backend = request.on;
    place.name = request.backend;
    return place;
  }
  if (request.backend == "cpu") return place;
  const uint64_t devices = cuda_device_set(request.backend);
  if (devices == 0)
    throw Error(ErrorCode::InvalidOption,
                "backend is '" + request.backend + "'; expected 'cpu', 'cuda' or 'cuda:N' for a linear model.");
  while (!(devices >> place.device & 1)) ++place.device;
  if (devices >> place.device != 1)
    throw Error(ErrorCode::InvalidOption, "device is '" + request.backend +
                                              "', but the data of a linear model are on one device; name one of them.");
  place.backend = linear_cuda_backend(place.device);
  place.name = "cuda:" + std::to_string(place.device);
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
    f.move_to(place.backend, place.device);
  } catch (const Error& error) {
    if (place.asked) throw;
    return error.what();
  }
  return "";
}

}  // namespace meanfield
