// SPDX-License-Identifier: MIT
// From LAMMPS' neighbour list to the atoms and edges that the model reads.

#include "pair_physrep.h"

#include "atom.h"
#include "comm.h"
#include "neigh_list.h"
#include "update.h"

#include <algorithm>
#include <cmath>

using namespace LAMMPS_NS;

namespace {

constexpr double SAME_PLACE = 1e-3;  // A
constexpr size_t SAMPLE = 1000;  // atoms whose edges are found before there is room for all

}  // namespace

// Rows of the model's arrays: own atoms, then ghosts whose owner is another rank. An image of an own
// atom has that atom's features and shares its row: several times fewer rows where a box has few
// ranks. Moments need a row for each image. Needed again whenever LAMMPS has made new ghosts.
void PairPhysRep::find_rows() {
  find_excluded();
  find_charged();
  pairs_listed_ = false;
  place_ = &row_;
  const int n_own = atom->nlocal, n_all = n_own + atom->nghost;
  std::vector<double> owners(2 * static_cast<size_t>(n_all));  // rank, index there
  row_.resize(n_all);
  for (int i = 0; i < n_all; i++) row_[i] = i;
  for (int i = 0; i < n_own; i++) {
    owners[2 * i] = comm->me;
    owners[2 * i + 1] = i;
  }
  exchange(owners.data(), 2, true);
  int n_rows = n_own;
  for (int i = n_own; i < n_all; i++)
    row_[i] = owners[2 * i] == comm->me && !graph_.wants_moments
                  ? static_cast<int>(owners[2 * i + 1])
                  : n_rows++;
  graph_.types.resize(n_rows);
}

// Own atoms, ghosts and the edges nearer than the cutoff.
void PairPhysRep::build_graph() {
  const int n_all = atom->nlocal + atom->nghost;
  graph_.n_own = atom->nlocal;
  // Atoms that NULL leaves to another style are in no list: their type does not matter.
  for (int i = 0; i < n_all; i++) graph_.types[row_[i]] = std::max(0, model_type_[atom->type[i]]);
  if (graph_.wants_moments) place_rows();
  graph_.centers.clear();
  graph_.neighbors.clear();
  graph_.vectors.clear();
  ends_.clear();
  std::vector<int> own(list->ilist, list->ilist + list->inum);
  if (!std::is_sorted(own.begin(), own.end())) std::sort(own.begin(), own.end());
  contact_problem_.clear();
  nearest_ = 1.0;
  for (size_t k = 0; k < own.size(); k++) {
    if (k == SAMPLE) reserve_edges(own);
    if (!excluded_[own[k]]) add_neighbors(own[k]);
  }
}

// Room for all edges, from the share of LAMMPS' list that was within the cutoff so far: a vector
// that grows by itself takes up to twice what it needs.
void PairPhysRep::reserve_edges(const std::vector<int> &own) {
  double seen = 0.0, listed = 0.0;
  for (size_t k = 0; k < own.size(); k++) {
    listed += list->numneigh[own[k]];
    if (k + 1 == SAMPLE) seen = listed;
  }
  if (seen == 0.0) return;
  const auto n = static_cast<size_t>(1.02 * ends_.size() * listed / seen);
  graph_.centers.reserve(n);
  graph_.neighbors.reserve(n);
  graph_.vectors.reserve(3 * n);
  ends_.reserve(n);
}

void PairPhysRep::add_neighbors(int i) {
  const double *const *const x = atom->x;
  const double cutoff = model_->metadata().cutoff;
  const double *const contacts = &contacts_[atom->type[i] * (atom->ntypes + 1)];
  for (int k = 0; k < list->numneigh[i]; k++) {
    const int j = list->firstneigh[i][k] & NEIGHMASK;
    if (excluded_[j]) continue;
    const double vector[3] = {x[j][0] - x[i][0], x[j][1] - x[i][1], x[j][2] - x[i][2]};
    const double square = vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2];
    if (square >= cutoff * cutoff) continue;  // a NaN stays in, to be found in the forces
    const double contact = contacts[atom->type[j]];
    if (square < contact * contact) note_contact(i, j, std::sqrt(square), contact);
    graph_.centers.push_back(i);
    graph_.neighbors.push_back(row_[j]);
    ends_.push_back(j);
    graph_.vectors.insert(graph_.vectors.end(), vector, vector + 3);
  }
}

// Keeps the nearest contact that cannot be meant, for the guard: trial positions of minimisers and of
// Monte Carlo moves have such contacts too, and there they only cost energy.
void PairPhysRep::note_contact(int i, int j, double distance, double limit) {
  if (distance / limit >= nearest_) return;
  nearest_ = distance / limit;
  const std::string atoms =
      fmt::format("atoms {} ({}) and {} ({})", tag_of(i), elements_[atom->type[i]], tag_of(j),
                  elements_[atom->type[j]]);
  if (distance < SAME_PLACE)
    contact_problem_ = fmt::format(
        "{} are at the same place ({:.2g} A apart) at step {}: is an atom there twice, or the box "
        "too small?",
        atoms, distance, update->ntimestep);
  else
    contact_problem_ = fmt::format(
        "{} are {:.4f} A apart at step {}, far nearer than any such pair the potential was fitted "
        "to (limit {:.3g} A): check the units, the elements in pair_coeff and the time step; or "
        "the run has blown up",
        atoms, distance, update->ntimestep, limit);
}
