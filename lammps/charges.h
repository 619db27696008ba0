// SPDX-License-Identifier: MIT
// Charges of this rank's atoms within one evaluation: forward to the energy of long range of the
// whole structure, and back to what the charges are made of.
//
//   raw -> (totals of raw) -> sources -> own terms -> (sums of the terms) -> energy
//
// The sources are the charges, where the potential has dispersion the atoms' shares of C6, and where
// it is polar their polarizabilities.
//
// What is in brackets is added up over the ranks; each of these sums has few numbers. All ranks
// compute the same energy from the same sums, and from its slope along them what it means for their
// own atoms. The energy of induced dipoles is that of the own atoms in the field that the sums stand
// for; its slopes along the sums are added up once more.

#ifndef PHYSREP_CHARGES_H
#define PHYSREP_CHARGES_H

#include "model.h"

#include <torch/script.h>

#include <vector>

namespace physrep {

class Charges {
 public:
  // types: of this rank's atoms, own first; n_members: of a committee, each with its own charges.
  Charges(torch::jit::Module module, const ChargedAtoms &atoms, const torch::Tensor &types,
          torch::Device device, int n_members, bool is_polar);

  // In this order. Each takes what the last one gave, added up over the ranks.
  // raw: (n_own, n_raw) raw charges in e, weights of the shift and, where the potential is polar,
  // polarizabilities, of each member; returns this rank's part of their totals over the structure.
  std::vector<double> totals(const torch::Tensor &raw);
  // This rank's terms of the sums that the energy is made of, (n_sums).
  std::vector<double> sums(const std::vector<double> &totals);
  // Only where the potential is polar: the slopes along the sums of the energy of this rank's dipoles
  // and, where virials of atoms are wanted, those of its slopes along a strain xx, yy, zz, xy, xz and
  // yz, (1 or 7, n_sums).
  std::vector<double> induce(const std::vector<double> &sums);
  // Writes everything into the result that follows while the charges are held. The energy depends on
  // the sums and, directly, on the cell: of the latter this rank counts `share`. Returns this rank's
  // part of dE/dtotals.
  std::vector<double> slopes(const std::vector<double> &sums, const std::vector<double> &induced,
                             double share, Result &result);
  // dE/draw.
  torch::Tensor back(const std::vector<double> &slopes) const;

 private:
  struct Strained {
    torch::Tensor strain, cell;  // a leaf, zero; (3, 3) A
  };
  Strained strained() const;
  // Of the energy's slope along the strain the slopes along the sums, (6, n_sums).
  static torch::Tensor slopes_of_strain(const torch::Tensor &energy, const torch::Tensor &strain,
                                        const torch::Tensor &sums);
  // Each atom's part of the virial, (n_own, 6): minus half of what its charges do to the slope of the
  // energy along a strain. The energy is quadratic in them, so these add up to the virial.
  // In three periodic directions: there the sums do not depend on the strain. by_sums: (6, n_sums).
  torch::Tensor virials_of_atoms(const torch::Tensor &by_sums) const;
  // Half the product of the sources, without polarizabilities, and slopes along them, (n_own).
  torch::Tensor half_of_pairs(const torch::Tensor &slopes) const;
  torch::Tensor call(const char *name, std::vector<c10::IValue> arguments);
  torch::Tensor upload(const void *data, at::IntArrayRef shape, torch::ScalarType type) const;
  torch::Tensor upload(const std::vector<double> &numbers) const;

  torch::jit::Module module_;
  torch::Device device_;
  int64_t n_own_ = 0, n_charged_ = 0, n_atoms_ = 0, first_ = 0;
  double total_charge_ = 0.0;
  bool wants_virials_ = false, wants_members_ = false, is_polar_ = false;
  int n_members_ = 1;
  // positions: a leaf, (n_charged, 3); where members are wanted one for each, (n_members, ...)
  torch::Tensor atoms_, types_, positions_, box_, pbc_;
  torch::Tensor raw_, totals_, made_;  // leaf, leaf, sources as a function of both
  torch::Tensor sources_, terms_;  // leaf; terms of positions, sources and strain
  Strained own_;  // of the terms
  torch::Tensor places_, rows_;  // of the terms: strained positions, and their rows
  std::vector<torch::Tensor> by_induced_;  // dipoles: by positions, sources and strain of the terms
  std::vector<double> induced_of_members_;  // eV
  torch::Tensor raw_slopes_;
};

}  // namespace physrep

#endif
