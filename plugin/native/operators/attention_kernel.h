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

  // A centre: its rows, and what its edges add to the derivative of `received`; both in registers
  // where their width is known.
  struct Center {
    static constexpr bool local = width_ > 0;
    static constexpr int SIZE = local ? (width_ + N - 1) / N : 1;
    int64_t i;
    Num received[SIZE], vector[SIZE];
    typename Lanes<T>::V exponentials[SIZE];
    RowSums<M, width_> sums;

    PHYSREP_METHOD Center(const AttentionArgs<T> &a, int64_t i) : i(i) {
      if constexpr (local)
        for (int64_t k = 0; k < width_; k += N) {
          received[k / N] = M::get(a.received, i * width_ + k);
          vector[k / N] = M::get(a.vector, k);
          if constexpr (factored) exponentials[k / N] = load(a.received_exp + i * width_ + k);
        }
    }
    PHYSREP_METHOD Num received_at(const AttentionArgs<T> &a, int64_t k) const {
      if constexpr (local)
        return received[k / N];
      else
        return M::get(a.received, i * a.width + k);
    }
    PHYSREP_METHOD Num vector_at(const AttentionArgs<T> &a, int64_t h, int64_t k) const {
      if constexpr (local)
        return vector[k / N];
      else
        return M::get(a.vector, h * a.width + k);
    }
    PHYSREP_METHOD auto exponential_at(const AttentionArgs<T> &a, int64_t k) const {
      if constexpr (local)
        return exponentials[k / N];
      else
        return load(a.received_exp + i * a.width + k);
    }
    PHYSREP_METHOD T *row(const AttentionArgs<T> &a) const {
      return a.d_received ? a.d_received + i * a.width : nullptr;
    }
    PHYSREP_METHOD void take(const AttentionArgs<T> &a, int64_t k, Num x) {
      sums.take(row(a), k, x);
    }
    PHYSREP_METHOD void finish(const AttentionArgs<T> &a) const { sums.finish(row(a)); }
  };

  // swish(s_j + r_i) at feature k and its slope.
  static PHYSREP_METHOD Swish<Num> meet(const AttentionArgs<T> &a, int64_t j, const Center &c,
                                        int64_t k) {
    const int64_t at = j * a.width + k;
    const Num x = M::get(a.sent, at) + c.received_at(a, k);
    if constexpr (!factored)
      return swish(x);
    else
      return swish_of(x, reciprocal(1 + load(a.sent_exp + at) * c.exponential_at(a, k)));
  }

  static PHYSREP_METHOD Scalar logit(const AttentionArgs<T> &a, int64_t j, const Center &c,
                                     int64_t h) {
    Num total = M::zero();
    for (int64_t k = 0; k < a.width; k += N)
      total = total + c.vector_at(a, h, k) * meet(a, j, c, k).value;
    return M::total(total);
  }

  static PHYSREP_METHOD Scalar edge_logit(const AttentionArgs<T> &a, int64_t e, const Center &c,
                                          int64_t h) {
    Scalar total = logit(a, a.neighbors[e], c, h);
    for (int64_t b = 0; b < a.n_features; b++)
      total = total + M::one(a.features, e * a.columns + b) * M::one(a.slopes, b * a.heads + h);
    return total;
  }

  // What the logits of centre and atom j, of the heads from `head` on, add to the derivatives, given
  // those of the logits.
  template <class Slope>
  static PHYSREP_METHOD void backward(const AttentionArgs<T> &a, int64_t j, Center &c, int64_t head,
                                      int64_t n_heads, Slope &&slope) {
    for (int64_t k = 0; k < a.width; k += N) {
      const auto y = meet(a, j, c, k);
      Num strength = M::zero();
      for (int64_t h = head; h < head + n_heads; h++) {
        const Num s = M::spread(slope(h));
        strength = strength + s * c.vector_at(a, h, k);
        if (a.d_vector) add<M>(a.d_vector + h * a.width + k, s * y.value);
      }
      const Num both = strength * y.slope;
      if (a.d_sent) add_at_neighbor<M>(a.d_sent + j * a.width + k, both);
      c.take(a, k, both);
    }
  }

  static PHYSREP_METHOD void edge_backward(const AttentionArgs<T> &a, int64_t e, Center &c,
                                           int64_t k, const CenterScratch<T> &s) {
    const auto slope = [&](int64_t h) { return M::one(s.cotangents, h * s.stride + k); };
    backward(a, a.neighbors[e], c, 0, a.heads, slope);
    if (a.d_features) clear(a.d_features + e * a.columns, a.columns);
    for (int64_t h = 0; h < a.heads; h++)
      for (int64_t b = 0; b < a.n_features; b++) {
        const int64_t at = e * a.columns + b, entry = b * a.heads + h;
        if (a.d_features)
          add_one(a.d_features + at, M::part_one(slope(h) * M::one(a.slopes, entry)));
        if (a.d_slopes) add_one(a.d_slopes + entry, M::part_one(slope(h) * M::one(a.features, at)));
      }
    if (a.d_envelope) add_one(a.d_envelope + e, M::part_one(M::one(s.envelope_slopes, k)));
  }

  // Numbers of the n edges, then `behind` up to a whole vector.
  template <class Function>
  static PHYSREP_METHOD void fill(const CenterScratch<T> &s, const Rows<T> &to, int64_t h,
                                  int64_t n, Scalar behind, Function &&of) {
    const int64_t start = h * s.stride;
    for (int64_t k = 0; k < n; k++) M::put_one(to, start + k, of(k));
    for (int64_t k = n; k < s.stride; k++) M::put_one(to, start + k, behind);
  }

  // Fills the scratch arrays; the entries behind the last edge get an envelope of 0 (and its logit,
  // so that the largest one is that of an edge).
  static PHYSREP_METHOD void read_edges(const AttentionArgs<T> &a, int64_t first, int64_t n,
                                        const Center &c, const CenterScratch<T> &s) {
    const Scalar one = M::first(M::constant(1)), zero = M::first(M::zero());
    const auto none = [&](int64_t) { return zero; };
    for (int64_t h = 0; h < a.heads; h++) {
      const auto at = [&](int64_t k) { return (first + k) * a.heads + h; };
      read_logits(a, first, n, c, h, s);
      if (a.edge_cotangent.value)
        fill(s, s.cotangents, h, n, zero,
             [&](int64_t k) { return M::one(a.edge_cotangent, at(k)); });
      else
        fill(s, s.cotangents, h, n, zero, none);
    }
    if (a.envelope.value)
      fill(s, s.envelope, 0, n, zero, [&](int64_t k) { return M::one(a.envelope, first + k); });
    else
      fill(s, s.envelope, 0, n, zero, [&](int64_t) { return one; });
    fill(s, s.envelope_slopes, 0, n, zero, none);
  }

  static PHYSREP_METHOD void read_logits(const AttentionArgs<T> &a, int64_t first, int64_t n,
                                         const Center &c, int64_t h, const CenterScratch<T> &s) {
    if (n == 0) return;
    const int64_t last = h * s.stride + n - 1;
    if constexpr (!M::dual)
      if (a.saved_logits) {
        const T *const saved = a.saved_logits;
        fill(s, s.logits, h, n, saved[(first + n - 1) * a.heads + h],
             [&](int64_t k) { return saved[(first + k) * a.heads + h]; });
        return;
      }
    for (int64_t k = 0; k < n; k++)
      M::put_one(s.logits, h * s.stride + k, edge_logit(a, first + k, c, h));
    const Scalar behind = M::one(s.logits, last);
    for (int64_t k = last + 1; k < (h + 1) * s.stride; k++) M::put_one(s.logits, k, behind);
  }

  static PHYSREP_METHOD Scalar self_logit_of(const AttentionArgs<T> &a, const Center &c,
                                             int64_t h) {
    if constexpr (!M::dual)
      if (a.saved_self_logits) return a.saved_self_logits[c.i * a.heads + h];
    return logit(a, c.i, c, h) + M::one(a.self_bias, h);
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

  static PHYSREP_METHOD T largest_of(const CenterScratch<T> &s, int64_t h, T own) {
    auto most = broadcast(own);
    for (int64_t k = h * s.stride; k < (h + 1) * s.stride; k += N) {
      const auto x = load(s.logits.value + k);
      most = x > most ? x : most;
    }
    return largest<T>(most);
  }

  // As gate(), with the atom itself; returns its weight and the derivative of its logit.
  struct Self {
    Scalar weight, slope;
  };

  static PHYSREP_METHOD Self softmax(int64_t h, const CenterScratch<T> &s, Scalar self_logit,
                                     Scalar self_cotangent) {
    const int64_t start = h * s.stride;
    Num total = M::zero(), inner = M::zero();
    const Num shift = M::constant(largest_of(s, h, M::value(self_logit)));
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
    for (int64_t h = 0; h < a.heads; h++) {
      const int64_t start = h * s.stride;
      const auto at = [&](int64_t k) { return (first + k) * a.heads + h; };
      for (int64_t k = 0; k < n && a.weights; k++)
        add_one(a.weights + at(k), M::part_one(M::one(s.weights, start + k)));
      for (int64_t k = 0; k < n && a.logits; k++) a.logits[at(k)] = s.logits.value[start + k];
    }
  }

  static PHYSREP_METHOD void self_edge(const AttentionArgs<T> &a, Center &c,
                                       const CenterScratch<T> &s) {
    for (int64_t h = 0; h < a.heads; h++) {
      const int64_t at = c.i * a.heads + h;
      const Scalar l = self_logit_of(a, c, h);
      Scalar o = M::first(M::zero());
      if (a.self_cotangent.value) o = M::one(a.self_cotangent, at);
      const Self self = softmax(h, s, l, o);
      if (a.self_weights) add_one(a.self_weights + at, M::part_one(self.weight));
      if (a.self_logits) a.self_logits[at] = M::value(l);
      if (a.d_self_bias) add_one(a.d_self_bias + h, M::part_one(self.slope));
      if (a.edge_cotangent.value) backward(a, c.i, c, h, 1, [&](int64_t) { return self.slope; });
    }
  }

  // Weights of a centre's edges, and all that comes of the atom itself.
  static PHYSREP_METHOD void weigh(const AttentionArgs<T> &a, Center &c, int64_t first, int64_t n,
                                   CenterScratch<T> &s) {
    s.fit(n, a.heads);
    read_edges(a, first, n, c, s);
    sync_lanes<T>();
    if (a.softmax)
      self_edge(a, c, s);
    else
      for (int64_t h = 0; h < a.heads; h++) gate(a, h, s);
    sync_lanes<T>();
    write_weights(a, first, n, s);
  }

  static PHYSREP_METHOD void center(const AttentionArgs<T> &a, int64_t i, int64_t first, int64_t n,
                                    CenterScratch<T> &s) {
    Center c(a, i);
    weigh(a, c, first, n, s);
    if (!a.edge_cotangent.value) return;
    for (int64_t k = 0; k < n; k++) edge_backward(a, first + k, c, k, s);
    c.finish(a);
  }

  static void block(const AttentionArgs<T> &arguments, const Block &b) {
    AttentionArgs<T> a = arguments;  // a copy that no pointer can reach
    if constexpr (width_ > 0) a.width = width_, a.heads = 1;
    CenterScratch<T> scratch;
    int64_t e = b.first_edge;
    for (int64_t i = b.first_center; i < b.last_center; i++) {
      const int64_t first = e;
      e = end_of_center(a.centers, e, b.last_edge, i);
      if (e > first || a.softmax) center(a, i, first, e - first, scratch);
    }
    free(scratch.memory);
  }
};

}  // namespace
}  // namespace physrep

#endif
