"""IS2RE over a data set: relaxed energies and structures from initial ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from physrep.io import DataError
from physrep.probes.relaxation import Is2re, is2re, is2re_errors, is2re_labels
from physrep.progress import progress
from physrep.studies.evaluate.suite_summary import Summary, check_at_least, sample, share


@dataclass(frozen=True)
class Is2reReliability(Summary):
    """Relaxations and their references; indices: their places in the data, from 0."""

    relaxations: list[Is2re]
    indices: list[int]

    def numbers(self) -> dict[str, Any]:
        """Energies in eV, displacements in A; energies_within_0_02_ev is a share."""
        errors = is2re_errors(self.relaxations)
        return {
            "energy_mae_ev": _none_if_nan(errors.energy_mae),
            "energies_within_0_02_ev": errors.within,
            "displacement": _none_if_nan(errors.displacement),
            "start_displacement": errors.start_displacement,
            "n": len(self.relaxations),
            "converged": share(one.converged for one in self.relaxations),
            "failed": errors.failed,
        }

    def notes(self) -> list[str]:
        """The first failure."""
        pairs = zip(self.indices, self.relaxations, strict=True)
        failures = [(index, one.failure) for index, one in pairs if one.failure]
        return [f"note: first failure: frame {index}, {text}" for index, text in failures[:1]]


def relaxations(
    calculator: Calculator,
    frames: Sequence[Atoms],
    seed: int = 0,
    max_structures: int | None = None,
) -> Is2reReliability:
    """IS2RE: relax initial structures (:func:`is2re`); a progress bar on stderr.

    Args:
        frames: what :func:`is2re` takes; max_structures: test that many, drawn at random.

    Raises:
        ConfigError: a number out of range. DataError: a frame without its reference.
    """
    check_at_least("seed", seed, 0)
    chosen = sample(len(frames), seed, max_structures)
    for index in chosen:  # all before the first relaxation: each may take minutes
        try:
            is2re_labels(frames[index])
        except ValueError as error:
            raise DataError(str(error), "IS2RE", index) from None
    return Is2reReliability(
        [is2re(calculator, frames[index]) for index in progress(chosen, "evaluate", "structure")],
        chosen,
    )


def _none_if_nan(value: float) -> float | None:
    return None if np.isnan(value) else value
