// SPDX-License-Identifier: MIT
// The one function of libphysrep_pair.so that physrepplugin.so calls.

#include "pair_physrep.h"

extern "C" void *physrep_create_pair(void *lmp) {
  return static_cast<LAMMPS_NS::Pair *>(
      new LAMMPS_NS::PairPhysRep(static_cast<LAMMPS_NS::LAMMPS *>(lmp)));
}
