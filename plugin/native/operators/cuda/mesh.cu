// SPDX-License-Identifier: MIT
// mesh_kernel.h on a GPU. Compiled with nvcc 13.0; not run on a GPU.

#include "groups.cuh"

#include "../mesh_kernel.h"

namespace physrep {
namespace {

constexpr int64_t ATOMS_IN_GROUP = Lanes<double>::N;

// The atoms in the lanes of a group, and how many there are.
PHYSREP_INLINE int64_t atoms_of(int64_t group, int64_t n_atoms) {
  const int64_t left = n_atoms - group * ATOMS_IN_GROUP;
  return left < ATOMS_IN_GROUP ? left : ATOMS_IN_GROUP;
}

struct MeshStarts {
  MeshArgs a;
  int64_t n_atoms;
  PHYSREP_METHOD void operator()(int64_t group, double *) const {
    Mesh<0>{a}.rows_of(group * ATOMS_IN_GROUP, atoms_of(group, n_atoms));
  }
};

struct MeshWeights {
  MeshArgs a;
  int64_t n_atoms;
  PHYSREP_METHOD void operator()(int64_t group, double *) const {
    Mesh<0>{a}.weights_of(group * ATOMS_IN_GROUP, atoms_of(group, n_atoms));
  }
};

struct MeshRows {
  MeshArgs a;
  PHYSREP_METHOD void operator()(int64_t group, double *memory) const {
    Mesh<0>{a}.row(group, memory);
  }
};

struct MeshGather {
  MeshArgs a;
  int64_t n_atoms;
  PHYSREP_METHOD void operator()(int64_t group, double *memory) const {
    Mesh<0>{a}.gather(group * ATOMS_IN_GROUP, atoms_of(group, n_atoms), memory);
  }
};

int64_t groups_of(int64_t n_atoms) { return (n_atoms + ATOMS_IN_GROUP - 1) / ATOMS_IN_GROUP; }

}  // namespace

const char *mesh_starts(const MeshArgs &a, int64_t n_atoms, void *stream) {
  return for_each_group<double>(MeshStarts{a, n_atoms}, groups_of(n_atoms), 0, stream);
}
const char *mesh_weights(const MeshArgs &a, int64_t n_atoms, void *stream) {
  return for_each_group<double>(MeshWeights{a, n_atoms}, groups_of(n_atoms), 0, stream);
}
const char *mesh_rows(const MeshArgs &a, int64_t n_rows, void *stream) {
  return for_each_group<double>(MeshRows{a}, n_rows, a.sizes[2] + MOST_ORDER, stream);
}
const char *mesh_gather(const MeshArgs &a, int64_t n_atoms, void *stream) {
  return for_each_group<double>(MeshGather{a, n_atoms}, groups_of(n_atoms), MESH_SCRATCH, stream);
}

}  // namespace physrep
