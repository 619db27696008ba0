// SPDX-License-Identifier: MIT
// Operator physrep::attention_weights; attention_kernel.h has the equations.

#include "form.h"
#include "saving.h"

namespace physrep {

namespace {

enum Slot : size_t {
  EDGE_COTANGENT,
  SELF_COTANGENT,
  SENT,
  RECEIVED,
  VECTOR,
  FEATURES,
  SLOPES,
  ENVELOPE,
  SELF_BIAS,
  N_SLOTS
};

void run(const AttentionArgs<float> &a, const Block &block) { kernels().attention_float(a, block); }
void run(const AttentionArgs<double> &a, const Block &block) {
  kernels().attention_double(a, block);
}
bool exponentials(const float *x, float *out, int64_t n) { return kernels().exp_float(x, out, n); }
bool exponentials(const double *x, double *out, int64_t n) {
  return kernels().exp_double(x, out, n);
}

struct AttentionForm : Form {
  bool softmax;
  double scale;
  // Of the forward pass, so that the backward pass need not repeat them; exponentials of many atoms
  // are repeated.
  Tensor logits, self_logits, sent_exp, received_exp;

  AttentionForm(Graph graph, bool softmax, double scale)
      : Form(std::move(graph), {EDGE_COTANGENT, SELF_COTANGENT}, N_SLOTS),
        softmax(softmax),
        scale(scale) {}

  Tensors derivatives(const Tensors &x, const Tensors &tangents,
                      const std::vector<bool> &wanted) override {
    return x[SENT].scalar_type() == torch::kFloat64 ? compute<double>(x, tangents, wanted)
                                                    : compute<float>(x, tangents, wanted);
  }

  static Tensors prepare(Tensors x) {
    if (x.empty()) return Tensors(N_SLOTS);
    for (const size_t k : {SENT, RECEIVED}) x[k] = pad(x[k]);
    x[VECTOR] = pad(x[VECTOR].t());
    for (const size_t k : {EDGE_COTANGENT, SELF_COTANGENT, FEATURES, SLOPES, ENVELOPE, SELF_BIAS})
      if (x[k].defined()) x[k] = x[k].contiguous();
    return x;
  }

  template <class T>
  AttentionArgs<T> arguments(const Tensors &x, const Tensors &d) const {
    AttentionArgs<T> a{};
    a.centers = graph.centers.const_data_ptr<int64_t>();
    a.neighbors = graph.neighbors.const_data_ptr<int64_t>();
    a.width = x[SENT].size(1);
    a.heads = x[VECTOR].size(0);
    a.n_features = x[SLOPES].size(0);
    a.columns = x[FEATURES].size(1);
    a.softmax = softmax;
    a.dual = d[SENT].defined();
    a.scale = static_cast<T>(scale);
    const auto of = [&](Slot k) { return rows<T>(x[k], d[k]); };
    a.sent = of(SENT), a.received = of(RECEIVED), a.vector = of(VECTOR);
    a.features = of(FEATURES), a.slopes = of(SLOPES);
    a.envelope = of(ENVELOPE), a.self_bias = of(SELF_BIAS);
    a.edge_cotangent = of(EDGE_COTANGENT), a.self_cotangent = of(SELF_COTANGENT);
    return a;
  }

  // Left undefined where the products could overflow.
  template <class T> void prepare_exponentials(const Tensors &x) {
    if (sent_exp.defined()) return;
    const auto of = [](const Tensor &t, Tensor &out) {
      out = torch::empty_like(t);
      return exponentials(t.const_data_ptr<T>(), out.data_ptr<T>(), t.numel());
    };
    const bool safe = of(x[SENT], sent_exp) && of(x[RECEIVED], received_exp);
    if (!safe) sent_exp = received_exp = Tensor();
  }

