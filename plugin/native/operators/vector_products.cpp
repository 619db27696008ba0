// SPDX-License-Identifier: MIT
// Operator physrep::vector_products; vector_products_kernel.h has the equations. Channels that do not
// fill whole vectors, and other devices than CPUs, go through PyTorch's own operators.

#include <cmath>

#include "form.h"

namespace physrep {

namespace {

enum Slot : size_t { MOMENTS, TOTALS, MIXED, GATES, FROM_ROOTS, FROM_CHANGES, N_SLOTS };

constexpr int64_t ROWS_PER_TASK = 256;  // fewer are not worth another thread
constexpr int64_t N_MOMENTS = 8, N_VECTOR = 3, N_PRODUCTS = 5;

void run(const VectorProductArgs<float> &a, int64_t first, int64_t last) {
  kernels().vector_products_float(a, first, last);
}
void run(const VectorProductArgs<double> &a, int64_t first, int64_t last) {
  kernels().vector_products_double(a, first, last);
}

struct VectorProductForm : Form {
  VectorProductForm() : Form({Tensor(), Tensor(), 0}, {FROM_ROOTS, FROM_CHANGES}, N_SLOTS) {}

  Tensors derivatives(const Tensors &x, const Tensors &tangents,
                      const std::vector<bool> &wanted) override {
    return x[MOMENTS].scalar_type() == torch::kFloat64 ? compute<double>(x, tangents, wanted)
                                                       : compute<float>(x, tangents, wanted);
  }

  template <class T>
  static Tensors compute(const Tensors &raw, const Tensors &raw_tangents,
                         const std::vector<bool> &wanted) {
    const auto x = whole(raw, raw), d = whole(raw_tangents, raw_tangents.empty() ? Tensors() : raw);
    const int64_t n = x[MOMENTS].size(0);
    VectorProductArgs<T> a{};
    a.channels = x[GATES].size(-1), a.dual = d[MOMENTS].defined();
    a.moments = rows<T>(x[MOMENTS], d[MOMENTS]), a.totals = rows<T>(x[TOTALS], d[TOTALS]);
    a.mixed = rows<T>(x[MIXED], d[MIXED]), a.gates = rows<T>(x[GATES], d[GATES]);
    a.from_roots = rows<T>(x[FROM_ROOTS], d[FROM_ROOTS]);
    a.from_changes = rows<T>(x[FROM_CHANGES], d[FROM_CHANGES]);
    Tensors out(N_SLOTS);
    const auto make = [&](size_t slot, int64_t components) {
      const auto options = x[MOMENTS].options().requires_grad(false);
      out[slot] = torch::empty({n, components, a.channels}, options);
      return out[slot].template data_ptr<T>();
    };
    if (wanted[FROM_ROOTS] || wanted[FROM_CHANGES])
      a.roots = make(FROM_ROOTS, N_PRODUCTS), a.changes = make(FROM_CHANGES, N_VECTOR);
    if (wanted[MOMENTS] || wanted[TOTALS] || wanted[MIXED] || wanted[GATES]) {
      a.d_moments = make(MOMENTS, N_MOMENTS), a.d_totals = make(TOTALS, N_VECTOR);
      a.d_mixed = make(MIXED, N_VECTOR), a.d_gates = make(GATES, 1);
      out[GATES] = out[GATES].squeeze(1);
    }
    for_each_range(n, ROWS_PER_TASK, [&](int64_t first, int64_t last) { run(a, first, last); });
    return out;
  }

  // Contiguous; zeros for what does not come in, so that the kernel has no cases.
  static Tensors whole(Tensors x, const Tensors &like) {
    if (x.empty() || like.empty()) return Tensors(N_SLOTS);
    const int64_t n = like[MOMENTS].size(0), channels = like[MOMENTS].size(2);
    const auto options = like[MOMENTS].options().requires_grad(false);
    if (!x[FROM_ROOTS].defined()) x[FROM_ROOTS] = torch::zeros({n, N_PRODUCTS, channels}, options);
    if (!x[FROM_CHANGES].defined())
      x[FROM_CHANGES] = torch::zeros({n, N_VECTOR, channels}, options);
    for (auto &t : x) t = t.contiguous();
    return x;
  }
};

Tensor sum_of(const Tensor &x, const Tensor &y) { return (x * y).sum(1); }

std::tuple<Tensor, Tensor> plain_vector_products(const Tensor &moments, const Tensor &totals,
                                                 const Tensor &mixed, const Tensor &gates) {
  const auto first = moments.narrow(1, 0, N_VECTOR), second = moments.narrow(1, N_VECTOR, 5);
  const auto z = mixed.select(1, 0), x = mixed.select(1, 1), y = mixed.select(1, 2);
  const double root3 = std::sqrt(3.0);
  const auto solid = at::stack({z * z - 0.5 * (x * x + y * y), root3 * x * z, root3 * y * z,
                                0.5 * root3 * (x * x - y * y), root3 * x * y},
                               1);
  const auto products =
      at::stack({sum_of(first, first), sum_of(second, second), sum_of(totals, first),
                 sum_of(totals, mixed), sum_of(second, solid)},
                1);
  const auto roots = products * at::rsqrt(at::sqrt(1 + products * products));
  return {roots, mixed * (gates * at::rsqrt(1 + sum_of(mixed, mixed))).unsqueeze(1)};
}

}  // namespace

// Of moments (n, 8, channels), totals and mixed vectors (n, 3, channels) and gates (n, channels):
// roots of their products (n, 5, channels) and changes of vectors (n, 3, channels).
std::tuple<Tensor, Tensor> vector_products(const Tensor &moments, const Tensor &totals,
                                           const Tensor &mixed, const Tensor &gates) {
  TORCH_CHECK(moments.dim() == 3 && moments.size(1) == N_MOMENTS,
              "moments must be (n_atoms, 8, channels), got ", moments.sizes());
  const int64_t n = moments.size(0), channels = moments.size(2);
  for (const auto &t : {totals, mixed})
    TORCH_CHECK(t.sizes() == at::IntArrayRef({n, N_VECTOR, channels}), "vectors must be (", n,
                ", 3, ", channels, "), got ", t.sizes());
  TORCH_CHECK(gates.sizes() == at::IntArrayRef({n, channels}), "gates must be (", n, ", ", channels,
              "), got ", gates.sizes());
  for (const auto &t : {totals, mixed, gates}) check_like(t, moments, "an input");
  const bool fills = moments.is_cpu() && padded(channels, moments.scalar_type()) == channels;
  if (!fills) return plain_vector_products(moments, totals, mixed, gates);
  const Tensors x{moments, totals, mixed, gates, Tensor(), Tensor()};
  const auto out = evaluate(c10::make_intrusive<VectorProductForm>(), x);
  return {out[0], out[1]};
}

}  // namespace physrep
