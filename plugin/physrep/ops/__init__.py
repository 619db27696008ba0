"""The operators that models are made of, each in two forms that give the same numbers.

``portable`` is written in PyTorch's own operators and runs wherever PyTorch runs; ``fused`` calls
the compiled operators ``torch.ops.physrep``, several times as fast on CPUs (docs/speed.md). One
module holds both forms of one operator: the base class states the equations and the arguments, its
two subclasses compute them. Models hold operators as submodules without parameters and do not know
which form they have; :func:`use_form` exchanges them.

Importing this package registers the compiled operators where they are installed.
"""

from physrep.ops.loading import (
    ADVICE,
    OperatorsMissing,
    available,
    fastest_form,
    load,
    problem,
    require,
)
from physrep.ops.operator import FORMS, Operator, use_form

load()

__all__ = [
    "ADVICE",
    "FORMS",
    "Operator",
    "OperatorsMissing",
    "available",
    "fastest_form",
    "load",
    "problem",
    "require",
    "use_form",
]
