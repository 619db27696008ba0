// SPDX-License-Identifier: MIT
// The kernels for one instruction set. This file is compiled once for each, with PHYSREP_KERNELS
// the name of its table; vectors.h says why it includes so little.

#include "attention_kernel.h"
#include "basis_kernel.h"
#include "mesh_kernel.h"
#include "message_kernel.h"
#include "rows_kernel.h"
#include "spectrum_kernel.h"
#include "structure_kernel.h"
#include "vector_products_kernel.h"

namespace physrep {
namespace {

// exp(-x) of numbers within +-LIMIT: the product of two stays far from overflow.
template <class T> bool exponentials(const T *x, T *out, int64_t n) {
  const T limit = sizeof(T) == 4 ? T(40) : T(340);
  auto most = broadcast(T(0));
  for (int64_t k = 0; k < n; k += Lanes<T>::N) {
    const auto value = load(x + k);
    store(out + k, exp(-value));
    most = Larger()(most, Larger()(value, -value));
  }
  return largest<T>(most) < limit;
}

template <class T> void attention(const AttentionArgs<T> &a, const Block &block) {
  using Simple = Mode<T, false>;
  if (a.dual)
    Attention<Mode<T, true>, 0, false>::block(a, block);
  else if (!a.sent_exp)
    Attention<Simple, 0, false>::block(a, block);
  else if (a.heads == 1 && a.width == 48)
    Attention<Simple, 48, true>::block(a, block);
  else if (a.heads == 1 && a.width == 16)
    Attention<Simple, 16, true>::block(a, block);
  else
    Attention<Simple, 0, true>::block(a, block);
}

template <class M, bool angular, int64_t width>
void filtered(const MessageArgs<typename M::T> &a, const Block &b) {
  if (a.n_basis == 0)
    Messages<M, NONE, angular, width>::block(a, b);
  else if (a.swish)
    Messages<M, SWISH, angular, 0>::block(a, b);
  else
    Messages<M, LINEAR, angular, width>::block(a, b);
}

template <class M, int64_t width>
void directed(const MessageArgs<typename M::T> &a, const Block &b) {
  if (a.n_harmonics > 0)
    filtered<M, true, width>(a, b);
  else
    filtered<M, false, width>(a, b);
}

template <class T> void messages(const MessageArgs<T> &a, const Block &b) {
  using Simple = Mode<T, false>;
  if (a.dual)
    directed<Mode<T, true>, 0>(a, b);
  else if (a.heads == 1 && a.width == 48)
    directed<Simple, 48>(a, b);
  else if (a.heads == 1 && a.width == 16)
    directed<Simple, 16>(a, b);
  else
    directed<Simple, 0>(a, b);
}

// work(mesh, first, n) for n atoms that fill the lanes, with the usual order known to the compiler.
template <class Work>
void for_each_vector(const MeshArgs &arguments, int64_t first, int64_t last, const Work &work) {
  constexpr int64_t N = Lanes<double>::N;
  const MeshArgs a = arguments;
  for (int64_t i = first; i < last; i += N) {
    const int64_t n = last - i < N ? last - i : N;
    if (a.order == USUAL_ORDER)
      work(Mesh<USUAL_ORDER>{a}, i, n);
    else
      work(Mesh<0>{a}, i, n);
  }
}

void mesh_starts(const MeshArgs &a, int64_t first, int64_t last) {
  for_each_vector(a, first, last,
                  [](const auto &mesh, int64_t i, int64_t n) { mesh.rows_of(i, n); });
}
void mesh_weights(const MeshArgs &a, int64_t first, int64_t last) {
  for_each_vector(a, first, last,
                  [](const auto &mesh, int64_t i, int64_t n) { mesh.weights_of(i, n); });
}
void mesh_gather(const MeshArgs &a, int64_t first, int64_t last) {
  for_each_vector(a, first, last, [](const auto &mesh, int64_t i, int64_t n) {
    mesh.gather(i, n, mesh.a.scratch);
  });
}
void mesh_rows(const MeshArgs &arguments, int64_t first, int64_t last) {
  const MeshArgs a = arguments;
  for (int64_t row = first; row < last; row++) Mesh<0>{a}.row(row, a.scratch);
}

}  // namespace

#define PHYSREP_QUOTE(name) #name
#define PHYSREP_NAME(name) PHYSREP_QUOTE(name)
extern const Kernels PHYSREP_KERNELS = {PHYSREP_NAME(PHYSREP_KERNELS),
                                        exponentials<float>,
                                        exponentials<double>,
                                        attention<float>,
                                        attention<double>,
                                        messages<float>,
                                        messages<double>,
                                        norm<float>,
                                        norm<double>,
                                        invariants<float>,
                                        invariants<double>,
                                        vector_products<float>,
                                        vector_products<double>,
                                        EdgeBasis<float>::edges,
                                        EdgeBasis<double>::edges,
                                        spectrum<float>,
                                        spectrum<double>,
                                        factor_sums,
                                        atom_sums,
                                        mesh_starts,
                                        mesh_weights,
                                        mesh_rows,
                                        mesh_gather};

}  // namespace physrep
