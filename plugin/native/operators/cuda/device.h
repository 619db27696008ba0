// SPDX-License-Identifier: MIT
// What attention.cpp, messages.cpp, structure_factors.cpp and mesh.cpp find in namespace physrep_cuda
// in place of form.cpp's and structure_sums.cpp's.
//
// Checks, padding, outputs and autograd of the operators are the same on every device.
// operators.cpp compiles these files a second time, with the names below, as kernels.cpp is
// compiled for every instruction set. check_graph and split are objects: functions of the same name
// in physrep would be found as well, through the type of their argument.

#ifndef PHYSREP_CUDA_DEVICE_H
#define PHYSREP_CUDA_DEVICE_H

#include <functional>
#include <utility>
#include <vector>

#include "../differentiable.h"
#include "../form.h"
#include "../saving.h"
#include "../structure_sums.h"

namespace physrep_cuda {

using physrep::AttentionArgs;
using physrep::Block;
using physrep::Form;
using physrep::Graph;
using physrep::Kernels;
using physrep::MeshArgs;
using physrep::MessageArgs;
using physrep::Shared;
using physrep::Tensor;
using physrep::Tensors;

using physrep::MESH_SCRATCH;
using physrep::MOST_ORDER;

using physrep::check_like;
using physrep::differentiable;
using physrep::evaluate;
using physrep::for_each_block;
using physrep::pad;
using physrep::rows;
using physrep::worth_keeping;

struct CheckGraph {
  void operator()(const Graph &graph) const;
};
inline constexpr CheckGraph check_graph;

// One block: the groups of lanes share the centres among themselves.
struct Split {
  std::vector<Block> operator()(const Graph &graph) const;
};
inline constexpr Split split;

// One range: everything.
void for_each_range(int64_t n, int64_t least, const std::function<void(int64_t, int64_t)> &work);

std::pair<Tensor, Tensor> sorted_by_row(const Tensor &row_of, int64_t n_rows);

// charges.cpp; the sums as in structure_sums.h.
void mesh_starts(const MeshArgs &a, int64_t first, int64_t last);
void mesh_weights(const MeshArgs &a, int64_t first, int64_t last);
void mesh_rows(const MeshArgs &a, int64_t first, int64_t last);
void mesh_gather(const MeshArgs &a, int64_t first, int64_t last);
Tensor sums_over_atoms(const Tensor &fractional, const Tensor &charges, const Tensor &indices);
Tensor sums_over_vectors(const Tensor &fractional, const Tensor &factors, const Tensor &indices);

const Kernels &kernels();

}  // namespace physrep_cuda

#endif
