// SPDX-License-Identifier: MIT
// Vectors of the processor's own width, the exponential on them, and numbers with a tangent.
//
// Included by the files that are compiled once for every instruction set, and by nothing else: what
// stands here is inlined into them, so that no function built for a newer processor can be picked
// by the linker for an older one. For the same reason these files use no C++ library.
//
// PHYSREP_LANES names a file to take in place of the processor's vectors: cuda/lanes.cuh.

#ifndef PHYSREP_VECTORS_H
#define PHYSREP_VECTORS_H

#include <stdint.h>

#include "kernels.h"

#ifdef PHYSREP_LANES
#include PHYSREP_LANES
#else

#if defined(__AVX512F__)
#define PHYSREP_BYTES 64
#elif defined(__AVX2__)
#define PHYSREP_BYTES 32
#else
#define PHYSREP_BYTES 16
#endif
#if PHYSREP_BYTES > 16
#include <immintrin.h>
#endif

#define PHYSREP_INLINE static inline __attribute__((always_inline))
#define PHYSREP_METHOD inline __attribute__((always_inline))

namespace physrep {
namespace {

template <class T> struct Lanes;

template <> struct Lanes<float> {
  typedef float V __attribute__((vector_size(PHYSREP_BYTES)));
  typedef float Loose __attribute__((vector_size(PHYSREP_BYTES), aligned(4)));
  typedef int32_t I __attribute__((vector_size(PHYSREP_BYTES)));
  static constexpr int N = PHYSREP_BYTES / 4;
};

template <> struct Lanes<double> {
  typedef double V __attribute__((vector_size(PHYSREP_BYTES)));
  typedef double Loose __attribute__((vector_size(PHYSREP_BYTES), aligned(8)));
  typedef int64_t I __attribute__((vector_size(PHYSREP_BYTES)));
  static constexpr int N = PHYSREP_BYTES / 8;
};

using F = Lanes<float>::V;
using D = Lanes<double>::V;

template <class T> PHYSREP_INLINE typename Lanes<T>::V load(const T *at) {
  return *reinterpret_cast<const typename Lanes<T>::Loose *>(at);
}

template <class T> PHYSREP_INLINE void store(T *at, typename Lanes<T>::V x) {
  *reinterpret_cast<typename Lanes<T>::Loose *>(at) = x;
}

PHYSREP_INLINE F broadcast(float x) { return x - F{}; }
PHYSREP_INLINE D broadcast(double x) { return x - D{}; }

template <class V> PHYSREP_INLINE auto first_lane(V x) { return x[0]; }

// The lanes put together: halves are, until one number is left, in an order that no data changes.
template <class Op> PHYSREP_INLINE float fold(Lanes<float>::V x, Op op) {
  typedef float Four __attribute__((vector_size(16)));
#if PHYSREP_BYTES == 64
  typedef float Eight __attribute__((vector_size(32)));
  const Eight e = op(__builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7),
                     __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15));
#elif PHYSREP_BYTES == 32
  const F e = x;
#endif
#if PHYSREP_BYTES >= 32
  const Four f =
      op(__builtin_shufflevector(e, e, 0, 1, 2, 3), __builtin_shufflevector(e, e, 4, 5, 6, 7));
#else
  const Four f = x;
#endif
  const Four g = op(f, __builtin_shufflevector(f, f, 2, 3, 0, 1));
  return op(g[0], g[1]);
}

template <class Op> PHYSREP_INLINE double fold(Lanes<double>::V x, Op op) {
  typedef double Two __attribute__((vector_size(16)));
#if PHYSREP_BYTES == 64
  typedef double Four __attribute__((vector_size(32)));
  const Four e =
      op(__builtin_shufflevector(x, x, 0, 1, 2, 3), __builtin_shufflevector(x, x, 4, 5, 6, 7));
#elif PHYSREP_BYTES == 32
  const D e = x;
#endif
#if PHYSREP_BYTES >= 32
  const Two f = op(__builtin_shufflevector(e, e, 0, 1), __builtin_shufflevector(e, e, 2, 3));
#else
  const Two f = x;
#endif
  return op(f[0], f[1]);
}

