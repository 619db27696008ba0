// SPDX-License-Identifier: MIT
// The sums of structure_sums.h on a GPU. Compiled with nvcc 13.0; not run on a GPU.
//
// Other than on processors every exponential is computed where it is needed: it costs a GPU less
// than tables of powers, and no pass has to wait for the size of the largest index.

#include "groups.cuh"

namespace physrep {
namespace {

constexpr double TURN = 6.28318530717958647693;

struct Point {
  double x, y, z;
};

PHYSREP_INLINE double within_half(double x) { return x - rint(x); }

// Fractional coordinates in the cell around 0.
PHYSREP_INLINE Point point_of(const double *f) {
  return {within_half(f[0]), within_half(f[1]), within_half(f[2])};
}

struct Wave {
  double cosine, sine;
};

PHYSREP_INLINE Wave wave_at(const int64_t *n, const Point &f) {
  const double turns = static_cast<double>(n[0]) * f.x + static_cast<double>(n[1]) * f.y +
                       static_cast<double>(n[2]) * f.z;
  Wave out;
  sincos(TURN * within_half(turns), &out.sine, &out.cosine);
  return out;
}

// A group has one vector, its lanes have the atoms.
struct FactorSums {
  WaveArgs a;

  PHYSREP_METHOD void operator()(int64_t group, double *) const {
    double cosines = 0, sines = 0;
    for (int64_t i = lane<double>(); i < a.n_atoms; i += Lanes<double>::N) {
      const Wave wave = wave_at(a.indices + 3 * group, point_of(a.fractional + 3 * i));
      cosines += a.charges[i] * wave.cosine;
      sines += a.charges[i] * wave.sine;
    }
    add_one(a.sums + 2 * group, sum<double>(cosines));
    add_one(a.sums + 2 * group + 1, sum<double>(sines));
  }
};

// A group has an atom in each lane and one part of the vectors.
struct AtomSums {
  WaveArgs a;

  PHYSREP_METHOD void operator()(int64_t group, double *) const {
    const int64_t part = group % a.n_parts;
    const int64_t i = group / a.n_parts * Lanes<double>::N + lane<double>();
    if (i >= a.n_atoms) return;
    const Point f = point_of(a.fractional + 3 * i);
    double total[4] = {};
    for (int64_t k = part; k < a.n_vectors; k += a.n_parts) {
      const int64_t *const n = a.indices + 3 * k;
      const double *const g = a.factors + 2 * k;
      const Wave wave = wave_at(n, f);
      const double slope = TURN * (g[1] * wave.cosine - g[0] * wave.sine);
      total[0] += g[0] * wave.cosine + g[1] * wave.sine;
      for (int axis = 0; axis < 3; axis++) total[1 + axis] += static_cast<double>(n[axis]) * slope;
    }
    double *const out = a.of_atoms + 4 * (part * a.n_atoms + i);
    for (int k = 0; k < 4; k++) out[k] = total[k];
  }
};

}  // namespace

const char *factor_sums(const WaveArgs &a, void *stream) {
  return for_each_group<double>(FactorSums{a}, a.n_vectors, 0, stream);
}

const char *atom_sums(const WaveArgs &a, void *stream) {
  const int64_t groups = (a.n_atoms + Lanes<double>::N - 1) / Lanes<double>::N * a.n_parts;
  return for_each_group<double>(AtomSums{a}, groups, 0, stream);
}

}  // namespace physrep
