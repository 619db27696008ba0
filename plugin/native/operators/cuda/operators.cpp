// SPDX-License-Identifier: MIT
// torch.ops.physrep.* for tensors on a GPU; loading the library is enough.
//
// library.cpp has the schemas and what CPUs do. skip_norm, norm_swish, invariants and
// vector_products consist of PyTorch's own operators, which run on every device; neighbor_list is
// the processor's, with copies there and back. Compiled with PyTorch 2.9.1 and the headers of CUDA 13.0; not run on a GPU.

#include "device.h"

#define physrep physrep_cuda::of_attention
#include "../attention.cpp"
#undef physrep

#define physrep physrep_cuda::of_messages
#include "../messages.cpp"
#undef physrep

#define physrep physrep_cuda::of_structure_factors
#include "../structure_factors.cpp"
#undef physrep

#define physrep physrep_cuda::of_mesh
#include "../mesh.cpp"
#undef physrep

namespace physrep {

std::tuple<Tensor, Tensor> neighbor_list(const Tensor &positions, const Tensor &frame,
                                         const Tensor &pbc, double cutoff);

}  // namespace physrep

namespace physrep_cuda {

namespace {

// PyTorch's own operators, and its derivatives.
Tensor edge_vectors(const Tensor &positions, const Tensor &cell, const Tensor &edge_index,
                    const Tensor &shifts) {
  TORCH_CHECK(positions.scalar_type() == cell.scalar_type() && positions.is_floating_point(),
              "positions and cell differ in precision: ", positions.scalar_type(), " and ",
              cell.scalar_type());
  const auto ends = positions.index_select(0, edge_index.reshape(-1)).view({2, -1, 3});
  return ends[1] - ends[0] + shifts.to(cell.scalar_type()).matmul(cell);
}

std::tuple<Tensor, Tensor> neighbor_list(const Tensor &positions, const Tensor &frame,
                                         const Tensor &pbc, double cutoff) {
  const auto here = [](const Tensor &x) { return x.detach().cpu(); };
  const auto [index, shifts] =
      physrep::neighbor_list(here(positions), here(frame), here(pbc), cutoff);
  return {index.to(positions.device()), shifts.to(positions.device())};
}

}  // namespace

// Calls add(name, function) for the operators that have something to do on a device.
template <class Add> void for_each_operator(Add &&add) {
  add("attention_weights", &of_attention::attention_weights);
  add("messages", &of_messages::messages);
  add("products", &of_messages::products);
  add("structure_factors", &of_structure_factors::structure_factors);
  add("wave_sums", &of_structure_factors::wave_sums);
  add("mesh_spread", &of_mesh::mesh_spread);
  add("mesh_gather", &of_mesh::mesh_gather);
  add("edge_vectors", &edge_vectors);
  add("neighbor_list", &neighbor_list);
}

}  // namespace physrep_cuda

#ifdef PHYSREP_EMULATED

TORCH_LIBRARY(physrep_emulated, library) {
  physrep_cuda::for_each_operator([&](auto name, auto function) { library.def(name, function); });
}

#else

// Two keys: with autograd the operators make their own graph, in inference mode there is none.
TORCH_LIBRARY_IMPL(physrep, AutogradCUDA, library) {
  physrep_cuda::for_each_operator([&](auto name, auto function) { library.impl(name, function); });
}

TORCH_LIBRARY_IMPL(physrep, CUDA, library) {
  physrep_cuda::for_each_operator([&](auto name, auto function) { library.impl(name, function); });
}

#endif
