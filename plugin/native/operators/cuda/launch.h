// SPDX-License-Identifier: MIT
// What the kernels on a GPU are given besides their arguments; no header of CUDA or PyTorch.
//
// Sums at neighbours are added by all groups at once, in an order that changes from run to run.
// With `order` (torch.use_deterministic_algorithms) they are not: a second pass adds them, in which
// every neighbour belongs to one group and its edges come one after the other. It computes again
// what the first pass had, but for numbers per edge and head.

#ifndef PHYSREP_CUDA_LAUNCH_H
#define PHYSREP_CUDA_LAUNCH_H

#include <stdint.h>

#include "../kernels.h"

namespace physrep {

struct Walk {
  int64_t n_centers, n_edges;
  int64_t n_groups;  // group g has the centres g, g + n_groups, ...
  const int64_t *starts;  // (n_centers + 1): where a centre's edges begin
  const int64_t *order;  // (n_edges): edges sorted by neighbour; null for sums in any order
  void *stream;
};

// Numbers that attention() takes as scratch: some for each edge and head.
template <class T> int64_t attention_scratch(const AttentionArgs<T> &a, const Walk &walk) {
  constexpr int64_t lanes = PADDING / sizeof(T);
  return 2 * (3 * a.heads + 2) * (walk.n_edges + walk.n_centers * (lanes - 1));
}

// Of sums that every edge adds to (derivatives of parameters) each group has a copy of its own, one
// behind the other. Null, or what went wrong.
const char *attention(const AttentionArgs<float> &a, const Walk &walk, float *scratch);
const char *attention(const AttentionArgs<double> &a, const Walk &walk, double *scratch);
const char *messages(const MessageArgs<float> &a, const Walk &walk);
const char *messages(const MessageArgs<double> &a, const Walk &walk);

// Of so many atoms, or rows of the mesh.
const char *mesh_starts(const MeshArgs &a, int64_t n_atoms, void *stream);
const char *mesh_weights(const MeshArgs &a, int64_t n_atoms, void *stream);
const char *mesh_rows(const MeshArgs &a, int64_t n_rows, void *stream);
const char *mesh_gather(const MeshArgs &a, int64_t n_atoms, void *stream);

// What structure_sums.h adds up. Sums over vectors have n_parts copies, each of every n_parts-th
// vector, so that few atoms keep a GPU busy.
struct WaveArgs {
  int64_t n_atoms, n_vectors, n_parts;
  const double *fractional;  // (n_atoms, 3)
  const int64_t *indices;  // (n_vectors, 3)
  const double *charges;  // (n_atoms)
  double *sums;  // (n_vectors, 2)
  const double *factors;  // (n_vectors, 2)
  double *of_atoms;  // (n_parts, n_atoms, 4)
};
const char *factor_sums(const WaveArgs &a, void *stream);
const char *atom_sums(const WaveArgs &a, void *stream);

}  // namespace physrep

#endif
