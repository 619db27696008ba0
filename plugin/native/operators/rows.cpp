// SPDX-License-Identifier: MIT
// Operators physrep::skip_norm and physrep::invariants: what a layer does to the rows of its atoms.
//
// As one operator each they have one entry in the graph instead of ten: for a few hundred atoms the
// entries cost more than the arithmetic. On CPUs skip_norm has a kernel (rows_kernel.h) for rows of
// whole vectors; other rows and devices, and double backward passes, go through PyTorch's own
// operators.

#include <ATen/Parallel.h>

#include <optional>

#include "differentiable.h"
#include "form.h"

namespace physrep {

namespace {

using torch::autograd::AutogradContext;

constexpr int64_t ROWS_PER_TASK = 512;  // fewer are not worth another thread

Tensor plain_skip_norm(const Tensors &x, double eps) {
  const auto sum = x[0] * torch::sigmoid(x[0]) + x[1];
  return x[2].defined() ? at::layer_norm(sum, {sum.size(1)}, x[2], x[3], eps) : sum;
}

void run(const SkipNormArgs<float> &a, int64_t first, int64_t last) {
  kernels().skip_norm_float(a, first, last);
}
void run(const SkipNormArgs<double> &a, int64_t first, int64_t last) {
  kernels().skip_norm_double(a, first, last);
}

// x: message, own, weight, bias, of which the last two may be undefined.
Tensors contiguous(Tensors x) {
  for (auto &t : x)
    if (t.defined()) t = t.contiguous();
  return x;
}

template <class T> SkipNormArgs<T> arguments(const Tensors &x, double eps) {
  const auto at = [](const Tensor &t) { return t.defined() ? t.const_data_ptr<T>() : nullptr; };
  SkipNormArgs<T> a{};
  a.width = x[0].size(1), a.eps = static_cast<T>(eps);
  a.message = at(x[0]), a.own = at(x[1]), a.weight = at(x[2]), a.bias = at(x[3]);
  return a;
}

template <class T> Tensor forward_pass(const Tensors &x, double eps) {
  auto out = at::empty_like(x[0]);
  auto a = arguments<T>(x, eps);
  a.out = out.data_ptr<T>();
  at::parallel_for(0, out.size(0), ROWS_PER_TASK,
                   [&](int64_t first, int64_t last) { run(a, first, last); });
  return out;
}

// Gradients of the message, the own rows and, where wanted, of weight and bias.
template <class T>
Tensors backward_pass(const Tensors &x, const Tensor &gradient, bool parameters, double eps) {
  Tensors out{at::empty_like(x[0]), at::empty_like(x[0]), Tensor(), Tensor()};
  auto a = arguments<T>(x, eps);
  a.gradient = gradient.const_data_ptr<T>();
  a.d_message = out[0].data_ptr<T>(), a.d_own = out[1].data_ptr<T>();
  if (parameters) {  // sums over the rows: one thread, a fixed order
    out[2] = at::zeros_like(x[2]), out[3] = at::zeros_like(x[3]);
    a.d_weight = out[2].data_ptr<T>(), a.d_bias = out[3].data_ptr<T>();
  }
  const int64_t n = gradient.size(0);
  at::parallel_for(0, n, parameters ? n + 1 : ROWS_PER_TASK,
                   [&](int64_t first, int64_t last) { run(a, first, last); });
  return out;
}

struct SkipNorm : torch::autograd::Function<SkipNorm> {
  static Tensor forward(AutogradContext *ctx, const Tensor &message, const Tensor &own,
                        const std::optional<Tensor> &weight, const std::optional<Tensor> &bias,
                        double eps) {
    const Tensors x{message, own, weight.value_or(Tensor()), bias.value_or(Tensor())};
    ctx->save_for_backward(x);
    ctx->saved_data["eps"] = eps;
    return message.scalar_type() == torch::kFloat64 ? forward_pass<double>(contiguous(x), eps)
                                                    : forward_pass<float>(contiguous(x), eps);
  }

