// SPDX-License-Identifier: MIT
// NeuralIL's descriptor of an atom i and its derivatives, with d = |r_ij|, u = r_ij / d:
//
//   g_nl(d) = sum_k M_kn j_l(u_kl d)                  0 from the cutoff on; n = 0..N - l
//   c_nlm^t = sum_{j of type t} g_nl(d) Y_lm(u)       l = 0..N, m = -l..l
//   p_nl^tt' = sum_m c_nlm^t c_nlm^t'                 t <= t'
//
// Some centres at a time: their edges, one in each lane, are added up to the sums c; the sums give
// p, or what comes in for p gives what goes back to the sums; the edges, once more, take that to
// the vectors. Nothing of an edge is kept between.
// Source: nn/spherical_bessel.py, nn/harmonics.py and models/neuralil.py, whose arithmetic this is;
// j_l' = j_{l-1} - (l + 1) j_l / x (DLMF 10.51.2); Q_lm' = Q_l,m+1.

#ifndef PHYSREP_SPECTRUM_KERNEL_H
#define PHYSREP_SPECTRUM_KERNEL_H

#include "basis_kernel.h"
#include "vectors.h"

namespace physrep {
namespace {

constexpr int64_t FUNCTIONS = (MOST_DEGREE + 1) * (MOST_DEGREE + 2) / 2;
constexpr int64_t HARMONICS = (MOST_DEGREE + 1) * (MOST_DEGREE + 1);
constexpr int64_t TERMS = FUNCTIONS * (2 * MOST_DEGREE + 3) / 3;  // sum_l (N - l + 1) (2 l + 1)

// What the equations above need beyond arithmetic, of vectors and of vectors with a tangent.
template <class M> struct Elementary;

template <class T> struct Elementary<Mode<T, false>> {
  using V = typename Lanes<T>::V;
  struct Turn {
    V sine, cosine;
  };
  static PHYSREP_METHOD Turn turn(V x) {
    const auto w = wave<T>(x);
    return {w.sine, w.cosine};
  }
  // x where d < limit, 0 elsewhere.
  static PHYSREP_METHOD V below(V d, T limit, V x) { return d < limit ? x : V{}; }
};

template <class T> struct Elementary<Mode<T, true>> {
  using V = typename Lanes<T>::V;
  using Num = Dual<V>;
  struct Turn {
    Num sine, cosine;
  };
  static PHYSREP_METHOD Turn turn(Num x) {
    const auto w = wave<T>(x.value);
    return {{w.sine, w.cosine * x.tangent}, {w.cosine, -w.sine * x.tangent}};
  }
  static PHYSREP_METHOD Num below(Num d, T limit, Num x) {
    return {d.value < limit ? x.value : V{}, d.value < limit ? x.tangent : V{}};
  }
};

// The functions of N edges, one in each lane.
template <class M> struct SpectrumEdges {
  using T = typename M::T;
  using Num = typename M::Num;
  using E = Elementary<M>;
  static constexpr int N = Lanes<T>::N;

  const SpectrumArgs<T> &a;
  Num u[3], d, inverse;  // beyond the cutoff inverse and u are 0, and with them all functions
  Num g[FUNCTIONS], slopes[FUNCTIONS];
  Num y[HARMONICS];
  Num cosines[MOST_DEGREE + 1], sines[MOST_DEGREE + 1];  // Re, Im of (u_x + i u_y)^m
  Num legendre[MOST_DEGREE + 1][MOST_DEGREE + 2];  // Q_lm(u_z), Q_l,l+1 = 0

  PHYSREP_METHOD SpectrumEdges(const SpectrumArgs<T> &a, int64_t first, int64_t n) : a(a) {
    Num v[3];
    for (int c = 0; c < 3; c++) v[c] = component(first, n, c);
    d = square_root(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    inverse = E::below(d, a.cutoff, M::constant(1) / d);
    for (int c = 0; c < 3; c++) u[c] = v[c] * inverse;
  }

  PHYSREP_METHOD Num component(int64_t first, int64_t n, int c) const {
    T lanes[2][N];
    for (int k = 0; k < N; k++) {
      const int64_t at = 3 * (first + (k < n ? k : 0)) + c;
      lanes[0][k] = a.vectors.value[at];
      if constexpr (M::dual) lanes[1][k] = a.vectors.tangent[at];
    }
    return M::get(Rows<const T>{lanes[0], lanes[1]}, 0);
  }

  template <bool with_slopes> PHYSREP_METHOD void radial() {
    const T *root = a.roots, *mixing = a.mixing;
    Num *at = g, *slope = slopes;
    for (int64_t l = 0; l <= a.degree; l++) {
      const int64_t n = a.degree - l + 1;
      for (int64_t k = 0; k < n; k++) at[k] = slope[k] = M::zero();
      for (int64_t k = 0; k <= n; k++, root++, mixing += n) {
        const Num over = inverse * M::constant(1 / *root);  // 1 / x
        const auto wave = E::turn(d * M::constant(*root));
        Num lower = wave.cosine * over, bessel = wave.sine * over;  // j_-1 and j_0
        for (int64_t s = 1; s <= l; s++) {
          const Num next = M::constant(T(2 * s - 1)) * over * bessel - lower;
          lower = bessel, bessel = next;
        }
        const Num change = M::constant(*root) * (lower - M::constant(T(l + 1)) * over * bessel);
        for (int64_t f = k > 0 ? k - 1 : 0; f < n; f++) {
          at[f] = at[f] + M::constant(mixing[f]) * bessel;
          if constexpr (with_slopes) slope[f] = slope[f] + M::constant(mixing[f]) * change;
        }
      }
      at += n, slope += n;
    }
  }

  PHYSREP_METHOD void angular() {
    cosines[0] = M::constant(1), sines[0] = M::zero();
    T odd = 1;  // (2 m - 1)!!
    for (int64_t m = 0; m <= a.degree; m++) {
      if (m > 0) {
        cosines[m] = u[0] * cosines[m - 1] - u[1] * sines[m - 1];
        sines[m] = u[0] * sines[m - 1] + u[1] * cosines[m - 1];
        odd *= T(2 * m - 1);
      }
      legendre[m][m] = M::constant(odd), legendre[m][m + 1] = M::zero();
      for (int64_t l = m + 1; l <= a.degree; l++) {
        const Num upper = M::constant(T(2 * l - 1)) * u[2] * legendre[l - 1][m];
        const Num under = l > m + 1 ? legendre[l - 2][m] : M::zero();
        legendre[l][m] = (upper - M::constant(T(l + m - 1)) * under) * M::constant(T(1) / (l - m));
      }
      for (int64_t l = m; l <= a.degree; l++) {
        const Num scaled = M::constant(norm(l, m)) * legendre[l][m];
        Num *const out = y + l * l + 2 * m;
        out[m > 0 ? -1 : 0] = scaled * cosines[m];
        if (m > 0) out[0] = scaled * sines[m];
      }
    }
  }

  PHYSREP_METHOD T norm(int64_t l, int64_t m) const { return a.norms[l * (a.degree + 1) + m]; }

  // From what goes back to the harmonics, what goes back to the unit vector.
  PHYSREP_METHOD void to_unit(const Num *back, Num *to) const {
    to[0] = to[1] = to[2] = M::zero();
    for (int64_t m = 0; m <= a.degree; m++) {
      Num real = M::zero(), imaginary = M::zero();
      for (int64_t l = m; l <= a.degree; l++) {
        const Num scale = M::constant(norm(l, m));
        const Num *const from = back + l * l + 2 * m;
        const Num c = scale * from[m > 0 ? -1 : 0];
        const Num s = m > 0 ? scale * from[0] : M::zero();
        to[2] = to[2] + (c * cosines[m] + s * sines[m]) * legendre[l][m + 1];
        real = real + c * legendre[l][m];
        imaginary = imaginary + s * legendre[l][m];
      }
      if (m == 0) continue;
      const Num re = M::constant(T(m)) * cosines[m - 1], im = M::constant(T(m)) * sines[m - 1];
      to[0] = to[0] + real * re + imaginary * im;
      to[1] = to[1] + imaginary * re - real * im;
    }
  }
};

template <class M> struct Spectrum {
  using T = typename M::T;
  using Num = typename M::Num;
  using Scalar = typename M::Scalar;
  using Edges = SpectrumEdges<M>;
  static constexpr int N = Lanes<T>::N;

  const SpectrumArgs<T> &a;
  int64_t first_center, last_center, first_edge, last_edge;
  Rows<T> sums, back;  // (centres, types, terms): c, and what comes back to it

  // Edges of this group from `edge` on that fit into the lanes, and the rows of their sums; lanes
  // that are left have the first one's.
  struct Places {
    int64_t n, row[N];
  };
  PHYSREP_METHOD Places places(int64_t edge) const {
    Places out;
    out.n = last_edge - edge < N ? last_edge - edge : N;
    for (int64_t k = 0; k < N; k++) {
      const int64_t e = edge + (k < out.n ? k : 0);
      const int64_t center = a.centers[e] - first_center, type = a.types[a.neighbors[e]];
      out.row[k] = (center * a.n_types + type) * a.terms;
    }
    return out;
  }

  // work(term, function, harmonic) for every term: l, n and m, m fastest.
  template <class Work> PHYSREP_METHOD void for_terms(Work &&work) const {
    int64_t term = 0, function = 0;
    for (int64_t l = 0; l <= a.degree; l++)
      for (int64_t n = 0; n <= a.degree - l; n++, function++)
        for (int64_t h = l * l; h < (l + 1) * (l + 1); h++, term++) work(term, function, h);
  }

  PHYSREP_METHOD void add_edges() const {
    for (int64_t e = first_edge; e < last_edge; e += N) {
      const auto at = places(e);
      Edges edges(a, e, at.n);
      edges.template radial<false>();
      edges.angular();
      T lanes[2][TERMS * N];
      for_terms([&](int64_t term, int64_t f, int64_t h) {
        M::put(Rows<T>{lanes[0], lanes[1]}, term * N, edges.g[f] * edges.y[h]);
      });
      // Edge by edge, so that no addition waits for the one before: those have other terms.
      for (int64_t k = 0; k < at.n; k++)
        for (int64_t t = 0; t < a.terms; t++) {
          sums.value[at.row[k] + t] += lanes[0][t * N + k];
          if constexpr (M::dual) sums.tangent[at.row[k] + t] += lanes[1][t * N + k];
        }
    }
  }

  PHYSREP_METHOD void products(int64_t center) const {
    const int64_t start = (center - first_center) * a.n_types;
    int64_t out = center * a.columns;
    for (int64_t t = 0; t < a.n_types; t++)
      for (int64_t s = t; s < a.n_types; s++)
        pair((start + t) * a.terms, (start + s) * a.terms, out);
  }

  // The products of two types, from column `out` on.
  PHYSREP_METHOD void pair(int64_t one, int64_t other, int64_t &out) const {
    for (int64_t l = 0; l <= a.degree; l++)
      for (int64_t n = 0; n <= a.degree - l; n++, out++) {
        Scalar product = M::first(M::zero());
        for (int64_t m = 0; m <= 2 * l; m++, one++, other++) {
          const Scalar x = M::one(sums, one), y = M::one(sums, other);
          product = product + x * y;
          if (!a.d_vectors) continue;
          const Scalar from = M::one(a.cotangent, out);
          M::put_one(back, one, M::one(back, one) + from * y);
          M::put_one(back, other, M::one(back, other) + from * x);
        }
        if (a.spectrum) a.spectrum[out] = M::part_one(product);
      }
  }

  PHYSREP_METHOD void to_vectors() const {
    for (int64_t e = first_edge; e < last_edge; e += N) {
      const auto at = places(e);
      Edges edges(a, e, at.n);
      edges.template radial<true>();
      edges.angular();
      Num along = M::zero(), to_harmonics[HARMONICS], to[3];
      for (auto &x : to_harmonics) x = M::zero();
      T lanes[2][TERMS * N];
      for (int64_t k = 0; k < N; k++)
        for (int64_t t = 0; t < a.terms; t++) {
          lanes[0][t * N + k] = back.value[at.row[k] + t];
          if constexpr (M::dual) lanes[1][t * N + k] = back.tangent[at.row[k] + t];
        }
      for_terms([&](int64_t term, int64_t f, int64_t h) {
        const Num from = M::get(Rows<T>{lanes[0], lanes[1]}, term * N);
        along = along + from * edges.y[h] * edges.slopes[f];
        to_harmonics[h] = to_harmonics[h] + from * edges.g[f];
      });
      edges.to_unit(to_harmonics, to);
      const Num turned = edges.u[0] * to[0] + edges.u[1] * to[1] + edges.u[2] * to[2];
      for (int c = 0; c < 3; c++) {
        T lanes[N];
        store(lanes, M::part(edges.u[c] * along + (to[c] - edges.u[c] * turned) * edges.inverse));
        for (int64_t k = 0; k < at.n; k++) a.d_vectors[3 * (e + k) + c] = lanes[k];
      }
    }
  }

  static void block(const SpectrumArgs<T> &a, const Block &block) {
    const int64_t most = CENTERS_AT_ONCE * a.n_types * a.terms;
    Spectrum group{a,
                   0,
                   0,
                   0,
                   block.first_edge,
                   {a.scratch, a.scratch + 2 * most},
                   {a.scratch + most, a.scratch + 3 * most}};
    for (int64_t i = block.first_center; i < block.last_center; i += CENTERS_AT_ONCE) {
      const int64_t end = i + CENTERS_AT_ONCE;
      group.first_center = i;
      group.last_center = end < block.last_center ? end : block.last_center;
      group.first_edge = group.last_edge;
      while (group.last_edge < block.last_edge && a.centers[group.last_edge] < group.last_center)
        group.last_edge++;
      for (int64_t k = 0; k < (M::dual ? 4 : 2) * most; k++) a.scratch[k] = 0;
      group.add_edges();
      for (int64_t c = i; c < group.last_center; c++) group.products(c);
      if (a.d_vectors) group.to_vectors();
    }
  }
};

template <class T> void spectrum(const SpectrumArgs<T> &a, const Block &block) {
  if (a.dual)
    Spectrum<Mode<T, true>>::block(a, block);
  else
    Spectrum<Mode<T, false>>::block(a, block);
}

}  // namespace
}  // namespace physrep

#endif
