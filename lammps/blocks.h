// SPDX-License-Identifier: MIT

#pragma once

namespace physrep {

// Serve PyTorch's large CPU tensors of this process from a cache of blocks, from now on. glibc's
// heap either gives them back after every operator, and the next one pays for its pages, or keeps
// them in pieces: two to three times the memory that is in use. Calling it again does nothing.
void keep_large_blocks();

}  // namespace physrep
