// SPDX-License-Identifier: MIT
// attention_kernel.h on a GPU. Compiled with nvcc 13.0; not run on a GPU.

#include "groups.cuh"

#include "../attention_kernel.h"

namespace physrep {
namespace {

// The arrays of one centre's edges lie where its edges do, behind those of all centres before it.
template <class T>
PHYSREP_INLINE CenterScratch<T> scratch_of(const AttentionArgs<T> &a, const Walk &walk, T *memory,
                                           int64_t i) {
  CenterScratch<T> s;
  s.memory = memory + 2 * (3 * a.heads + 2) * (walk.starts[i] + i * (Lanes<T>::N - 1));
  return s;
}

// Weights and derivatives, centre by centre.
template <class M, int64_t width> struct AttentionOfCenters {
  using T = typename M::T;
  using Kernel = Attention<M, width, false>;

  AttentionArgs<T> arguments;
  Walk walk;
  T *memory;

  PHYSREP_METHOD AttentionArgs<T> own(int64_t group) const {
    AttentionArgs<T> a = arguments;
    if constexpr (width > 0) a.width = width, a.heads = 1;
    if (a.d_vector) a.d_vector += group * a.heads * a.width;
    if (a.d_slopes) a.d_slopes += group * a.n_features * a.heads;
    if (a.d_self_bias) a.d_self_bias += group * a.heads;
    return a;
  }

  PHYSREP_METHOD void operator()(int64_t group, T *) const {
    const AttentionArgs<T> a = own(group);
    AttentionArgs<T> edges = a;
    if (walk.order) edges.d_sent = nullptr;
    for (int64_t i = group; i < walk.n_centers; i += walk.n_groups) {
      const int64_t first = walk.starts[i], n = walk.starts[i + 1] - first;
      if (n == 0 && !a.softmax) continue;
      auto s = scratch_of(a, walk, memory, i);
      typename Kernel::Center c(a, i);
      Kernel::weigh(a, c, first, n, s);
      if (!a.edge_cotangent.value) continue;
      for (int64_t k = 0; k < n; k++) Kernel::edge_backward(edges, first + k, c, k, s);
      c.finish(a);
    }
  }
};

// d_sent, neighbour by neighbour, from the derivatives of the logits that stand in the scratch.
template <class M> struct AttentionOfNeighbors {
  using T = typename M::T;
  using Kernel = Attention<M, 0, false>;

  AttentionArgs<T> arguments;
  Walk walk;
  T *memory;

  PHYSREP_METHOD void operator()(int64_t group, T *) const {
    AttentionArgs<T> a = arguments;
    a.d_vector = a.d_received = nullptr;
    for_each_incoming(walk, a.neighbors, group, [&](int64_t e, int64_t j) {
      const int64_t i = a.centers[e], first = walk.starts[i];
      auto s = scratch_of(a, walk, memory, i);
      s.fit(walk.starts[i + 1] - first, a.heads);
      typename Kernel::Center c(a, i);
      Kernel::backward(a, j, c, 0, a.heads,
                       [&](int64_t h) { return M::one(s.cotangents, h * s.stride + e - first); });
    });
  }
};

template <class M, int64_t width>
const char *passes(const AttentionArgs<typename M::T> &a, const Walk &walk,
                   typename M::T *scratch) {
  using T = typename M::T;
  const AttentionOfCenters<M, width> centers{a, walk, scratch};
  const char *const wrong = for_each_group<T>(centers, walk.n_groups, 0, walk.stream);
  if (wrong || !walk.order || !a.d_sent) return wrong;
  Walk incoming = walk;
  incoming.n_groups = walk.n_edges;
  const AttentionOfNeighbors<M> neighbors{a, incoming, scratch};
  return for_each_group<T>(neighbors, incoming.n_groups, 0, walk.stream);
}

template <class T>
const char *dispatch(const AttentionArgs<T> &a, const Walk &walk, T *scratch) {
  using Simple = Mode<T, false>;
  if (a.dual) return passes<Mode<T, true>, 0>(a, walk, scratch);
  if (a.heads == 1 && a.width == 48) return passes<Simple, 48>(a, walk, scratch);
  if (a.heads == 1 && a.width == 16) return passes<Simple, 16>(a, walk, scratch);
  return passes<Simple, 0>(a, walk, scratch);
}

}  // namespace

const char *attention(const AttentionArgs<float> &a, const Walk &walk, float *scratch) {
  return dispatch(a, walk, scratch);
}
const char *attention(const AttentionArgs<double> &a, const Walk &walk, double *scratch) {
  return dispatch(a, walk, scratch);
}

}  // namespace physrep
