// SPDX-License-Identifier: MIT

#pragma once

namespace physrep {

// Keep memory that this process frees for its next use: small pieces in glibc's heap, large CPU
// tensors of PyTorch in a range of addresses of their own. Calling it again does nothing.
void keep_memory();

}  // namespace physrep
