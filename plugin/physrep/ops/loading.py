"""Finding and registering the compiled operators, ``torch.ops.physrep``."""

import torch

from physrep.library import OPERATORS_FILE, find_built

ADVICE = (
    "compile them with 'physrep build' (2 to 4 minutes; 'physrep doctor' shows what is installed), "
    "or export with '--ops portable'"
)


class OperatorsMissing(RuntimeError):
    """The fused operators were requested but are not installed; the message says what to do."""


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
