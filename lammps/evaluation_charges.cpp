// SPDX-License-Identifier: MIT
// What charges add to an evaluation: sums over the ranks between the steps of `Charges`.

#include "charges.h"
#include "evaluation.h"

#include <algorithm>
#include <optional>

namespace physrep {

// Adds numbers up over all ranks; false, on all of them, where one has failed.
bool Model::Torch::add_up(std::vector<double> &numbers, Exchange &exchange) const {
  numbers.push_back(error.empty() ? 0.0 : 1.0);
  exchange.add_up(numbers.data(), static_cast<int>(numbers.size()));
  const bool sound = numbers.back() == 0.0;
  numbers.pop_back();
  return sound;
}

void Model::Torch::electrostatics(const ChargedAtoms &atoms, const Piece &readout,
                                  Exchange &exchange, Result &result) {
  const size_t n = atoms.atoms.size();
  result.charges.assign(n, 0.0);
  result.long_range.assign(n, 0.0);
  result.charge_forces.assign(3 * n, 0.0);
  result.charge_virials.assign(atoms.virials ? 6 * n : 0, 0.0);
  result.member_charge_forces.assign(atoms.members ? 3 * n * n_members : 0, 0.0);
  std::fill_n(&result.charge_virial[0][0], 9, 0.0);
  std::optional<Charges> charges;
  const size_t n_raw = (is_polar ? 3 : 2) * n_members;
  std::vector<double> totals(n_raw, 0.0), sums, induced, slopes(n_raw, 0.0);
  if (n > 0)
    attempt([&] {
      charges.emplace(module, atoms, types, device, n_members, is_polar);
      raw.piece.input = readout.input;
      raw.piece.output = call("raw_charges", {readout.input, types, edges.value()});
      totals = charges->totals(raw.piece.output);
    });
  if (!add_up(totals, exchange)) return;
  if (charges) attempt([&] { sums = charges->sums(totals); });
  // Ranks without charges do not know how many sums there are.
  std::vector<double> sizes = {double(sums.size()), charges ? 1.0 : 0.0};
  if (!add_up(sizes, exchange) || sizes[1] == 0.0) return;
  sums.resize(static_cast<size_t>(sizes[0] / sizes[1]), 0.0);
  exchange.add_up(sums.data(), static_cast<int>(sums.size()));
  if (is_polar) {
    if (charges) attempt([&] { induced = charges->induce(sums); });
    induced.resize((atoms.virials ? 7 : 1) * sums.size(), 0.0);
    exchange.add_up(induced.data(), static_cast<int>(induced.size()));
  }
  if (charges) attempt([&] { slopes = charges->slopes(sums, induced, 1.0 / sizes[1], result); });
  if (atoms.members) {  // ranks without charges do not know these energies
    auto &energies = result.member_long_range;
    exchange.add_up(energies.data(), static_cast<int>(energies.size()));
  }
  exchange.add_up(slopes.data(), static_cast<int>(slopes.size()));
  if (charges) attempt([&] { raw.slopes = charges->back(slopes); });
}

// Adds what the last features do to the energy through the charges.
void Model::Torch::follow_charges(torch::Tensor &input_grad) {
  const torch::Tensor grad = edges.backward(raw.piece, {raw.slopes})[0];
  if (!grad.defined()) return;
  input_grad = input_grad.defined() ? input_grad + grad : grad;
}

}  // namespace physrep
