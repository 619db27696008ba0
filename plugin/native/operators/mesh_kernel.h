// SPDX-License-Identifier: MIT
// Charges on a mesh by cardinal B-splines, and back from the mesh to the atoms:
//
//   rho(m) = sum_i q_i w_i(m),     w_i(m) = prod_a M_p(f_ia N_a - m_a)
//   p_i = sum_m g(m) w_i(m),       dp_i/df_ia = sum_m g(m) dw_i(m)/df_ia
//
// M_p(u) = (u M_{p-1}(u) + (p - u) M_{p-1}(u - 1)) / (p - 1) and dM_p/du = M_{p-1}(u) - M_{p-1}(u - 1)
// (U. Essmann et al., J. Chem. Phys. 103, 8577, 1995, eqs. 4.1 and 4.2).
//
// An atom reaches p points along each axis, from its start on. Splines are computed with an atom in
// each lane. A row of the mesh along the third axis then belongs to one thread, which adds what the
// atoms give that reach it, in the order of their starts; so nothing depends on the threads.

#ifndef PHYSREP_MESH_KERNEL_H
#define PHYSREP_MESH_KERNEL_H

#include "vectors.h"

namespace physrep {
namespace {

// Whole part of numbers of both signs, as in waves.h.
PHYSREP_INLINE D whole_part(D x) {
  const D rounded = (x + 6755399441055744.0) - 6755399441055744.0;
  return rounded > x ? rounded - 1 : rounded;
}

// Along one axis: the first point and, from it on, M_p and its derivative by f.
template <int64_t fixed> struct AxisSplines {
  D start, values[MOST_ORDER], slopes[MOST_ORDER];

  PHYSREP_METHOD AxisSplines(D f, int64_t size, int64_t any_order) {
    const int64_t order = fixed > 0 ? fixed : any_order;
    const double n = static_cast<double>(size);
    D inside = f - whole_part(f);
    // Numbers beyond all digits, of which that left anything, are whole. (Not a maximum and a
    // minimum: they would make 0 of what is no number.)
    inside = inside * (1.0 - inside) < 0.0 ? broadcast(0.0) : inside;
    const D u = inside * n, base = whole_part(u), t = u - base;
    start = base - static_cast<double>(order - 1);
    start = start < 0.0 ? start + n : start;
    start = start >= n ? start - n : start;
    D m[MOST_ORDER];  // M_k(t + j)
    for (int64_t j = 0; j < MOST_ORDER; j++) m[j] = slopes[j] = broadcast(0.0);
    m[0] = broadcast(1.0);
    for (int64_t k = 2; k <= order; k++) {
      if (k == order)
        for (int64_t j = 0; j < order; j++)
          slopes[order - 1 - j] = n * (j > 0 ? m[j] - m[j - 1] : m[j]);
      const double scale = 1.0 / static_cast<double>(k - 1);
      for (int64_t j = k - 1; j > 0; j--) {
        const double above = static_cast<double>(j), below = static_cast<double>(k - j);
        m[j] = scale * ((t + above) * m[j] + (below - t) * m[j - 1]);
      }
      m[0] = scale * t * m[0];
    }
    for (int64_t j = 0; j < MOST_ORDER; j++) values[j] = j < order ? m[order - 1 - j] : m[j];
  }
};

// fixed: the order, where it is known when this is compiled, or 0.
template <int64_t fixed> struct Mesh {
  using Splines = AxisSplines<fixed>;
  static constexpr int64_t N = Lanes<double>::N;
  static constexpr int64_t VECTORS = MOST_ORDER / N;

  const MeshArgs &a;

  PHYSREP_METHOD int64_t order() const { return fixed > 0 ? fixed : a.order; }

  static PHYSREP_METHOD int64_t in_turn(int64_t k) { return k; }

  // Coordinates that are no numbers have starts that are none.
  static PHYSREP_METHOD int64_t within(int64_t start, int64_t size) {
    return start < 0 || start >= size ? 0 : start;
  }

  // The splines of the atoms that `atom(k)` names in lane k.
  template <class Atom> PHYSREP_METHOD Splines splines(int axis, const Atom &atom) const {
    const D f = from_places(a.fractional, [&](int64_t k) { return 3 * atom(k) + axis; });
    return Splines(f, a.sizes[axis], order());
  }

  // Writes the row of the mesh, of the first two axes, where atoms start.
  PHYSREP_METHOD void rows_of(int64_t first, int64_t n) const {
    const auto atom = [&](int64_t k) { return first + (k < n ? k : 0); };
    const D x = splines(0, atom).start, y = splines(1, atom).start;
    to_places<double>(a.row_of_atom + first, x * static_cast<double>(a.sizes[1]) + y, n, in_turn);
  }

  // Writes start and weights of atoms in the order of their rows, the charge with the first axis.
  PHYSREP_METHOD void weights_of(int64_t first, int64_t n) const {
    const auto atom = [&](int64_t k) { return a.sorted[first + (k < n ? k : 0)]; };
    const D charge = from_places(a.charges, atom);
    for (int axis = 0; axis < 3; axis++) {
      const Splines s = splines(axis, atom);
      double *const at = a.weights + (3 * first + axis) * MOST_ORDER;
      for (int64_t j = 0; j < MOST_ORDER; j++)
        to_places<double>(at + j, axis == 0 ? charge * s.values[j] : s.values[j], n,
                          [](int64_t k) { return k * 3 * MOST_ORDER; });
      if (axis > 0)
        to_places<double>(a.starts + 2 * first + axis - 1, s.start, n,
                          [](int64_t k) { return 2 * k; });
    }
  }

  // A row of the mesh; `line`: sizes[2] + MOST_ORDER numbers.
  PHYSREP_METHOD void row(int64_t row, double *line) const {
    const int64_t x = row / a.sizes[1], y = row % a.sizes[1], size = a.sizes[2];
    for (int64_t k = 0; k < size + MOST_ORDER; k += N)
      to_places<double>(line + k, broadcast(0.0), size + MOST_ORDER - k, in_turn);
    for (int64_t i = 0; i < order(); i++) {
      const int64_t *const begins = a.begins + wrapped(x - i, a.sizes[0]) * a.sizes[1];
      const int64_t from = y - order() + 1;  // the first start that reaches y; it may lie behind
      if (from < 0) add_atoms(begins[from + a.sizes[1]], begins[a.sizes[1]], i, y, line);
      add_atoms(begins[from < 0 ? 0 : from], begins[y + 1], i, y, line);
    }
    sync_lanes<double>();
    for (int64_t k = 0; k < order() - 1; k += N) {
      const int64_t n = order() - 1 - k;
      add_first(line + k, load(line + size + k), n < N ? n : N);
    }
    sync_lanes<double>();
    for (int64_t k = 0; k < size; k += N)
      to_places<double>(a.mesh + row * size + k, load(line + k), size - k, in_turn);
    sync_lanes<double>();
  }

  // Adds atoms [first, last), of the order of their rows, to a row of the mesh: point i of theirs
  // along the first axis and y along the second.
  PHYSREP_METHOD void add_atoms(int64_t first, int64_t last, int64_t i, int64_t y,
                                double *line) const {
    for (int64_t k = first; k < last; k++) {
      const double *const w = a.weights + 3 * k * MOST_ORDER;
      const int64_t j = within(wrapped(y - a.starts[2 * k], a.sizes[1]), MOST_ORDER);
      const double planar = w[i] * w[MOST_ORDER + j];
      double *const at = line + within(a.starts[2 * k + 1], a.sizes[2]);
      sync_lanes<double>();
      for (int64_t l = 0; l < MOST_ORDER; l += N)
        store(at + l, load(at + l) + planar * load(w + 2 * MOST_ORDER + l));
    }
  }

  // A point at most one period outside.
  static PHYSREP_METHOD int64_t wrapped(int64_t point, int64_t size) {
    const int64_t inside = point < 0 ? point + size : point;
    return inside < size ? inside : inside - size;
  }

  // p and its slopes of up to N atoms in the order of their rows, so that what one atom reads of the
  // mesh the next ones find in the cache.
  PHYSREP_METHOD void gather(int64_t first, int64_t n, double *memory) const {
    const auto atom = [&](int64_t k) { return a.sorted[first + (k < n ? k : 0)]; };
    const auto place = [](int64_t k) { return k * 6 * MOST_ORDER; };
    for (int axis = 0; axis < 3; axis++) {
      const Splines s = splines(axis, atom);
      double *const at = memory + 2 * axis * MOST_ORDER;
      for (int64_t j = 0; j < MOST_ORDER; j++) {
        to_places<double>(at + j, s.values[j], n, place);
        to_places<double>(at + MOST_ORDER + j, s.slopes[j], n, place);
      }
      to_places<double>(a.starts + 3 * first + axis, s.start, n, [](int64_t k) { return 3 * k; });
    }
    sync_lanes<double>();
    for (int64_t k = 0; k < n; k++)
      gather_one(atom(k), a.starts + 3 * (first + k), memory + place(k));
    sync_lanes<double>();
  }

  PHYSREP_METHOD void gather_one(int64_t atom, const int64_t *starts, const double *s) const {
    const double *const x = s, *const y = x + 2 * MOST_ORDER, *const z = y + 2 * MOST_ORDER;
    int64_t start[3];
    for (int axis = 0; axis < 3; axis++) start[axis] = within(starts[axis], a.sizes[axis]);
    D plain[VECTORS] = {}, by_x[VECTORS] = {}, by_y[VECTORS] = {};
    for (int64_t i = 0; i < order(); i++) {
      D plane[VECTORS] = {}, slope[VECTORS] = {};
      const int64_t plane_at = wrapped(start[0] + i, a.sizes[0]) * a.sizes[1];
      for (int64_t j = 0; j < order(); j++) {
        const int64_t row = plane_at + wrapped(start[1] + j, a.sizes[1]);
        for (int64_t v = 0; v < VECTORS; v++) {
          const D g = load(a.factors + row * (a.sizes[2] + MOST_ORDER) + start[2] + v * N);
          plane[v] = plane[v] + y[j] * g;
          slope[v] = slope[v] + y[MOST_ORDER + j] * g;
        }
      }
      for (int64_t v = 0; v < VECTORS; v++) {
        plain[v] = plain[v] + x[i] * plane[v];
        by_x[v] = by_x[v] + x[MOST_ORDER + i] * plane[v];
        by_y[v] = by_y[v] + x[i] * slope[v];
      }
    }
    D total[4] = {};
    for (int64_t v = 0; v < VECTORS; v++) {
      const D weight = load(z + v * N);
      total[0] = total[0] + weight * plain[v];
      total[1] = total[1] + weight * by_x[v];
      total[2] = total[2] + weight * by_y[v];
      total[3] = total[3] + load(z + MOST_ORDER + v * N) * plain[v];
    }
    for (int k = 0; k < 4; k++) {
      const double number = sum<double>(total[k]);
      to_places<double>(a.of_atoms + 4 * atom + k, broadcast(number), 1, in_turn);
    }
  }
};

}  // namespace
}  // namespace physrep

#endif
