"""Parameters of published models -> checkpoints."""

from collections.abc import Callable
from pathlib import Path

from physrep.checkpoint import Checkpoint
from physrep.importers.flax_jat import import_jat
from physrep.importers.flax_neuralil import import_neuralil
from physrep.importers.flax_tree import ImportProblem

IMPORTERS: dict[str, Callable[[str | Path, str | Path], Checkpoint]] = {
    "jat": import_jat,
    "neuralil": import_neuralil,
}

__all__ = ["IMPORTERS", "ImportProblem", "import_jat", "import_neuralil"]
