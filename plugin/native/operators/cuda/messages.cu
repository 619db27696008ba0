// SPDX-License-Identifier: MIT
// message_kernel.h on a GPU. Compiled with nvcc 13.0; not run on a GPU.

#include "groups.cuh"

#include "../message_kernel.h"

namespace physrep {
namespace {

constexpr int64_t ARRAYS = 8;  // of EdgeScratch

// What an atom sends itself passes no filter.
template <class T> PHYSREP_INLINE MessageArgs<T> to_itself(MessageArgs<T> a) {
  a.weights = a.self_weights;
  a.d_weights = a.d_self_weights;
  return a;
}

// Messages and derivatives, centre by centre.
template <class M, Filter filter, bool angular> struct MessagesOfCenters {
  using T = typename M::T;

  MessageArgs<T> arguments;
  Walk walk;

  PHYSREP_METHOD MessageArgs<T> own(int64_t group) const {
    MessageArgs<T> a = arguments;
    if (a.d_filter) a.d_filter += group * a.n_basis * a.width;
    if (a.d_bias) a.d_bias += group * a.width;
    return a;
  }

  PHYSREP_METHOD void operator()(int64_t group, T *memory) const {
    const MessageArgs<T> a = own(group), self = to_itself(a);
    MessageArgs<T> edges = a;
    if (walk.order) edges.d_values = nullptr;
    const EdgeScratch<T> s(a.width, memory);
    RowSums<M, 0> sums;  // keeps nothing: rows are added to where they are
    for (int64_t i = group; i < walk.n_centers; i += walk.n_groups) {
      for (int64_t e = walk.starts[i]; e < walk.starts[i + 1]; e++)
        Messages<M, filter, angular, 0>::edge(edges, e, i, a.neighbors[e], s, sums);
      if (a.self_weights.value || a.d_self_weights)
        Messages<M, NONE, false, 0>::edge(self, i, i, i, s, sums);
    }
  }
};

// d_values, neighbour by neighbour.
template <class M, Filter filter, bool angular> struct MessagesOfNeighbors {
  using T = typename M::T;

  MessageArgs<T> arguments;
  Walk walk;

  PHYSREP_METHOD void operator()(int64_t group, T *memory) const {
    MessageArgs<T> a = arguments;
    a.messages = a.d_weights = a.d_features = a.d_filter = a.d_bias = nullptr;
    const EdgeScratch<T> s(a.width, memory);
    RowSums<M, 0> none;
    for_each_incoming(walk, a.neighbors, group, [&](int64_t e, int64_t j) {
      Messages<M, filter, angular, 0>::edge(a, e, a.centers[e], j, s, none);
    });
  }
};

template <class M, Filter filter, bool angular>
const char *passes(const MessageArgs<typename M::T> &a, const Walk &walk) {
  using T = typename M::T;
  const MessagesOfCenters<M, filter, angular> centers{a, walk};
  const int64_t numbers = ARRAYS * a.width;
  const char *const wrong = for_each_group<T>(centers, walk.n_groups, numbers, walk.stream);
  if (wrong || !walk.order || !a.d_values) return wrong;
  Walk incoming = walk;
  incoming.n_groups = walk.n_edges;
  const MessagesOfNeighbors<M, filter, angular> neighbors{a, incoming};
  return for_each_group<T>(neighbors, incoming.n_groups, numbers, walk.stream);
}

template <class M, bool angular>
const char *filtered(const MessageArgs<typename M::T> &a, const Walk &walk) {
  if (a.n_basis == 0) return passes<M, NONE, angular>(a, walk);
  return a.swish ? passes<M, SWISH, angular>(a, walk) : passes<M, LINEAR, angular>(a, walk);
}

template <class M> const char *directed(const MessageArgs<typename M::T> &a, const Walk &walk) {
  return a.n_harmonics > 0 ? filtered<M, true>(a, walk) : filtered<M, false>(a, walk);
}

template <class T> const char *dispatch(const MessageArgs<T> &a, const Walk &walk) {
  return a.dual ? directed<Mode<T, true>>(a, walk) : directed<Mode<T, false>>(a, walk);
}

}  // namespace

const char *messages(const MessageArgs<float> &a, const Walk &walk) { return dispatch(a, walk); }
const char *messages(const MessageArgs<double> &a, const Walk &walk) { return dispatch(a, walk); }

}  // namespace physrep
