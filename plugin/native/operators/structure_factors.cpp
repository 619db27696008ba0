// SPDX-License-Identifier: MIT
// Operators physrep::structure_factors (S) and physrep::wave_sums (p); structure_kernel.h has the
// equations.
//
// Two functions, each linear in its second argument, and each other's derivative:
//
//   S(f, q)_k = sum_i q_i e_ik         p(f, g)_i = Re sum_k conj(g_k) e_ik
//
// d/df of e_ik multiplies by 2 pi i n_k, which may be given to q (on the side of S) or to g. So the
// derivatives of both, of any order, are again S and p of other arguments.

#include <torch/autograd.h>
#include <torch/types.h>

#include "structure_sums.h"

namespace physrep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using Tensors = torch::autograd::variable_list;

constexpr double TWO_PI = 6.28318530717958647693;

// Of factors (n_k, 2): 2 pi n times (-sin, cos), what d/df makes of (cos, sin).
Tensor turned(const Tensor &factors, const Tensor &numbers) {
  return at::stack({-factors.select(1, 1), factors.select(1, 0)}, 1) *
         (TWO_PI * numbers).unsqueeze(1);
}

Tensor factors_of(const Tensor &fractional, const Tensor &charges, const Tensor &indices);

// p and its slopes (n_atoms, 4).
struct AtomSums : torch::autograd::Function<AtomSums> {
  static Tensor forward(AutogradContext *ctx, const Tensor &fractional, const Tensor &factors,
                        const Tensor &indices) {
    ctx->save_for_backward({fractional, factors, indices});
    return sums_over_vectors(fractional.contiguous(), factors.contiguous(), indices);
  }

  static Tensors backward(AutogradContext *ctx, const Tensors &gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &fractional = saved[0], &factors = saved[1], &indices = saved[2], &u = gradients[0];
    const auto numbers = indices.to(factors.scalar_type());
    Tensor to_fractional, to_factors;
    if (ctx->needs_input_grad(0))
      to_fractional =
          u.narrow(1, 0, 1) * AtomSums::apply(fractional, factors, indices).narrow(1, 1, 3);
    if (ctx->needs_input_grad(1)) to_factors = factors_of(fractional, u.select(1, 0), indices);
    for (int64_t axis = 0; axis < 3; axis++) {
      const auto along = u.select(1, 1 + axis), n = numbers.select(1, axis);
      if (to_fractional.defined()) {  // the slopes of a slope: of p with turned factors
        const auto slopes = AtomSums::apply(fractional, -turned(factors, n), indices);
        to_fractional = to_fractional + along.unsqueeze(1) * slopes.narrow(1, 1, 3);
      }
      if (to_factors.defined())
        to_factors = to_factors + turned(factors_of(fractional, along, indices), n);
    }
    return {to_fractional, to_factors, Tensor()};
  }
};

struct StructureFactors : torch::autograd::Function<StructureFactors> {
  static Tensor forward(AutogradContext *ctx, const Tensor &fractional, const Tensor &charges,
                        const Tensor &indices) {
    ctx->save_for_backward({fractional, charges, indices});
    return sums_over_atoms(fractional.contiguous(), charges.contiguous(), indices);
  }

  static Tensors backward(AutogradContext *ctx, const Tensors &gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto sums = AtomSums::apply(saved[0], gradients[0], saved[2]);
    return {sums.narrow(1, 1, 3) * saved[1].unsqueeze(1), sums.select(1, 0), Tensor()};
  }
};

Tensor factors_of(const Tensor &fractional, const Tensor &charges, const Tensor &indices) {
  return StructureFactors::apply(fractional, charges, indices);
}

void check_coordinates(const Tensor &fractional) {
  TORCH_CHECK(fractional.dim() == 2 && fractional.size(1) == 3 &&
                  fractional.scalar_type() == torch::kFloat64,
              "fractional must be (n_atoms, 3) float64, got ", fractional.sizes(), " ",
              fractional.scalar_type());
}

void check_indices(const Tensor &indices) {
  TORCH_CHECK(indices.dim() == 2 && indices.size(1) == 3 && indices.scalar_type() == torch::kInt64,
              "indices must be (n_k, 3) int64, got ", indices.sizes(), " ", indices.scalar_type());
}

void check_devices(const Tensor &fractional, const Tensor &weights, const Tensor &indices,
                   const char *where) {
  TORCH_CHECK(fractional.device() == weights.device() && indices.device() == weights.device(),
              where, fractional.device(), ", ", weights.device(), " and ", indices.device());
}

}  // namespace

// sum_i q_i (cos, sin)(2 pi n_k . f_i), (n_k, 2), of fractional coordinates (n_atoms, 3), charges
// (n_atoms), both float64, and indices (n_k, 3) int64: fastest where vectors that differ in n3 alone
// follow each other with rising n3, and those of one n1 stand together. Differentiable in
// coordinates and charges, any number of times.
Tensor structure_factors(const Tensor &fractional, const Tensor &charges, const Tensor &indices) {
  check_coordinates(fractional);
  check_indices(indices);
  TORCH_CHECK(charges.dim() == 1 && charges.size(0) == fractional.size(0) &&
                  charges.scalar_type() == torch::kFloat64,
              "charges must be (", fractional.size(0), ") float64, got ", charges.sizes(), " ",
              charges.scalar_type());
  check_devices(fractional, charges, indices, "fractional, charges and indices are on ");
  return factors_of(fractional, charges, indices.contiguous());
}

// Re sum_k conj(g_k) exp(2 pi i n_k . f_i) and its slopes along f_i, (n_atoms, 4), of fractional
// coordinates (n_atoms, 3), factors (n_k, 2), both float64, and indices as above. Differentiable in
// coordinates and factors, any number of times.
Tensor wave_sums(const Tensor &fractional, const Tensor &factors, const Tensor &indices) {
  check_coordinates(fractional);
  check_indices(indices);
  TORCH_CHECK(factors.dim() == 2 && factors.size(0) == indices.size(0) && factors.size(1) == 2 &&
                  factors.scalar_type() == torch::kFloat64,
              "factors must be (", indices.size(0), ", 2) float64, got ", factors.sizes(), " ",
              factors.scalar_type());
  check_devices(fractional, factors, indices, "fractional, factors and indices are on ");
  return AtomSums::apply(fractional, factors, indices.contiguous());
}

}  // namespace physrep
