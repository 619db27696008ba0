// SPDX-License-Identifier: MIT

#include "resources.h"

#include "model.h"

#include <torch/cuda.h>

namespace physrep {

c10::Device find_device(const std::string &name, int local_rank) {
  if (name == "cpu") return c10::Device(c10::kCPU);
  if (name != "cuda") throw ModelError("device '" + name + "' is unknown: choose cpu or cuda");
  const auto n_devices = torch::cuda::is_available() ? torch::cuda::device_count() : 0;
  if (n_devices == 0)
    throw ModelError("device cuda was asked for, but PyTorch finds no usable GPU here (process " +
                     std::to_string(local_rank) +
                     " of this node): use 'device cpu', or check nvidia-smi and that PyTorch is a "
                     "CUDA build that "
                     "fits the driver");
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(local_rank % n_devices));
}

}  // namespace physrep
