// SPDX-License-Identifier: MIT
// Charges: the whole structure for the model, electrostatic energies and forces for LAMMPS' sums, and
// q of the atoms. Only for a potential that has charges.

#include "pair_physrep.h"

#include "atom.h"
#include "comm.h"
#include "compute.h"
#include "domain.h"
#include "error.h"
#include "force.h"
#include "modify.h"
#include "neighbor.h"
#include "timer.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cmath>

using namespace LAMMPS_NS;

namespace {

constexpr int FIXED = 1;  // LAMMPS' number of boundary f; those of s and m are larger

}  // namespace

// What pair_style and pair_coeff say together. LAMMPS asks pair hybrid about the virial when no file is
// known yet, so that it learns here.
void PairPhysRep::check_charges() {
  const bool hybrid = utils::strmatch(force->pair_style, "^hybrid");
  no_virial_fdotr_compute = model_->metadata().has_charges;
  if (!no_virial_fdotr_compute) {
    if (charged_.total_charge == 0.0) return;
    error->all(FLERR,
               "pair physrep: 'charge {}' is given, but this potential has no charges: leave the "
               "keyword out, or take a potential that was fitted with electrostatics",
               charged_.total_charge);
  }
  if (hybrid)
    force->pair->no_virial_fdotr_compute = 1;
  else if (force->kspace)
    error->all(FLERR,
               "pair physrep: there is a kspace_style {}, but this potential has charges and their "
               "Coulomb energy of its own: use 'kspace_style none'",
               force->kspace_style);
}

// Only under pair hybrid: see above.
void PairPhysRep::warn_of_kspace() {
  if (!model_->metadata().has_charges || !force->kspace || comm->me != 0) return;
  error->warning(FLERR,
                 "pair physrep: kspace_style {} adds a Coulomb energy to that of this potential{}",
                 force->kspace_style,
                 atom->q_flag ? ", of the charges that this potential writes to q" : "");
}

// What has no meaning for an energy that is not a sum over atoms nearby. Collective.
void PairPhysRep::check_atomic_virials() {
  if (!model_->metadata().has_charges) return;
  for (const auto *compute : modify->get_compute_by_style("^heat/flux"))
    error->all(
        FLERR,
        "pair physrep: compute heat/flux {}: the heat flux of a potential with charges is not "
        "available; use a potential without charges",
        compute->id);
  if (cvflag_atom)
    error->all(FLERR,
               "pair physrep: compute centroid/stress/atom: not available for a potential with "
               "charges; 'compute stress/atom' has the virials of atoms");
  const int *const p = domain->periodicity;
  if (vflag_atom && !(p[0] && p[1] && p[2]))
    error->all(
        FLERR,
        "pair physrep: compute stress/atom: the virials of atoms of a potential with charges "
        "need 'boundary p p p'; 'compute pressure' has the virial of all atoms");
}

// For errors of an evaluation: how LAMMPS' words translate into those of the file.
std::string PairPhysRep::boundary_advice() const {
  const int *const p = domain->periodicity;
  if (!model_->metadata().has_charges || (p[0] == p[1] && p[1] == p[2])) return "";
  return " (pbc is T where 'boundary' is p, otherwise F)";
}

// Which atoms have a charge, and how many there are. Needed again whenever LAMMPS has made new
// ghosts. Collective.
void PairPhysRep::find_charged() {
  charged_.atoms.clear();
  if (!model_->metadata().has_charges) return;
  for (int i = 0; i < atom->nlocal; i++)
    if (served(i)) charged_.atoms.push_back(i);
  const auto mine = static_cast<int64_t>(charged_.atoms.size());
  charged_.first = 0;  // MPI_Exscan leaves it as it is on the first rank
  MPI_Exscan(&mine, &charged_.first, 1, MPI_INT64_T, MPI_SUM, world);
  MPI_Allreduce(&mine, &charged_.n_atoms, 1, MPI_INT64_T, MPI_SUM, world);
}

// The box of this step, and where its atoms are. Of a slab the model asks that the atoms lie within
// the cell: a boundary that follows the atoms is only where they were when LAMMPS made the last list.
void PairPhysRep::place_charged() {
  if (!model_->metadata().has_charges) return;
  const double cell[3][3] = {{domain->xprd, 0.0, 0.0},
                             {domain->xy, domain->yprd, 0.0},
                             {domain->xz, domain->yz, domain->zprd}};
  for (int a = 0; a < 3; a++) {
    charged_.periodic[a] = domain->periodicity[a] != 0;
    std::copy_n(cell[a], 3, charged_.cell[a]);
    const int *const sides = domain->boundary[a];
    if (std::max(sides[0], sides[1]) > FIXED) charged_.cell[a][a] += 2.0 * neighbor->skin;
  }
  charged_.virials = vflag_atom != 0;
  charged_.positions.clear();
  charged_.positions.reserve(3 * charged_.atoms.size());
  for (const int64_t i : charged_.atoms)
    charged_.positions.insert(charged_.positions.end(), atom->x[i], atom->x[i] + 3);
}

// Adds energies, forces and the virial to LAMMPS' sums, and writes q.
void PairPhysRep::tally_charges() {
  if (!model_->metadata().has_charges) return;
  for (size_t k = 0; k < charged_.atoms.size(); k++) {
    const int64_t i = charged_.atoms[k];
    const double energy = result_.long_range[k];
    const double *const force = &result_.charge_forces[3 * k];
    if (!std::isfinite(energy + force[0] + force[1] + force[2])) note_not_finite(i, energy);
    if (eflag_global) eng_coul += energy;
    if (eflag_atom) eatom[i] += energy;
    for (int a = 0; a < 3; a++) atom->f[i][a] += force[a];
    if (vflag_atom)
      for (int a = 0; a < 6; a++) vatom[i][a] += result_.charge_virials[6 * k + a];
  }
  if (vflag_global) add_virial(result_.charge_virial);
  if (atom->q_flag) write_charges();
}

// Ghosts get theirs where another style may read them in this step.
void PairPhysRep::write_charges() {
  for (size_t k = 0; k < charged_.atoms.size(); k++)
    atom->q[charged_.atoms[k]] = result_.charges[k];
  if (!utils::strmatch(force->pair_style, "^hybrid")) return;
  place_ = &row_;
  std::vector<double> rows(graph_.types.size(), 0.0);
  for (int i = 0; i < atom->nlocal; i++) rows[i] = atom->q[i];
  exchange(rows.data(), 1, true);
  for (int i = atom->nlocal; i < atom->nlocal + atom->nghost; i++) atom->q[i] = rows[row_[i]];
}

void PairPhysRep::add_up(double *numbers, int n) {
  timer->stamp(Timer::PAIR);
  MPI_Allreduce(MPI_IN_PLACE, numbers, n, MPI_DOUBLE, MPI_SUM, world);
  timer->stamp(Timer::COMM);
}
