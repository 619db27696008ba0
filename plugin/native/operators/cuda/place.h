// SPDX-License-Identifier: MIT
// Where the memory of a kernel's arguments lies, and what a launch has to say.

#ifndef PHYSREP_CUDA_PLACE_H
#define PHYSREP_CUDA_PLACE_H

#include <torch/types.h>

#ifndef PHYSREP_EMULATED
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace physrep_cuda {
namespace {

#ifdef PHYSREP_EMULATED
constexpr auto DEVICE = c10::DeviceType::CPU;
constexpr int64_t MOST_COPIES = 5;  // fewer than a test has centres

// The processor's memory.
struct Place {
  explicit Place(const void *) {}
  void *stream() const { return nullptr; }
  torch::TensorOptions options() const { return torch::TensorOptions(); }
};
#else
constexpr auto DEVICE = c10::DeviceType::CUDA;
constexpr int64_t MOST_COPIES = 1024;

inline int8_t device_of(const void *memory) {
  cudaPointerAttributes found;
  const auto status = cudaPointerGetAttributes(&found, memory);
  TORCH_CHECK(status == cudaSuccess, "physrep: ", cudaGetErrorString(status));
  return static_cast<int8_t>(found.device);
}

// The GPU whose memory holds an array, made the current one, and the stream that PyTorch uses.
struct Place {
  c10::cuda::CUDAGuard guard;
  explicit Place(const void *memory) : guard(device_of(memory)) {}
  void *stream() const { return c10::cuda::getCurrentCUDAStream().stream(); }
  torch::TensorOptions options() const {
    return torch::TensorOptions().device(guard.current_device());
  }
};
#endif

inline void check_launch(const char *wrong) { TORCH_CHECK(!wrong, "physrep on a GPU: ", wrong); }

}  // namespace
}  // namespace physrep_cuda

#endif
