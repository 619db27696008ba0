// SPDX-License-Identifier: MIT
// The two sums that structure factors and all of their derivatives consist of. All tensors are
// contiguous and without derivatives: fractional (n_atoms, 3), indices (n_k, 3).

#ifndef PHYSREP_STRUCTURE_SUMS_H
#define PHYSREP_STRUCTURE_SUMS_H

#include <torch/types.h>

namespace physrep {

// sum_i q_i (cos, sin)(2 pi n_k . f_i), (n_k, 2), of charges (n_atoms).
torch::Tensor sums_over_atoms(const torch::Tensor &fractional, const torch::Tensor &charges,
                              const torch::Tensor &indices);

// p_i = sum_k g_k . (cos, sin)(2 pi n_k . f_i) and dp_i/df_i, (n_atoms, 4), of factors (n_k, 2).
torch::Tensor sums_over_vectors(const torch::Tensor &fractional, const torch::Tensor &factors,
                                const torch::Tensor &indices);

}  // namespace physrep

#endif
