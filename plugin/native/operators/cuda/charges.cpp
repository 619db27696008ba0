// SPDX-License-Identifier: MIT
// Starts the kernels of charges on a GPU. Compiled with PyTorch 2.9.1 and the headers of CUDA 13.0;
// not run on a GPU.

#include "device.h"

#include <algorithm>

#include "launch.h"
#include "place.h"

namespace physrep_cuda {

namespace {

using physrep::WaveArgs;

constexpr int64_t MOST_WAVE_PARTS = 64;
constexpr int64_t VECTORS_PER_PART = 32;

void check_device(const Tensor &x) {
  TORCH_CHECK(x.device().type() == DEVICE, "tensors are on ", x.device(), ", expected ", DEVICE);
}

WaveArgs wave_arguments(const Tensor &fractional, const Tensor &indices) {
  check_device(indices);
  WaveArgs a{};
  a.n_atoms = fractional.size(0), a.n_vectors = indices.size(0);
  a.fractional = fractional.const_data_ptr<double>();
  a.indices = indices.const_data_ptr<int64_t>();
  return a;
}

}  // namespace

void mesh_starts(const MeshArgs &a, int64_t, int64_t last) {
  const Place place(a.fractional);
  check_launch(physrep::mesh_starts(a, last, place.stream()));
}
void mesh_weights(const MeshArgs &a, int64_t, int64_t last) {
  const Place place(a.fractional);
  check_launch(physrep::mesh_weights(a, last, place.stream()));
}
void mesh_rows(const MeshArgs &a, int64_t, int64_t last) {
  const Place place(a.mesh);  // there may be no atoms
  check_launch(physrep::mesh_rows(a, last, place.stream()));
}
void mesh_gather(const MeshArgs &a, int64_t, int64_t last) {
  const Place place(a.fractional);
  check_launch(physrep::mesh_gather(a, last, place.stream()));
}

Tensor sums_over_atoms(const Tensor &fractional, const Tensor &charges, const Tensor &indices) {
  auto a = wave_arguments(fractional, indices);
  auto out = torch::zeros({a.n_vectors, 2}, fractional.options().requires_grad(false));
  if (a.n_atoms == 0 || a.n_vectors == 0) return out;
  a.charges = charges.const_data_ptr<double>(), a.sums = out.data_ptr<double>();
  const Place place(a.fractional);
  check_launch(physrep::factor_sums(a, place.stream()));
  return out;
}

Tensor sums_over_vectors(const Tensor &fractional, const Tensor &factors, const Tensor &indices) {
  auto a = wave_arguments(fractional, indices);
  a.n_parts = std::min(MOST_WAVE_PARTS, 1 + a.n_vectors / VECTORS_PER_PART);
  auto parts = torch::zeros({a.n_parts, a.n_atoms, 4}, fractional.options().requires_grad(false));
  if (a.n_atoms > 0 && a.n_vectors > 0) {
    a.factors = factors.const_data_ptr<double>(), a.of_atoms = parts.data_ptr<double>();
    const Place place(a.fractional);
    check_launch(physrep::atom_sums(a, place.stream()));
  }
  return parts.sum(0);
}

}  // namespace physrep_cuda
