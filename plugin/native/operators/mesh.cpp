// SPDX-License-Identifier: MIT
// Operators physrep::mesh_spread and physrep::mesh_gather, each the other's transpose; mesh_kernel.h
// has the equations. Double backward passes go through PyTorch's own operators.

#include "differentiable.h"
#include "form.h"

#include <algorithm>
#include <vector>

namespace physrep {

namespace {

using torch::autograd::AutogradContext;

constexpr int64_t ATOMS_PER_TASK = 256;  // fewer are not worth another thread

struct Grid {
  std::vector<int64_t> sizes;
  int64_t order;

  int64_t n_rows() const { return sizes[0] * sizes[1]; }
  int64_t rows_per_task(int64_t n_atoms) const {
    return 1 + n_rows() * ATOMS_PER_TASK / std::max<int64_t>(n_atoms, 1);
  }

  MeshArgs arguments(const Tensor &fractional) const {
    MeshArgs a{};
    a.order = order;
    std::copy(sizes.begin(), sizes.end(), a.sizes);
    a.fractional = fractional.const_data_ptr<double>();
    return a;
  }
};

std::pair<Tensor, Tensor> atoms_by_row(const Grid &grid, const Tensor &fractional) {
  const int64_t n = fractional.size(0);
  const auto rows = torch::empty({n}, fractional.options().dtype(torch::kInt64));
  auto a = grid.arguments(fractional);
  a.row_of_atom = rows.data_ptr<int64_t>();
  for_each_range(n, 4 * ATOMS_PER_TASK,
                 [&](int64_t first, int64_t last) { kernels().mesh_starts(a, first, last); });
  return sorted_by_row(rows, grid.n_rows());
}

// The mesh and the order of the atoms.
Tensors spread(const Grid &grid, const Tensor &fractional, const Tensor &charges) {
  const int64_t n = fractional.size(0);
  const auto options = fractional.options().requires_grad(false);
  const auto [sorted, begins] = atoms_by_row(grid, fractional);
  const auto starts = torch::empty({n, 2}, options.dtype(torch::kInt64));
  const auto weights = torch::empty({n, 3, MOST_ORDER}, options);
  const auto mesh = torch::empty(grid.sizes, options);
  auto a = grid.arguments(fractional);
  a.charges = charges.const_data_ptr<double>();
  a.sorted = sorted.const_data_ptr<int64_t>(), a.begins = begins.const_data_ptr<int64_t>();
  a.starts = starts.data_ptr<int64_t>(), a.weights = weights.data_ptr<double>();
  a.mesh = mesh.data_ptr<double>();
  for_each_range(n, ATOMS_PER_TASK,
                 [&](int64_t first, int64_t last) { kernels().mesh_weights(a, first, last); });
  for_each_range(grid.n_rows(), grid.rows_per_task(n), [&](int64_t first, int64_t last) {
    std::vector<double> line(static_cast<size_t>(grid.sizes[2] + MOST_ORDER));
    MeshArgs own = a;
    own.scratch = line.data();
    kernels().mesh_rows(own, first, last);
  });
  return {mesh, sorted};
}

// Of a mesh g the numbers p and dp/df of the atoms, (n_atoms, 4).
Tensor gather(const Grid &grid, const Tensor &fractional, const Tensor &g, const Tensor &sorted) {
  const int64_t n = fractional.size(0), wrapped = grid.order - 1;
  const auto rest = torch::zeros({grid.sizes[0], grid.sizes[1], MOST_ORDER - wrapped}, g.options());
  const auto factors = at::cat({g, g.narrow(2, 0, wrapped), rest}, 2);
  const auto starts = torch::empty({n, 3}, sorted.options());
  const auto out = torch::empty({n, 4}, g.options());
  auto a = grid.arguments(fractional);
  a.factors = factors.const_data_ptr<double>(), a.sorted = sorted.const_data_ptr<int64_t>();
  a.starts = starts.data_ptr<int64_t>(), a.of_atoms = out.data_ptr<double>();
  for_each_range(n, ATOMS_PER_TASK, [&](int64_t first, int64_t last) {
    std::vector<double> splines(static_cast<size_t>(MESH_SCRATCH));
    MeshArgs own = a;
    own.scratch = splines.data();
    kernels().mesh_gather(own, first, last);
  });
  return out;
}

// By PyTorch's own operators, from fractional coordinates: the points of each atom, and the weights
// there, (n_atoms, order^3) each.
std::pair<Tensor, Tensor> plain_points(const Grid &grid, const Tensor &fractional) {
  const auto counts = torch::tensor(grid.sizes, fractional.options().dtype(torch::kInt64));
  const auto scaled = fractional * counts;
  const auto base = scaled.detach().floor(), t = scaled - base;
  Tensors splines(static_cast<size_t>(grid.order), torch::zeros_like(t));
  splines[0] = torch::ones_like(t);
  for (int64_t k = 2; k <= grid.order; k++) {
    for (int64_t j = k - 1; j > 0; j--)
      splines[j] = ((t + j) * splines[j] + (k - j - t) * splines[j - 1]) / (k - 1);
    splines[0] = t * splines[0] / (k - 1);
  }
  const auto weights = at::stack(splines, 2);  // (n_atoms, 3, order)
  const auto offsets = at::arange(grid.order, counts.options());
  const auto points =
      (base.to(torch::kInt64).unsqueeze(2) - offsets).remainder(counts.unsqueeze(1));
  const auto row =
      points.select(1, 0).unsqueeze(2) * grid.sizes[1] + points.select(1, 1).unsqueeze(1);
  const auto place =
      row.unsqueeze(3) * grid.sizes[2] + points.select(1, 2).unsqueeze(1).unsqueeze(1);
  const auto planar = weights.select(1, 0).unsqueeze(2) * weights.select(1, 1).unsqueeze(1);
  const auto values = planar.unsqueeze(3) * weights.select(1, 2).unsqueeze(1).unsqueeze(1);
  return {place.flatten(1), values.flatten(1)};
}

// Of coordinates and charges.
Tensors plain_spread(const Grid &grid, const Tensors &x) {
  const auto [place, values] = plain_points(grid, x[0]);
  const auto mesh = torch::zeros({grid.n_rows() * grid.sizes[2]}, x[0].options());
  const auto all = x[1].unsqueeze(1) * values;
  return {mesh.index_add(0, place.reshape(-1), all.reshape(-1)).view(grid.sizes)};
}

// Of coordinates and a mesh.
Tensors plain_gather(const Grid &grid, const Tensors &x) {
  const auto [place, values] = plain_points(grid, x[0]);
  const auto found = x[1].reshape(-1).index_select(0, place.reshape(-1)).view(place.sizes());
  return {(found * values).sum(1)};
}

struct MeshSpread : torch::autograd::Function<MeshSpread> {
  static Tensor forward(AutogradContext *ctx, const Tensor &fractional, const Tensor &charges,
                        at::IntArrayRef sizes, int64_t order) {
    const Grid grid{sizes.vec(), order};
    const auto found = spread(grid, fractional.contiguous(), charges.contiguous());
    ctx->save_for_backward({fractional, charges, found[1]});
    ctx->saved_data["sizes"] = grid.sizes;
    ctx->saved_data["order"] = order;
    return found[0];
  }

