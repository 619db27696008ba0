// SPDX-License-Identifier: MIT

#include "evaluation.h"

#include <torch/csrc/jit/runtime/jit_exception.h>

#include <type_traits>
#include <utility>

namespace physrep {

namespace {

using torch::Tensor;

const auto HOST_INDEX = torch::TensorOptions().dtype(torch::kInt64);
const auto HOST_INT = torch::TensorOptions().dtype(torch::kInt32);

// The buffer outlives the evaluation and PyTorch only reads it.
template <class Value>
Tensor wrap(const std::vector<Value> &data, at::IntArrayRef shape,
            const torch::TensorOptions &options) {
  return torch::from_blob(const_cast<Value *>(data.data()), shape, options);
}

// Whether step k, or the readout behind the last one, reads atoms of other ranks.
bool reads_ghosts(int k, const Metadata &about, const Exchange &exchange) {
  return exchange.needed() && (k < about.n_layers || about.readout_reads_neighbors);
}

}  // namespace

std::string message_of(const std::exception &error) {
  if (const auto *raised = dynamic_cast<const torch::jit::JITException *>(&error))
    if (const auto message = raised->getOriginalMsg()) return *message;
  const auto *torch_error = dynamic_cast<const c10::Error *>(&error);
  return torch_error ? torch_error->what_without_backtrace() : error.what();
}

// Tensors of the graph and the edges made of them.
void Model::Torch::start(const Graph &graph) {
  error.clear();
  types = vectors = positions = Tensor();
  edges = CutEdges();
  raw = RawCharges();
  n_own = graph.n_own;
  n_rows = static_cast<int64_t>(graph.types.size());
  with_moments = graph.wants_moments;
  with_members = graph.wants_members;
  by_list = false;
  attempt([&] {
    const auto n_edges = static_cast<int64_t>(graph.centers.size());
    const auto host = torch::empty({2, n_edges}, HOST_INDEX);
    host[0].copy_(wrap(graph.centers, {n_edges}, HOST_INT));
    host[1].copy_(wrap(graph.neighbors, {n_edges}, HOST_INT));
    const auto index = host.to(device);
    types = wrap(graph.types, {n_rows}, HOST_INDEX).to(device);
    vectors = wrap(graph.vectors, {n_edges, 3}, HOST_DOUBLE).to(device);
    if (with_members) vectors = vectors.repeat({1, n_members});
    vectors.requires_grad_(true);
    if (with_moments) positions = wrap(graph.positions, {n_rows, 3}, HOST_DOUBLE);
    edges = CutEdges(module.get_method("edges")({types, index, vectors, n_own}), n_sums());
  });
}

void Model::Torch::start(const PairList &list) {
  error.clear();
  types = vectors = positions = Tensor();
  edges = CutEdges();
  raw = RawCharges();
  n_own = list.n_own;
  n_rows = static_cast<int64_t>(list.types.size());
  n_sent = static_cast<int64_t>(list.sent.size());
  with_moments = with_members = false;
  by_list = true;
  attempt([&] {
    listed.take(list);
    types = listed.types;
    vectors = listed.vectors;
    edges = CutEdges(module.get_method("edges")({types, listed.index, vectors, n_own}), n_sums());
  });
}

// Rows of all atoms in host memory, double: own ones from `own`, zeros for the ghosts. Doubles carry
// float32 features without loss, and LAMMPS' buffers are doubles.
Tensor Model::Torch::rows_of(const Tensor &own, int width) const {
  auto rows = torch::zeros({n_rows, width}, HOST_DOUBLE);
  if (own.defined()) rows.narrow(0, 0, n_own).copy_(own.detach());
  return rows;
}

// Rows of own atoms and, by messages, of ghosts on the device; undefined where that failed.
Tensor Model::Torch::with_ghosts(const Tensor &own, int width, Exchange &exchange) {
  Tensor rows, all;
  if (by_list) {
    rows = listed.buffer(n_sent, n_rows - n_own, width);
    attempt([&] { listed.send(own, rows); });
  } else {
    rows = rows_of(Tensor(), width);
    attempt([&] { rows = rows_of(own, width); });
  }
  exchange.to_ghosts(rows.data_ptr<double>(), width);
  attempt([&] { all = by_list ? listed.receive(own, rows) : rows.to(device, dtype).detach(); });
  return all;
}

// Pieces in order: embed, the steps, readout.
std::vector<Piece> Model::Torch::forward(const Metadata &about, Exchange &exchange) {
  std::vector<Piece> pieces(about.n_layers + 2);
  attempt([&] { pieces[0].output = call("embed", {types, edges.value()}); });
  for (int k = 0; k <= about.n_layers; k++) {
    const bool readout = k == about.n_layers;
    const bool needs_grad = k > 0 || embed_reads_edges;
    const Tensor own = pieces[k].output;
    Piece &piece = pieces[k + 1];
    if (!reads_ghosts(k, about, exchange)) {
      attempt([&] { piece.input = own.detach().requires_grad_(needs_grad); });
    } else {
      const Tensor rows = with_ghosts(own, about.width, exchange);
      attempt([&] { piece.input = rows.detach().requires_grad_(needs_grad); });
    }
    attempt([&] {
      const std::string last = with_members ? "member_readout" : "readout";
      piece.output = readout ? call(last, {piece.input, types, edges.value()})
                             : call("step", {int64_t(k), piece.input, edges.value()});
    });
  }
  return pieces;
}

// What the sums are differentiated from: their weights of the atomic energies, which are (n_own), or
// with members (n_own, n_members), whose mean is the energy.
std::vector<Tensor> Model::Torch::seeds(const Tensor &energies) const {
  const double share = with_members ? 1.0 / n_members : 1.0;
  std::vector<Tensor> weights = {torch::full_like(energies, share)};
  for (int a = 0; a < 3 && with_moments; a++) {
    Tensor along = positions.narrow(0, 0, n_own).select(1, a).to(energies.options()) * share;
    if (with_members) along = along.unsqueeze(1).expand_as(energies);
    weights.push_back(along);
  }
  return weights;
}

// Collects the sums' gradients of every piece, last to first. The exchanges mirror those of
// `forward`.
void Model::Torch::backward(const std::vector<Piece> &pieces, const Metadata &about,
                            Exchange &exchange) {
  std::vector<Tensor> grads(n_sums());  // with respect to the output of the piece at hand
  attempt([&] { grads = seeds(pieces.back().output); });
  for (int k = about.n_layers; k >= 0; k--) {
    const Piece &piece = pieces[k + 1];
    std::vector<Tensor> input_grads(n_sums());
    attempt([&] { input_grads = edges.backward(piece, grads); });
    if (k == about.n_layers && raw.slopes.defined())
      attempt([&] { follow_charges(input_grads[0]); });
    // Features that do not depend on positions need no gradient; all ranks know that from the file.
    if (k == 0 && !embed_reads_edges) return;
    if (reads_ghosts(k, about, exchange))
      grads = add_ghosts(input_grads, about.width, exchange);
    else
      attempt([&] {
        for (size_t s = 0; s < n_sums(); s++) grads[s] = grad_or_zero(input_grads[s], piece.input);
      });
  }
  attempt([&] { edges.backward(pieces[0], grads); });
}

// The sums' gradients with respect to the features of own atoms, from those with respect to the
// features of own atoms and ghosts. A moment counts distances from an origin, and a ghost and its
// owner do not stand at the same place: what travels are moments about the atom itself, which are
// the same for all its images.
std::vector<Tensor> Model::Torch::add_ghosts(const std::vector<Tensor> &grads, int width,
                                             Exchange &exchange) {
  if (by_list) return {add_listed_ghosts(grads[0], width, exchange)};
  const auto n = static_cast<int64_t>(grads.size());
  auto rows = torch::zeros({n_rows, n, width}, HOST_DOUBLE);
  attempt([&] {
    for (int64_t s = 0; s < n; s++)
      if (grads[s].defined()) rows.select(1, s).copy_(grads[s]);
    if (with_moments) move_origins(rows, -1.0);
  });
  exchange.from_ghosts(rows.data_ptr<double>(), static_cast<int>(n) * width);
  std::vector<Tensor> own(grads.size());
  attempt([&] {
    const auto sums = rows.narrow(0, 0, n_own);
    if (with_moments) move_origins(sums, 1.0);
    for (int64_t s = 0; s < n; s++) own[s] = sums.select(1, s).to(device, dtype).contiguous();
  });
  return own;
}

Tensor Model::Torch::add_listed_ghosts(const Tensor &grad, int width, Exchange &exchange) {
  auto rows = listed.buffer(n_sent, n_rows - n_own, width).zero_();
  Tensor sums;
  const auto options = torch::TensorOptions().dtype(dtype).device(device);
  attempt([&] {
    sums = grad.defined() ? grad : torch::zeros({n_rows, width}, options);
    listed.send_back(sums, rows);
  });
  exchange.from_ghosts(rows.data_ptr<double>(), width);
  attempt([&] { sums = listed.receive_back(sums, rows); });
  return sums;
}

// Adds sign x_i times the gradient of the energy to the three moments: rows (n, 4, width).
void Model::Torch::move_origins(Tensor rows, double sign) const {
  const auto from = positions.narrow(0, 0, rows.size(0)).unsqueeze(2);
  rows.narrow(1, 1, 3).add_(from * rows.narrow(1, 0, 1), sign);
}

// Energies, slopes and moments into the caller's arrays.
void Model::Torch::write(const Graph &graph, const std::vector<Piece> &pieces, Result &result) {
  attempt([&] {
    const auto n_edges = static_cast<int64_t>(graph.centers.size());
    auto energies = pieces.back().output.detach();
    auto gradients = edges.to_vectors(vectors);
    if (with_members) {
      const auto blob = [&](std::vector<double> &data, at::IntArrayRef shape) {
        return torch::from_blob(data.data(), shape, HOST_DOUBLE);
      };
      blob(result.member_energies, {n_members}).copy_(energies.sum(0));
      energies = energies.mean(1);
      for (auto &gradient : gradients) gradient = gradient.reshape({n_edges, n_members, 3});
      blob(result.member_slopes, {n_members, n_edges, 3})
          .copy_(gradients[0].transpose(0, 1) * double(n_members));
      for (auto &gradient : gradients) gradient = gradient.sum(1);
    }
    torch::from_blob(result.energies.data(), {graph.n_own}, HOST_DOUBLE).copy_(energies);
    const auto slopes = torch::from_blob(result.slopes.data(), {n_edges, 3}, HOST_DOUBLE);
    slopes.copy_(gradients[0]);
    if (!with_moments) return;
    const auto centers = wrap(graph.centers, {n_edges}, HOST_INT).to(torch::kInt64);
    const auto origins = positions.index_select(0, centers);
    const auto moments = torch::from_blob(result.moments.data(), {n_edges, 3, 3}, HOST_DOUBLE);
    for (int a = 0; a < 3; a++)
      moments.select(1, a).copy_(gradients[1 + a]).sub_(origins.narrow(1, a, 1) * slopes);
  });
}

void Model::Torch::write(const std::vector<Piece> &pieces, Result &result) {
  attempt([&] {
    torch::from_blob(result.energies.data(), {n_own}, HOST_DOUBLE)
        .copy_(pieces.back().output.detach());
    listed.sum(edges.to_vectors(vectors)[0], result);
  });
}

}  // namespace physrep
