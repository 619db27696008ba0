// SPDX-License-Identifier: MIT
// First derivatives that can be differentiated again, through PyTorch's own operators.

#ifndef PHYSREP_DIFFERENTIABLE_H
#define PHYSREP_DIFFERENTIABLE_H

#include <torch/autograd.h>
#include <torch/types.h>

namespace physrep {

// Derivatives of y(x) along `gradients` (undefined: none for that output); y, whose outputs are
// tensors, is computed again.
template <class Function>
torch::autograd::variable_list differentiable(Function &&y, const torch::autograd::variable_list &x,
                                              const torch::autograd::variable_list &gradients) {
  using torch::Tensor;
  // Views, because one input may have been computed from another: these derivatives are partial.
  torch::autograd::variable_list views, inputs, outputs, along;
  for (const auto &t : x) {
    views.push_back(t.defined() ? t.view_as(t) : t);
    if (t.defined() && t.requires_grad()) inputs.push_back(views.back());
  }
  const auto values = y(views);
  for (size_t k = 0; k < values.size(); k++)
    if (gradients[k].defined()) {
      outputs.push_back(values[k]);
      along.push_back(gradients[k]);
    }
  const auto found = torch::autograd::grad(outputs, inputs, along, std::nullopt, true, true);
  torch::autograd::variable_list out;
  size_t next = 0;
  for (const auto &t : x)
    out.push_back(t.defined() && t.requires_grad() ? found[next++] : Tensor());
  return out;
}

}  // namespace physrep

#endif
