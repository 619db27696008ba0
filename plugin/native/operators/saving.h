// SPDX-License-Identifier: MIT
// What a forward pass keeps for the backward pass.

#ifndef PHYSREP_SAVING_H
#define PHYSREP_SAVING_H

#include <torch/types.h>

namespace physrep {

// Whether to keep what the backward pass could compute again. Of few atoms it costs no memory to
// speak of, and another operator would take longer than its arithmetic; of many atoms the
// arithmetic is little beside that of the edges, and memory is what limits the system.
inline bool worth_keeping(const torch::Tensor &x) {
  constexpr size_t MOST = size_t(1) << 19;  // bytes
  return x.nbytes() <= MOST;
}

}  // namespace physrep

#endif
