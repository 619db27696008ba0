// SPDX-License-Identifier: MIT
// A scalar form of several tensors and its derivatives of first and second order, as an operator
// with autograd. kernels.h says which forms there are.
//
// The operator's forward pass is the derivative of the form with respect to the `targets`, in which
// the form is linear; its backward pass has the gradients of the output for targets and gives the
// other derivatives. The double backward pass is the change of all derivatives along the gradients
// that come in, which the kernels compute with tangents.

#ifndef PHYSREP_FORM_H
#define PHYSREP_FORM_H

#include <torch/autograd.h>
#include <torch/library.h>
#include <torch/types.h>

#include <functional>
#include <utility>
#include <vector>

#include "kernels.h"

namespace physrep {

using torch::Tensor;
using Tensors = torch::autograd::variable_list;

// The list of edges that a form sums over.
struct Graph {
  Tensor centers, neighbors;  // (n_edges) int64, ascending centres
  int64_t n_centers;
};

struct Form : torch::CustomClassHolder {
  Graph graph;
  std::vector<size_t> targets;  // which of the tensors stand for cotangents
  size_t n_tensors;

  Form(Graph graph, std::vector<size_t> targets, size_t n_tensors)
      : graph(std::move(graph)), targets(std::move(targets)), n_tensors(n_tensors) {}

  // Derivatives with respect to the wanted tensors, undefined elsewhere; with tangents, their
  // changes along these. Absent tensors are undefined; tangents are all empty or as `x`.
  virtual Tensors derivatives(const Tensors &x, const Tensors &tangents,
                              const std::vector<bool> &wanted) = 0;
};

// The derivatives with respect to the targets, differentiable twice in all other tensors.
Tensors evaluate(c10::intrusive_ptr<Form> form, const Tensors &x);

// The kernels for this processor; PHYSREP_SIMD=avx2 or baseline chooses lesser ones.
const Kernels &kernels();

// Splits edges evenly into blocks of whole centres and calls work(k, block) on the threads.
std::vector<Block> split(const Graph &graph);
void for_each_block(const std::vector<Block> &blocks,
                    const std::function<void(size_t, const Block &)> &work);

// Calls work(first, last) on the threads for parts of 0 .. n, of at least `least` each.
void for_each_range(int64_t n, int64_t least, const std::function<void(int64_t, int64_t)> &work);

// Numbers sorted by the row each belongs to, (n) int64, in their order within a row, and where each
// row begins among them, (n_rows + 1).
std::pair<Tensor, Tensor> sorted_by_row(const Tensor &row_of, int64_t n_rows);

// Rows of `width` numbers padded with zeros to whole vectors; undefined stays undefined.
int64_t padded(int64_t width, torch::ScalarType type);
Tensor pad(const Tensor &x);

template <class T> Rows<const T> rows(const Tensor &x, const Tensor &tangent) {
  Rows<const T> out;
  if (x.defined()) out.value = x.const_data_ptr<T>();
  if (tangent.defined()) out.tangent = tangent.const_data_ptr<T>();
  return out;
}

// An output to which several threads may add: each has its own copy, added up in a fixed order.
class Shared {
 public:
  Shared() = default;
  Shared(bool wanted, at::IntArrayRef shape, const torch::TensorOptions &options, size_t copies);
  template <class T> T *of(size_t block) {
    return copies_.defined() ? copies_.data_ptr<T>() + block * stride_ : nullptr;
  }
  Tensor total() const;

 private:
  Tensor copies_;
  int64_t stride_ = 0;
};

void check_graph(const Graph &graph);
void check_like(const Tensor &x, const Tensor &like, const char *name);

}  // namespace physrep

#endif
