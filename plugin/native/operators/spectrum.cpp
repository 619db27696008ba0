// SPDX-License-Identifier: MIT
// Operator physrep::power_spectrum; spectrum_kernel.h has the equations.

#include <cmath>

#include "form.h"

namespace physrep {

namespace {

enum Slot : size_t { VECTORS, COTANGENT, N_SLOTS };

void run(const SpectrumArgs<float> &a, const Block &block) { kernels().spectrum_float(a, block); }
void run(const SpectrumArgs<double> &a, const Block &block) { kernels().spectrum_double(a, block); }

// The constants of the descriptor; contiguous, without derivatives.
struct Functions {
  Tensor types;          // (n_atoms) int64
  Tensor roots, mixing;  // (n_roots), (n_roots, n_functions): only the blocks of each l are read
  double cutoff;
  int64_t n_types, degree;

  int64_t functions() const { return (degree + 1) * (degree + 2) / 2; }
  int64_t columns() const { return n_types * (n_types + 1) / 2 * functions(); }
  int64_t terms() const {
    int64_t n = 0;
    for (int64_t l = 0; l <= degree; l++) n += (degree - l + 1) * (2 * l + 1);
    return n;
  }
};

// The blocks of the mixing matrix one after the other, row by row.
Tensor mixing_blocks(const Functions &f) {
  Tensors blocks;
  int64_t row = 0, column = 0;
  for (int64_t l = 0; l <= f.degree; l++) {
    const int64_t n = f.degree - l + 1;
    blocks.push_back(f.mixing.narrow(0, row, n + 1).narrow(1, column, n).reshape(-1));
    row += n + 1, column += n;
  }
  return at::cat(blocks);
}

// sqrt((2 l + 1) / 4 pi) and, for m > 0, sqrt(2 (l - m)! / (l + m)!): (degree + 1)^2 numbers.
Tensor norms(int64_t degree, const torch::TensorOptions &options) {
  const auto out = torch::zeros({degree + 1, degree + 1}, torch::kFloat64);
  auto at = out.accessor<double, 2>();
  for (int64_t l = 0; l <= degree; l++)
    for (int64_t m = 0; m <= l; m++) {
      double square = (2.0 * l + 1.0) / (4.0 * M_PI) * (m > 0 ? 2.0 : 1.0);
      for (int64_t k = l - m + 1; k <= l + m; k++) square /= static_cast<double>(k);
      at[l][m] = std::sqrt(square);
    }
  return out.to(options);
}

struct SpectrumForm : Form {
  Functions functions;
  Tensor blocks, scales;

  SpectrumForm(Graph graph, Functions of)
      : Form(std::move(graph), {COTANGENT}, N_SLOTS),
        functions(std::move(of)),
        blocks(mixing_blocks(functions)),
        scales(norms(functions.degree, functions.roots.options())) {}

  Tensors derivatives(const Tensors &x, const Tensors &tangents,
                      const std::vector<bool> &wanted) override {
    return x[VECTORS].scalar_type() == torch::kFloat64 ? compute<double>(x, tangents, wanted)
                                                       : compute<float>(x, tangents, wanted);
  }

  static Tensors contiguous(Tensors x) {
    if (x.empty()) return Tensors(N_SLOTS);
    for (auto &t : x)
      if (t.defined()) t = t.contiguous();
    return x;
  }

  template <class T> SpectrumArgs<T> arguments(const Tensors &x, const Tensors &d) const {
    SpectrumArgs<T> a{};
    a.centers = graph.centers.const_data_ptr<int64_t>();
    a.neighbors = graph.neighbors.const_data_ptr<int64_t>();
    a.types = functions.types.const_data_ptr<int64_t>();
    a.n_types = functions.n_types, a.degree = functions.degree;
    a.terms = functions.terms(), a.columns = functions.columns();
    a.dual = d[VECTORS].defined();
    a.cutoff = static_cast<T>(functions.cutoff);
    a.roots = functions.roots.const_data_ptr<T>();
    a.mixing = blocks.const_data_ptr<T>();
    a.norms = scales.const_data_ptr<T>();
    a.vectors = rows<T>(x[VECTORS], d[VECTORS]);
    a.cotangent = rows<T>(x[COTANGENT], d[COTANGENT]);
    return a;
  }