struct Plus {
  template <class X> PHYSREP_METHOD X operator()(X a, X b) const { return a + b; }
};
struct Larger {
  template <class X> PHYSREP_METHOD X operator()(X a, X b) const { return a > b ? a : b; }
};

template <class T> PHYSREP_INLINE T sum(typename Lanes<T>::V x) { return fold(x, Plus()); }
template <class T> PHYSREP_INLINE T largest(typename Lanes<T>::V x) { return fold(x, Larger()); }

PHYSREP_INLINE float root(float x) { return __builtin_sqrtf(x); }
PHYSREP_INLINE double root(double x) { return __builtin_sqrt(x); }

template <class T> PHYSREP_INLINE typename Lanes<T>::V root_lanes(typename Lanes<T>::V x) {
  T lanes[Lanes<T>::N];
  store(lanes, x);
  for (auto &lane : lanes) lane = root(lane);
  return load(lanes);
}
PHYSREP_INLINE F square_root(F x) { return root_lanes<float>(x); }
PHYSREP_INLINE D square_root(D x) { return root_lanes<double>(x); }

// exp(x) = 2^k exp(r), |r| <= ln(2) / 2; ln(2) in two parts, the first with few digits, so that
// k ln(2) is exact. Adding 1.5 * 2^mantissa rounds to the nearest whole k and leaves it in the low
// bits, from where a shift makes it an exponent. Polynomial: S. Moshier, Cephes. Error 1 ulp;
// beyond the clamped range a sigmoid is 0 or 1.
PHYSREP_INLINE F exp(F x) {
  const F low = broadcast(-86.0f), high = broadcast(86.0f);
  x = x < low ? low : x;
  x = x > high ? high : x;
  const F shifted = x * 1.44269504088896341f + 12582912.0f;
  const F k = shifted - 12582912.0f;
  const F r = (x - k * 0.693359375f) + k * 2.12194440e-4f;
  F p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + (r + 1.0f);
  return (F)((Lanes<float>::I)p + ((Lanes<float>::I)shifted << 23));
}

PHYSREP_INLINE D exp(D x) {
  const D low = broadcast(-700.0), high = broadcast(700.0);
  x = x < low ? low : x;
  x = x > high ? high : x;
  const D shifted = x * 1.4426950408889634074 + 6755399441055744.0;
  const D k = shifted - 6755399441055744.0;
  const D r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
  D p = r * (1.0 / 6227020800.0) + 1.0 / 479001600.0;  // Taylor: the next term is below 1e-17
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * (r * r) + (r + 1.0);
  return (D)((Lanes<double>::I)p + ((Lanes<double>::I)shifted << 52));
}

// 1 / x for x >= 1. The processor's estimate and one step of Newton's, relative error 2e-7, take
// half the time of a division where that is what a kernel waits for.
PHYSREP_INLINE F reciprocal(F x) {
#if PHYSREP_BYTES == 64
  const F y = _mm512_maskz_rcp14_ps(0xffff, x);
  return y * (2 - x * y);
#elif PHYSREP_BYTES == 32
  const F y = _mm256_rcp_ps(x);
  return y * (2 - x * y);
#else
  return 1 / x;
#endif
}
PHYSREP_INLINE D reciprocal(D x) { return 1 / x; }

// What only cuda/lanes.cuh does otherwise. There the lanes are threads: what one writes others may
// read after sync_lanes(), one of them adds a number, and several may add to a neighbour's row.
constexpr bool HEAP = true;  // scratch arrays are allocated by the kernels
template <class T> PHYSREP_INLINE void sync_lanes() {}
template <class T> PHYSREP_INLINE void add_one(T *at, T x) { *at += x; }
template <class T> PHYSREP_INLINE void add_shared(T *at, typename Lanes<T>::V x) {
  store(at, load(at) + x);
}
template <class T> PHYSREP_INLINE void add_first(T *at, typename Lanes<T>::V x, int64_t n) {
  T lanes[Lanes<T>::N];
  store(lanes, x);
  for (int64_t k = 0; k < n; k++) at[k] += lanes[k];
}
// Numbers that stand apart: lane k has the one at place(k); n lanes are written.
template <class T, class Place>
PHYSREP_INLINE typename Lanes<T>::V from_places(const T *at, const Place &place) {
  T lanes[Lanes<T>::N];
  for (int64_t k = 0; k < Lanes<T>::N; k++) lanes[k] = at[place(k)];
  return load(lanes);
}
template <class T, class To, class Place>
PHYSREP_INLINE void to_places(To *at, typename Lanes<T>::V x, int64_t n, const Place &place) {
  T lanes[Lanes<T>::N];
  store(lanes, x);
  for (int64_t k = 0; k < Lanes<T>::N && k < n; k++) at[place(k)] = static_cast<To>(lanes[k]);
}

}  // namespace
}  // namespace physrep

