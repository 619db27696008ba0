// SPDX-License-Identifier: MIT
// Gives the kernels on a GPU their memory and starts them. Compiled with PyTorch 2.9.1 and the
// headers of CUDA 13.0; not run on a GPU.

#include "device.h"

#include <ATen/Context.h>

#include <algorithm>
#include <utility>

#include "launch.h"
#include "place.h"

namespace physrep_cuda {

namespace {

using physrep::Walk;

// Memory as a tensor. Where the device is given nobody asks the address for it: no edges have none.
template <class T> Tensor view(const T *memory, int64_t size, const torch::TensorOptions &options) {
  return at::for_blob(const_cast<T *>(memory), {size})
      .options(options)
      .target_device(options.device())
      .make_tensor();
}

// Sums over all edges, a copy for each group; added up in order when all have been computed.
template <class T> class Copies {
 public:
  Copies(int64_t n_groups, const torch::TensorOptions &options)
      : n_groups_(n_groups), options_(options.dtype(c10::CppTypeToScalarType<T>::value)) {}

  // Lets `at`, an output of `size` numbers, point to the first of the copies; null stays null.
  void replace(T *&at, int64_t size) {
    if (!at || size == 0) return;
    outputs_.emplace_back(view(at, size, options_), torch::zeros({n_groups_, size}, options_));
    at = outputs_.back().second.template data_ptr<T>();
  }
  void add_up() {
    for (auto &[output, copies] : outputs_) output.copy_(copies.sum(0));
  }

 private:
  int64_t n_groups_;
  torch::TensorOptions options_;
  std::vector<std::pair<Tensor, Tensor>> outputs_;
};

// A walk over the graph, and what its pointers point to.
struct Route {
  Walk walk;
  Tensor starts, order;

  // `copied`: some output has a copy for each group. `gathered`: sums at neighbours are wanted.
  Route(const int64_t *centers, const int64_t *neighbors, const Block &all, const Place &place,
        bool copied, bool gathered) {
    walk.n_centers = all.last_center, walk.n_edges = all.last_edge;
    walk.n_groups = copied ? std::min(walk.n_centers, MOST_COPIES) : walk.n_centers;
    walk.stream = place.stream();
    const auto options = place.options().dtype(torch::kInt64);
    const auto steps = at::arange(walk.n_centers + 1, options);
    starts = at::searchsorted(view(centers, walk.n_edges, options), steps);
    walk.starts = starts.const_data_ptr<int64_t>();
    walk.order = nullptr;
    if (!gathered || walk.n_edges == 0 || !at::globalContext().deterministicAlgorithms()) return;
    order = at::argsort(view(neighbors, walk.n_edges, options), /*stable=*/true, 0, false);
    walk.order = order.const_data_ptr<int64_t>();
  }
};

template <class T> void attention(const AttentionArgs<T> &arguments, const Block &all) {
  if (all.last_center == 0) return;
  AttentionArgs<T> a = arguments;
  const Place place(a.received.value);
  const bool copied = a.d_vector || a.d_slopes || a.d_self_bias;
  const Route route(a.centers, a.neighbors, all, place, copied, a.d_sent);
  Copies<T> copies(route.walk.n_groups, place.options());
  copies.replace(a.d_vector, a.heads * a.width);
  copies.replace(a.d_slopes, a.n_features * a.heads);
  copies.replace(a.d_self_bias, a.heads);
  const auto scratch = torch::empty({attention_scratch(a, route.walk)},
                                    place.options().dtype(c10::CppTypeToScalarType<T>::value));
  check_launch(physrep::attention(a, route.walk, scratch.template data_ptr<T>()));
  copies.add_up();
}

template <class T> void messages(const MessageArgs<T> &arguments, const Block &all) {
  if (all.last_center == 0) return;
  MessageArgs<T> a = arguments;
  const Place place(a.values.value);
  const Route route(a.centers, a.neighbors, all, place, a.d_filter || a.d_bias, a.d_values);
  Copies<T> copies(route.walk.n_groups, place.options());
  copies.replace(a.d_filter, a.n_basis * a.width);
  copies.replace(a.d_bias, a.width);
  check_launch(physrep::messages(a, route.walk));
  copies.add_up();
}

// A GPU takes its exponentials of edges: they cost it less than reading those of the atoms.
template <class T> bool no_exponentials(const T *, T *, int64_t) { return false; }

}  // namespace

void CheckGraph::operator()(const Graph &graph) const {
  const auto &i = graph.centers, &j = graph.neighbors;
  TORCH_CHECK(i.device().type() == DEVICE && i.device() == j.device(),
              "centers and neighbors are on ", i.device(), " and ", j.device(), ", expected ",
              DEVICE, " for both");
  TORCH_CHECK(i.dim() == 1 && i.sizes() == j.sizes() && i.scalar_type() == torch::kInt64 &&
                  j.scalar_type() == torch::kInt64 && i.is_contiguous() && j.is_contiguous(),
              "centers and neighbors must be contiguous (n_edges,) int64, got ", i.sizes(), " and ",
              j.sizes());
}

std::vector<Block> Split::operator()(const Graph &graph) const {
  return {{0, graph.n_centers, 0, graph.centers.size(0)}};
}

void for_each_range(int64_t n, int64_t, const std::function<void(int64_t, int64_t)> &work) {
  if (n > 0) work(0, n);
}

std::pair<Tensor, Tensor> sorted_by_row(const Tensor &row_of, int64_t n_rows) {
  const auto sorted = at::argsort(row_of, /*stable=*/true, 0, false);
  const auto rows = at::arange(n_rows + 1, row_of.options());
  return {sorted, at::searchsorted(row_of.index_select(0, sorted), rows)};
}

// What is not named here is PyTorch's (skip_norm, norm_swish, invariants, vector_products,
// edge_basis), has portable equations (NeuralIL) or kernels of its own (structure factors, in
// charges.cpp).
const Kernels &kernels() {
  static const Kernels table = [] {
    Kernels t{};
    t.name = "cuda";
    t.exp_float = no_exponentials<float>, t.exp_double = no_exponentials<double>;
    t.attention_float = attention<float>, t.attention_double = attention<double>;
    t.messages_float = messages<float>, t.messages_double = messages<double>;
    t.mesh_starts = mesh_starts, t.mesh_weights = mesh_weights;
    t.mesh_rows = mesh_rows, t.mesh_gather = mesh_gather;
    return t;
  }();
  return table;
}

}  // namespace physrep_cuda
