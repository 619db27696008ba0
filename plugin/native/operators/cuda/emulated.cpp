// SPDX-License-Identifier: MIT
// The operators for GPUs on a machine without one, torch.ops.physrep_emulated.*: one file, compiled
// by a test with g++ alone. Everything but CUDA's own part is what runs on a GPU; emulation.h says
// how the lanes take turns. Slow: not for use.

#define PHYSREP_EMULATED

#include "operators.cpp"

#include "device.cpp"

#include "charges.cpp"

// Both files have a dispatch(), passes() and more of their own for AttentionArgs or MessageArgs.
#include "attention.cu"

#include "messages.cu"

#include "mesh.cu"

#include "structure_factors.cu"
