"""A tree of named arrays, taken apart key by key; what is missing or left over is an error."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from physrep.errors import UserError


class ImportProblem(UserError):
    """Parameters that cannot be imported; the message names the file and the key."""


class ParameterTree:
    """The arrays of a flattened flax tree, ``params/core_model/Dense_0/kernel`` and the like."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self._values = _read_arrays(Path(path))

    def take(self, key: str, *shape: int) -> Tensor:
        """Remove and return the array of that name, float64.

        Raises:
            ImportProblem: no such key, or another shape than the hyper-parameters ask for.
        """
        if key not in self._values:
            raise ImportProblem(f"{self.path}: {key} is missing; was another model flattened here?")
        value = self._values.pop(key)
        if value.shape != shape:
            raise ImportProblem(
                f"{self.path}: {key} has the shape {value.shape}, the hyper-parameters ask for "
                f"{shape}"
            )
        if not np.issubdtype(value.dtype, np.floating) or not np.isfinite(value).all():
            raise ImportProblem(f"{self.path}: {key} holds values that are not finite numbers")
        return torch.from_numpy(value.astype(np.float64))

    def finish(self) -> None:
        """Every array must have been taken.

        Raises:
            ImportProblem: naming what is left over.
        """
        if self._values:
            raise ImportProblem(
                f"{self.path}: {', '.join(sorted(self._values))} belongs to no part of the model; "
                "check the hyper-parameters"
            )


def read_settings(path: str | Path, names: tuple[str, ...]) -> dict[str, Any]:
    """The hyper-parameters of these names from a JSON file; others are ignored.

    Raises:
        ImportProblem: unreadable, or a name is missing.
    """
    try:
        values = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise ImportProblem(f"{path}: not a readable JSON file: {error}") from None
    missing = [n for n in names if not isinstance(values, dict) or n not in values]
    if missing:
        raise ImportProblem(f"{path}: {', '.join(missing)} missing; see docs/formats.md")
    return {name: values[name] for name in names}


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise ImportProblem(
            f"{path}: not an npz file of plain arrays ({error}); pickles are never loaded, "
            "docs/formats.md shows how to flatten one"
        ) from None
