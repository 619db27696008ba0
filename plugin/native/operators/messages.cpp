// SPDX-License-Identifier: MIT
// Operators physrep::messages and physrep::products; message_kernel.h has the equations.

#include "form.h"

namespace physrep {

namespace {

enum Slot : size_t {
  WEIGHTS,
  SELF_WEIGHTS,
  COTANGENT,
  VALUES,
  FEATURES,
  FILTER,
  BIAS,
  TRANSPOSED,
  N_SLOTS
};

void run(const MessageArgs<float> &a, const Block &block) { kernels().messages_float(a, block); }
void run(const MessageArgs<double> &a, const Block &block) { kernels().messages_double(a, block); }

// Where the columns of the edge features stand.
struct Columns {
  int64_t basis_start, harmonics_start, n_harmonics;
};

struct MessageForm : Form {
  Columns columns;
  int64_t heads;

  MessageForm(Graph graph, Slot target, Columns columns, int64_t heads)
      : Form(std::move(graph), {target}, N_SLOTS), columns(columns), heads(heads) {}

  Tensors derivatives(const Tensors &x, const Tensors &tangents,
                      const std::vector<bool> &wanted) override {
    return x[VALUES].scalar_type() == torch::kFloat64 ? compute<double>(x, tangents, wanted)
                                                      : compute<float>(x, tangents, wanted);
  }

  static Tensors prepare(Tensors x) {
    if (x.empty()) return Tensors(N_SLOTS);
    if (x[FILTER].defined()) x[TRANSPOSED] = pad(pad(x[FILTER]).t());
    for (const size_t k : {COTANGENT, VALUES, FILTER, BIAS}) x[k] = pad(x[k]);
    for (const size_t k : {WEIGHTS, SELF_WEIGHTS, FEATURES})
      if (x[k].defined()) x[k] = x[k].contiguous();
    return x;
  }

  template <class T> MessageArgs<T> arguments(const Tensors &x, const Tensors &d) const {
    MessageArgs<T> a{};
    a.centers = graph.centers.const_data_ptr<int64_t>();
    a.neighbors = graph.neighbors.const_data_ptr<int64_t>();
    a.width = x[VALUES].size(1);
    a.heads = heads;
    a.n_basis = x[FILTER].defined() ? x[FILTER].size(0) : 0;
    a.basis_width = a.n_basis ? x[TRANSPOSED].size(1) : 0;
    a.columns = x[FEATURES].defined() ? x[FEATURES].size(1) : 0;
    a.basis_start = columns.basis_start;
    a.n_harmonics = columns.n_harmonics, a.harmonics_start = columns.harmonics_start;
    a.swish = x[BIAS].defined();
    a.dual = d[VALUES].defined();
    const auto of = [&](Slot k) { return rows<T>(x[k], d[k]); };
    a.weights = of(WEIGHTS), a.self_weights = of(SELF_WEIGHTS);
    a.values = of(VALUES), a.features = of(FEATURES);
    a.filter = of(FILTER), a.transposed = of(TRANSPOSED), a.bias = of(BIAS);
    a.cotangent = of(COTANGENT);
    return a;
  }

