// Which backend, device and precision a request asks for.
#pragma once
#include <string>

#include "native/core/errors.h"
#include "native/kernels/devices.h"
#include "native/kernels/kernels.h"

namespace meanfield {

/// Where a network computes.
struct Machine {
  const Backend* backend;
  int device;
  Precision precision;
  uint64_t devices = 0;  // more than one: sharded over these

  NetworkShape place(NetworkShape shape) const {
    shape.device = device;
    shape.devices = devices;
    shape.precision = precision;
    return shape;
  }
};

/// Throws InvalidOption for an unknown backend, instruction set or precision; Device where it cannot be used.
inline Machine choose_machine(const std::string& backend, const std::string& isa, const std::string& precision) {
  int chosen = 0;
  while (chosen < 3 && precision != kPrecisionNames[chosen]) ++chosen;
  if (chosen == 3)
    throw Error(ErrorCode::InvalidOption, "precision is '" + precision + "'; expected 'float32', 'tf32' or 'bf16'.");
  if (const uint64_t devices = cuda_device_set(backend)) {
    int first = 0;
    while (!(devices >> first & 1)) ++first;
    const Precision how = static_cast<Precision>(chosen);
    if (devices >> first == 1) return {cuda_backend(first), first, how};
    return {sharded_cuda_backend(devices), first, how, devices};
  }
  if (chosen != 0)
    throw Error(ErrorCode::InvalidOption, "precision is '" + precision +
                                              "', which only a CUDA device has; the backend is '" + backend +
                                              "'. Use precision 'float32'.");
  if (backend == "reference") return {reference_backend(), 0, Precision::Float32};
  if (backend != "cpu")
    throw Error(ErrorCode::InvalidOption,
                "backend is '" + backend + "'; expected 'cpu', 'cuda', 'cuda:N', 'cuda:N,N' or 'reference'.");
  if (isa.empty()) return {cpu_backend(), 0, Precision::Float32};
  if (const Backend* found = cpu_backend(isa.c_str())) return {found, 0, Precision::Float32};
  std::string known;
  for (int i = 0; i < cpu_isa_count(); ++i)
    if (cpu_isa_supported(i)) known += std::string(known.empty() ? "'" : ", '") + cpu_isa_name(i) + "'";
  throw Error(ErrorCode::InvalidOption, "isa is '" + isa + "'; this machine runs " + known + ".");
}

}  // namespace meanfield
