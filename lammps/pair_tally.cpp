// SPDX-License-Identifier: MIT
// From the model's energies and slopes to LAMMPS' sums.

#include "pair_physrep.h"

#include "atom.h"
#include "update.h"

#include <cmath>

using namespace LAMMPS_NS;

namespace {

const char *const BLOWN_UP =
    "the run has blown up; start from relaxed positions or with a shorter time step";

}  // namespace

// Adds atomic energies to LAMMPS' sums; keeps what is not finite, for the guard.
void PairPhysRep::tally_energies() {
  not_finite_.clear();
  for (int i = 0; i < atom->nlocal; i++) {
    const double energy = result_.energies[i];
    if (!served(i)) continue;
    if (!std::isfinite(energy)) note_not_finite(i, energy);
    if (eflag_global) eng_vdwl += energy;
    if (eflag_atom) eatom[i] += energy;
  }
}

// Adds forces and virials to LAMMPS' sums; keeps what is not finite. Forces go to ghosts too:
// LAMMPS' own reverse communication carries them home.
void PairPhysRep::tally_forces() {
  double **const f = atom->f;
  for (size_t e = 0; e < graph_.centers.size(); e++) {
    const int i = graph_.centers[e], j = ends_[e];
    const double *const slope = &result_.slopes[3 * e];
    if (!std::isfinite(slope[0] + slope[1] + slope[2])) note_not_finite(i, j);
    for (int a = 0; a < 3; a++) {
      f[i][a] += slope[a];
      f[j][a] -= slope[a];
    }
    if (vflag_global || vflag_atom) tally_virial(i, j, &graph_.vectors[3 * e], slope);
  }
}

void PairPhysRep::note_not_finite(int i, double energy) {
  if (!not_finite_.empty()) return;
  not_finite_ = fmt::format("the energy of atom {} ({}) is {} at step {}: {}", tag_of(i),
                            elements_[atom->type[i]], energy, update->ntimestep, BLOWN_UP);
}

void PairPhysRep::note_not_finite(int i, int j) {
  if (!not_finite_.empty()) return;
  not_finite_ =
      fmt::format("the force between atoms {} ({}) and {} ({}) is not finite at step {}: {}",
                  tag_of(i), elements_[atom->type[i]], tag_of(j), elements_[atom->type[j]],
                  update->ntimestep, BLOWN_UP);
}

// Only where virial_fdotr_compute does not serve: per-atom virials, or styles in pair hybrid that
// rule it out.
void PairPhysRep::tally_virial(int i, int j, const double *r, const double *slope) {
  const double v[6] = {-r[0] * slope[0],
                       -r[1] * slope[1],
                       -r[2] * slope[2],
                       -0.5 * (r[0] * slope[1] + r[1] * slope[0]),
                       -0.5 * (r[0] * slope[2] + r[2] * slope[0]),
                       -0.5 * (r[1] * slope[2] + r[2] * slope[1])};
  for (int a = 0; a < 6; a++) {
    if (vflag_global) virial[a] += v[a];
    if (!vflag_atom) continue;
    vatom[i][a] += 0.5 * v[a];
    vatom[j][a] += 0.5 * v[a];
  }
}

void PairPhysRep::add_virial(const double (&v)[3][3]) {
  for (int a = 0; a < 3; a++) virial[a] += v[a][a];
  virial[3] += 0.5 * (v[0][1] + v[1][0]);
  virial[4] += 0.5 * (v[0][2] + v[2][0]);
  virial[5] += 0.5 * (v[1][2] + v[2][1]);
}
