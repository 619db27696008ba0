// SPDX-License-Identifier: MIT

#include "listed_edges.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace physrep {

namespace {

using torch::Tensor;

template <class Value>
Tensor upload(const std::vector<Value> &data, torch::ScalarType type, torch::Device device) {
  const auto options = torch::TensorOptions().dtype(type);
  return torch::from_blob(const_cast<Value *>(data.data()), {int64_t(data.size())}, options)
      .to(device, false, true);
}

// The largest value and where it is first.
Tensor first_of(const Tensor &values) {
  const auto at = values.argmax(0, true);
  return torch::cat({values.index_select(0, at), at.to(torch::kFloat64)});
}

// Host memory with room for `shape`, from `kept` if that is large enough; pinned for a GPU.
Tensor room(Tensor &kept, int64_t rows, int64_t width, bool pinned) {
  const int64_t n = rows * width;
  if (!kept.defined() || kept.numel() < n)
    kept = torch::empty({n + n / 4}, HOST_DOUBLE.pinned_memory(pinned));
  return kept.narrow(0, 0, n).view({rows, width});
}

}  // namespace

ListedEdges::ListedEdges(torch::Device device, double cutoff, const std::vector<double> &contacts)
    : device_(device), cutoff_(cutoff), contacts_(upload(contacts, torch::kFloat64, device)) {
  const auto n_types = static_cast<int64_t>(std::lround(std::sqrt(contacts.size())));
  contacts_ = contacts_.view({n_types, n_types});
}

void ListedEdges::renew(const PairList &list) {
  rows_ = upload(list.rows, torch::kInt32, device_);
  sent_ = upload(list.sent, torch::kInt32, device_);
  pair_ends_ = upload(list.ends, torch::kInt32, device_);
  const auto counts = upload(list.counts, torch::kInt32, device_);
  const auto centers = upload(list.centers, torch::kInt32, device_);
  pair_centers_ = centers.repeat_interleave(counts, 0, int64_t(list.ends.size()));
}

void ListedEdges::take(const PairList &list) {
  if (list.renewed) renew(list);
  n_own_ = list.n_own;
  n_atoms_ = static_cast<int64_t>(list.rows.size());
  n_ghosts_ = static_cast<int64_t>(list.types.size()) - n_own_;
  types = upload(list.types, torch::kInt64, device_);
  const auto host = room(places_, n_atoms_, 3, device_.is_cuda());
  std::copy_n(list.positions, 3 * n_atoms_, host.data_ptr<double>());
  const auto places = host.to(device_, true);
  const auto apart = places.index_select(0, pair_ends_).sub_(places.index_select(0, pair_centers_));
  // A NaN stays in, to be found in the forces.
  const auto beyond = apart.square().sum(1).ge(cutoff_ * cutoff_);
  const auto near = beyond.logical_not().nonzero().squeeze(1);
  centers_ = pair_centers_.index_select(0, near);
  ends_ = pair_ends_.index_select(0, near);
  vectors = apart.index_select(0, near).requires_grad_(true);
  index = torch::stack({centers_, rows_.index_select(0, ends_)}).to(torch::kInt64);
}

Tensor ListedEdges::buffer(int64_t n_sent, int64_t n_ghosts, int width) {
  return room(messages_, n_sent + n_ghosts + 1, width, device_.is_cuda());
}

void ListedEdges::send(const Tensor &own, Tensor buffer) const {
  buffer.narrow(0, 0, sent_.size(0)).copy_(own.detach().index_select(0, sent_).to(torch::kFloat64));
}

Tensor ListedEdges::receive(const Tensor &own, const Tensor &buffer) const {
  const auto ghosts = buffer.narrow(0, sent_.size(0), n_ghosts_).to(device_);
  return torch::cat({own.detach(), ghosts.to(own.scalar_type())});
}

void ListedEdges::send_back(const Tensor &rows, Tensor buffer) const {
  buffer.narrow(0, sent_.size(0), n_ghosts_)
      .copy_(rows.narrow(0, n_own_, n_ghosts_).to(torch::kFloat64));
}

Tensor ListedEdges::receive_back(const Tensor &rows, const Tensor &buffer) const {
  const auto added = buffer.narrow(0, 0, sent_.size(0)).to(device_);
  return rows.narrow(0, 0, n_own_).index_add(0, sent_, added.to(rows.scalar_type()));
}

Result::Edge ListedEdges::edge(int64_t e) const {
  return {centers_[e].item<int>(), ends_[e].item<int>(), vectors[e].detach().norm().item<double>()};
}

void ListedEdges::sum(const Tensor &slopes, Result &result) const {
  if (slopes.size(0) == 0) return;
  auto forces = torch::zeros({n_atoms_, 3}, slopes.options());
  forces.index_add_(0, centers_, slopes).index_add_(0, ends_, slopes, -1);
  torch::from_blob(result.forces.data(), {n_atoms_, 3}, HOST_DOUBLE).copy_(forces);
  const auto from = vectors.detach();
  const auto limits =
      contacts_.index({types.index_select(0, index[0]), types.index_select(0, index[1])});
  // A NaN is no contact.
  const auto share = (from.norm(2, 1) / limits).nan_to_num(std::numeric_limits<double>::infinity());
  const auto broken = slopes.isfinite().all(1).logical_not().to(torch::kFloat64);
  // All of it in one message, because each waits for the device.
  const auto found =
      torch::cat({first_of(-share), first_of(broken), from.t().mm(slopes).flatten()}).cpu();
  const double *const number = found.data_ptr<double>();
  if (number[0] > -1.0) result.contact = edge(static_cast<int64_t>(number[1]));
  if (number[2] > 0.0) result.not_finite = edge(static_cast<int64_t>(number[3]));
  for (int k = 0; k < 9; k++) result.virial[k / 3][k % 3] = -number[4 + k];
}

}  // namespace physrep
