// SPDX-License-Identifier: MIT
// Messages between ranks: rows of the model's arrays from atoms to their ghosts and back.

#include "pair_physrep.h"

#include "atom.h"
#include "comm.h"
#include "timer.h"

#include <algorithm>

using namespace LAMMPS_NS;

// On one rank every ghost shares its owner's row, unless each image has its own.
bool PairPhysRep::needed() const { return comm->nprocs > 1 || graph_.wants_moments; }

void PairPhysRep::to_ghosts(double *rows, int width) { exchange(rows, width, true); }

void PairPhysRep::from_ghosts(double *rows, int width) { exchange(rows, width, false); }

// Its time appears in LAMMPS' breakdown as Comm, not as Pair.
void PairPhysRep::exchange(double *rows, int width, bool forward) {
  timer->stamp(Timer::PAIR);
  rows_ = rows;
  row_width_ = width;
  for (column_ = 0; column_ < width; column_ += COLUMNS_AT_ONCE) {
    n_columns_ = std::min(COLUMNS_AT_ONCE, width - column_);
    if (forward)
      comm->forward_comm(this, n_columns_);
    else
      comm->reverse_comm(this, n_columns_);
  }
  timer->stamp(Timer::COMM);
}

int PairPhysRep::pack_forward_comm(int n, int *list, double *buf, int, int *) {
  for (int k = 0; k < n; k++) std::copy_n(row(list[k]), n_columns_, buf + k * n_columns_);
  return n * n_columns_;
}

void PairPhysRep::unpack_forward_comm(int n, int first, double *buf) {
  for (int k = 0; k < n; k++) std::copy_n(buf + k * n_columns_, n_columns_, row(first + k));
}

int PairPhysRep::pack_reverse_comm(int n, int first, double *buf) {
  for (int k = 0; k < n; k++) {
    // What an image has collected is in its owner's row already and must not arrive there twice.
    const bool shared = row_[first + k] < atom->nlocal;
    if (shared)
      std::fill_n(buf + k * n_columns_, n_columns_, 0.0);
    else
      std::copy_n(row(first + k), n_columns_, buf + k * n_columns_);
  }
  return n * n_columns_;
}

void PairPhysRep::unpack_reverse_comm(int n, int *list, double *buf) {
  for (int k = 0; k < n; k++) {
    double *const sum = row(list[k]);
    for (int c = 0; c < n_columns_; c++) sum[c] += buf[k * n_columns_ + c];
  }
}
