// SPDX-License-Identifier: MIT
// Atoms that `neigh_modify exclude group NAME all` takes out: the potential must give the energy of
// the system without them, as if they were deleted. Fix gcmc tries deletions in this way. The energy
// of a many-body potential is not a sum over pairs, so that no other exclusion has a meaning.

#include "pair_physrep.h"

#include "atom.h"
#include "error.h"
#include "group.h"
#include "neighbor.h"

using namespace LAMMPS_NS;

namespace {

constexpr int ALL = 0;  // LAMMPS' group of all atoms

}  // namespace

// Bits of the groups that are excluded against all.
int PairPhysRep::excluded_bits() const {
  int bits = 0;
  for (int m = 0; m < neighbor->nex_group; m++) {
    if (neighbor->ex2_group[m] == ALL) bits |= neighbor->ex1_bit[m];
    if (neighbor->ex1_group[m] == ALL) bits |= neighbor->ex2_bit[m];
  }
  return bits;
}

// Kept until LAMMPS makes new ghosts, because fixes may change groups before it does.
void PairPhysRep::find_excluded() {
  const int bits = excluded_bits(), n_all = atom->nlocal + atom->nghost;
  excluded_.assign(n_all, 0);
  if (bits == 0) return;
  for (int i = 0; i < n_all; i++) excluded_[i] = (atom->mask[i] & bits) != 0;
}

// Own atoms that have an energy from this potential.
bool PairPhysRep::served(int i) const { return model_type_[atom->type[i]] >= 0 && !excluded_[i]; }

// Served atoms of a group, on all ranks.
int64_t PairPhysRep::count_served(int bit) const {
  int64_t mine = 0, all = 0;
  for (int i = 0; i < atom->nlocal; i++) mine += served(i) && (atom->mask[i] & bit);
  MPI_Allreduce(&mine, &all, 1, MPI_INT64_T, MPI_SUM, world);
  return all;
}

// Ends the run where exclusions take single pairs from this potential. Collective.
void PairPhysRep::check_exclusions() {
  for (int m = 0; m < neighbor->nex_type; m++) {
    const int a = neighbor->ex1_type[m], b = neighbor->ex2_type[m];
    if (model_type_[a] >= 0 && model_type_[b] >= 0)
      refuse_exclusion(fmt::format("type {} {}", a, b));
  }
  for (int m = 0; m < neighbor->nex_group; m++) {
    const int a = neighbor->ex1_group[m], b = neighbor->ex2_group[m];
    if (a == ALL || b == ALL) continue;
    const int64_t n_a = count_served(neighbor->ex1_bit[m]);
    const int64_t n_b = count_served(neighbor->ex2_bit[m]);
    if (a == b ? n_a > 1 : n_a > 0 && n_b > 0)
      refuse_exclusion(fmt::format("group {} {}", group->names[a], group->names[b]));
  }
  for (int m = 0; m < neighbor->nex_mol; m++)
    if (count_served(neighbor->ex_mol_bit[m]) > 1)
      refuse_exclusion(fmt::format("molecule/{} {}", neighbor->ex_mol_intra[m] ? "intra" : "inter",
                                   group->names[neighbor->ex_mol_group[m]]));
}

void PairPhysRep::refuse_exclusion(const std::string &what) {
  error->all(FLERR,
             "pair physrep: 'neigh_modify exclude {}' drops single pairs, which have no energy of "
             "their own in a many-body potential: only 'neigh_modify exclude group NAME all' has a "
             "meaning (the group counts as deleted); 'neigh_modify exclude none' drops all",
             what);
}