  template <class T>
  Tensors compute(const Tensors &raw, const Tensors &raw_tangents,
                  const std::vector<bool> &wanted) {
    const auto x = contiguous(raw), d = contiguous(raw_tangents);
    auto a = arguments<T>(x, d);
    const auto options = x[VECTORS].options().requires_grad(false);
    Tensors out(N_SLOTS);
    if (wanted[COTANGENT]) out[COTANGENT] = torch::empty({graph.n_centers, a.columns}, options);
    if (wanted[VECTORS]) out[VECTORS] = torch::empty_like(x[VECTORS]);
    const auto at = [](const Tensor &t) { return t.defined() ? t.data_ptr<T>() : nullptr; };
    a.spectrum = at(out[COTANGENT]), a.d_vectors = at(out[VECTORS]);
    const auto parts = split(graph);
    const int64_t room = 4 * CENTERS_AT_ONCE * a.n_types * a.terms;
    const auto scratch = torch::empty({static_cast<int64_t>(parts.size()), room}, options);
    for_each_block(parts, [&](size_t k, const Block &block) {
      SpectrumArgs<T> own = a;
      own.scratch = scratch.template data_ptr<T>() + static_cast<int64_t>(k) * room;
      run(own, block);
    });
    return out;
  }
};

}  // namespace

// NeuralIL's descriptors (n_centers, n_types (n_types + 1) / 2 * (degree + 1) (degree + 2) / 2) in
// A^-3 of vectors (n_edges, 3) in A and types (n_atoms); roots and mixing as in
// nn/spherical_bessel.py. Differentiable twice in the vectors; on CPUs.
Tensor power_spectrum(const Tensor &vectors, const Tensor &types, const Tensor &centers,
                      const Tensor &neighbors, int64_t n_centers, const Tensor &roots,
                      const Tensor &mixing, double cutoff, int64_t n_types, int64_t degree) {
  Graph graph{centers, neighbors, n_centers};
  check_graph(graph);
  TORCH_CHECK(vectors.dim() == 2 && vectors.size(1) == 3 && vectors.size(0) == centers.size(0),
              "vectors must be (n_edges, 3), got ", vectors.sizes(), " for ", centers.size(0),
              " edges");
  TORCH_CHECK(degree >= 0 && degree <= MOST_DEGREE, "degree = ", degree, ": it must be 0 to ",
              MOST_DEGREE);
  TORCH_CHECK(types.dim() == 1 && types.scalar_type() == torch::kInt64,
              "types must be (n_atoms) int64, got ", types.sizes(), " ", types.scalar_type());
  Functions functions{
      types.contiguous(), roots.detach().contiguous(), mixing.detach(), cutoff, n_types, degree};
  for (const auto &t : {roots, mixing}) check_like(t, vectors, "roots or mixing");
  const auto *const type = functions.types.const_data_ptr<int64_t>();
  for (int64_t k = 0; k < types.size(0); k++)
    TORCH_CHECK(type[k] >= 0 && type[k] < n_types, "type ", type[k], " of atom ", k,
                ": types must be 0 to ", n_types - 1);
  const int64_t n = functions.functions();
  TORCH_CHECK(roots.dim() == 1 && roots.size(0) == n + degree + 1 && mixing.dim() == 2 &&
                  mixing.size(0) == roots.size(0) && mixing.size(1) == n,
              "roots ", roots.sizes(), " and mixing ", mixing.sizes(), " do not fit degree ",
              degree);
  auto form = c10::make_intrusive<SpectrumForm>(std::move(graph), std::move(functions));
  return evaluate(std::move(form), {vectors, Tensor()})[0];
}

}  // namespace physrep
