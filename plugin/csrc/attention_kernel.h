// SPDX-License-Identifier: MIT
// Attention weights of edges: logits, then a softmax or a gate, and their derivatives.
//
//   l_eh = a_h . swish(s_j + r_i) + B_h . features_e          edge e from centre i to neighbour j
//   l_ih = a_h . swish(s_i + r_i) + c_h                       the atom itself, softmax alone
//   softmax   w_eh = f_e exp(l_eh) / Z_ih,  Z_ih = exp(l_ih) + sum_e f_e exp(l_eh)
//   gate      w_eh = f_e scale swish(l_eh)
//
// Source: models/jat.py and models/jat_published.py, whose arithmetic this is.

#ifndef PHYSREP_ATTENTION_KERNEL_H
#define PHYSREP_ATTENTION_KERNEL_H

#include <stdlib.h>

#include "vectors.h"

namespace physrep {
namespace {

// Numbers of one centre's edges, kept between the steps; one array per head where there are heads.
template <class T> struct CenterScratch {
  Rows<T> logits, weights, cotangents, envelope, envelope_slopes;
  int64_t stride = 0;  // from one head to the next
  T *memory = nullptr;
  int64_t capacity = 0;

  PHYSREP_METHOD void fit(int64_t n, int64_t heads) {
    constexpr int64_t N = Lanes<T>::N;
    stride = (n + N - 1) / N * N;
    const int64_t arrays = 3 * heads + 2;
    if constexpr (HEAP)
      if (2 * arrays * stride > capacity) {
        capacity = 4 * arrays * stride;
        free(memory);
        memory = static_cast<T *>(malloc(sizeof(T) * static_cast<size_t>(capacity)));
      }
    T *next = memory;
    next = take(logits, next, heads * stride);
    next = take(weights, next, heads * stride);
    next = take(cotangents, next, heads * stride);
    next = take(envelope, next, stride);
    take(envelope_slopes, next, stride);
  }

  static PHYSREP_METHOD T *take(Rows<T> &rows, T *from, int64_t n) {
    rows.value = from;
    rows.tangent = from + n;
    return from + 2 * n;
  }
};

// `width_` not 0: that width, known to the compiler, and one head.
// `factored`: with the exponentials of sent and received.
template <class M, int64_t width_, bool factored> struct Attention {
  using T = typename M::T;
  using Num = typename M::Num;
  using Scalar = typename M::Scalar;
  static constexpr int64_t N = Lanes<T>::N;

  // swish(s_j + r_i) at feature k and its slope.
  static PHYSREP_METHOD Swish<Num> meet(const AttentionArgs<T> &a, int64_t j, int64_t i,
                                        int64_t k) {
    const int64_t at = j * a.width + k, own = i * a.width + k;
    const Num x = M::get(a.sent, at) + M::get(a.received, own);
    if constexpr (!factored) return swish(x);
    else return swish_of(x, reciprocal(1 + load(a.sent_exp + at) * load(a.received_exp + own)));
  }

  static PHYSREP_METHOD Scalar logit(const AttentionArgs<T> &a, int64_t j, int64_t i, int64_t h) {
    Num total = M::zero();
    for (int64_t k = 0; k < a.width; k += N) {
      total = total + M::get(a.vector, h * a.width + k) * meet(a, j, i, k).value;
    }
    return M::total(total);
  }

  static PHYSREP_METHOD Scalar edge_logit(const AttentionArgs<T> &a, int64_t e, int64_t i,
                                          int64_t h) {
    Scalar total = logit(a, a.neighbors[e], i, h);
    for (int64_t b = 0; b < a.n_features; b++)
      total = total + M::one(a.features, e * a.columns + b) * M::one(a.slopes, b * a.heads + h);
    return total;
  }

  // What a centre's edges add to the derivative of its `received`: in registers where they fit.
  struct Sums {
    static constexpr bool local = width_ > 0;
    Num of[local ? (width_ + N - 1) / N : 1];

    PHYSREP_METHOD Sums() {
      for (auto &x : of) x = M::zero();
    }
    PHYSREP_METHOD void take(const AttentionArgs<T> &a, int64_t i, int64_t k, Num x) {
      if constexpr (local) of[k / N] = of[k / N] + x;
      else if (a.d_received) add<M>(a.d_received + i * a.width + k, x);
    }
    PHYSREP_METHOD void finish(const AttentionArgs<T> &a, int64_t i) const {
      if constexpr (local)
        for (int64_t k = 0; k < a.width && a.d_received; k += N)
          add<M>(a.d_received + i * a.width + k, of[k / N]);
    }
  };

  // What the logit of centre i and atom j adds to the derivatives, given those of the logits.
  template <class Slope>
  static PHYSREP_METHOD void backward(const AttentionArgs<T> &a, int64_t j, int64_t i, Sums &sums,
                                      Slope &&slope) {
    for (int64_t k = 0; k < a.width; k += N) {
      const auto y = meet(a, j, i, k);
      Num strength = M::zero();
      for (int64_t h = 0; h < a.heads; h++) {
        const Num s = M::spread(slope(h));
        strength = strength + s * M::get(a.vector, h * a.width + k);
        if (a.d_vector) add<M>(a.d_vector + h * a.width + k, s * y.value);
      }
      const Num both = strength * y.slope;
      if (a.d_sent) add_at_neighbor<M>(a.d_sent + j * a.width + k, both);
      sums.take(a, i, k, both);
    }
  }

  static PHYSREP_METHOD void edge_backward(const AttentionArgs<T> &a, int64_t e, int64_t i,
                                           int64_t k, const CenterScratch<T> &s, Sums &sums) {
    const auto slope = [&](int64_t h) { return M::one(s.cotangents, h * s.stride + k); };
    backward(a, a.neighbors[e], i, sums, slope);
    for (int64_t h = 0; h < a.heads; h++)
      for (int64_t b = 0; b < a.n_features; b++) {
        const int64_t at = e * a.columns + b, entry = b * a.heads + h;
        if (a.d_features)
          add_one(a.d_features + at, M::part_one(slope(h) * M::one(a.slopes, entry)));
        if (a.d_slopes)
          add_one(a.d_slopes + entry, M::part_one(slope(h) * M::one(a.features, at)));
      }
    if (a.d_envelope) add_one(a.d_envelope + e, M::part_one(M::one(s.envelope_slopes, k)));
  }

  // Fills the scratch arrays; the entries behind the last edge get an envelope of 0.
  static PHYSREP_METHOD void read_edges(const AttentionArgs<T> &a, int64_t first, int64_t n,
                                        int64_t i, const CenterScratch<T> &s) {
    const Scalar one = M::first(M::constant(1)), zero = M::first(M::zero());
    for (int64_t k = 0; k < s.stride; k++) {
      const int64_t e = first + k;
      const bool real = k < n;
      const Scalar envelope = real ? (a.envelope.value ? M::one(a.envelope, e) : one) : zero;
      M::put_one(s.envelope, k, envelope);
      M::put_one(s.envelope_slopes, k, zero);
      for (int64_t h = 0; h < a.heads; h++) {
        const int64_t at = h * s.stride + k;
        Scalar l = zero, o = zero;
        if (real) {
          l = logit_of(a, e, i, h);
          if (a.edge_cotangent.value) o = M::one(a.edge_cotangent, e * a.heads + h);
        }
        M::put_one(s.logits, at, l);
        M::put_one(s.cotangents, at, o);
      }
    }
  }

  static PHYSREP_METHOD Scalar logit_of(const AttentionArgs<T> &a, int64_t e, int64_t i,
                                        int64_t h) {
    if constexpr (!M::dual)
      if (a.saved_logits) return a.saved_logits[e * a.heads + h];
    return edge_logit(a, e, i, h);
  }

  static PHYSREP_METHOD Scalar self_logit_of(const AttentionArgs<T> &a, int64_t i, int64_t h) {
    if constexpr (!M::dual)
      if (a.saved_self_logits) return a.saved_self_logits[i * a.heads + h];
    return logit(a, i, i, h) + M::one(a.self_bias, h);
  }

  // Weights from logits; cotangents of the weights become those of the logits.
  static PHYSREP_METHOD void gate(const AttentionArgs<T> &a, int64_t h, const CenterScratch<T> &s) {
    const Num scale = M::constant(a.scale);
    for (int64_t k = 0; k < s.stride; k += N) {
      const int64_t at = h * s.stride + k;
      const auto y = swish(M::get(s.logits, at));
      const Num factor = M::get(s.envelope, k) * scale, o = M::get(s.cotangents, at);
      M::put(s.weights, at, factor * y.value);
      M::put(s.cotangents, at, factor * o * y.slope);
      M::put(s.envelope_slopes, k, M::get(s.envelope_slopes, k) + o * scale * y.value);
    }
  }

  static PHYSREP_METHOD T largest(const Rows<T> &logits, int64_t at, int64_t n, T start) {
    for (int64_t k = 0; k < n; k++)
      start = logits.value[at + k] > start ? logits.value[at + k] : start;
    return start;
  }

  // As gate(), with the atom itself; returns its weight and the derivative of its logit.
  struct Self {
    Scalar weight, slope;
  };

  static PHYSREP_METHOD Self softmax(int64_t h, int64_t n, const CenterScratch<T> &s,
                                     Scalar self_logit, Scalar self_cotangent) {
    const int64_t start = h * s.stride;
    Num total = M::zero(), inner = M::zero();
    const Num shift = M::constant(largest(s.logits, start, n, M::value(self_logit)));
    for (int64_t k = 0; k < s.stride; k += N) {
      const Num e = exp(M::get(s.logits, start + k) - shift);
      M::put(s.weights, start + k, e);
      total = total + e * M::get(s.envelope, k);
    }
    const Scalar own = M::first(exp(M::spread(self_logit) - shift));
    const Scalar norm = own + M::total(total);
    const Num all = M::spread(norm);
    for (int64_t k = 0; k < s.stride; k += N) {
      const Num e = M::get(s.weights, start + k) / all;
      M::put(s.weights, start + k, e);
      inner = inner + e * M::get(s.envelope, k) * M::get(s.cotangents, start + k);
    }
    const Scalar weight = own / norm;
    const Scalar mean = weight * self_cotangent + M::total(inner);
    const Num means = M::spread(mean);
    for (int64_t k = 0; k < s.stride; k += N) {
      const Num e = M::get(s.weights, start + k), f = M::get(s.envelope, k);
      const Num slope = e * (M::get(s.cotangents, start + k) - means);
      M::put(s.weights, start + k, e * f);
      M::put(s.cotangents, start + k, slope * f);
      M::put(s.envelope_slopes, k, M::get(s.envelope_slopes, k) + slope);
    }
    return {weight, weight * (self_cotangent - mean)};
  }

  static PHYSREP_METHOD void write_weights(const AttentionArgs<T> &a, int64_t first, int64_t n,
                                           const CenterScratch<T> &s) {
    for (int64_t h = 0; h < a.heads; h++)
      for (int64_t k = 0; k < n; k++) {
        const int64_t at = (first + k) * a.heads + h;
        if (a.weights) add_one(a.weights + at, M::part_one(M::one(s.weights, h * s.stride + k)));
        if (a.logits) a.logits[at] = s.logits.value[h * s.stride + k];
      }
  }

  static PHYSREP_METHOD void self_edge(const AttentionArgs<T> &a, int64_t i, int64_t n,
                                       const CenterScratch<T> &s, Sums &sums) {
    for (int64_t h = 0; h < a.heads; h++) {
      const int64_t at = i * a.heads + h;
      const Scalar l = self_logit_of(a, i, h);
      Scalar o = M::first(M::zero());
      if (a.self_cotangent.value) o = M::one(a.self_cotangent, at);
      const Self self = softmax(h, n, s, l, o);
      if (a.self_weights) add_one(a.self_weights + at, M::part_one(self.weight));
      if (a.self_logits) a.self_logits[at] = M::value(l);
      if (a.d_self_bias) add_one(a.d_self_bias + h, M::part_one(self.slope));
      if (!a.edge_cotangent.value) continue;
      AttentionArgs<T> one = a;  // this head alone
      one.heads = 1;
      if constexpr (M::dual) one.vector.tangent += h * a.width;
      one.vector.value += h * a.width;
      if (a.d_vector) one.d_vector += h * a.width;
      backward(one, i, i, sums, [&](int64_t) { return self.slope; });
    }
  }

  // Weights of a centre's edges, and all that comes of the atom itself.
  static PHYSREP_METHOD void weigh(const AttentionArgs<T> &a, int64_t i, int64_t first, int64_t n,
                                   CenterScratch<T> &s, Sums &sums) {
    s.fit(n, a.heads);
    read_edges(a, first, n, i, s);
    sync_lanes<T>();
    if (a.softmax)
      self_edge(a, i, n, s, sums);
    else
      for (int64_t h = 0; h < a.heads; h++) gate(a, h, s);
    sync_lanes<T>();
    write_weights(a, first, n, s);
  }

  static PHYSREP_METHOD void center(const AttentionArgs<T> &a, int64_t i, int64_t first, int64_t n,
                                    CenterScratch<T> &s) {
    Sums sums;
    weigh(a, i, first, n, s, sums);
    if (!a.edge_cotangent.value) return;
    for (int64_t k = 0; k < n; k++) edge_backward(a, first + k, i, k, s, sums);
    sums.finish(a, i);
  }

  static void block(const AttentionArgs<T> &arguments, const Block &b) {
    AttentionArgs<T> a = arguments;  // a copy that no pointer can reach
    if constexpr (width_ > 0) a.width = width_, a.heads = 1;
    CenterScratch<T> scratch;
    int64_t e = b.first_edge;
    for (int64_t i = b.first_center; i < b.last_center; i++) {
      const int64_t first = e;
      while (e < b.last_edge && a.centers[e] == i) e++;
      if (e > first || a.softmax) center(a, i, first, e - first, scratch);
    }
    free(scratch.memory);
  }
};

}  // namespace
}  // namespace physrep

#endif
