"""Finding and registering the compiled operators, ``torch.ops.physrep``."""

import torch

from physrep.library import OPERATORS_FILE, find_built, mismatch

ADVICE = (
    "compile them with 'physrep build' (2 to 4 minutes; 'physrep doctor' shows what is installed), "
    "or export with '--ops portable'"
)


class OperatorsMissing(RuntimeError):
    """The fused operators were requested but cannot be used; the message says what to do."""


def available() -> bool:
    """Whether the operators are registered in this process."""
    return hasattr(torch.ops.physrep, "attention_weights")


def load() -> bool:
    """Register the operators, once; False where they are not installed or do not fit this torch."""
    return not problem()


def problem() -> str:
    """Why the operators cannot be used; empty where they are registered, by this call if need be.

    A library for another torch is refused by its stamp, before it is loaded: it would fail with an
    undefined symbol, or compute with another layout of tensors.
    """
    if available():
        return ""
    path = find_built(OPERATORS_FILE)
    if path is None:
        return f"they are not installed; {ADVICE}"
    if wrong := mismatch(path):
        return f"{wrong}; or export with '--ops portable'"
    try:
        torch.ops.load_library(path)
    except OSError as error:
        return f"{path} does not load ({error}); {ADVICE}"
    return ""


def fastest_form() -> str:
    """The form to choose where nothing else is asked for.

    Fused if the operators can be used here, on the GPU too where there is one: operators that were
    compiled for CPUs alone would refuse the tensors of a run on it.
    """
    if not load() or (torch.cuda.is_available() and not compiled_for_gpus()):
        return "portable"
    return "fused"


def compiled_for_gpus() -> bool:
    """Whether the registered operators have kernels for GPUs (``physrep build --cuda``)."""
    return torch._C._dispatch_has_kernel_for_dispatch_key("physrep::messages", "CUDA")


def require(what: str) -> None:
    """Raise OperatorsMissing unless the operators are registered; ``what`` begins the message."""
    if not load():
        raise OperatorsMissing(f"{what} needs physrep's compiled operators: {problem() or ADVICE}")