  static Tensors backward(AutogradContext *ctx, const Tensors &gradients) {
    const auto saved = ctx->get_saved_variables();
    const Grid grid{ctx->saved_data["sizes"].toIntVector(), ctx->saved_data["order"].toInt()};
    if (torch::GradMode::is_enabled()) {
      const auto plain = [&](const Tensors &x) { return plain_spread(grid, x); };
      auto out = differentiable(plain, {saved[0], saved[1]}, gradients);
      return {out[0], out[1], Tensor(), Tensor()};
    }
    const auto sums = gather(grid, saved[0].contiguous(), gradients[0], saved[2]);
    return {sums.narrow(1, 1, 3) * saved[1].unsqueeze(1), sums.select(1, 0), Tensor(), Tensor()};
  }
};

struct MeshGather : torch::autograd::Function<MeshGather> {
  static Tensor forward(AutogradContext *ctx, const Tensor &fractional, const Tensor &mesh,
                        int64_t order) {
    const Grid grid{mesh.sizes().vec(), order};
    const auto x = fractional.contiguous();
    const auto sums = gather(grid, x, mesh.contiguous(), atoms_by_row(grid, x).first);
    ctx->save_for_backward({fractional, mesh, sums.narrow(1, 1, 3)});
    ctx->saved_data["order"] = order;
    return sums.select(1, 0).clone();
  }

