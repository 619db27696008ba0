"""The compiled operators, ``torch.ops.physrep``: faster than the same equations in PyTorch.

Importing this module loads them where they are installed. Every layer that knows them has the
attribute ``fused``; :meth:`physrep.potential.Potential.use_ops` sets it. docs/speed.md says what
the operators compute and how fast they are.
"""

import torch

from physrep.library import OPERATORS_FILE, find_built

OPS = ("portable", "fused")
ADVICE = (
    "install physrep with its compiled part ('make setup', or the wheel; "
    "see 'physrep doctor'), or export with '--ops portable'"
)


class OperatorsMissing(RuntimeError):
    """The fused operators are asked for and not here; the message says what to do."""


def available() -> bool:
    """Whether the operators are registered in this process."""
    return hasattr(torch.ops.physrep, "attention_weights")


def load() -> bool:
    """Register the operators, once; False where they are not installed."""
    path = None if available() else find_built(OPERATORS_FILE)
    if path is not None:
        torch.ops.load_library(path)
    return available()


def require(what: str) -> None:
    """Raise OperatorsMissing unless the operators are registered; ``what`` begins the message."""
    if not load():
        raise OperatorsMissing(f"{what} needs physrep's compiled operators: {ADVICE}")


load()
