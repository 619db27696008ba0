// SPDX-License-Identifier: MIT

#include "form.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace physrep {

namespace {

using torch::autograd::AutogradContext;

constexpr int64_t EDGES_PER_BLOCK = 512;  // fewer are not worth another thread
constexpr int64_t MOST_BLOCKS = 16;       // each has its own sums over neighbours

// Tensors of which some are absent; autograd is shown the others alone.
struct Packed {
  Tensors present;
  std::vector<size_t> places;

  explicit Packed(const Tensors &x) {
    for (size_t k = 0; k < x.size(); k++)
      if (x[k].defined()) {
        present.push_back(x[k]);
        places.push_back(k);
      }
  }
};

Tensors unpack(const Tensors &present, const std::vector<size_t> &places, size_t n) {
  Tensors x(n);
  for (size_t k = 0; k < places.size(); k++) x[places[k]] = present[k];
  return x;
}

// What the passes share: the form, where the saved tensors stand, which derivatives are wanted.
struct Task : torch::CustomClassHolder {
  c10::intrusive_ptr<Form> form;
  std::vector<size_t> places;
  std::vector<bool> wanted;
};

Task &task_of(AutogradContext *ctx) {
  return *c10::static_intrusive_pointer_cast<Task>(ctx->saved_data["task"].toCapsule());
}

// First derivatives other than those of the targets. What is not wanted comes out as an empty
// tensor, because autograd wants every output to be defined.
struct Backward : torch::autograd::Function<Backward> {
  static Tensors forward(AutogradContext *ctx, const c10::intrusive_ptr<Task> &task,
                         at::TensorList present) {
    ctx->save_for_backward(present.vec());
    ctx->saved_data["task"] = c10::IValue::make_capsule(task);
    auto out = task->form->derivatives(unpack(present.vec(), task->places, task->form->n_tensors),
                                       {}, task->wanted);
    Tensors defined;
    for (size_t k = 0; k < out.size(); k++)
      if (task->wanted[k]) defined.push_back(out[k]);
    return defined;
  }

  static Tensors backward(AutogradContext *ctx, const Tensors &gradients) {
    auto &task = task_of(ctx);
    const size_t n = task.form->n_tensors;
    const auto x = unpack(ctx->get_saved_variables(), task.places, n);
    Tensors tangents(n);
    size_t next = 0;
    for (size_t k = 0; k < n; k++) {
      if (task.wanted[k]) tangents[k] = gradients[next++];
      if (x[k].defined() && !tangents[k].defined()) tangents[k] = torch::zeros_like(x[k]);
    }
    std::vector<bool> wanted(n, false);
    for (size_t k = 0; k < task.places.size(); k++)
      wanted[task.places[k]] = ctx->needs_input_grad(k);
    TORCH_CHECK(!torch::GradMode::is_enabled(),
                "physrep operators have no third derivatives: use Potential.use_ops('portable')");
    const auto out = task.form->derivatives(x, tangents, wanted);
    Tensors grads{Tensor()};
    for (const size_t place : task.places) grads.push_back(out[place]);
    return grads;
  }
};

// Derivatives that can be differentiated again.
Tensors derivatives_with_graph(const c10::intrusive_ptr<Form> &form, const Tensors &x,
                               const std::vector<bool> &wanted) {
  Packed packed(x);
  const auto task = c10::make_intrusive<Task>();
  task->form = form;
  task->wanted = wanted;
  task->places = packed.places;
  const auto found = Backward::apply(task, at::TensorList(packed.present));
  Tensors all(wanted.size());
  size_t next = 0;
  for (size_t k = 0; k < all.size(); k++)
    if (wanted[k]) all[k] = found[next++];
  return all;
}

struct Forward : torch::autograd::Function<Forward> {
  static Tensors forward(AutogradContext *ctx, const c10::intrusive_ptr<Task> &task,
                         at::TensorList present) {
    ctx->save_for_backward(present.vec());
    ctx->saved_data["task"] = c10::IValue::make_capsule(task);
    auto &form = *task->form;
    std::vector<bool> wanted(form.n_tensors, false);
    for (const size_t target : form.targets) wanted[target] = true;
    const auto x = unpack(present.vec(), task->places, form.n_tensors);
    const auto out = form.derivatives(x, {}, wanted);
    Tensors result;
    for (const size_t target : form.targets)
      if (out[target].defined()) result.push_back(out[target]);
    return result;
  }

  static Tensors backward(AutogradContext *ctx, const Tensors &gradients) {
    auto &task = task_of(ctx);
    auto x = unpack(ctx->get_saved_variables(), task.places, task.form->n_tensors);
    for (size_t k = 0; k < gradients.size(); k++)
      x[task.form->targets[k]] = gradients[k].contiguous();
    std::vector<bool> wanted(task.form->n_tensors, false);
    for (size_t k = 0; k < task.places.size(); k++)
      wanted[task.places[k]] = ctx->needs_input_grad(k);
    const auto all = torch::GradMode::is_enabled() ? derivatives_with_graph(task.form, x, wanted)
                                                   : task.form->derivatives(x, {}, wanted);
    Tensors grads{Tensor()};
    for (const size_t place : task.places) grads.push_back(all[place]);
    return grads;
  }
};

}  // namespace

