// SPDX-License-Identifier: MIT
// Starts a kernel: work(group, memory) in all lanes of every group.

#ifndef PHYSREP_CUDA_GROUPS_CUH
#define PHYSREP_CUDA_GROUPS_CUH

#define PHYSREP_LANES "cuda/lanes.cuh"
#include "../vectors.h"
#include "launch.h"

namespace physrep {
namespace {

#ifdef PHYSREP_EMULATED

template <class T, class Work>
const char *for_each_group(const Work &work, int64_t n_groups, int64_t numbers, void *) {
  std::vector<T> memory(static_cast<size_t>(numbers));
  for (int64_t group = 0; group < n_groups; group++)
    Fibers::here().run(Lanes<T>::N, group % 2 == 0, [&] { work(group, memory.data()); });
  return nullptr;
}

#else

constexpr int64_t GROUPS_PER_BLOCK = 8;
constexpr int64_t SHARED_BYTES = 48 * 1024;  // what every GPU gives without being asked

template <class T, class Work>
__global__ void group_kernel(const Work work, int64_t n_groups, int64_t numbers) {
  extern __shared__ double memory[];
  const int64_t in_block = threadIdx.x / Lanes<T>::N;
  const int64_t group = static_cast<int64_t>(blockIdx.x) * (blockDim.x / Lanes<T>::N) + in_block;
  if (group < n_groups) work(group, reinterpret_cast<T *>(memory) + in_block * numbers);
}

// `numbers`: of the memory that each group shares.
template <class T, class Work>
const char *for_each_group(const Work &work, int64_t n_groups, int64_t numbers, void *stream) {
  const int64_t bytes = numbers * static_cast<int64_t>(sizeof(T));
  if (bytes > SHARED_BYTES) return "rows are too wide for the shared memory of a GPU";
  int64_t groups = GROUPS_PER_BLOCK;
  while (groups * bytes > SHARED_BYTES) groups /= 2;
  const auto blocks = static_cast<unsigned>((n_groups + groups - 1) / groups);
  const auto threads = static_cast<unsigned>(groups * Lanes<T>::N);
  group_kernel<T, Work>
      <<<blocks, threads, static_cast<size_t>(groups * bytes), static_cast<cudaStream_t>(stream)>>>(
          work, n_groups, numbers);
  const auto status = cudaGetLastError();
  return status == cudaSuccess ? nullptr : cudaGetErrorString(status);
}

#endif

// visit(edge, neighbour) for the edges of every neighbour whose first place in walk.order is one of
// the group's.
template <class Visit>
PHYSREP_INLINE void for_each_incoming(const Walk &walk, const int64_t *neighbors, int64_t group,
                                      const Visit &visit) {
  for (int64_t first = group; first < walk.n_edges; first += walk.n_groups) {
    const int64_t j = neighbors[walk.order[first]];
    if (first > 0 && neighbors[walk.order[first - 1]] == j) continue;
    for (int64_t k = first; k < walk.n_edges && neighbors[walk.order[k]] == j; k++)
      visit(walk.order[k], j);
  }
}

}  // namespace
}  // namespace physrep

#endif
