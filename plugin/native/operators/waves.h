// SPDX-License-Identifier: MIT
// Sine and cosine of the angles in the lanes.

#ifndef PHYSREP_WAVES_H
#define PHYSREP_WAVES_H

#include "vectors.h"

namespace physrep {
namespace {

template <class T> struct Wave {
  typename Lanes<T>::V sine, cosine;
};

// sin and cos of an angle of some tens at most: Taylor's series of the angle less k pi, which lies
// within +-pi / 2, times (-1)^k. As in exp, adding 1.5 * 2^mantissa rounds to the nearest whole k
// and leaves it in the low bits, the lowest of which becomes the sign. pi comes in two parts, the
// first with so few digits that k times it is exact.
template <class T> PHYSREP_INLINE Wave<T> wave(typename Lanes<T>::V angle) {
  using V = typename Lanes<T>::V;
  using I = typename Lanes<T>::I;
  constexpr bool single = sizeof(T) == 4;
  constexpr T ROUND = single ? T(12582912) : T(6755399441055744);
  constexpr T HIGH = single ? T(3.140625) : T(3.14159274101257324);
  constexpr T LOW = single ? T(9.67653589793e-4) : T(-8.74227800037247e-8);
  constexpr int TERMS = single ? 6 : 10, SIGN = 8 * sizeof(T) - 1;
  const V shifted = angle * T(0.318309886183790671538) + ROUND;
  const V k = shifted - ROUND;
  const V y = (angle - k * HIGH) - k * LOW, square = y * y;
  V cosine = broadcast(T(1)), sine = cosine;
  for (int term = TERMS; term > 0; term--) {
    cosine = 1 - square * cosine * (T(1) / ((2 * term - 1) * (2 * term)));
    sine = 1 - square * sine * (T(1) / ((2 * term) * (2 * term + 1)));
  }
  const I sign = (I)shifted << SIGN;
  return {(V)((I)(y * sine) ^ sign), (V)((I)cosine ^ sign)};
}

}  // namespace
}  // namespace physrep

#endif
