// SPDX-License-Identifier: MIT
// Registers the operators with PyTorch, as torch.ops.physrep.*; loading the library is enough.

#include <torch/library.h>
#include <torch/types.h>

#include <optional>
#include <tuple>

namespace physrep {

using torch::Tensor;

std::tuple<Tensor, Tensor> attention_weights(const Tensor &sent, const Tensor &received,
                                             const Tensor &vector, const Tensor &features,
                                             const Tensor &slopes,
                                             const std::optional<Tensor> &envelope,
                                             const std::optional<Tensor> &self_bias,
                                             const Tensor &centers, const Tensor &neighbors,
                                             bool softmax, double scale);
Tensor messages(const Tensor &weights, const std::optional<Tensor> &self_weights,
                const Tensor &values, const std::optional<Tensor> &features,
                const std::optional<Tensor> &filter, const std::optional<Tensor> &bias,
                const Tensor &centers, const Tensor &neighbors, int64_t n_centers,
                int64_t basis_start, int64_t harmonics_start, int64_t n_harmonics);
Tensor products(const Tensor &query, const Tensor &key, const Tensor &features,
                const Tensor &filter, const Tensor &bias, const Tensor &centers,
                const Tensor &neighbors, int64_t heads);

std::tuple<Tensor, Tensor> neighbor_list(const Tensor &positions, const Tensor &frame,
                                         const Tensor &pbc, double cutoff);
Tensor edge_vectors(const Tensor &positions, const Tensor &cell, const Tensor &edge_index,
                    const Tensor &shifts);
std::tuple<Tensor, Tensor, Tensor> edge_basis(const Tensor &vectors, const Tensor &frequencies,
                                              double cutoff, int64_t degree);
Tensor skip_norm(const Tensor &message, const Tensor &own, const std::optional<Tensor> &weight,
                 const std::optional<Tensor> &bias, double eps);
Tensor norm_swish(const Tensor &x, const Tensor &weight, const Tensor &bias, double eps);
Tensor invariants(const Tensor &moments);
std::tuple<Tensor, Tensor> vector_products(const Tensor &moments, const Tensor &totals,
                                           const Tensor &mixed, const Tensor &gates);
Tensor power_spectrum(const Tensor &vectors, const Tensor &types, const Tensor &centers,
                      const Tensor &neighbors, int64_t n_centers, const Tensor &roots,
                      const Tensor &mixing, double cutoff, int64_t n_types, int64_t degree);
Tensor structure_factors(const Tensor &fractional, const Tensor &charges, const Tensor &indices);
Tensor wave_sums(const Tensor &fractional, const Tensor &factors, const Tensor &indices);
Tensor mesh_spread(const Tensor &fractional, const Tensor &charges, at::IntArrayRef sizes,
                   int64_t order);
Tensor mesh_gather(const Tensor &fractional, const Tensor &mesh, int64_t order);

}  // namespace physrep

TORCH_LIBRARY(physrep, library) {
  library.def("attention_weights", &physrep::attention_weights);
  library.def("messages", &physrep::messages);
  library.def("products", &physrep::products);
  library.def("neighbor_list", &physrep::neighbor_list);
  library.def("edge_vectors", &physrep::edge_vectors);
  library.def("edge_basis", &physrep::edge_basis);
  library.def("skip_norm", &physrep::skip_norm);
  library.def("norm_swish", &physrep::norm_swish);
  library.def("invariants", &physrep::invariants);
  library.def("vector_products", &physrep::vector_products);
  library.def("power_spectrum", &physrep::power_spectrum);
  library.def("structure_factors", &physrep::structure_factors);
  library.def("wave_sums", &physrep::wave_sums);
  library.def("mesh_spread", &physrep::mesh_spread);
  library.def("mesh_gather", &physrep::mesh_gather);
}
