// SPDX-License-Identifier: MIT

#include "pieces.h"

#include <torch/csrc/autograd/autograd.h>

#include <utility>

namespace physrep {

namespace {

using torch::Tensor;

// In place where nothing else holds the sum: columns of all edges are what most memory goes to.
void add_to(Tensor &sum, Tensor term) {
  if (!sum.defined())
    sum = std::move(term);
  else if (sum.use_count() == 1 && sum.storage().use_count() == 1 && sum.is_contiguous())
    sum.add_(term);
  else
    sum = sum + term;
}

}  // namespace

Tensor grad_or_zero(const Tensor &grad, const Tensor &like) {
  return grad.defined() ? grad : torch::zeros_like(like);
}

CutEdges::CutEdges(const c10::IValue &edges, size_t n_sums) : value_(cut(edges)) {
  grads_.assign(n_sums, std::vector<Tensor>(leaves_.size()));
}

std::vector<Tensor> CutEdges::backward(const Piece &piece,
                                       const std::vector<Tensor> &output_grads) {
  std::vector<Tensor> input_grads(grads_.size());
  if (!piece.output.requires_grad()) return input_grads;
  std::vector<Tensor> inputs = leaves_;
  const bool with_input = piece.input.defined() && piece.input.requires_grad();
  if (with_input) inputs.push_back(piece.input);
  for (size_t s = 0; s < grads_.size(); s++) {
    const bool again = s + 1 < grads_.size();
    auto grads =
        torch::autograd::grad({piece.output}, inputs, {output_grads[s]}, again, false, true);
    for (size_t k = 0; k < leaves_.size(); k++) {
      if (grads[k].defined()) add_to(grads_[s][k], std::move(grads[k]));
    }
    if (with_input) input_grads[s] = grads.back();
  }
  return input_grads;
}

std::vector<Tensor> CutEdges::to_vectors(const Tensor &vectors) const {
  std::vector<Tensor> slopes;
  for (size_t s = 0; s < grads_.size(); s++) {
    std::vector<Tensor> outputs, grads;
    for (size_t k = 0; k < sources_.size(); k++) {
      if (!grads_[s][k].defined()) continue;
      outputs.push_back(sources_[k]);
      grads.push_back(grads_[s][k]);
    }
    Tensor slope;
    const bool again = s + 1 < grads_.size();
    if (!outputs.empty())
      slope = torch::autograd::grad(outputs, {vectors}, grads, again, false, true)[0];
    slopes.push_back(grad_or_zero(slope, vectors));
  }
  return slopes;
}

// The same value; each tensor with a gradient, also in tuples within tuples, becomes a leaf.
c10::IValue CutEdges::cut(const c10::IValue &value) {
  if (value.isTuple()) {
    const auto tuple = value.toTuple();
    std::vector<c10::IValue> members;
    for (const auto &member : tuple->elements()) members.push_back(cut(member));
    return c10::ivalue::Tuple::createNamed(std::move(members), tuple->type());
  }
  if (!value.isTensor() || !value.toTensor().requires_grad()) return value;
  sources_.push_back(value.toTensor());
  leaves_.push_back(value.toTensor().detach().requires_grad_(true));
  return leaves_.back();
}

}  // namespace physrep
