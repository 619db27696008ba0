// SPDX-License-Identifier: MIT
// Operators physrep::skip_norm, physrep::norm_swish and physrep::invariants: what a layer or a
// readout does to the rows of its atoms; rows_kernel.h has the equations.
//
// As one operator each they have one entry in the graph instead of ten: for a few hundred atoms the
// entries cost more than the arithmetic. Rows that do not fill whole vectors, very wide ones, and
// other devices than CPUs go through PyTorch's own operators.

#include <optional>

#include "form.h"

namespace physrep {

namespace {

constexpr int64_t ROWS_PER_TASK = 512;  // fewer are not worth another thread

void run(const NormArgs<float> &a, int64_t first, int64_t last) {
  kernels().norm_float(a, first, last);
}
void run(const NormArgs<double> &a, int64_t first, int64_t last) {
  kernels().norm_double(a, first, last);
}
void run(const InvariantArgs<float> &a, int64_t first, int64_t last) {
  kernels().invariants_float(a, first, last);
}
void run(const InvariantArgs<double> &a, int64_t first, int64_t last) {
  kernels().invariants_double(a, first, last);
}

Tensors contiguous(Tensors x) {
  for (auto &t : x)
    if (t.defined()) t = t.contiguous();
  return x;
}

template <class T> T *pointer(const Tensor &x) {
  return x.defined() ? x.template data_ptr<T>() : nullptr;
}

struct NormForm : Form {
  enum Slot : size_t { MESSAGE, OWN, WEIGHT, BIAS, COTANGENT, N_SLOTS };
  double eps;

  explicit NormForm(double eps) : Form({Tensor(), Tensor(), 0}, {COTANGENT}, N_SLOTS), eps(eps) {}

  Tensors derivatives(const Tensors &x, const Tensors &tangents,
                      const std::vector<bool> &wanted) override {
    return x[MESSAGE].scalar_type() == torch::kFloat64 ? compute<double>(x, tangents, wanted)
                                                       : compute<float>(x, tangents, wanted);
  }

  template <class T>
  Tensors compute(const Tensors &raw, const Tensors &raw_tangents,
                  const std::vector<bool> &wanted) const {
    const auto x = contiguous(raw);
    const auto d = raw_tangents.empty() ? Tensors(N_SLOTS) : contiguous(raw_tangents);
    const auto in = [&](size_t slot) { return rows<T>(x[slot], d[slot]); };
    NormArgs<T> a{};
    a.width = x[MESSAGE].size(1), a.dual = d[MESSAGE].defined(), a.eps = static_cast<T>(eps);
    a.message = in(MESSAGE), a.own = in(OWN), a.weight = in(WEIGHT), a.bias = in(BIAS);
    a.cotangent = in(COTANGENT);
    Tensors out(N_SLOTS);
    const auto like = x[MESSAGE].detach();
    if (wanted[COTANGENT]) out[COTANGENT] = at::empty_like(like);
    const bool parameters = wanted[WEIGHT] || wanted[BIAS];
    if (parameters || wanted[MESSAGE] || wanted[OWN]) {
      out[MESSAGE] = at::empty_like(like);
      if (x[OWN].defined()) out[OWN] = at::empty_like(like);
    }
    if (parameters)
      for (const auto slot : {WEIGHT, BIAS}) out[slot] = at::zeros_like(x[slot].detach());
    a.out = pointer<T>(out[COTANGENT]);
    a.d_message = pointer<T>(out[MESSAGE]), a.d_own = pointer<T>(out[OWN]);
    a.d_weight = pointer<T>(out[WEIGHT]), a.d_bias = pointer<T>(out[BIAS]);
    const int64_t n = x[MESSAGE].size(0);
    // Parameters' derivatives are sums over the rows: one thread, a fixed order.
    for_each_range(n, parameters ? n + 1 : ROWS_PER_TASK,
                   [&](int64_t first, int64_t last) { run(a, first, last); });
    return out;
  }
};

bool fills_vectors(const Tensor &x) {
  return x.is_cpu() && padded(x.size(-1), x.scalar_type()) == x.size(-1);
}

Tensor evaluate_norm(const Tensors &x, double eps) {
  return evaluate(c10::make_intrusive<NormForm>(eps), x)[0];
}

Tensor plain_swish(const Tensor &x) { return x * torch::sigmoid(x); }

Tensor plain_norm(const Tensor &x, const Tensor &weight, const Tensor &bias, double eps) {
  return weight.defined() ? at::layer_norm(x, {x.size(1)}, weight, bias, eps) : x;
}

constexpr int64_t N_VECTOR = 3;  // components of degree 1; those of degree 2 come behind them

struct InvariantForm : Form {
  enum Slot : size_t { MOMENTS, COTANGENT, N_SLOTS };

