// Marks functions that the CUDA compiler builds for the device as well; nothing to any other compiler.
#pragma once

#ifdef __CUDACC__
#define MEANFIELD_HOST_DEVICE __host__ __device__
#else
#define MEANFIELD_HOST_DEVICE
#endif
