// SPDX-License-Identifier: MIT
// What a layer or a readout does to the row of an atom, and the derivatives of sum_k c_k y_k:
//
//   y = LayerNorm(swish(m) + o)    m the message, o the atom's own features; without weights the sum
//   y = swish(LayerNorm(m))        without own features
//
// Source: models/jat.py, models/jat_published.py, models/readout.py. A backward pass repeats the
// forward pass, which costs less than reading it again.

#ifndef PHYSREP_ROWS_KERNEL_H
#define PHYSREP_ROWS_KERNEL_H

#include "vectors.h"

namespace physrep {
namespace {

template <class M> struct NormRow {
  using T = typename M::T;
  using Num = typename M::Num;
  static constexpr int64_t N = Lanes<T>::N;

  const NormArgs<T> &a;
  int64_t at;  // of the row's first number
  Num normed[MOST_NORMED / N];  // the row, before or after its mean is taken away and it is scaled
  Num slopes[MOST_NORMED / N];  // dy/dy_normed times the cotangent
  Num inverse;  // 1 / standard deviation

  // Mean over the row of f(k), vectors of numbers.
  template <class Function> PHYSREP_METHOD Num average(Function &&f) const {
    Num total = M::zero();
    for (int64_t k = 0; k < a.width; k += N) total = total + f(k);
    return M::spread(M::total(total)) * M::constant(T(1) / static_cast<T>(a.width));
  }

  PHYSREP_METHOD Num &row(int64_t k) { return normed[k / N]; }
  PHYSREP_METHOD Num scaled(int64_t k) const {
    return normed[k / N] * M::get(a.weight, k) + M::get(a.bias, k);
  }

  PHYSREP_METHOD void read() {
    for (int64_t k = 0; k < a.width; k += N) {
      const Num m = M::get(a.message, at + k);
      row(k) = a.own.value ? swish(m).value + M::get(a.own, at + k) : m;
    }
    if (a.weight.value) normalize();
  }

  PHYSREP_METHOD void normalize() {
    const Num mean = average([&](int64_t k) { return row(k); });
    for (int64_t k = 0; k < a.width; k += N) row(k) = row(k) - mean;
    const Num variance = average([&](int64_t k) { return row(k) * row(k); });
    inverse = M::constant(1) / square_root(variance + M::constant(a.eps));
    for (int64_t k = 0; k < a.width; k += N) row(k) = row(k) * inverse;
  }

  PHYSREP_METHOD void forward() {
    for (int64_t k = 0; k < a.width; k += N) {
      const Num y = a.weight.value ? scaled(k) : row(k);
      store(a.out + at + k, M::part(a.own.value ? y : swish(y).value));
    }
  }

  // With x the normed sum and g the gradient times the weight, the sum's gradient is
  // (g - mean(g) - x mean(g x)) / standard deviation.
  PHYSREP_METHOD void backward() {
    for (int64_t k = 0; k < a.width; k += N) {
      const Num c = M::get(a.cotangent, at + k);
      slopes[k / N] = a.own.value ? c : c * swish(scaled(k)).slope;
    }
    if (a.weight.value) through_norm();
    for (int64_t k = 0; k < a.width; k += N) {
      const Num to_sum = slopes[k / N];
      if (a.own.value) store(a.d_own + at + k, M::part(to_sum));
      const Num m = M::get(a.message, at + k);
      const Num to_message = a.own.value ? to_sum * swish(m).slope : to_sum;
      store(a.d_message + at + k, M::part(to_message));
    }
  }

  PHYSREP_METHOD void through_norm() {
    for (int64_t k = 0; k < a.width; k += N) {
      Num &g = slopes[k / N];
      if (a.d_weight) add<M>(a.d_weight + k, g * row(k));
      if (a.d_bias) add<M>(a.d_bias + k, g);
      g = g * M::get(a.weight, k);
    }
    const Num level = average([&](int64_t k) { return slopes[k / N]; });
    const Num along = average([&](int64_t k) { return slopes[k / N] * row(k); });
    for (int64_t k = 0; k < a.width; k += N)
      slopes[k / N] = (slopes[k / N] - level - row(k) * along) * inverse;
  }
};

template <class M> void norm_rows(const NormArgs<typename M::T> &a, int64_t first, int64_t last) {
  for (int64_t i = first; i < last; i++) {
    NormRow<M> one{a, i * a.width, {}, {}, M::zero()};
    one.read();
    if (a.out) one.forward();
    if (a.d_message) one.backward();
  }
}

template <class T> void norm(const NormArgs<T> &arguments, int64_t first, int64_t last) {
  const NormArgs<T> a = arguments;  // a copy that no pointer can reach
  if (a.dual)
    norm_rows<Mode<T, true>>(a, first, last);
  else
    norm_rows<Mode<T, false>>(a, first, last);
}

// y = q (1 + q)^(-1/2) for each channel and degree, q = sum_m A_m^2, and the derivatives of
// sum c y. Channels are in the lanes. Source: ops/invariants.py.
template <class M>
void invariant_rows(const InvariantArgs<typename M::T> &a, int64_t first, int64_t last) {
  using T = typename M::T;
  using Num = typename M::Num;
  const int64_t degrees = a.components > 3 ? 2 : 1;
  const Num one = M::constant(1), half = M::constant(T(0.5)), two = M::constant(2);
  for (int64_t i = first; i < last; i++)
    for (int64_t l = 0; l < degrees; l++)
      for (int64_t k = 0; k < a.channels; k += Lanes<T>::N) {
        const int64_t begin = (i * a.components + 3 * l) * a.channels + k;
        const int64_t end = begin + (2 * l + 3) * a.channels;
        const int64_t to = (i * degrees + l) * a.channels + k;
        Num q = M::zero();
        for (int64_t at = begin; at < end; at += a.channels) {
          const Num x = M::get(a.moments, at);
          q = q + x * x;
        }
        const Num inverse = one / square_root(one + q);
        if (a.out) store(a.out + to, M::part(q * inverse));
        if (!a.d_moments) continue;
        const Num slope = (one + half * q) * inverse * inverse * inverse;
        const Num factor = two * slope * M::get(a.cotangent, to);
        for (int64_t at = begin; at < end; at += a.channels)
          store(a.d_moments + at, M::part(factor * M::get(a.moments, at)));
      }
}

template <class T> void invariants(const InvariantArgs<T> &arguments, int64_t first, int64_t last) {
  const InvariantArgs<T> a = arguments;
  if (a.dual)
    invariant_rows<Mode<T, true>>(a, first, last);
  else
    invariant_rows<Mode<T, false>>(a, first, last);
}

}  // namespace
}  // namespace physrep

#endif