  InvariantForm() : Form({Tensor(), Tensor(), 0}, {COTANGENT}, N_SLOTS) {}

  Tensors derivatives(const Tensors &x, const Tensors &tangents,
                      const std::vector<bool> &wanted) override {
    return x[MOMENTS].scalar_type() == torch::kFloat64 ? compute<double>(x, tangents, wanted)
                                                       : compute<float>(x, tangents, wanted);
  }

  template <class T>
  static Tensors compute(const Tensors &raw, const Tensors &raw_tangents,
                         const std::vector<bool> &wanted) {
    const auto x = contiguous(raw);
    const auto d = raw_tangents.empty() ? Tensors(N_SLOTS) : contiguous(raw_tangents);
    InvariantArgs<T> a{};
    const int64_t n = x[MOMENTS].size(0);
    a.components = x[MOMENTS].size(1), a.channels = x[MOMENTS].size(2);
    a.dual = d[MOMENTS].defined();
    a.moments = rows<T>(x[MOMENTS], d[MOMENTS]);
    a.cotangent = rows<T>(x[COTANGENT], d[COTANGENT]);
    Tensors out(N_SLOTS);
    const auto like = x[MOMENTS].detach();
    const int64_t width = (a.components > N_VECTOR ? 2 : 1) * a.channels;
    if (wanted[COTANGENT]) out[COTANGENT] = like.new_empty({n, width});
    if (wanted[MOMENTS]) out[MOMENTS] = at::empty_like(like);
    a.out = pointer<T>(out[COTANGENT]), a.d_moments = pointer<T>(out[MOMENTS]);
    for_each_range(n, ROWS_PER_TASK, [&](int64_t first, int64_t last) { run(a, first, last); });
    return out;
  }
};

Tensor plain_invariants(const Tensor &moments) {
  const auto squares = moments * moments;
  auto power = squares.narrow(1, 0, N_VECTOR).sum(1);
  const int64_t more = moments.size(1) - N_VECTOR;
  if (more > 0) power = at::cat({power, squares.narrow(1, N_VECTOR, more).sum(1)}, 1);
  return power * torch::rsqrt(1 + power);
}

void check_norm(const Tensor &x, const Tensors &others, int64_t width) {
  for (const auto &t : others) {
    check_like(t, x, "an input");
    TORCH_CHECK(!t.defined() || t.dim() > 1 || t.numel() == width, "weight and bias must have ",
                width, " numbers, got ", t.sizes());
  }
}

}  // namespace

// LayerNorm(swish(message) + own) of rows; without weight and bias the sum alone.
Tensor skip_norm(const Tensor &message, const Tensor &own, const std::optional<Tensor> &weight,
                 const std::optional<Tensor> &bias, double eps) {
  TORCH_CHECK(weight.has_value() == bias.has_value(), "weight and bias go together");
  TORCH_CHECK(message.dim() == 2 && message.sizes() == own.sizes(), "message ", message.sizes(),
              " and own rows ", own.sizes(), " must have one shape (n_atoms, width)");
  const Tensors x{message, own, weight.value_or(Tensor()), bias.value_or(Tensor()), Tensor()};
  check_norm(message, {own, x[2], x[3]}, message.size(1));
  if (fills_vectors(message) && message.size(1) <= MOST_NORMED) return evaluate_norm(x, eps);
  return plain_norm(plain_swish(message) + own, x[2], x[3], eps);
}

// swish(LayerNorm(x)) of rows (n_atoms, width).
Tensor norm_swish(const Tensor &x, const Tensor &weight, const Tensor &bias, double eps) {
  TORCH_CHECK(x.dim() == 2, "rows must be (n_atoms, width), got ", x.sizes());
  check_norm(x, {weight, bias}, x.size(1));
  if (fills_vectors(x) && x.size(1) <= MOST_NORMED)
    return evaluate_norm({x, Tensor(), weight, bias, Tensor()}, eps);
  return plain_swish(plain_norm(x, weight, bias, eps));
}

// q / sqrt(1 + q), q the sums of squares of each degree: moments (n, 3 or 8, channels) ->
// (n, channels or 2 channels).
Tensor invariants(const Tensor &moments) {
  TORCH_CHECK(moments.dim() == 3 && (moments.size(1) == N_VECTOR || moments.size(1) == 8),
              "moments must be (n_atoms, 3 or 8, channels), got ", moments.sizes());
  if (!fills_vectors(moments)) return plain_invariants(moments);
  return evaluate(c10::make_intrusive<InvariantForm>(), {moments, Tensor()})[0];
}

}  // namespace physrep
