// SPDX-License-Identifier: MIT
// Edges and sums over them on the model's device, from LAMMPS' list of pairs.

#ifndef PHYSREP_LISTED_EDGES_H
#define PHYSREP_LISTED_EDGES_H

#include "model.h"

#include <torch/script.h>

#include <vector>

namespace physrep {

const auto HOST_DOUBLE = torch::TensorOptions().dtype(torch::kFloat64);

// LAMMPS' list stays on the device until the next one; positions go there at every step, and forces
// and energies of atoms come back. Features stay there, but for rows that other ranks need: those
// are gathered on the device and pass through one buffer of the host, pinned for a GPU.
class ListedEdges {
 public:
  ListedEdges() : ListedEdges(torch::kCPU, 0.0, {}) {}
  // contacts: (n_types, n_types) A, of a pair that is worth a note.
  ListedEdges(torch::Device device, double cutoff, const std::vector<double> &contacts);

  // The edges of this step. n_rows - n_own rows are ghosts.
  void take(const PairList &list);

  torch::Tensor types;    // (n_rows)
  torch::Tensor index;    // (2, n_edges) centers and neighbors, rows
  torch::Tensor vectors;  // (n_edges, 3) A, double

  // The buffer of messages, (n_sent + n_ghosts + 1, width) double, its numbers of any value.
  torch::Tensor buffer(int64_t n_sent, int64_t n_ghosts, int width);
  // Rows (n_own, width) into the part of `buffer` that goes to other ranks.
  void send(const torch::Tensor &own, torch::Tensor buffer) const;
  // Rows of own atoms, and behind them those of ghosts from `buffer`.
  torch::Tensor receive(const torch::Tensor &own, const torch::Tensor &buffer) const;
  // Back: what ghosts have collected, then what own atoms have with that of their ghosts elsewhere.
  void send_back(const torch::Tensor &rows, torch::Tensor buffer) const;
  torch::Tensor receive_back(const torch::Tensor &rows, const torch::Tensor &buffer) const;

  // Forces, virial, contact and what is not finite from slopes (n_edges, 3).
  void sum(const torch::Tensor &slopes, Result &result) const;

 private:
  void renew(const PairList &list);
  Result::Edge edge(int64_t e) const;

  torch::Device device_;
  double cutoff_;
  torch::Tensor contacts_;
  int64_t n_own_ = 0, n_atoms_ = 0, n_ghosts_ = 0;
  torch::Tensor rows_, pair_centers_, pair_ends_, sent_;  // on the device, of LAMMPS' list
  torch::Tensor centers_, ends_;                          // (n_edges) atoms, of this step
  torch::Tensor places_, messages_;                       // host memory
};

}  // namespace physrep

#endif
