// SPDX-License-Identifier: MIT
// One evaluation whose edges are made on the model's device: LAMMPS' list goes there when it is new,
// positions at every step; energies and forces of atoms come back.

#include "pair_physrep.h"

#include "atom.h"
#include "neigh_list.h"

#include <algorithm>

using namespace LAMMPS_NS;

void PairPhysRep::compute_listed() {
  const int n_own = atom->nlocal, n_all = n_own + atom->nghost;
  pairs_.renewed = !pairs_listed_;
  if (!pairs_listed_) list_pairs();
  pairs_listed_ = true;
  place_ = &message_place_;
  pairs_.n_own = n_own;
  pairs_.positions = n_all > 0 ? atom->x[0] : nullptr;
  pairs_.types.resize(graph_.types.size());
  for (int i = 0; i < n_all; i++) pairs_.types[row_[i]] = std::max(0, model_type_[atom->type[i]]);
  const std::string failure = model_->evaluate(pairs_, charged_, *this, result_);
  agree_on_error(failure.empty() ? "" : "the potential failed: " + failure + boundary_advice());
  tally_energies();
  tally_listed();
  tally_charges();
  if (vflag_fdotr) virial_fdotr_compute();
}

// LAMMPS' list without its pages, and without atoms that are excluded.
void PairPhysRep::list_pairs() {
  pairs_.rows = row_;
  pairs_.centers.clear();
  pairs_.counts.clear();
  pairs_.ends.clear();
  std::vector<int> own(list->ilist, list->ilist + list->inum);
  if (!std::is_sorted(own.begin(), own.end())) std::sort(own.begin(), own.end());
  size_t n_pairs = 0;
  for (const int i : own) n_pairs += list->numneigh[i];
  pairs_.ends.reserve(n_pairs);
  for (const int i : own) {
    if (excluded_[i]) continue;
    const size_t before = pairs_.ends.size();
    for (int k = 0; k < list->numneigh[i]; k++) {
      const int j = list->firstneigh[i][k] & NEIGHMASK;
      if (!excluded_[j]) pairs_.ends.push_back(j);
    }
    pairs_.centers.push_back(i);
    pairs_.counts.push_back(static_cast<int>(pairs_.ends.size() - before));
  }
  find_sent();
}

// Own atoms that other ranks have as ghosts, and the rows of messages: those, then ghosts, then one
// for own atoms that only this rank has. Ghosts say so to their owners. Collective.
void PairPhysRep::find_sent() {
  const int n_own = atom->nlocal, n_all = n_own + atom->nghost;
  const int n_ghosts = static_cast<int>(graph_.types.size()) - n_own;
  pairs_.sent.clear();
  std::vector<double> readers(graph_.types.size(), 1.0);
  std::fill_n(readers.begin(), n_own, 0.0);
  place_ = &row_;
  exchange(readers.data(), 1, false);
  for (int i = 0; i < n_own; i++)
    if (readers[i] > 0.0) pairs_.sent.push_back(i);
  const int n_sent = static_cast<int>(pairs_.sent.size());
  std::vector<int> place_of_row(graph_.types.size(), n_sent + n_ghosts);
  for (int k = 0; k < n_sent; k++) place_of_row[pairs_.sent[k]] = k;
  for (int k = 0; k < n_ghosts; k++) place_of_row[n_own + k] = n_sent + k;
  message_place_.resize(n_all);
  for (int i = 0; i < n_all; i++) message_place_[i] = place_of_row[row_[i]];
}

// Adds forces and the virial to LAMMPS' sums; keeps what the guard looks for.
void PairPhysRep::tally_listed() {
  double **const f = atom->f;
  for (size_t i = 0; i < pairs_.rows.size(); i++)
    for (int a = 0; a < 3; a++) f[i][a] += result_.forces[3 * i + a];
  contact_problem_.clear();
  nearest_ = 1.0;
  const auto &contact = result_.contact, &broken = result_.not_finite;
  const int *const type = atom->type;
  if (contact.center >= 0)
    note_contact(contact.center, contact.end, contact.length,
                 contacts_[type[contact.center] * (atom->ntypes + 1) + type[contact.end]]);
  if (broken.center >= 0) note_not_finite(broken.center, broken.end);
  if (vflag_global) add_virial(result_.virial);
}
