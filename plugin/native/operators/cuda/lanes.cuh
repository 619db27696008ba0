// SPDX-License-Identifier: MIT
// The vectors of vectors.h on a GPU: a vector is a group of threads, one number in each.
//
// The kernels are those of the processors, attention_kernel.h and message_kernel.h, and a centre
// belongs to a group as it does to a thread there. A group is as wide as the rows are padded
// (PADDING): 16 threads in float32, 8 in float64, so that no lane computes what is not needed.
// Scalars are the same in all lanes of a group; all take the same branches.
//
// Compiled with nvcc 13.0; not run on a GPU. The tests run it with emulation.h in place of CUDA.

#ifndef PHYSREP_CUDA_LANES_CUH
#define PHYSREP_CUDA_LANES_CUH

#include <math.h>
#include <stdint.h>

#include "../kernels.h"

namespace physrep {
namespace {

template <class T> struct Lanes {
  using V = T;
  static constexpr int N = PADDING / sizeof(T);
};

using D = Lanes<double>::V;

}  // namespace
}  // namespace physrep

#ifdef PHYSREP_EMULATED
#include "emulation.h"
#else

#define PHYSREP_INLINE static __device__ __forceinline__
#define PHYSREP_METHOD __device__ __forceinline__

namespace physrep {
namespace {

template <class T> PHYSREP_INLINE int lane() { return static_cast<int>(threadIdx.x % Lanes<T>::N); }

// The lanes of this thread's group, as the warp's instructions name them.
template <class T> PHYSREP_INLINE unsigned group_mask() {
  constexpr unsigned N = Lanes<T>::N;
  return ((1u << N) - 1u) << (threadIdx.x % 32u / N * N);
}

template <class T> PHYSREP_INLINE void sync_lanes() { __syncwarp(group_mask<T>()); }

template <class T> PHYSREP_INLINE T of_lane_across(T x, int distance) {
  return __shfl_xor_sync(group_mask<T>(), x, distance, Lanes<T>::N);
}

// More than one group adds to a neighbour's row, in no fixed order; launch.h has the other way.
template <class T> PHYSREP_INLINE void add_shared(T *at, T x) { atomicAdd(at + lane<T>(), x); }

}  // namespace
}  // namespace physrep

#endif

namespace physrep {
namespace {

constexpr bool HEAP = false;  // who calls the kernels gives them their scratch arrays

template <class T> PHYSREP_INLINE T load(const T *at) { return at[lane<T>()]; }
template <class T> PHYSREP_INLINE void store(T *at, T x) { at[lane<T>()] = x; }
template <class T> PHYSREP_INLINE T broadcast(T x) { return x; }
template <class T> PHYSREP_INLINE T first_lane(T x) { return x; }  // of numbers alike in all lanes

// All lanes get the same sum, bit for bit: each step adds the same two numbers in both partners.
template <class T> PHYSREP_INLINE T sum(T x) {
  for (int distance = Lanes<T>::N / 2; distance > 0; distance /= 2)
    x += of_lane_across(x, distance);
  return x;
}

template <class T> PHYSREP_INLINE T largest(T x) {
  for (int distance = Lanes<T>::N / 2; distance > 0; distance /= 2) {
    const T other = of_lane_across(x, distance);
    x = other > x ? other : x;
  }
  return x;
}

template <class T> PHYSREP_INLINE void add_one(T *at, T x) {
  if (lane<T>() == 0) *at += x;
}

template <class T> PHYSREP_INLINE void add_first(T *at, T x, int64_t n) {
  if (lane<T>() < n) at[lane<T>()] += x;
}

template <class T, class Place> PHYSREP_INLINE T from_places(const T *at, const Place &place) {
  return at[place(lane<T>())];
}

template <class T, class To, class Place>
PHYSREP_INLINE void to_places(To *at, T x, int64_t n, const Place &place) {
  if (lane<T>() < n) at[place(lane<T>())] = static_cast<To>(x);
}

PHYSREP_INLINE float exp(float x) { return ::expf(x); }
PHYSREP_INLINE double exp(double x) { return ::exp(x); }
PHYSREP_INLINE float reciprocal(float x) { return 1 / x; }
PHYSREP_INLINE double reciprocal(double x) { return 1 / x; }

}  // namespace
}  // namespace physrep

#endif
