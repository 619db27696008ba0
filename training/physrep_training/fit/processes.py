"""Several processes that share the steps of one fit (``run.processes``; PyTorch's DDP).

The first one starts the others by the command that started itself (Lightning); each of them reads
the data, fits on its part of every batch and validates on all of the validation part. Files are
the first one's to write.
"""

import os


def rank() -> int:
    """Number of this process in its fit, from 0; torchrun and Lightning set LOCAL_RANK."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def is_first() -> bool:
    """Whether this process writes files and prints."""
    return rank() == 0
