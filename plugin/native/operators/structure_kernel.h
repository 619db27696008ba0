// SPDX-License-Identifier: MIT
// Structure factors of point charges and the way back to the atoms, on processors:
//
//   S_k = sum_i q_i e_ik,     e_ik = exp(2 pi i n_k . f_i)
//   p_i = sum_k Re(conj(g_k) e_ik),     dp_i/df_i = -2 pi sum_k n_k Im(conj(g_k) e_ik)
//
// f are fractional coordinates and n integer vectors. Each lane has an atom. exp(2 pi i n f) of an
// axis is a power of exp(2 pi i f), from tables that a block of atoms keeps in the cache; a column
// (vectors that differ in n3 alone) then costs one product for each n3. Powers n and -n are
// conjugate and are taken together: with P = q e(n1) e(n2) and e(n3) = a + i b, the four real sums of
// Re P a, Im P b, Re P b and Im P a give S at both.

#ifndef PHYSREP_STRUCTURE_KERNEL_H
#define PHYSREP_STRUCTURE_KERNEL_H

#include "waves.h"

namespace physrep {
namespace {

// A complex number in each lane.
struct Complex {
  D re, im;
};

PHYSREP_INLINE Complex operator*(Complex x, Complex y) {
  return {x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}
PHYSREP_INLINE Complex operator+(Complex x, Complex y) { return {x.re + y.re, x.im + y.im}; }
PHYSREP_INLINE Complex operator*(double n, Complex x) { return {n * x.re, n * x.im}; }

// exp(2 pi i f). Of f the whole part is taken off, which the added 1.5 * 2^52 rounds to; a number
// so large that it has no other part than that counts as 0.
PHYSREP_INLINE Complex turn(D f) {
  const D whole = (f + 6755399441055744.0) - 6755399441055744.0;
  D rest = f - whole;
  rest = rest > 0.5 ? D{} : rest;
  rest = rest < -0.5 ? D{} : rest;
  const Wave<double> w = wave<double>(rest * 6.28318530717958647693);
  return {w.cosine, w.sine};
}

// The powers of each axis for up to `stride` atoms: rows of real parts and rows of imaginary ones.
struct Powers {
  double *at;
  int64_t stride;

  PHYSREP_METHOD double *row(int64_t power) const { return at + 2 * power * stride; }

  // power: its number within the table; conjugate where n is negative.
  PHYSREP_METHOD Complex get(int64_t power, int64_t lane, bool conjugate = false) const {
    const double *const x = row(power) + lane;
    const Complex z{load(x), load(x + stride)};
    return {z.re, conjugate ? -z.im : z.im};
  }

  PHYSREP_METHOD void put(int64_t power, int64_t lane, Complex z) const {
    store(row(power) + lane, z.re);
    store(row(power) + lane + stride, z.im);
  }

  // Of atoms from `first` on; lanes beyond the last atom repeat it.
  PHYSREP_METHOD void fill(const FactorArgs &a, int64_t first, int64_t last) const {
    constexpr int64_t N = Lanes<double>::N;
    for (int64_t lane = 0; first + lane < last; lane += N) {
      int64_t start = 0;
      for (int axis = 0; axis < 3; axis++) {
        const auto place = [&](int64_t k) {
          const int64_t atom = first + lane + k;
          return 3 * (atom < last ? atom : last - 1) + axis;
        };
        const Complex base = turn(from_places(a.fractional, place));
        Complex z{broadcast(1.0), D{}};
        for (int64_t n = 0; n < a.sizes[axis]; n++, z = z * base) put(start + n, lane, z);
        start += a.sizes[axis];
      }
    }
  }
};

PHYSREP_INLINE int64_t size_of(int64_t n) { return n < 0 ? -n : n; }

// Sums over atoms, a block of them at a time.
struct FactorSums {
  static constexpr int64_t N = Lanes<double>::N;
  static constexpr int64_t AT_ONCE = 3;  // powers of n3 whose sums stay in registers

  const FactorArgs &a;
  Powers powers;
  double *charges, *of_n1, *of_n2;  // q, q e(n1) and q e(n1) e(n2) of the block's atoms
  int64_t n_lanes;

  PHYSREP_METHOD explicit FactorSums(const FactorArgs &a) : a(a), powers{a.scratch, FACTOR_BLOCK} {
    charges = powers.row(a.sizes[0] + a.sizes[1] + a.sizes[2]);
    of_n1 = charges + FACTOR_BLOCK;
    of_n2 = of_n1 + 2 * FACTOR_BLOCK;
  }

  PHYSREP_METHOD void block(int64_t first, int64_t last) {
    n_lanes = last - first;
    for (int64_t lane = 0; lane < FACTOR_BLOCK; lane++)
      charges[lane] = lane < n_lanes ? a.charges[first + lane] : 0;
    powers.fill(a, first, last);
    for (int64_t c = 0; c < a.n_columns; c++) {
      const FactorColumn &column = a.columns[c];
      if (c == 0 || column.n1 != a.columns[c - 1].n1) along_n1(column.n1);
      along_n2(column.n2);
      double *sums = a.sums + 4 * column.pair;
      int64_t n = column.first;
      for (; n + AT_ONCE <= column.last + 1; n += AT_ONCE, sums += 4 * AT_ONCE)
        along_n3<AT_ONCE>(n, sums);
      for (; n <= column.last; n++, sums += 4) along_n3<1>(n, sums);
    }
  }

  PHYSREP_METHOD void along_n1(int64_t n) const {
    const Powers out{of_n1, FACTOR_BLOCK};
    for (int64_t k = 0; k < n_lanes; k += N)
      out.put(0, k, product(powers.get(size_of(n), k, n < 0), load(charges + k)));
  }

  static PHYSREP_METHOD Complex product(Complex z, D x) { return {z.re * x, z.im * x}; }

  PHYSREP_METHOD void along_n2(int64_t n) const {
    const Powers in{of_n1, FACTOR_BLOCK}, out{of_n2, FACTOR_BLOCK};
    const int64_t power = a.sizes[0] + size_of(n);
    for (int64_t k = 0; k < n_lanes; k += N)
      out.put(0, k, in.get(0, k) * powers.get(power, k, n < 0));
  }

  template <int64_t n_powers> PHYSREP_METHOD void along_n3(int64_t n, double *sums) const {
    const Powers in{of_n2, FACTOR_BLOCK};
    const int64_t power = a.sizes[0] + a.sizes[1] + n;
    D total[n_powers][4] = {};
    for (int64_t k = 0; k < n_lanes; k += N) {
      const Complex p = in.get(0, k);
      for (int64_t m = 0; m < n_powers; m++) {
        const Complex e = powers.get(power + m, k);
        total[m][0] += p.re * e.re;
        total[m][1] += p.im * e.im;
        total[m][2] += p.re * e.im;
        total[m][3] += p.im * e.re;
      }
    }
    for (int64_t m = 0; m < n_powers; m++)
      for (int part = 0; part < 4; part++) sums[4 * m + part] += sum<double>(total[m][part]);
  }
};

// Sums over vectors for WIDE vectors of atoms, which share the factors that are read. The factors of
// a pair of powers m and -m of n3, with u and v the conjugates of g there, s = u + v and
// d = i (u - v): what e(n1) e(n2) is multiplied with is sum_m s a + d b; with n3 as a weight it is
// sum_m m (i s b - i d a).
struct AtomSums {
  static constexpr int64_t N = Lanes<double>::N;
  static constexpr int64_t WIDE = 2;
  static constexpr int64_t ATOMS = WIDE * N;

  const FactorArgs &a;
  Powers powers;
  // Along n3 of a column; along n2, with weights 1, n2 and n3; p and its slopes.
  Complex column[WIDE][2], plane[WIDE][3];
  D total[WIDE][4];

  PHYSREP_METHOD explicit AtomSums(const FactorArgs &a) : a(a), powers{a.scratch, ATOMS} {}

  PHYSREP_METHOD void atoms(int64_t first, int64_t last) {
    powers.fill(a, first, last);
    for (auto &of_vector : total)
      for (auto &x : of_vector) x = D{};
    for (int64_t c = 0; c < a.n_columns;) c = add_plane(c);
    for (int64_t w = 0; w < WIDE; w++) write(first + w * N, last, total[w]);
  }

  // Columns from c on with the same n1; the first one with another.
  PHYSREP_METHOD int64_t add_plane(int64_t c) {
    const int64_t n1 = a.columns[c].n1;
    for (auto &of_vector : plane)
      for (auto &x : of_vector) x = {D{}, D{}};
    for (; c < a.n_columns && a.columns[c].n1 == n1; c++) add_column(a.columns[c]);
    for (int64_t w = 0; w < WIDE; w++) {
      const Complex e = powers.get(size_of(n1), w * N, n1 < 0);
      const Complex plain = e * plane[w][0];
      total[w][0] += plain.re;
      total[w][1] += static_cast<double>(n1) * plain.im;
      total[w][2] += (e * plane[w][1]).im;
      total[w][3] += (e * plane[w][2]).im;
    }
    return c;
  }

  PHYSREP_METHOD void add_column(const FactorColumn &c) {
    Complex plain[WIDE], weighted[WIDE];
    for (int64_t w = 0; w < WIDE; w++) plain[w] = weighted[w] = {D{}, D{}};
    const double *f = a.factors + 8 * c.pair;
    const int64_t start = a.sizes[0] + a.sizes[1];
    for (int64_t n = c.first; n <= c.last; n++, f += 8)
      for (int64_t w = 0; w < WIDE; w++) {
        const Complex e = powers.get(start + n, w * N);
        plain[w].re += f[0] * e.re + f[2] * e.im;
        plain[w].im += f[1] * e.re + f[3] * e.im;
        weighted[w].re += f[4] * e.re + f[6] * e.im;
        weighted[w].im += f[5] * e.re + f[7] * e.im;
      }
    for (int64_t w = 0; w < WIDE; w++) {
      const Complex e = powers.get(a.sizes[0] + size_of(c.n2), w * N, c.n2 < 0);
      const Complex x = e * plain[w];
      plane[w][0] = plane[w][0] + x;
      plane[w][1] = plane[w][1] + static_cast<double>(c.n2) * x;
      plane[w][2] = plane[w][2] + e * weighted[w];
    }
  }

  PHYSREP_METHOD void write(int64_t first, int64_t last, const D *x) const {
    for (int part = 0; part < 4; part++)
      to_places<double>(a.of_atoms, part == 0 ? x[0] : x[part] * -6.28318530717958647693,
                        last - first, [&](int64_t k) { return 4 * (first + k) + part; });
  }
};

// Adds to the sums what the atoms [first, last) give.
void factor_sums(const FactorArgs &arguments, int64_t first, int64_t last) {
  const FactorArgs a = arguments;
  FactorSums sums(a);
  for (int64_t i = first; i < last; i += FACTOR_BLOCK)
    sums.block(i, i + FACTOR_BLOCK < last ? i + FACTOR_BLOCK : last);
}

// Writes p and its slopes of the atoms [first, last).
void atom_sums(const FactorArgs &arguments, int64_t first, int64_t last) {
  const FactorArgs a = arguments;
  AtomSums sums(a);
  for (int64_t i = first; i < last; i += AtomSums::ATOMS)
    sums.atoms(i, i + AtomSums::ATOMS < last ? i + AtomSums::ATOMS : last);
}

}  // namespace
}  // namespace physrep

#endif
