// SPDX-License-Identifier: MIT
// Products of the moments A (of degree 1 and 2) and vectors t and u of an atom, for each channel,
// and the derivatives of
//
//   sum_k o_k y(p_k) + g . d,   y(p) = p (1 + p^2)^(-1/4),   d = c u / sqrt(1 + u . u)
//   p = (A_1 . A_1, A_2 . A_2, t . A_1, t . u, A_2 . S(u))
//
// with respect to o and g (the operator's outputs), A, t, u and the gate c; S the solid harmonics of
// degree 2. Channels are in the lanes.
// Source: ops/vector_products.py, whose arithmetic this is.

#ifndef PHYSREP_VECTOR_PRODUCTS_KERNEL_H
#define PHYSREP_VECTOR_PRODUCTS_KERNEL_H

#include "vectors.h"

namespace physrep {
namespace {

template <class M> struct VectorProducts {
  using T = typename M::T;
  using Num = typename M::Num;
  static constexpr int64_t N = Lanes<T>::N;

  const VectorProductArgs<T> &a;
  int64_t row, k;  // the atom, and the first channel
  Num first[3], second[5], t[3], u[3], gate;  // components z, x, y
  Num solid[5], scale;  // S(u), 1 / sqrt(1 + u . u)

  PHYSREP_METHOD int64_t at(int64_t n, int64_t component) const {
    return (row * n + component) * a.channels + k;
  }
  static PHYSREP_METHOD Num number(double x) { return M::constant(static_cast<T>(x)); }

  PHYSREP_METHOD VectorProducts(const VectorProductArgs<T> &a, int64_t row, int64_t k)
      : a(a), row(row), k(k) {
    for (int c = 0; c < 3; c++) {
      first[c] = M::get(a.moments, at(8, c));
      t[c] = M::get(a.totals, at(3, c));
      u[c] = M::get(a.mixed, at(3, c));
    }
    for (int c = 0; c < 5; c++) second[c] = M::get(a.moments, at(8, 3 + c));
    gate = M::get(a.gates, at(1, 0));
    const Num half = number(0.5), root3 = number(ROOT3);
    const Num xx = u[1] * u[1], yy = u[2] * u[2];
    solid[0] = u[0] * u[0] - half * (xx + yy);
    solid[1] = root3 * u[1] * u[0], solid[2] = root3 * u[2] * u[0];
    solid[3] = half * root3 * (xx - yy), solid[4] = root3 * u[1] * u[2];
    scale = number(1) / square_root(number(1) + dot<3>(u, u));
  }

  template <int n> static PHYSREP_METHOD Num dot(const Num *x, const Num *y) {
    Num total = x[0] * y[0];
    for (int c = 1; c < n; c++) total = total + x[c] * y[c];
    return total;
  }

  // y and its slope, (1 + p^2 / 2) (1 + p^2)^(-5/4).
  struct Root {
    Num value, slope;
  };
  static PHYSREP_METHOD Root root_of(Num p) {
    const Num square = number(1) + p * p;
    const Num inverse = number(1) / square_root(square_root(square));
    return {p * inverse, (number(0.5) + number(0.5) * square) * inverse / square};
  }

  PHYSREP_METHOD void products(Num *p) const {
    p[0] = dot<3>(first, first), p[1] = dot<5>(second, second);
    p[2] = dot<3>(t, first), p[3] = dot<3>(t, u), p[4] = dot<5>(second, solid);
  }

  static PHYSREP_METHOD void put(T *out, int64_t where, Num x) { store(out + where, M::part(x)); }

  PHYSREP_METHOD void forward(const Num *p) const {
    for (int c = 0; c < 5; c++) put(a.roots, at(5, c), root_of(p[c]).value);
    for (int c = 0; c < 3; c++) put(a.changes, at(3, c), gate * scale * u[c]);
  }

  PHYSREP_METHOD void backward(const Num *p) const {
    Num to[5], change[3];
    for (int c = 0; c < 5; c++) to[c] = M::get(a.from_roots, at(5, c)) * root_of(p[c]).slope;
    for (int c = 0; c < 3; c++) change[c] = M::get(a.from_changes, at(3, c));
    const Num two = number(2), root3 = number(ROOT3);
    for (int c = 0; c < 3; c++) {
      put(a.d_moments, at(8, c), two * to[0] * first[c] + to[2] * t[c]);
      put(a.d_totals, at(3, c), to[2] * first[c] + to[3] * u[c]);
    }
    for (int c = 0; c < 5; c++)
      put(a.d_moments, at(8, 3 + c), two * to[1] * second[c] + to[4] * solid[c]);
    const Num along = dot<3>(change, u) * scale;
    put(a.d_gates, at(1, 0), along);
    const Num *const s = second;
    const Num slopes[3] = {// of A_2 . S(u)
                           two * s[0] * u[0] + root3 * (s[1] * u[1] + s[2] * u[2]),
                           root3 * (s[1] * u[0] + s[3] * u[1] + s[4] * u[2]) - s[0] * u[1],
                           root3 * (s[2] * u[0] - s[3] * u[2] + s[4] * u[1]) - s[0] * u[2]};
    const Num across = along * scale * scale;
    for (int c = 0; c < 3; c++) {
      const Num from_change = gate * (scale * change[c] - across * u[c]);
      put(a.d_mixed, at(3, c), to[3] * t[c] + to[4] * slopes[c] + from_change);
    }
  }

  static constexpr double ROOT3 = 1.7320508075688772;
};

template <class M>
void vector_product_rows(const VectorProductArgs<typename M::T> &a, int64_t first, int64_t last) {
  using Row = VectorProducts<M>;
  for (int64_t row = first; row < last; row++)
    for (int64_t k = 0; k < a.channels; k += Row::N) {
      const Row one(a, row, k);
      typename M::Num p[5];
      one.products(p);
      if (a.roots) one.forward(p);
      if (a.d_moments) one.backward(p);
    }
}

template <class T>
void vector_products(const VectorProductArgs<T> &arguments, int64_t first, int64_t last) {
  const VectorProductArgs<T> a = arguments;  // a copy that no pointer can reach
  if (a.dual)
    vector_product_rows<Mode<T, true>>(a, first, last);
  else
    vector_product_rows<Mode<T, false>>(a, first, last);
}

}  // namespace
}  // namespace physrep

#endif
