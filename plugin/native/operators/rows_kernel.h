// SPDX-License-Identifier: MIT
// What a layer does to the row of an atom, forward and backward:
//
//   y = LayerNorm(m sigmoid(m) + o)        m the message, o the atom's own features
//
// Source: models/jat.py and models/jat_published.py. A backward pass repeats the forward pass, which
// costs less than reading it again.

#ifndef PHYSREP_ROWS_KERNEL_H
#define PHYSREP_ROWS_KERNEL_H

#include "vectors.h"

namespace physrep {
namespace {

template <class T> struct SkipNormRow {
  using V = typename Lanes<T>::V;
  static constexpr int64_t N = Lanes<T>::N;

  const SkipNormArgs<T> &a;
  int64_t at;  // of the row's first number
  T mean, inverse;  // 1 / standard deviation

  PHYSREP_METHOD Swish<V> message(int64_t k) const { return swish(load(a.message + at + k)); }
  PHYSREP_METHOD V sum_at(int64_t k) const { return message(k).value + load(a.own + at + k); }

  // Mean over the row of f(k), a vector for each k.
  template <class Function> PHYSREP_METHOD T average(Function &&f) const {
    V total{};
    for (int64_t k = 0; k < a.width; k += N) total = total + f(k);
    return sum<T>(total) / static_cast<T>(a.width);
  }

  PHYSREP_METHOD void forward() {
    for (int64_t k = 0; k < a.width; k += N) store(a.out + at + k, sum_at(k));
    if (!a.weight) return;
    measure(a.out + at);
    for (int64_t k = 0; k < a.width; k += N)
      store(a.out + at + k,
            (load(a.out + at + k) - mean) * inverse * load(a.weight + k) + load(a.bias + k));
  }

  PHYSREP_METHOD void measure(const T *sums) {
    mean = average([&](int64_t k) { return load(sums + k); });
    const T variance = average([&](int64_t k) {
      const V x = load(sums + k) - mean;
      return x * x;
    });
    inverse = 1 / root(variance + a.eps);
  }

  // With x the normed sum and g the gradient times the weight, the sum's gradient is
  // (g - mean(g) - x mean(g x)) / standard deviation.
  PHYSREP_METHOD void backward() {
    const T *const gradient = a.gradient + at;
    if (!a.weight) {
      for (int64_t k = 0; k < a.width; k += N) hand_down(k, load(gradient + k));
      return;
    }
    T *const sums = a.d_own + at;  // until their gradients take the place
    for (int64_t k = 0; k < a.width; k += N) store(sums + k, sum_at(k));
    measure(sums);
    const auto normed = [&](int64_t k) { return (load(sums + k) - mean) * inverse; };
    const auto weighted = [&](int64_t k) { return load(gradient + k) * load(a.weight + k); };
    const T level = average(weighted);
    const T along = average([&](int64_t k) { return weighted(k) * normed(k); });
    for (int64_t k = 0; k < a.width; k += N) {
      const V x = normed(k), g = load(gradient + k);
      if (a.d_weight) store(a.d_weight + k, load(a.d_weight + k) + g * x);
      if (a.d_bias) store(a.d_bias + k, load(a.d_bias + k) + g);
      hand_down(k, (weighted(k) - level - x * along) * inverse);
    }
  }

  PHYSREP_METHOD void hand_down(int64_t k, V to_sum) const {
    store(a.d_own + at + k, to_sum);
    store(a.d_message + at + k, to_sum * message(k).slope);
  }
};

template <class T> void skip_norm(const SkipNormArgs<T> &arguments, int64_t first, int64_t last) {
  const SkipNormArgs<T> a = arguments;  // a copy that no pointer can reach
  for (int64_t row = first; row < last; row++) {
    SkipNormRow<T> one{a, row * a.width, 0, 0};
    if (a.gradient)
      one.backward();
    else
      one.forward();
  }
}

}  // namespace
}  // namespace physrep

#endif