  static Tensors backward(AutogradContext *ctx, const Tensors &gradients) {
    const auto x = ctx->get_saved_variables();
    const double eps = ctx->saved_data["eps"].toDouble();
    Tensors out;
    if (torch::GradMode::is_enabled()) {
      const auto plain = [&](const Tensors &x) { return Tensors{plain_skip_norm(x, eps)}; };
      out = differentiable(plain, x, gradients);
    } else {
      const bool parameters =
          x[2].defined() && (ctx->needs_input_grad(2) || ctx->needs_input_grad(3));
      const auto gradient = gradients[0].contiguous();
      out = gradient.scalar_type() == torch::kFloat64
                ? backward_pass<double>(contiguous(x), gradient, parameters, eps)
                : backward_pass<float>(contiguous(x), gradient, parameters, eps);
    }
    out.emplace_back();
    return out;
  }
};

constexpr int64_t N_VECTOR = 3;  // components of degree 1; those of degree 2 come behind them

Tensor powers(const Tensor &moments) {
  const auto squares = moments * moments;
  const auto first = squares.narrow(1, 0, N_VECTOR).sum(1);
  if (moments.size(1) == N_VECTOR) return first;
  return at::cat({first, squares.narrow(1, N_VECTOR, moments.size(1) - N_VECTOR).sum(1)}, 1);
}

Tensors plain_invariants(const Tensors &x) {
  const auto power = powers(x[0]);
  return {power * torch::rsqrt(1 + power)};
}

struct Invariants : torch::autograd::Function<Invariants> {
  static Tensor forward(AutogradContext *ctx, const Tensor &moments) {
    const auto power = powers(moments);
    const auto root = at::rsqrt(power + 1);
    ctx->save_for_backward({moments, power, root});
    return power * root;
  }

  static Tensors backward(AutogradContext *ctx, const Tensors &gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &moments = saved[0], &power = saved[1], &root = saved[2];
    if (torch::GradMode::is_enabled())
      return differentiable(plain_invariants, {moments}, gradients);
    // d/dp p (1 + p)^-1/2 = (1 + p / 2) (1 + p)^-3/2; twice that, for the squares
    const auto slope = gradients[0] * (power + 2) * root * root * root;
    const int64_t channels = moments.size(2);
    auto out = at::empty_like(moments);
    const auto part = [&](int64_t first, int64_t n, int64_t column) {
      auto rows = out.narrow(1, first, n);
      const auto factor = slope.narrow(1, column, channels).unsqueeze(1);
      at::mul_out(rows, moments.narrow(1, first, n), factor);
    };
    part(0, N_VECTOR, 0);
    if (moments.size(1) > N_VECTOR) part(N_VECTOR, moments.size(1) - N_VECTOR, channels);
    return {out};
  }
};

}  // namespace

// LayerNorm(swish(message) + own) of rows; without weight and bias the sum alone.
Tensor skip_norm(const Tensor &message, const Tensor &own, const std::optional<Tensor> &weight,
                 const std::optional<Tensor> &bias, double eps) {
  TORCH_CHECK(weight.has_value() == bias.has_value(), "weight and bias go together");
  TORCH_CHECK(message.dim() == 2 && message.sizes() == own.sizes(), "message ", message.sizes(),
              " and own rows ", own.sizes(), " must have one shape (n_atoms, width)");
  const Tensors x{message, own, weight.value_or(Tensor()), bias.value_or(Tensor())};
  for (const auto &t : x) check_like(t, message, "an input");
  for (const auto &t : {x[2], x[3]})
    TORCH_CHECK(!t.defined() || t.numel() == message.size(1), "weight and bias must have ",
                message.size(1), " numbers, got ", t.sizes());
  const int64_t width = message.size(1);
  const bool whole = message.is_cpu() && padded(width, message.scalar_type()) == width;
  return whole ? SkipNorm::apply(message, own, weight, bias, eps) : plain_skip_norm(x, eps);
}

// q / sqrt(1 + q), q the sums of squares of each degree: moments (n, 3 or 8, channels) ->
// (n, channels or 2 channels).
Tensor invariants(const Tensor &moments) { return Invariants::apply(moments); }

}  // namespace physrep
