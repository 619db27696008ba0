// SPDX-License-Identifier: MIT
// Messages of edges, summed at their centres, and the derivatives of
//
//   sum_e w_e sum_f G_ef v_jf c_ef + sum_i w_i sum_f g_if v_if,
//   G_ef = g_if or sum_l Y_el g_ilf,
//   c_ef = 1, sum_b B_eb W_bf, or swish(sum_b B_eb W_bf + b_f)
//
// with respect to g (the messages), w (PhysRep's logits), v, the columns B and Y of the edge
// features, W and b. Feature f belongs to head f / head_width, and each head has its own w.
// Source: models/jat.py, nn/angular.py and models/physrep_layers.py, whose arithmetic this is.

#ifndef PHYSREP_MESSAGE_KERNEL_H
#define PHYSREP_MESSAGE_KERNEL_H

#include <stdlib.h>

#include "vectors.h"

namespace physrep {
namespace {

// One edge's rows of `width` numbers.
template <class T> struct EdgeScratch {
  Rows<T> factor, slope;  // c and, where a swish stands before it, its slope
  Rows<T> weight;         // w of each feature
  Rows<T> product;        // work
  T *memory;

  explicit PHYSREP_METHOD EdgeScratch(int64_t width)
      : EdgeScratch(width, static_cast<T *>(malloc(sizeof(T) * static_cast<size_t>(8 * width)))) {}
  PHYSREP_METHOD EdgeScratch(int64_t width, T *at) : memory(at) {
    factor.value = at, factor.tangent = at + width;
    slope.value = at + 2 * width, slope.tangent = at + 3 * width;
    weight.value = at + 4 * width, weight.tangent = at + 5 * width;
    product.value = at + 6 * width, product.tangent = at + 7 * width;
    for (int64_t k = 0; k < 8 * width; k += Lanes<T>::N) store(memory + k, typename Lanes<T>::V{});
  }
  PHYSREP_METHOD ~EdgeScratch() {
    if constexpr (HEAP) free(memory);
  }
};

enum Filter { NONE, LINEAR, SWISH };

// `width_` not 0: that width, known to the compiler, and one head.
template <class M, Filter filter, bool angular, int64_t width_> struct Messages {
  using T = typename M::T;
  using Num = typename M::Num;
  using Scalar = typename M::Scalar;
  using Args = MessageArgs<T>;
  using Scratch = EdgeScratch<T>;
  static constexpr int64_t N = Lanes<T>::N;

  static PHYSREP_METHOD void factors(const Args &a, int64_t e, const Scratch &s) {
    if constexpr (filter != NONE) {
      int64_t k = 0;
      for (; k + 4 * N <= a.width; k += 4 * N) factors_from<4>(a, e, k, s);
      for (; k < a.width; k += N) factors_from<1>(a, e, k, s);
    }
    if (a.heads > 1)
      for (int64_t h = 0; h < a.heads; h++) {
        const Scalar w = weight_of(a, e, h);
        const int64_t first = h * a.head_width;
        if (a.head_width % N == 0)
          for (int64_t k = 0; k < a.head_width; k += N) M::put(s.weight, first + k, M::spread(w));
        else
          for (int64_t k = 0; k < a.head_width; k++) M::put_one(s.weight, first + k, w);
      }
  }

  // c of n rows of lanes: a sum waits for its last addition, and n sums wait together.
  template <int64_t n>
  static PHYSREP_METHOD void factors_from(const Args &a, int64_t e, int64_t k, const Scratch &s) {
    Num c[n];
    for (int64_t m = 0; m < n; m++) c[m] = M::zero();
    if constexpr (filter == SWISH)
      for (int64_t m = 0; m < n; m++) c[m] = M::get(a.bias, k + m * N);
    for (int64_t b = 0; b < a.n_basis; b++) {
      const Num basis = M::spread(M::one(a.features, e * a.columns + a.basis_start + b));
      for (int64_t m = 0; m < n; m++)
        c[m] = c[m] + basis * M::get(a.filter, b * a.width + k + m * N);
    }
    for (int64_t m = 0; m < n; m++) {
      if constexpr (filter == SWISH) {
        const auto y = swish(c[m]);
        M::put(s.slope, k + m * N, y.slope);
        c[m] = y.value;
      }
      M::put(s.factor, k + m * N, c[m]);
    }
  }

  static PHYSREP_METHOD Scalar weight_of(const Args &a, int64_t e, int64_t h) {
    if (a.weights.value) return M::one(a.weights, e * a.heads + h);
    return M::first(M::zero());
  }

  // v c and w v c
  static PHYSREP_METHOD Num carried(const Args &a, int64_t j, int64_t k, const Scratch &s) {
    const Num v = M::get(a.values, j * a.width + k);
    if constexpr (filter == NONE)
      return v;
    else
      return v * M::get(s.factor, k);
  }

  static PHYSREP_METHOD Num weight_at(const Args &a, int64_t k, Num alone, const Scratch &s) {
    return a.heads > 1 ? M::get(s.weight, k) : alone;
  }

  static PHYSREP_METHOD int64_t row(const Args &a, int64_t i, int64_t l) {
    return (angular ? i * a.n_harmonics + l : i) * a.width;
  }

  static PHYSREP_METHOD Scalar harmonic(const Args &a, int64_t e, int64_t l) {
    return M::one(a.features, e * a.columns + a.harmonics_start + l);
  }

  static PHYSREP_METHOD Num cotangent(const Args &a, int64_t e, int64_t i, int64_t k) {
    if constexpr (!angular) return M::get(a.cotangent, i * a.width + k);
    Num g = M::zero();
    for (int64_t l = 0; l < a.n_harmonics; l++)
      g = g + M::spread(harmonic(a, e, l)) * M::get(a.cotangent, row(a, i, l) + k);
    return g;
  }

  // What comes in at a centre; with harmonics there are too many sums for registers.
  using Sums = RowSums<M, angular ? 0 : width_>;

  static PHYSREP_METHOD void send(const Args &a, int64_t e, int64_t i, int64_t j, Num alone,
                                  const Scratch &s, Sums &sums) {
    for (int64_t k = 0; k < a.width; k += N) {
      const Num sent = weight_at(a, k, alone, s) * carried(a, j, k, s);
      if constexpr (!angular)
        sums.take(a.messages + i * a.width, k, sent);
      else
        for (int64_t l = 0; l < a.n_harmonics; l++)
          add<M>(a.messages + row(a, i, l) + k, M::spread(harmonic(a, e, l)) * sent);
    }
  }

  static PHYSREP_METHOD void backward(const Args &a, int64_t e, int64_t i, int64_t j, Num alone,
                                      const Scratch &s) {
    Num to_weight = M::zero();
    for (int64_t k = 0; k < a.width; k += N) {
      const Num g = cotangent(a, e, i, k), v = M::get(a.values, j * a.width + k);
      const Num w = weight_at(a, k, alone, s);
      Num sent = v, back = g * w;
      if constexpr (filter != NONE) {
        const Num c = M::get(s.factor, k);
        Num to_factor = back * v;
        if constexpr (filter == SWISH) to_factor = to_factor * M::get(s.slope, k);
        M::put(s.slope, k, to_factor);
        sent = sent * c;
        back = back * c;
      }
      if (a.d_values) add_at_neighbor<M>(a.d_values + j * a.width + k, back);
      if (a.heads > 1)
        M::put(s.product, k, g * sent);
      else
        to_weight = to_weight + g * sent;
    }
    sync_lanes<T>();
    if (a.d_weights) weight_slopes(a, e, to_weight, s);
  }

  static PHYSREP_METHOD void weight_slopes(const Args &a, int64_t e, Num alone, const Scratch &s) {
    if (a.heads == 1) {
      add_one(a.d_weights + e, M::part_one(M::total(alone)));
      return;
    }
    if (a.head_width % N == 0) {
      for (int64_t h = 0; h < a.heads; h++) {
        Num total = M::zero();
        for (int64_t k = 0; k < a.head_width; k += N)
          total = total + M::get(s.product, h * a.head_width + k);
        add_one(a.d_weights + e * a.heads + h, M::part_one(M::total(total)));
      }
      return;
    }
    for (int64_t h = 0; h < a.heads; h++) {
      Scalar total = M::first(M::zero());
      for (int64_t k = 0; k < a.head_width; k++)
        total = total + M::one(s.product, h * a.head_width + k);
      add_one(a.d_weights + e * a.heads + h, M::part_one(total));
    }
  }

  // Of n rows of lanes of the basis, from the derivatives of B W + b, which stand in s.slope.
  template <int64_t n>
  static PHYSREP_METHOD void basis_slopes(const Args &a, int64_t basis, int64_t b,
                                          const Scratch &s) {
    Num even[n], odd[n];  // two sums of each: an addition waits for the one before
    for (int64_t m = 0; m < n; m++) even[m] = odd[m] = M::zero();
    for (int64_t f = 0; f < a.width; f += 2) {
      const Num first = M::spread(M::one(s.slope, f)), second = M::spread(M::one(s.slope, f + 1));
      const int64_t row = f * a.basis_width + b;
      for (int64_t m = 0; m < n; m++) {
        even[m] = even[m] + first * M::get(a.transposed, row + m * N);
        odd[m] = odd[m] + second * M::get(a.transposed, row + a.basis_width + m * N);
      }
    }
    for (int64_t m = 0; m < n; m++) {
      const int64_t at = b + m * N, left = a.n_basis - at < N ? a.n_basis - at : N;
      add_first(a.d_features + basis + at, M::part(even[m] + odd[m]), left);
    }
  }

  static PHYSREP_METHOD void filter_slopes(const Args &a, int64_t e, const Scratch &s) {
    const int64_t basis = e * a.columns + a.basis_start;
    if (a.d_features) {
      int64_t b = 0;
      for (; b + 3 * N <= a.basis_width; b += 3 * N) basis_slopes<3>(a, basis, b, s);
      for (; b + 2 * N <= a.basis_width; b += 2 * N) basis_slopes<2>(a, basis, b, s);
      for (; b < a.basis_width; b += N) basis_slopes<1>(a, basis, b, s);
    }
    for (int64_t k = 0; k < a.width && (a.d_filter || a.d_bias); k += N) {
      const Num slope = M::get(s.slope, k);
      if (a.d_bias) add<M>(a.d_bias + k, slope);
      for (int64_t b = 0; b < a.n_basis && a.d_filter; b++)
        add<M>(a.d_filter + b * a.width + k, M::spread(M::one(a.features, basis + b)) * slope);
    }
  }

  static PHYSREP_METHOD void harmonic_slopes(const Args &a, int64_t e, int64_t i, int64_t j,
                                             Num alone, const Scratch &s) {
    for (int64_t l = 0; l < a.n_harmonics; l++) {
      Num total = M::zero();
      for (int64_t k = 0; k < a.width; k += N)
        total = total + M::get(a.cotangent, row(a, i, l) + k) * weight_at(a, k, alone, s) *
                            carried(a, j, k, s);
      add_one(a.d_features + e * a.columns + a.harmonics_start + l, M::part_one(M::total(total)));
    }
  }

  static PHYSREP_METHOD void edge(const Args &a, int64_t e, int64_t i, int64_t j, const Scratch &s,
                                  Sums &sums) {
    sync_lanes<T>();  // the arrays of the edge before are read
    const Num alone = M::spread(a.heads == 1 ? weight_of(a, e, 0) : M::first(M::zero()));
    factors(a, e, s);
    if (a.messages) send(a, e, i, j, alone, s, sums);
    if (!a.cotangent.value) return;
    if constexpr (filter != NONE || angular)
      if (a.d_features) clear(a.d_features + e * a.columns, a.columns);
    if constexpr (angular)
      if (a.d_features) harmonic_slopes(a, e, i, j, alone, s);
    backward(a, e, i, j, alone, s);
    if constexpr (filter != NONE) filter_slopes(a, e, s);
  }

  static void block(const Args &arguments, const Block &b) {
    Args a = arguments;  // a copy that no pointer can reach
    if constexpr (width_ > 0) a.width = a.head_width = width_, a.heads = 1;
    const Scratch s(a.width);
    Args self = a;  // what an atom sends itself passes no filter
    self.weights = a.self_weights, self.d_weights = a.d_self_weights;
    const bool to_itself = a.self_weights.value || a.d_self_weights;
    int64_t e = b.first_edge;
    for (int64_t i = b.first_center; i < b.last_center; i++) {
      Sums sums;
      const int64_t end = end_of_center(a.centers, e, b.last_edge, i);
      for (; e < end; e++) edge(a, e, i, a.neighbors[e], s, sums);
      if constexpr (!angular) {
        if (to_itself) Messages<M, NONE, false, width_>::edge(self, i, i, i, s, sums);
        if (a.messages) sums.finish(a.messages + i * a.width);
      }
    }
  }
};

}  // namespace
}  // namespace physrep

#endif
