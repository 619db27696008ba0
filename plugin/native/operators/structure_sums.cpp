// SPDX-License-Identifier: MIT
// Wave vectors put into columns, and the kernels of structure_kernel.h called on the threads.

#include "structure_sums.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "form.h"

namespace physrep {

namespace {

constexpr int64_t MOST_PARTS = 16;         // each has its own sums over its atoms
constexpr int64_t WORTH_A_THREAD = 1 << 17;  // atoms times vectors
constexpr int64_t MOST_POWERS = 1 << 14;   // of an axis: tables of 33 MB in each thread

// The columns of a list of vectors, and where the vectors of a pair stand in it (-1: nowhere).
struct Plan {
  struct Pair {
    int64_t power, plus, minus;
  };
  std::vector<FactorColumn> columns;
  std::vector<Pair> pairs;
  int64_t n_vectors, sizes[3] = {1, 1, 1};

  explicit Plan(const Tensor &indices) : n_vectors(indices.size(0)) {
    TORCH_CHECK(indices.device().is_cpu(), "physrep operators run on the CPU, got tensors on ",
                indices.device());
    const auto *const n = indices.const_data_ptr<int64_t>();
    pairs.reserve(static_cast<size_t>(n_vectors));
    for (int64_t k = 0; k < n_vectors;) {
      int64_t end = k + 1;
      while (end < n_vectors && follows(n + 3 * end)) end++;
      add(n + 3 * k, k, end - k);
      k = end;
    }
  }

  static bool follows(const int64_t *n) {
    return n[0] == n[-3] && n[1] == n[-2] && n[2] == n[-1] + 1;
  }

  // A column of the vector n, which is number k, and those that follow it.
  void add(const int64_t *n, int64_t k, int64_t length) {
    const int64_t low = n[2], high = low + length - 1;
    const bool both = low <= 0 && high >= 0;
    FactorColumn column{n[0], n[1], both ? 0 : std::min(std::abs(low), std::abs(high)),
                        std::max(std::abs(low), std::abs(high)),
                        static_cast<int64_t>(pairs.size())};
    const int64_t powers[3] = {std::abs(n[0]), std::abs(n[1]), column.last};
    for (int axis = 0; axis < 3; axis++) {
      TORCH_CHECK(powers[axis] < MOST_POWERS, "indices must be smaller than ", MOST_POWERS,
                  ", got ", powers[axis], " along axis ", axis);
      sizes[axis] = std::max(sizes[axis], powers[axis] + 1);
    }
    columns.push_back(column);
    const auto place = [&](int64_t m) { return m >= low && m <= high ? k + m - low : -1; };
    for (int64_t m = column.first; m <= column.last; m++)
      pairs.push_back({m, place(m), m > 0 ? place(-m) : -1});
  }

  FactorArgs arguments(const Tensor &fractional) const {
    FactorArgs a{};
    a.n_columns = static_cast<int64_t>(columns.size()), a.columns = columns.data();
    std::copy(sizes, sizes + 3, a.sizes);
    a.fractional = fractional.const_data_ptr<double>();
    return a;
  }

  // From the four real sums of each pair to both of its structure factors.
  Tensor factors(const double *sums) const {
    auto out = torch::empty({n_vectors, 2}, torch::kFloat64);
    auto *const s = out.data_ptr<double>();
    for (const auto &[power, plus, minus] : pairs) {
      if (plus >= 0) s[2 * plus] = sums[0] - sums[1], s[2 * plus + 1] = sums[2] + sums[3];
      if (minus >= 0) s[2 * minus] = sums[0] + sums[1], s[2 * minus + 1] = sums[3] - sums[2];
      sums += 4;
    }
    return out;
  }

  // What AtomSums of structure_kernel.h multiplies the powers of each pair with.
  std::vector<double> weights(const Tensor &factors) const {
    const auto *const g = factors.const_data_ptr<double>();
    std::vector<double> out;
    out.reserve(8 * pairs.size());
    for (const auto &[power, plus, minus] : pairs) {
      const double re = plus < 0 ? 0 : g[2 * plus], im = plus < 0 ? 0 : -g[2 * plus + 1];
      const double of_minus = minus < 0 ? 0 : g[2 * minus];
      const double im_minus = minus < 0 ? 0 : -g[2 * minus + 1];
      const double s[2] = {re + of_minus, im + im_minus}, d[2] = {im_minus - im, re - of_minus};
      const double m = static_cast<double>(power);
      for (const double x : {s[0], s[1], d[0], d[1], m * d[1], -m * d[0], -m * s[1], m * s[0]})
        out.push_back(x);
    }
    return out;
  }
};

// Atoms that are worth another thread.
int64_t per_task(const Plan &plan) {
  return 1 + WORTH_A_THREAD / std::max<int64_t>(plan.n_vectors, 1);
}

}  // namespace

// The atoms are divided into parts, by their number alone: the sums are the same whatever the
// number of threads.
Tensor sums_over_atoms(const Tensor &fractional, const Tensor &charges, const Tensor &indices) {
  const Plan plan(indices);
  const int64_t n = fractional.size(0), n_pairs = static_cast<int64_t>(plan.pairs.size());
  const int64_t blocks = (n + FACTOR_BLOCK - 1) / FACTOR_BLOCK;
  const int64_t parts = std::max<int64_t>(1, std::min(blocks, MOST_PARTS));
  const int64_t size = (blocks + parts - 1) / parts * FACTOR_BLOCK;
  const auto sums = torch::zeros({parts, 4 * n_pairs}, torch::kFloat64);
  auto a = plan.arguments(fractional);
  a.charges = charges.const_data_ptr<double>();
  auto *const out = sums.data_ptr<double>();
  for_each_range(parts, std::max<int64_t>(1, per_task(plan) / std::max<int64_t>(size, 1)),
                 [&](int64_t first, int64_t last) {
                   std::vector<double> scratch(static_cast<size_t>(a.scratch_size()));
                   for (int64_t part = first; part < last; part++) {
                     FactorArgs own = a;
                     own.scratch = scratch.data(), own.sums = out + part * 4 * n_pairs;
                     kernels().factor_sums(own, std::min(n, part * size),
                                           std::min(n, (part + 1) * size));
                   }
                 });
  for (int64_t part = 1; part < parts; part++)
    for (int64_t k = 0; k < 4 * n_pairs; k++) out[k] += out[part * 4 * n_pairs + k];
  return plan.factors(out);
}

Tensor sums_over_vectors(const Tensor &fractional, const Tensor &factors, const Tensor &indices) {
  const Plan plan(indices);
  const auto weights = plan.weights(factors);
  const int64_t n = fractional.size(0);
  const auto out = torch::empty({n, 4}, torch::kFloat64);
  auto a = plan.arguments(fractional);
  a.factors = weights.data(), a.of_atoms = out.data_ptr<double>();
  for_each_range(n, per_task(plan), [&](int64_t first, int64_t last) {
    std::vector<double> scratch(static_cast<size_t>(a.scratch_size()));
    FactorArgs own = a;
    own.scratch = scratch.data();
    kernels().atom_sums(own, first, last);
  });
  return out;
}

}  // namespace physrep