#endif

namespace physrep {
namespace {

template <class V> PHYSREP_INLINE V one_minus(V x) { return 1 - x; }
template <class V> PHYSREP_INLINE V sigmoid(V x) { return 1 / (1 + exp(-x)); }

// A number (or vector) and its derivative along one direction. A kernel that computes first
// derivatives computes second ones when it is given these: what comes out beside each derivative is
// its change along the direction, which is all that a double backward pass asks for.
template <class X> struct Dual {
  X value, tangent;
};

template <class X> PHYSREP_INLINE Dual<X> operator+(Dual<X> a, Dual<X> b) {
  return {a.value + b.value, a.tangent + b.tangent};
}
template <class X> PHYSREP_INLINE Dual<X> operator-(Dual<X> a, Dual<X> b) {
  return {a.value - b.value, a.tangent - b.tangent};
}
template <class X> PHYSREP_INLINE Dual<X> operator*(Dual<X> a, Dual<X> b) {
  return {a.value * b.value, a.tangent * b.value + a.value * b.tangent};
}
template <class X> PHYSREP_INLINE Dual<X> operator/(Dual<X> a, Dual<X> b) {
  const X ratio = a.value / b.value;
  return {ratio, (a.tangent - ratio * b.tangent) / b.value};
}
template <class X> PHYSREP_INLINE Dual<X> one_minus(Dual<X> a) {
  return {one_minus(a.value), -a.tangent};
}
template <class X> PHYSREP_INLINE Dual<X> exp(Dual<X> a) {
  const X e = exp(a.value);
  return {e, e * a.tangent};
}
template <class X> PHYSREP_INLINE Dual<X> square_root(Dual<X> a) {
  const X found = square_root(a.value);
  return {found, a.tangent / (found + found)};
}
template <class X> PHYSREP_INLINE Dual<X> sigmoid(Dual<X> a) {
  const X s = sigmoid(a.value);
  return {s, s * one_minus(s) * a.tangent};
}

// swish(x) = x sigmoid(x) and its slope.
template <class Num> struct Swish {
  Num value, slope;
};
template <class Num> PHYSREP_INLINE Swish<Num> swish_of(Num x, Num s) {
  const Num value = x * s;
  return {value, s + value * one_minus(s)};
}
template <class Num> PHYSREP_INLINE Swish<Num> swish(Num x) { return swish_of(x, sigmoid(x)); }

// How a kernel reads and writes numbers: plain ones, or ones with tangents. part() is what a pass
// adds to its outputs: the number itself, or its change along the tangents.
template <class T_, bool with_tangent> struct Mode;

template <class T_> struct Mode<T_, false> {
  using T = T_;
  using Num = typename Lanes<T>::V;
  using Scalar = T;
  static constexpr bool dual = false;
  template <class R> static PHYSREP_METHOD Num get(const Rows<R> &x, int64_t at) {
    return load<T>(x.value + at);
  }
  template <class R> static PHYSREP_METHOD Scalar one(const Rows<R> &x, int64_t at) {
    return x.value[at];
  }
  static PHYSREP_METHOD void put(const Rows<T> &x, int64_t at, Num y) { store(x.value + at, y); }
  static PHYSREP_METHOD void put_one(const Rows<T> &x, int64_t at, Scalar y) { x.value[at] = y; }
  static PHYSREP_METHOD Num spread(Scalar x) { return broadcast(x); }
  static PHYSREP_METHOD Scalar total(Num x) { return sum<T>(x); }
  static PHYSREP_METHOD Scalar first(Num x) { return first_lane(x); }
  static PHYSREP_METHOD T value(Scalar x) { return x; }
  static PHYSREP_METHOD Num part(Num x) { return x; }
  static PHYSREP_METHOD T part_one(Scalar x) { return x; }
  static PHYSREP_METHOD Num constant(T x) { return broadcast(x); }
  static PHYSREP_METHOD Num zero() { return Num{}; }
};

template <class T_> struct Mode<T_, true> {
  using T = T_;
  using V = typename Lanes<T>::V;
  using Num = Dual<V>;
  using Scalar = Dual<T>;
  static constexpr bool dual = true;
  template <class R> static PHYSREP_METHOD Num get(const Rows<R> &x, int64_t at) {
    return {load<T>(x.value + at), load<T>(x.tangent + at)};
  }
  template <class R> static PHYSREP_METHOD Scalar one(const Rows<R> &x, int64_t at) {
    return {x.value[at], x.tangent[at]};
  }
  static PHYSREP_METHOD void put(const Rows<T> &x, int64_t at, Num y) {
    store(x.value + at, y.value);
    store(x.tangent + at, y.tangent);
  }
  static PHYSREP_METHOD void put_one(const Rows<T> &x, int64_t at, Scalar y) {
    x.value[at] = y.value;
    x.tangent[at] = y.tangent;
  }
  static PHYSREP_METHOD Num spread(Scalar x) { return {broadcast(x.value), broadcast(x.tangent)}; }
  static PHYSREP_METHOD Scalar total(Num x) { return {sum<T>(x.value), sum<T>(x.tangent)}; }
  static PHYSREP_METHOD Scalar first(Num x) { return {first_lane(x.value), first_lane(x.tangent)}; }
  static PHYSREP_METHOD T value(Scalar x) { return x.value; }
  static PHYSREP_METHOD V part(Num x) { return x.tangent; }
  static PHYSREP_METHOD T part_one(Scalar x) { return x.tangent; }
  static PHYSREP_METHOD Num constant(T x) { return {broadcast(x), V{}}; }
  static PHYSREP_METHOD Num zero() { return {V{}, V{}}; }
};

// Sets n numbers to zero. A kernel clears what it adds to where that is in the cache then: a pass
// over all of it beforehand costs as much as the sums.
template <class T> PHYSREP_INLINE void clear(T *at, int64_t n) {
  using V = typename Lanes<T>::V;
  int64_t k = 0;
  for (; k + Lanes<T>::N <= n; k += Lanes<T>::N) store(at + k, V{});
  to_places<T>(at + k, V{}, n - k, [](int64_t lane) { return lane; });
  sync_lanes<T>();
}

template <class M, class T> PHYSREP_INLINE void add(T *at, typename M::Num x) {
  store(at, load(at) + M::part(x));
}

// A row that many edges add to: in registers where its width is known, until finish().
template <class M, int64_t width> struct RowSums {
  using T = typename M::T;
  using Num = typename M::Num;
  static constexpr int64_t N = Lanes<T>::N;
  static constexpr bool local = width > 0;
  Num of[local ? (width + N - 1) / N : 1];

  PHYSREP_METHOD RowSums() {
    for (auto &x : of) x = M::zero();
  }
  PHYSREP_METHOD void take(T *row, int64_t k, Num x) {
    if constexpr (local)
      of[k / N] = of[k / N] + x;
    else if (row)
      add<M>(row + k, x);
  }
  PHYSREP_METHOD void finish(T *row) const {
    if constexpr (local)
      for (int64_t k = 0; k < width && row; k += N) add<M>(row + k, of[k / N]);
  }
};

// Edges are sorted: the first one from `edge` on (before `last`) of another centre than this.
PHYSREP_INLINE int64_t end_of_center(const int64_t *centers, int64_t edge, int64_t last,
                                     int64_t center) {
  constexpr int64_t STRIDE = 8;
  while (edge + STRIDE <= last && centers[edge + STRIDE - 1] == center) edge += STRIDE;
  while (edge < last && centers[edge] == center) edge++;
  return edge;
}

template <class M, class T> PHYSREP_INLINE void add_at_neighbor(T *at, typename M::Num x) {
  add_shared(at, M::part(x));
}

}  // namespace
}  // namespace physrep

#endif
