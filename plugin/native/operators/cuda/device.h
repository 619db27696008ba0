// SPDX-License-Identifier: MIT
// What attention.cpp and messages.cpp find in namespace physrep_cuda in place of form.cpp's.
//
// Checks, padding, outputs and autograd of the operators are the same on every device.
// operators.cpp compiles these two files a second time, with the names below, as kernels.cpp is
// compiled for every instruction set. check_graph and split are objects: functions of the same name
// in physrep would be found as well, through the type of their argument.

#ifndef PHYSREP_CUDA_DEVICE_H
#define PHYSREP_CUDA_DEVICE_H

#include <functional>
#include <vector>

#include "../form.h"
#include "../saving.h"

namespace physrep_cuda {

using physrep::AttentionArgs;
using physrep::Block;
using physrep::Form;
using physrep::Graph;
using physrep::Kernels;
using physrep::MessageArgs;
using physrep::Shared;
using physrep::Tensor;
using physrep::Tensors;

using physrep::check_like;
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

const Kernels &kernels();

}  // namespace physrep_cuda

#endif
