"""Keep the memory of one step for the next: a habit of the C library, changed."""

from torch import Tensor

# glibc gives freed memory back to the system once more than twice the largest block it has ever
# unmapped (at most 32 MB) is free, and the next step pays for it page by page: half the time of a
# step of a few hundred atoms. Freeing one block of nearly that size raises the limit.
LARGEST_BLOCK = 31 * 1024 * 1024  # bytes, never touched


def keep_heap(like: Tensor, n_bytes: int = LARGEST_BLOCK) -> None:
    """Have the C library keep freed memory; for tensors on the CPU, nothing else happens."""
    if like.device.type == "cpu":
        block = like.new_empty([n_bytes // like.element_size()])
        assert block.numel() > 0  # a block without a use would be optimised away