  template <class T>
  Tensors compute(const Tensors &raw, const Tensors &raw_tangents,
                  const std::vector<bool> &wanted) {
    const auto x = prepare(raw), d = prepare(raw_tangents);
    auto a = arguments<T>(x, d);
    const int64_t width = raw[VALUES].size(1), n = graph.n_centers;
    a.head_width = width / heads;
    const auto options = x[VALUES].options().requires_grad(false);
    const auto at = [](const Tensor &t) { return t.defined() ? t.data_ptr<T>() : nullptr; };
    Tensors out(N_SLOTS);
    if (wanted[WEIGHTS]) out[WEIGHTS] = torch::zeros({graph.centers.size(0), heads}, options);
    if (wanted[SELF_WEIGHTS]) out[SELF_WEIGHTS] = torch::zeros({n, heads}, options);
    const bool read = a.n_basis > 0 || a.n_harmonics > 0;
    if (wanted[FEATURES])
      out[FEATURES] =
          read ? torch::empty_like(x[FEATURES], options) : torch::zeros_like(x[FEATURES]);
    if (wanted[COTANGENT])
      out[COTANGENT] = a.n_harmonics ? torch::zeros({n, a.n_harmonics, a.width}, options)
                                     : torch::zeros({n, a.width}, options);
    a.d_weights = at(out[WEIGHTS]), a.d_self_weights = at(out[SELF_WEIGHTS]);
    a.d_features = at(out[FEATURES]);
    a.messages = at(out[COTANGENT]);
    const auto blocks = split(graph);
    const auto shared = [&](Slot k) {
      return Shared(wanted[k], x[k].defined() ? x[k].sizes() : at::IntArrayRef(), options,
                    blocks.size());
    };
    Shared values = shared(VALUES), filter = shared(FILTER), bias = shared(BIAS);
    for_each_block(blocks, [&](size_t k, const Block &block) {
      MessageArgs<T> own = a;
      own.d_values = values.of<T>(k), own.d_filter = filter.of<T>(k), own.d_bias = bias.of<T>(k);
      run(own, block);
    });
    out[VALUES] = values.total(), out[FILTER] = filter.total(), out[BIAS] = bias.total();
    for (const size_t k : {COTANGENT, VALUES, FILTER, BIAS})
      if (out[k].defined() && out[k].size(-1) != width) out[k] = out[k].narrow(-1, 0, width);
    return out;
  }
};

void check(const Tensors &x, const Graph &graph, const Columns &columns, int64_t heads) {
  check_graph(graph);
  for (const auto &t : x) check_like(t, x[VALUES], "an input");
  const auto &filter = x[FILTER], &features = x[FEATURES];
  const int64_t width = x[VALUES].size(1);
  const int64_t n_columns = features.defined() ? features.size(1) : 0;
  TORCH_CHECK(width % heads == 0, "width ", width, " is no multiple of ", heads, " heads");
  TORCH_CHECK(!features.defined() || features.size(0) == graph.centers.size(0), "features has ",
              features.sizes(), " for ", graph.centers.size(0), " edges");
  TORCH_CHECK(!filter.defined() || (filter.size(1) == width && columns.basis_start >= 0 &&
                                    columns.basis_start + filter.size(0) <= n_columns),
              "the filter does not fit the values or the features");
  TORCH_CHECK(columns.n_harmonics == 0 ||
                  (columns.harmonics_start >= 0 &&
                   columns.harmonics_start + columns.n_harmonics <= n_columns),
              "the features have ", n_columns, " columns, too few for the harmonics");
}

Tensor or_none(const std::optional<Tensor> &x) { return x.has_value() ? *x : Tensor(); }

}  // namespace

// Messages (n_centers, width), or (n_centers, n_harmonics, width) where there are harmonics.
//
// weights (n_edges, heads), self_weights (n_centers, heads) or none, values (n_atoms, width),
// features (n_edges, columns), filter (n_basis, width) on the columns from basis_start on; where
// there is a bias (width), a swish follows it. What an atom sends itself passes no filter.
Tensor messages(const Tensor &weights, const std::optional<Tensor> &self_weights,
                const Tensor &values, const std::optional<Tensor> &features,
                const std::optional<Tensor> &filter, const std::optional<Tensor> &bias,
                const Tensor &centers, const Tensor &neighbors, int64_t n_centers,
                int64_t basis_start, int64_t harmonics_start, int64_t n_harmonics) {
  Tensors x(N_SLOTS);
  x[WEIGHTS] = weights, x[SELF_WEIGHTS] = or_none(self_weights);
  x[VALUES] = values, x[FEATURES] = or_none(features);
  x[FILTER] = or_none(filter), x[BIAS] = or_none(bias);
  Graph graph{centers, neighbors, n_centers};
  const Columns columns{basis_start, harmonics_start, n_harmonics};
  check(x, graph, columns, weights.size(1));
  TORCH_CHECK(weights.size(0) == centers.size(0), "weights has ", weights.sizes());
  TORCH_CHECK(!self_weights || (n_harmonics == 0 && self_weights->size(0) == n_centers &&
                                self_weights->size(1) == weights.size(1)),
              "self_weights do not fit");
  const auto target = COTANGENT;
  auto form = c10::make_intrusive<MessageForm>(std::move(graph), target, columns, weights.size(1));
  return evaluate(std::move(form), x)[0];
}

// Products (n_edges, heads) of query (n_centers, width), key (n_atoms, width) and the swish of the
// filtered first columns of the features, summed over each head: PhysRep's attention logits.
Tensor products(const Tensor &query, const Tensor &key, const Tensor &features,
                const Tensor &filter, const Tensor &bias, const Tensor &centers,
                const Tensor &neighbors, int64_t heads) {
  Tensors x(N_SLOTS);
  x[COTANGENT] = query, x[VALUES] = key, x[FEATURES] = features, x[FILTER] = filter;
  x[BIAS] = bias;
  Graph graph{centers, neighbors, query.size(0)};
  const Columns columns{0, 0, 0};
  check(x, graph, columns, heads);
  TORCH_CHECK(query.size(1) == key.size(1), "query and key have different widths");
  auto form = c10::make_intrusive<MessageForm>(std::move(graph), WEIGHTS, columns, heads);
  return evaluate(std::move(form), x)[0];
}

}  // namespace physrep
