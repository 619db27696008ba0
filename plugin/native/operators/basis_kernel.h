// SPDX-License-Identifier: MIT
// What networks read of an edge of vector v, with d = |v|, u = v / d, x = min(d / r_c, 1):
//
//   f = 1 - 10 x^3 + 15 x^4 - 6 x^5                      the envelope
//   B_n = f sqrt(2 / r_c) sin(k_n d) / d                 n = 1..n_basis
//   Y_lm(u)                                              l = 1..degree, degree <= 2
//
// and the way back from what comes in for them to v. One edge in each lane.
// Source: nn/radial.py, nn/cutoffs.py and nn/harmonics.py, whose arithmetic this is.

#ifndef PHYSREP_BASIS_KERNEL_H
#define PHYSREP_BASIS_KERNEL_H

#include "waves.h"

namespace physrep {
namespace {

constexpr double ROOT_3 = 1.73205080756887729353;

template <class T> struct EdgeBasis {
  using V = typename Lanes<T>::V;
  static constexpr int N = Lanes<T>::N;

  const BasisArgs<T> &a;
  int64_t first, n;          // the edges in the lanes
  V u[3], d, inverse;        // unit vectors, distances, their inverses
  V envelope, slope, scale;  // f, df/dd, f sqrt(2 / r_c) / d

  PHYSREP_METHOD EdgeBasis(const BasisArgs<T> &a, int64_t first, int64_t last)
      : a(a), first(first), n(last - first < N ? last - first : N) {
    T lanes[4][N];
    for (int k = 0; k < N; k++) {
      const T *const v = a.vectors + 3 * (first + (k < n ? k : 0));
      for (int c = 0; c < 3; c++) lanes[c][k] = v[c];
    }
    for (int k = 0; k < N; k++)
      lanes[3][k] =
          root(lanes[0][k] * lanes[0][k] + lanes[1][k] * lanes[1][k] + lanes[2][k] * lanes[2][k]);
    d = load(lanes[3]);
    inverse = 1 / d;
    for (int c = 0; c < 3; c++) u[c] = load(lanes[c]) * inverse;
    V x = d / a.cutoff;
    x = x > 1 ? broadcast(T(1)) : x;
    envelope = 1 - x * x * x * (10 - x * (15 - 6 * x));
    slope = (-30 / a.cutoff) * (x * (1 - x)) * (x * (1 - x));
    scale = envelope * inverse * root(2 / a.cutoff);
  }

  PHYSREP_METHOD void write(T *at, int64_t stride, V values) const {
    to_places<T>(at, values, n, [&](int64_t k) { return (first + k) * stride; });
  }

  PHYSREP_METHOD V read(const T *at, int64_t stride) const {
    return from_places(at, [&](int64_t k) { return (first + (k < n ? k : 0)) * stride; });
  }

  PHYSREP_METHOD void forward() const {
    write(a.distances, 1, d);
    write(a.envelope, 1, envelope);
    for (int64_t b = 0; b < a.n_basis; b++)
      write(a.features + b, a.columns, wave<T>(d * a.frequencies[b]).sine * scale);
    T *const y = a.features + a.n_basis;
    const V down = T(ROOT_3) * u[2];
    if (a.degree > 0) {
      write(y, a.columns, u[2]);
      write(y + 1, a.columns, u[0]);
      write(y + 2, a.columns, u[1]);
    }
    if (a.degree > 1) {
      write(y + 3, a.columns, T(1.5) * u[2] * u[2] - T(0.5));
      write(y + 4, a.columns, down * u[0]);
      write(y + 5, a.columns, down * u[1]);
      write(y + 6, a.columns, T(0.5 * ROOT_3) * (u[0] * u[0] - u[1] * u[1]));
      write(y + 7, a.columns, T(ROOT_3) * u[0] * u[1]);
    }
  }

  PHYSREP_METHOD void backward() const {
    V to_distance{}, to_unit[3]{};
    if (a.from_distances) to_distance = read(a.from_distances, 1);
    if (a.from_envelope) to_distance = to_distance + slope * read(a.from_envelope, 1);
    if (a.from_features) {
      V sines{}, cosines{};  // sum_n g_n sin(k_n d), sum_n g_n k_n cos(k_n d)
      for (int64_t b = 0; b < a.n_basis; b++) {
        const V g = read(a.from_features + b, a.columns);
        const auto w = wave<T>(d * a.frequencies[b]);
        sines = sines + g * w.sine;
        cosines = cosines + g * w.cosine * a.frequencies[b];
      }
      const V steepness = (slope * inverse - envelope * inverse * inverse) * root(2 / a.cutoff);
      to_distance = to_distance + cosines * scale + sines * steepness;
      if (a.degree > 0) from_harmonics(to_unit);
    }
    const V radial = u[0] * to_unit[0] + u[1] * to_unit[1] + u[2] * to_unit[2];
    for (int c = 0; c < 3; c++)
      write(a.d_vectors + c, 3, u[c] * to_distance + (to_unit[c] - u[c] * radial) * inverse);
  }

  PHYSREP_METHOD void from_harmonics(V *to) const {
    const auto g = [&](int64_t l) { return read(a.from_features + a.n_basis + l, a.columns); };
    to[2] = g(0), to[0] = g(1), to[1] = g(2);
    if (a.degree < 2) return;
    const V g4 = T(ROOT_3) * g(4), g5 = T(ROOT_3) * g(5);
    const V g6 = T(ROOT_3) * g(6), g7 = T(ROOT_3) * g(7);
    to[0] = to[0] + u[2] * g4 + u[0] * g6 + u[1] * g7;
    to[1] = to[1] + u[2] * g5 - u[1] * g6 + u[0] * g7;
    to[2] = to[2] + 3 * u[2] * g(3) + u[0] * g4 + u[1] * g5;
  }

  static void edges(const BasisArgs<T> &a, int64_t from, int64_t to) {
    for (int64_t e = from; e < to; e += N) {
      const EdgeBasis basis(a, e, to);
      if (a.d_vectors)
        basis.backward();
      else
        basis.forward();
    }
  }
};

}  // namespace
}  // namespace physrep

#endif
