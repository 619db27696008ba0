// SPDX-License-Identifier: MIT
// Operator physrep::edge_vectors: r_j - r_i + S h of every edge, and back from edges to atoms.

#include <torch/autograd.h>
#include <torch/types.h>

namespace physrep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using Tensors = torch::autograd::variable_list;

// Sums of the edges' gradients at their ends, (n_atoms, 3); one thread, hence one order.
template <class T> Tensor at_ends(const Tensor &gradient, const Tensor &index, int64_t n_atoms) {
  auto out = torch::zeros({n_atoms, 3}, gradient.options());
  const auto rows = gradient.contiguous();
  const T *g = rows.const_data_ptr<T>();
  T *const sums = out.data_ptr<T>();
  const int64_t n_edges = index.size(1);
  const int64_t *const i = index.const_data_ptr<int64_t>(), *const j = i + n_edges;
  for (int64_t e = 0; e < n_edges; e++, g += 3)
    for (int k = 0; k < 3; k++) {
      sums[3 * j[e] + k] += g[k];
      sums[3 * i[e] + k] -= g[k];
    }
  return out;
}

template <class T>
Tensor vectors_of(const Tensor &positions, const Tensor &cell, const Tensor &index,
                  const Tensor &shifts) {
  const int64_t n_edges = index.size(1);
  auto out = torch::empty({n_edges, 3}, positions.options());
  const auto place = positions.contiguous(), frame = cell.contiguous();
  const T *const x = place.const_data_ptr<T>(), *const h = frame.const_data_ptr<T>();
  const int64_t *const i = index.const_data_ptr<int64_t>(), *const j = i + n_edges;
  const int64_t *s = shifts.const_data_ptr<int64_t>();
  T *v = out.data_ptr<T>();
  for (int64_t e = 0; e < n_edges; e++, s += 3, v += 3)
    for (int k = 0; k < 3; k++)
      v[k] =
          (x[3 * j[e] + k] - x[3 * i[e] + k]) + (s[0] * h[k] + s[1] * h[3 + k] + s[2] * h[6 + k]);
  return out;
}

struct EdgeVectors : torch::autograd::Function<EdgeVectors> {
  static Tensor forward(AutogradContext *ctx, const Tensor &positions, const Tensor &cell,
                        const Tensor &index, const Tensor &shifts) {
    ctx->save_for_backward({index, shifts});
    ctx->saved_data["n_atoms"] = positions.size(0);
    return positions.scalar_type() == torch::kFloat64
               ? vectors_of<double>(positions, cell, index, shifts)
               : vectors_of<float>(positions, cell, index, shifts);
  }

  // Linear: PyTorch's own operators where the result must be differentiated again.
  static Tensors backward(AutogradContext *ctx, const Tensors &gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &index = saved[0], &shifts = saved[1], &g = gradients[0];
    const int64_t n_atoms = ctx->saved_data["n_atoms"].toInt();
    Tensor to_positions, to_cell;
    if (ctx->needs_input_grad(1)) to_cell = shifts.t().to(g.scalar_type()).matmul(g);
    if (!ctx->needs_input_grad(0)) return {to_positions, to_cell, Tensor(), Tensor()};
    if (torch::GradMode::is_enabled()) {
      const auto zero = torch::zeros({n_atoms, 3}, g.options());
      to_positions = zero.index_add(0, index[1], g) - zero.index_add(0, index[0], g);
    } else {
      to_positions = g.scalar_type() == torch::kFloat64 ? at_ends<double>(g, index, n_atoms)
                                                        : at_ends<float>(g, index, n_atoms);
    }
    return {to_positions, to_cell, Tensor(), Tensor()};
  }
};

}  // namespace

// (n_edges, 3) in A from positions (n_atoms, 3), cell (3, 3), edge_index (2, n_edges), shifts
// (n_edges, 3); differentiable in positions and cell.
Tensor edge_vectors(const Tensor &positions, const Tensor &cell, const Tensor &edge_index,
                    const Tensor &shifts) {
  TORCH_CHECK(positions.device().is_cpu(), "physrep operators run on the CPU, got tensors on ",
              positions.device());
  TORCH_CHECK(positions.scalar_type() == cell.scalar_type() && positions.is_floating_point(),
              "positions and cell differ in precision: ", positions.scalar_type(), " and ",
              cell.scalar_type());
  TORCH_CHECK(edge_index.is_contiguous() && shifts.is_contiguous() &&
                  shifts.size(0) == edge_index.size(1),
              "shifts ", shifts.sizes(), " do not fit edge_index ", edge_index.sizes());
  return EdgeVectors::apply(positions, cell, edge_index, shifts);
}

}  // namespace physrep
