// SPDX-License-Identifier: MIT

#include "charges.h"

#include "pieces.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <utility>

namespace physrep {

namespace {

using torch::Tensor;

Tensor leaf(const Tensor &value) { return value.detach().requires_grad_(true); }

std::vector<double> to_host(const Tensor &tensor) {
  const Tensor host = tensor.detach().to(torch::kCPU, torch::kFloat64).contiguous();
  return {host.data_ptr<double>(), host.data_ptr<double>() + host.numel()};
}

// d(sum of weights * output)/dinputs; zeros where the output does not depend on one.
std::vector<Tensor> slopes_of(const Tensor &output, const Tensor &weights,
                              const std::vector<Tensor> &inputs, bool keeps_graph = false) {
  auto found = torch::autograd::grad({output}, inputs, {weights}, keeps_graph, false, true);
  for (size_t k = 0; k < inputs.size(); k++) found[k] = grad_or_zero(found[k], inputs[k]);
  return found;
}

}  // namespace

Charges::Charges(torch::jit::Module module, const ChargedAtoms &atoms, const Tensor &types,
                 torch::Device device, int n_members, bool is_polar)
    : module_(std::move(module)),
      device_(device),
      n_charged_(static_cast<int64_t>(atoms.atoms.size())),
      n_atoms_(atoms.n_atoms),
      first_(atoms.first),
      total_charge_(atoms.total_charge),
      wants_virials_(atoms.virials),
      wants_members_(atoms.members),
      is_polar_(is_polar),
      n_members_(n_members) {
  atoms_ = upload(atoms.atoms.data(), {n_charged_}, torch::kInt64);
  types_ = types.index_select(0, atoms_);
  const auto places = upload(atoms.positions.data(), {n_charged_, 3}, torch::kFloat64);
  positions_ = leaf(wants_members_ ? places.repeat({n_members, 1, 1}) : places);
  box_ = upload(atoms.cell, {3, 3}, torch::kFloat64);
  pbc_ = upload(atoms.periodic, {3}, torch::kBool);
}

std::vector<double> Charges::totals(const Tensor &raw) {
  n_own_ = raw.size(0);
  raw_ = leaf(raw.index_select(0, atoms_));
  return to_host(raw_.sum(0));
}

std::vector<double> Charges::sums(const std::vector<double> &totals) {
  totals_ = upload(totals).requires_grad_(true);
  made_ = call("sources", {raw_, totals_, types_, total_charge_});
  sources_ = leaf(made_);
  own_ = strained();
  places_ = positions_ + positions_.matmul(own_.strain);
  rows_ = torch::arange(first_, first_ + n_charged_, atoms_.options());
  terms_ = call("long_range_sums", {places_, sources_, own_.cell, pbc_, n_atoms_, rows_});
  return to_host(terms_);
}

std::vector<double> Charges::induce(const std::vector<double> &sums) {
  const auto all = leaf(upload(sums));
  const std::vector<c10::IValue> arguments = {all,  places_,  sources_, own_.cell,
                                              pbc_, n_atoms_, rows_};
  const auto energy = call("induced_energy_of_sums", arguments);
  std::vector<Tensor> slopes;
  if (wants_virials_) slopes.push_back(slopes_of_strain(energy, own_.strain, all));
  const std::vector<Tensor> inputs = {all, positions_, sources_, own_.strain};
  by_induced_ = slopes_of(energy, torch::ones_like(energy), inputs, true);
  slopes.insert(slopes.begin(), by_induced_[0].unsqueeze(0));
  by_induced_.erase(by_induced_.begin());
  if (wants_members_)
    induced_of_members_ = to_host(call("member_induced_energies_of_sums", arguments));
  return to_host(torch::cat(slopes));
}

std::vector<double> Charges::slopes(const std::vector<double> &sums,
                                    const std::vector<double> &induced, double share,
                                    Result &result) {
  const auto whole = strained();
  const auto all = leaf(upload(sums));
  const auto energy = call("energy_of_sums", {all, whole.cell, pbc_, n_atoms_});
  const auto answers = upload(induced).view({-1, all.size(0)});
  if (wants_virials_) {
    auto by_strain = slopes_of_strain(energy, whole.strain, all);
    if (is_polar_) by_strain = by_strain + answers.narrow(0, 1, 6);
    result.charge_virials = to_host(virials_of_atoms(by_strain));
  }
  auto by_sums = slopes_of(energy, torch::ones_like(energy), {all, whole.strain});
  if (is_polar_) by_sums[0] = by_sums[0] + answers[0];
  auto by_own = slopes_of(terms_, by_sums[0], {positions_, sources_, own_.strain});
  for (size_t k = 0; k < by_induced_.size(); k++) by_own[k] = by_own[k] + by_induced_[k];
  const auto by_raw = slopes_of(made_, by_own[1], {raw_, totals_});
  raw_slopes_ = by_raw[0];
  result.charges = to_host(sources_.view({n_charged_, n_members_, -1}).select(2, 0).mean(1));
  if (wants_members_) {
    auto energies = to_host(call("member_energies_of_sums", {all, whole.cell, pbc_, n_atoms_}));
    for (double &of_member : energies) of_member *= share;
    for (size_t m = 0; m < induced_of_members_.size(); m++) energies[m] += induced_of_members_[m];
    result.member_long_range = energies;
    result.member_charge_forces = to_host(-double(n_members_) * by_own[0]);
  }
  result.charge_forces = to_host(wants_members_ ? -by_own[0].sum(0) : -by_own[0]);
  result.long_range = to_host(half_of_pairs(by_own[1]));
  const auto virial = to_host(by_own[2] + share * by_sums[1]);
  for (int k = 0; k < 9; k++) result.charge_virial[k / 3][k % 3] = -virial[k];
  return to_host(by_raw[1]);
}

Tensor Charges::half_of_pairs(const Tensor &slopes) const {
  const auto products = (sources_ * slopes).view({n_charged_, n_members_, -1});
  const int64_t n = products.size(2) - (is_polar_ ? 1 : 0);
  return 0.5 * products.narrow(2, 0, n).sum({1, 2});
}

Tensor Charges::slopes_of_strain(const Tensor &energy, const Tensor &strain, const Tensor &sums) {
  const int axes[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
  const auto slope = torch::autograd::grad({energy}, {strain}, {}, true, true)[0];
  std::vector<Tensor> rows;
  for (const auto &axis : axes) {
    const auto along = 0.5 * (slope[axis[0]][axis[1]] + slope[axis[1]][axis[0]]);
    rows.push_back(torch::autograd::grad({along}, {sums}, {}, true)[0]);
  }
  return torch::stack(rows);
}

Tensor Charges::virials_of_atoms(const Tensor &by_sums) const {
  std::vector<Tensor> columns;
  for (const auto &row : by_sums.unbind())
    columns.push_back(-half_of_pairs(torch::autograd::grad({terms_}, {sources_}, {row}, true)[0]));
  return torch::stack(columns, 1);
}

Tensor Charges::back(const std::vector<double> &slopes) const {
  const auto all = raw_slopes_ + upload(slopes);
  return torch::zeros({n_own_, all.size(1)}, all.options()).index_copy(0, atoms_, all);
}

// The cell under a strain: x -> x + x strain for rows x.
Charges::Strained Charges::strained() const {
  const auto strain = torch::zeros_like(box_).requires_grad_(true);
  return {strain, box_ + box_.mm(strain)};
}

Tensor Charges::call(const char *name, std::vector<c10::IValue> arguments) {
  return module_.get_method(name)(std::move(arguments)).toTensor();
}

Tensor Charges::upload(const void *data, at::IntArrayRef shape, torch::ScalarType type) const {
  const auto options = torch::TensorOptions().dtype(type);
  return torch::from_blob(const_cast<void *>(data), shape, options).to(device_, false, true);
}

Tensor Charges::upload(const std::vector<double> &numbers) const {
  return upload(numbers.data(), {static_cast<int64_t>(numbers.size())}, torch::kFloat64);
}

}  // namespace physrep