Tensors evaluate(c10::intrusive_ptr<Form> form, const Tensors &x) {
  Packed packed(x);
  const auto task = c10::make_intrusive<Task>();
  task->form = std::move(form);
  task->places = packed.places;
  return Forward::apply(task, at::TensorList(packed.present));
}

const Kernels &kernels() {
  static const Kernels &chosen = []() -> const Kernels & {
    const char *const asked = std::getenv("PHYSREP_SIMD");
    const std::string limit = asked ? asked : "";
#ifdef __x86_64__
    __builtin_cpu_init();
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx512 && limit.empty()) return kernels_avx512;
    if (avx2 && limit != "baseline") return kernels_avx2;
#endif
    return kernels_baseline;
  }();
  return chosen;
}

std::vector<Block> split(const Graph &graph) {
  const int64_t n_edges = graph.centers.size(0);
  const auto *const centers = graph.centers.const_data_ptr<int64_t>();
  const int64_t threads = at::in_parallel_region() ? 1 : at::get_num_threads();
  const int64_t most = std::min(threads, MOST_BLOCKS);
  const int64_t n = std::clamp<int64_t>(n_edges / EDGES_PER_BLOCK, 1, most);
  std::vector<Block> blocks;
  Block block{0, 0, 0, 0};
  for (int64_t k = 1; k < n; k++) {
    int64_t edge = n_edges * k / n;
    while (edge > block.first_edge && centers[edge - 1] == centers[edge]) edge--;
    if (edge == block.first_edge) continue;
    block.last_edge = edge;
    block.last_center = centers[edge];
    blocks.push_back(block);
    block = {block.last_center, 0, edge, 0};
  }
  block.last_edge = n_edges;
  block.last_center = graph.n_centers;
  blocks.push_back(block);
  return blocks;
}

void for_each_block(const std::vector<Block> &blocks,
                    const std::function<void(size_t, const Block &)> &work) {
  if (blocks.size() == 1) return work(0, blocks[0]);
  at::parallel_for(0, static_cast<int64_t>(blocks.size()), 1, [&](int64_t first, int64_t last) {
    for (int64_t k = first; k < last; k++) work(static_cast<size_t>(k), blocks[k]);
  });
}

void for_each_range(int64_t n, int64_t least, const std::function<void(int64_t, int64_t)> &work) {
  at::parallel_for(0, n, least, work);
}

std::pair<Tensor, Tensor> sorted_by_row(const Tensor &row_of, int64_t n_rows) {
  const auto sorted = torch::empty_like(row_of);
  const auto begins = torch::zeros({n_rows + 1}, torch::kInt64);
  const auto *const row = row_of.const_data_ptr<int64_t>();
  auto *const out = sorted.data_ptr<int64_t>(), *const begin = begins.data_ptr<int64_t>();
  const int64_t n = row_of.numel();
  for (int64_t k = 0; k < n; k++) {
    TORCH_CHECK(row[k] >= 0 && row[k] < n_rows, "the coordinates of atom ", k, " are not finite");
    begin[row[k] + 1]++;
  }
  for (int64_t r = 0; r < n_rows; r++) begin[r + 1] += begin[r];
  std::vector<int64_t> next(begin, begin + n_rows);
  for (int64_t k = 0; k < n; k++) out[next[row[k]]++] = k;
  return {sorted, begins};
}

int64_t padded(int64_t width, torch::ScalarType type) {
  const int64_t lanes = PADDING / static_cast<int64_t>(c10::elementSize(type));
  return (width + lanes - 1) / lanes * lanes;
}

Tensor pad(const Tensor &x) {
  if (!x.defined()) return x;
  const int64_t missing = padded(x.size(-1), x.scalar_type()) - x.size(-1);
  return missing == 0 ? x.contiguous() : at::constant_pad_nd(x, {0, missing});
}

Shared::Shared(bool wanted, at::IntArrayRef shape, const torch::TensorOptions &options,
               size_t copies) {
  if (!wanted) return;
  std::vector<int64_t> all{static_cast<int64_t>(copies)};
  all.insert(all.end(), shape.begin(), shape.end());
  copies_ = torch::zeros(all, options);
  stride_ = copies_.stride(0);
}

Tensor Shared::total() const {
  if (!copies_.defined()) return copies_;
  return copies_.size(0) == 1 ? copies_.squeeze(0) : copies_.sum(0);
}

void check_graph(const Graph &graph) {
  const auto &i = graph.centers, &j = graph.neighbors;
  TORCH_CHECK(i.device().is_cpu(), "physrep operators run on the CPU, got tensors on ", i.device(),
              "; on another device use 'physrep export --ops portable'");
  TORCH_CHECK(i.dim() == 1 && i.sizes() == j.sizes() && i.scalar_type() == torch::kInt64 &&
                  j.scalar_type() == torch::kInt64 && i.is_contiguous() && j.is_contiguous(),
              "centers and neighbors must be contiguous (n_edges,) int64, got ", i.sizes(), " and ",
              j.sizes());
}

void check_like(const Tensor &x, const Tensor &like, const char *name) {
  if (x.defined())
    TORCH_CHECK(x.device() == like.device() && x.scalar_type() == like.scalar_type(), name, " is ",
                x.scalar_type(), " on ", x.device(), ", expected ", like.scalar_type(), " on ",
                like.device());
}

}  // namespace physrep
