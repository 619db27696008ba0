// SPDX-License-Identifier: MIT
// Operator physrep::edge_basis; basis_kernel.h has the equations.

#include <ATen/Parallel.h>

#include <cmath>
#include <tuple>

#include "differentiable.h"
#include "form.h"

namespace physrep {

namespace {

using torch::autograd::AutogradContext;

constexpr int64_t EDGES_PER_TASK = 1024;

// What the operator is asked for; frequencies (n_basis), contiguous, without a derivative.
struct Basis {
  Tensor frequencies;
  double cutoff;
  int64_t degree;

  int64_t columns() const { return frequencies.size(0) + degree * (degree + 2); }
};

void run(const BasisArgs<float> &a, int64_t first, int64_t last) {
  kernels().basis_float(a, first, last);
}
void run(const BasisArgs<double> &a, int64_t first, int64_t last) {
  kernels().basis_double(a, first, last);
}

template <class T> BasisArgs<T> arguments(const Basis &basis, const Tensor &vectors) {
  BasisArgs<T> a{};
  a.cutoff = static_cast<T>(basis.cutoff);
  a.n_basis = basis.frequencies.size(0), a.degree = basis.degree, a.columns = basis.columns();
  a.vectors = vectors.const_data_ptr<T>();
  a.frequencies = basis.frequencies.const_data_ptr<T>();
  return a;
}

template <class T> void compute(const BasisArgs<T> &a, int64_t n_edges) {
  at::parallel_for(0, n_edges, EDGES_PER_TASK,
                   [&](int64_t first, int64_t last) { run(a, first, last); });
}

template <class T> Tensors forward_pass(const Basis &basis, const Tensor &vectors) {
  const int64_t n_edges = vectors.size(0);
  const auto options = vectors.options().requires_grad(false);
  const Tensors out{torch::empty({n_edges, basis.columns()}, options),
                    torch::empty({n_edges}, options), torch::empty({n_edges}, options)};
  auto a = arguments<T>(basis, vectors);
  a.features = out[0].data_ptr<T>(), a.distances = out[1].data_ptr<T>();
  a.envelope = out[2].data_ptr<T>();
  compute(a, n_edges);
  return out;
}

template <class T>
Tensor backward_pass(const Basis &basis, const Tensor &vectors, const Tensors &gradients) {
  auto out = torch::empty_like(vectors);
  Tensors kept;
  const auto at = [&](const Tensor &t) -> const T * {
    if (!t.defined()) return nullptr;
    kept.push_back(t.contiguous());
    return kept.back().const_data_ptr<T>();
  };
  auto a = arguments<T>(basis, vectors);
  a.from_features = at(gradients[0]), a.from_distances = at(gradients[1]);
  a.from_envelope = at(gradients[2]);
  a.d_vectors = out.data_ptr<T>();
  compute(a, vectors.size(0));
  return out;
}

Tensor harmonics(const Tensor &unit, int64_t degree) {
  const auto xyz = unit.unbind(1);
  const auto &x = xyz[0], &y = xyz[1], &z = xyz[2];
  Tensors columns{z, x, y};
  if (degree > 1) {
    const double root = std::sqrt(3.0);
    for (const auto &column : {1.5 * z * z - 0.5, root * z * x, root * z * y,
                               0.5 * root * (x * x - y * y), root * x * y})
      columns.push_back(column);
  }
  return torch::stack(columns, 1);
}

// {features, distances, envelope} by PyTorch's own operators.
Tensors plain(const Basis &basis, const Tensor &vectors) {
  const auto distances = (vectors * vectors).sum(1).sqrt();
  const auto x = (distances / basis.cutoff).clamp_max(1.0);
  const auto envelope = 1 - x * x * x * (10 - x * (15 - 6 * x));
  const auto waves = torch::sin(distances.unsqueeze(1) * basis.frequencies);
  const auto scale = std::sqrt(2.0 / basis.cutoff) * envelope / distances;
  Tensor features = waves * scale.unsqueeze(1);
  if (basis.degree > 0) {
    const auto unit = vectors / distances.unsqueeze(1);
    features = torch::cat({features, harmonics(unit, basis.degree)}, 1);
  }
  return {features, distances, envelope};
}

struct EdgeBasis : torch::autograd::Function<EdgeBasis> {
  static Tensors forward(AutogradContext *ctx, const Tensor &vectors, const Tensor &frequencies,
                         double cutoff, int64_t degree) {
    const auto rows = vectors.contiguous();
    const Basis basis{frequencies.detach().contiguous(), cutoff, degree};
    ctx->save_for_backward({vectors, basis.frequencies});
    ctx->saved_data["cutoff"] = cutoff;
    ctx->saved_data["degree"] = degree;
    return vectors.scalar_type() == torch::kFloat64 ? forward_pass<double>(basis, rows)
                                                    : forward_pass<float>(basis, rows);
  }

  static Tensors backward(AutogradContext *ctx, const Tensors &gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &vectors = saved[0];
    const Basis basis{saved[1], ctx->saved_data["cutoff"].toDouble(),
                      ctx->saved_data["degree"].toInt()};
    Tensor out;
    if (torch::GradMode::is_enabled())
      out = differentiable([&](const Tensors &x) { return plain(basis, x[0]); }, {vectors},
                           gradients)[0];
    else
      out = vectors.scalar_type() == torch::kFloat64
                ? backward_pass<double>(basis, vectors.contiguous(), gradients)
                : backward_pass<float>(basis, vectors.contiguous(), gradients);
    return {out, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

// (features (n_edges, n_basis + degree (degree + 2)), distances (n_edges), envelope (n_edges)) of
// vectors (n_edges, 3) in A: waves of the frequencies (n_basis) in 1/A, then harmonics of degree 1
// and 2.
std::tuple<Tensor, Tensor, Tensor> edge_basis(const Tensor &vectors, const Tensor &frequencies,
                                              double cutoff, int64_t degree) {
  TORCH_CHECK(vectors.dim() == 2 && vectors.size(1) == 3, "vectors must be (n_edges, 3), got ",
              vectors.sizes());
  TORCH_CHECK(frequencies.dim() == 1 && frequencies.scalar_type() == vectors.scalar_type(),
              "frequencies must be (n_basis) of the vectors' precision, got ", frequencies.sizes(),
              " ", frequencies.scalar_type());
  TORCH_CHECK(degree >= 0 && degree <= 2, "degree = ", degree, ": it must be 0, 1 or 2");
  const auto out = vectors.is_cpu() ? EdgeBasis::apply(vectors, frequencies, cutoff, degree)
                                    : plain({frequencies, cutoff, degree}, vectors);
  return {out[0], out[1], out[2]};
}

}  // namespace physrep
