// SPDX-License-Identifier: MIT
// Centroid stress: the per-atom virials that the heat flux of a many-body potential is made of.

#include "pair_physrep.h"

#include "atom.h"
#include "comm.h"
#include "compute.h"
#include "error.h"
#include "modify.h"

#include <cstring>

using namespace LAMMPS_NS;

// Places of the rows, from the middle of the own atoms: moments are differences of large numbers
// where the origin is far away.
void PairPhysRep::place_rows() {
  const double *const *const x = atom->x;
  const int n_own = atom->nlocal, n_all = n_own + atom->nghost;
  double middle[3] = {0.0, 0.0, 0.0};
  for (int i = 0; i < n_own; i++)
    for (int a = 0; a < 3; a++) middle[a] += x[i][a] / n_own;
  graph_.positions.resize(3 * graph_.types.size());
  for (int i = 0; i < n_all; i++)
    for (int a = 0; a < 3; a++) graph_.positions[3 * row_[i] + a] = x[i][a] - middle[a];
}

// Adds sum_i (x_i - x_j)_a dU_i/dx_j,b to LAMMPS' sums of every atom and ghost j: minus an edge's
// moment at its center, plus its moment about the other end there. The order is xx, yy, zz, xy, xz,
// yz, yx, zx, zy, the first letter that of the distance and the second that of the force.
void PairPhysRep::tally_centroid() {
  constexpr int FIRST[9] = {0, 1, 2, 0, 0, 1, 1, 2, 2}, SECOND[9] = {0, 1, 2, 1, 2, 2, 0, 0, 1};
  for (size_t e = 0; e < graph_.centers.size(); e++) {
    double *const center = cvatom[graph_.centers[e]], *const end = cvatom[ends_[e]];
    for (int k = 0; k < 9; k++) {
      const int a = FIRST[k], b = SECOND[k];
      const double moment = result_.moments[9 * e + 3 * a + b];
      center[k] -= moment;
      end[k] += moment - graph_.vectors[3 * e + a] * result_.slopes[3 * e + b];
    }
  }
}

// compute heat/flux takes any per-atom stress, but is right with the centroid form alone. It does not
// tell which compute it reads; where there is no centroid form, it cannot be that one.
void PairPhysRep::check_heat_flux() {
  std::string flux, shared, centroid;
  for (const auto *compute : modify->get_compute_list()) {
    if (strcmp(compute->style, "heat/flux") == 0) flux = compute->id;
    if (compute->pressatomflag == 1) shared = compute->id;
    if (compute->pressatomflag == 2) centroid = compute->id;
  }
  if (flux.empty() || shared.empty()) return;
  if (centroid.empty())
    error->all(
        FLERR,
        "pair physrep: compute heat/flux {} reads compute stress/atom {}, which gives the heat "
        "flux of pair potentials, and this one is many-body: use 'compute {} all "
        "centroid/stress/atom NULL virial'",
        flux, shared, shared);
  if (comm->me == 0)
    error->warning(
        FLERR,
        "pair physrep: there are compute stress/atom {} and compute centroid/stress/atom "
        "{}: compute heat/flux {} must read {}",
        shared, centroid, flux, centroid);
}