  static Tensors backward(AutogradContext *ctx, const Tensors &gradients) {
    const auto saved = ctx->get_saved_variables();
    const Grid grid{saved[1].sizes().vec(), ctx->saved_data["order"].toInt()};
    if (torch::GradMode::is_enabled()) {
      const auto plain = [&](const Tensors &x) { return plain_gather(grid, x); };
      auto out = differentiable(plain, {saved[0], saved[1]}, gradients);
      return {out[0], out[1], Tensor()};
    }
    Tensor to_mesh;
    if (ctx->needs_input_grad(1))
      to_mesh = spread(grid, saved[0].contiguous(), gradients[0].contiguous())[0];
    return {saved[2] * gradients[0].unsqueeze(1), to_mesh, Tensor()};
  }
};

void check_coordinates(const Tensor &fractional, at::IntArrayRef sizes, int64_t order) {
  TORCH_CHECK(fractional.dim() == 2 && fractional.size(1) == 3 &&
                  fractional.scalar_type() == torch::kFloat64,
              "fractional must be (n_atoms, 3) float64, got ", fractional.sizes(), " ",
              fractional.scalar_type());
  TORCH_CHECK(order >= 2 && order <= MOST_ORDER, "order = ", order, ": it must be 2 to ",
              MOST_ORDER);
  TORCH_CHECK(sizes.size() == 3 && *std::min_element(sizes.begin(), sizes.end()) >= order,
              "sizes must be three numbers of at least ", order, ", got ", sizes);
}

}  // namespace

// Charges (n_atoms) at fractional coordinates (n_atoms, 3), float64, spread by B-splines of an order
// from 2 to 8: sizes[0] x sizes[1] x sizes[2], each at least the order. Differentiable twice.
Tensor mesh_spread(const Tensor &fractional, const Tensor &charges, at::IntArrayRef sizes,
                   int64_t order) {
  check_coordinates(fractional, sizes, order);
  TORCH_CHECK(charges.dim() == 1 && charges.size(0) == fractional.size(0) &&
                  charges.scalar_type() == torch::kFloat64,
              "charges must be (", fractional.size(0), ") float64, got ", charges.sizes(), " ",
              charges.scalar_type());
  TORCH_CHECK(fractional.device() == charges.device(), "fractional and charges are on ",
              fractional.device(), " and ", charges.device());
  return MeshSpread::apply(fractional, charges, sizes, order);
}

// Of the numbers on a mesh, float64 with three sizes, what mesh_spread does transposed: their sums at
// fractional coordinates (n_atoms, 3), weighted by the B-splines, (n_atoms). Differentiable twice.
Tensor mesh_gather(const Tensor &fractional, const Tensor &mesh, int64_t order) {
  check_coordinates(fractional, mesh.sizes(), order);
  TORCH_CHECK(mesh.scalar_type() == torch::kFloat64, "mesh must be float64, got ",
              mesh.scalar_type());
  TORCH_CHECK(fractional.device() == mesh.device(), "fractional and mesh are on ",
              fractional.device(), " and ", mesh.device());
  return MeshGather::apply(fractional, mesh, order);
}

}  // namespace physrep
