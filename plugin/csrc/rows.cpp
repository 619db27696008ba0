// SPDX-License-Identifier: MIT
// Operators physrep::skip_norm and physrep::invariants: what a layer does to the rows of its atoms.
//
// The arithmetic is PyTorch's; as one operator each it has one entry in the graph instead of ten,
// and for a few hundred atoms the entries cost more than the arithmetic. Double backward passes go
// through PyTorch's own operators.

#include <optional>

#include "differentiable.h"
#include "saving.h"

namespace physrep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using Tensors = torch::autograd::variable_list;

Tensor plain_skip_norm(const Tensors &x, double eps) {
  const auto sum = x[0] * torch::sigmoid(x[0]) + x[1];
  return x[2].defined() ? at::layer_norm(sum, {sum.size(1)}, x[2], x[3], eps) : sum;
}

struct SkipNorm : torch::autograd::Function<SkipNorm> {
  static Tensor forward(AutogradContext *ctx, const Tensor &message, const Tensor &own,
                        const std::optional<Tensor> &weight, const std::optional<Tensor> &bias,
                        double eps) {
    const auto gate = at::sigmoid(message);
    const auto sum = at::addcmul(own, message, gate);
    Tensor out = sum, mean, rstd;
    const auto width = sum.size(1);
    if (weight) std::tie(out, mean, rstd) = at::native_layer_norm(sum, {width}, weight, bias, eps);
    const bool keep = worth_keeping(sum);
    ctx->save_for_backward({message, own, weight.value_or(Tensor()), bias.value_or(Tensor()),
                            keep ? gate : Tensor(), keep && weight ? sum : Tensor(), mean, rstd});
    ctx->saved_data["eps"] = eps;
    return out;
  }

  static Tensors backward(AutogradContext *ctx, const Tensors &gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &message = saved[0], &own = saved[1];
    if (torch::GradMode::is_enabled()) {
      const double eps = ctx->saved_data["eps"].toDouble();
      const auto plain = [&](const Tensors &x) { return Tensors{plain_skip_norm(x, eps)}; };
      auto out = differentiable(plain, {message, own, saved[2], saved[3]}, gradients);
      out.emplace_back();
      return out;
    }
    const auto gate = saved[4].defined() ? saved[4] : at::sigmoid(message);
    Tensor to_sum = gradients[0], to_weight, to_bias;
    if (saved[2].defined()) {
      const auto sum = saved[5].defined() ? saved[5] : at::addcmul(own, message, gate);
      const std::array<bool, 3> mask{true, ctx->needs_input_grad(2), ctx->needs_input_grad(3)};
      std::tie(to_sum, to_weight, to_bias) = at::native_layer_norm_backward(
          to_sum.contiguous(), sum, {sum.size(1)}, saved[6], saved[7], saved[2], saved[3], mask);
    }
    // gate (1 + message (1 - gate)) = gate + message (gate - gate^2)
    const auto slope = at::addcmul(gate, message, at::addcmul(gate, gate, gate, -1));
    return {to_sum * slope, to_sum, to_weight, to_bias, Tensor()};
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
  return SkipNorm::apply(message, own, weight, bias, eps);
}

// q / sqrt(1 + q), q the sums of squares of each degree: moments (n, 3 or 8, channels) ->
// (n, channels or 2 channels).
Tensor invariants(const Tensor &moments) { return Invariants::apply(moments); }

}  // namespace physrep