  template <class T>
  Tensors compute(const Tensors &raw, const Tensors &raw_tangents,
                  const std::vector<bool> &wanted) {
    const auto x = prepare(raw), d = prepare(raw_tangents);
    auto a = arguments<T>(x, d);
    const auto options = x[SENT].options().requires_grad(false);
    const auto zeros = [&](at::IntArrayRef shape) { return torch::zeros(shape, options); };
    const auto at = [](const Tensor &t) { return t.defined() ? t.data_ptr<T>() : nullptr; };
    const int64_t n_edges = graph.centers.size(0), n = graph.n_centers;
    Tensors out(N_SLOTS);
    if (wanted[EDGE_COTANGENT]) out[EDGE_COTANGENT] = zeros({n_edges, a.heads});
    if (wanted[SELF_COTANGENT]) out[SELF_COTANGENT] = zeros({softmax ? n : 0, a.heads});
    if (wanted[RECEIVED]) out[RECEIVED] = zeros({n, a.width});
    if (wanted[FEATURES]) out[FEATURES] = torch::empty_like(x[FEATURES], options);
    if (wanted[ENVELOPE]) out[ENVELOPE] = torch::zeros_like(x[ENVELOPE]);
    a.weights = at(out[EDGE_COTANGENT]);
    a.self_weights = softmax ? at(out[SELF_COTANGENT]) : nullptr;
    a.d_received = at(out[RECEIVED]), a.d_features = at(out[FEATURES]);
    a.d_envelope = at(out[ENVELOPE]);
    if (!x[EDGE_COTANGENT].defined()) {
      logits = torch::empty({n_edges, a.heads}, options);
      self_logits = torch::empty({n, a.heads}, options);
      a.logits = at(logits), a.self_logits = at(self_logits);
    } else if (!a.dual) {
      a.saved_logits = at(logits), a.saved_self_logits = at(self_logits);
    }
    if (!a.dual) {
      prepare_exponentials<T>(x);
      a.sent_exp = at(sent_exp), a.received_exp = at(received_exp);
    }
    const auto blocks = split(graph);
    const auto shared = [&](Slot k) {
      return Shared(wanted[k], x[k].defined() ? x[k].sizes() : at::IntArrayRef(), options,
                    blocks.size());
    };
    Shared sent = shared(SENT), vector = shared(VECTOR), slopes = shared(SLOPES),
           self_bias = shared(SELF_BIAS);
    for_each_block(blocks, [&](size_t k, const Block &block) {
      AttentionArgs<T> own = a;
      own.d_sent = sent.of<T>(k), own.d_vector = vector.of<T>(k);
      own.d_slopes = slopes.of<T>(k), own.d_self_bias = self_bias.of<T>(k);
      run(own, block);
    });
    if (sent_exp.defined() && !worth_keeping(sent_exp)) sent_exp = received_exp = Tensor();
    out[SENT] = sent.total(), out[VECTOR] = vector.total();
    out[SLOPES] = slopes.total(), out[SELF_BIAS] = self_bias.total();
    const int64_t width = raw[SENT].size(1);
    for (const size_t k : {SENT, RECEIVED, VECTOR})
      if (out[k].defined() && width != a.width) out[k] = out[k].narrow(1, 0, width);
    if (out[VECTOR].defined()) out[VECTOR] = out[VECTOR].t();
    return out;
  }
};

}  // namespace

// Weights of the edges (n_edges, heads) and, with softmax, of the atoms (n_centers, heads).
//
// sent (n_atoms, width), received (n_centers, width), vector (width, heads); features (n_edges,
// columns), of which the logits read as many as slopes (n_features, heads) has rows; envelope
// (n_edges) or none for a hard cutoff; self_bias (heads). See attention_kernel.h.
std::tuple<Tensor, Tensor> attention_weights(const Tensor &sent, const Tensor &received,
                                             const Tensor &vector, const Tensor &features,
                                             const Tensor &slopes,
                                             const std::optional<Tensor> &envelope,
                                             const std::optional<Tensor> &self_bias,
                                             const Tensor &centers, const Tensor &neighbors,
                                             bool softmax, double scale) {
  Graph graph{centers, neighbors, received.size(0)};
  check_graph(graph);
  TORCH_CHECK(softmax == self_bias.has_value(), "self_bias belongs to softmax");
  TORCH_CHECK(softmax || envelope.has_value(), "the gate needs an envelope");
  TORCH_CHECK(sent.size(0) >= received.size(0) && sent.size(1) == received.size(1) &&
                  vector.size(0) == sent.size(1) && vector.size(1) == slopes.size(1) &&
                  slopes.size(0) <= features.size(1) && features.size(0) == centers.size(0),
              "shapes do not fit: sent ", sent.sizes(), ", received ", received.sizes(),
              ", vector ", vector.sizes(), ", features ", features.sizes(), ", slopes ",
              slopes.sizes(), ", centers ", centers.sizes());
  Tensors x(N_SLOTS);
  x[SENT] = sent, x[RECEIVED] = received, x[VECTOR] = vector, x[FEATURES] = features;
  x[SLOPES] = slopes;
  if (envelope) x[ENVELOPE] = *envelope;
  if (self_bias) x[SELF_BIAS] = *self_bias;
  for (const auto &t : x) check_like(t, sent, "an input");
  auto form = c10::make_intrusive<AttentionForm>(std::move(graph), softmax, scale);
  const auto out = evaluate(std::move(form), x);
  return {out[0], out[1]};
}

}  // namespace physrep
