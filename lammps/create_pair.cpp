// SPDX-License-Identifier: MIT
// The functions of libphysrep_pair.so that physrepplugin.so calls.

#include "fix_guard.h"
#include "pair_physrep.h"

extern "C" void *physrep_create_pair(void *lmp) {
  return static_cast<LAMMPS_NS::Pair *>(
      new LAMMPS_NS::PairPhysRep(static_cast<LAMMPS_NS::LAMMPS *>(lmp)));
}

extern "C" void *physrep_create_guard(void *lmp, int narg, char **arg) {
  return static_cast<LAMMPS_NS::Fix *>(
      new LAMMPS_NS::FixPhysRepGuard(static_cast<LAMMPS_NS::LAMMPS *>(lmp), narg, arg));
}
