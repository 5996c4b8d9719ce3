// The instruction set of linear models: the one that cpu_backend() has chosen.
#include <cstring>

#include "native/kernels/kernels.h"
#include "native/kernels/linear_kernels.h"

namespace meanfield {

namespace cpu {
#if defined(__x86_64__)
namespace avx512 {
const LinearKernels* linear();
}
namespace avx2 {
const LinearKernels* linear();
}
namespace baseline {
const LinearKernels* linear();
}
#else
namespace neon {
const LinearKernels* linear();
}
#endif
}  // namespace cpu

const LinearKernels* linear_kernels(const char* isa) {
#if defined(__x86_64__)
  const LinearKernels* const all[] = {cpu::avx512::linear(), cpu::avx2::linear(), cpu::baseline::linear()};
#else
  const LinearKernels* const all[] = {cpu::neon::linear()};
#endif
  for (const LinearKernels* kernels : all)
    if (std::strcmp(kernels->isa, isa) == 0 && cpu_backend(isa)) return kernels;
  return nullptr;
}

const LinearKernels& linear_kernels() { return *linear_kernels(cpu_backend()->isa); }

}  // namespace meanfield
