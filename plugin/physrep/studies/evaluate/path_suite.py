"""Energies along labelled reaction paths, over a data set."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.calculators.calculator import Calculator

from physrep.io import DataError, Structure
from physrep.probes.reaction_path import PathErrors, group_paths, path_errors
from physrep.progress import progress
from physrep.studies.evaluate.suite_summary import Summary


@dataclass(frozen=True)
class PathReliability(Summary):
    """Errors along reaction paths. energies: of each reaction (labels, model), eV, (n_images,)."""

    errors: PathErrors
    energies: dict[int | str, tuple[np.ndarray, np.ndarray]]

    def numbers(self) -> dict[str, Any]:
        """Errors in eV; within_0_2_ev is a share."""
        return {
            "barrier_mae_ev": self.errors.barrier_mae,
            "within_0_2_ev": self.errors.within,
            "n": len(self.energies),
            "barrier_bias_ev": self.errors.barrier_bias,
            "energy_mae_ev": self.errors.energy_mae,
            "n_images": sum(len(labels) for labels, _ in self.energies.values()),
        }


def reaction_paths(calculator: Calculator, structures: Iterable[Structure]) -> PathReliability:
    """Energies along paths and their labels; a progress bar on stderr.

    Args:
        structures: labelled with energies, info as :func:`group_paths` reads it, in any order.
            Those with role "path" and no image (Transition1x: steps of the search for the path,
            in no order) are skipped.

    Raises:
        DataError: no energy label, or frames that make up no paths.
    """
    structures = [one for one in structures if _has_place(one)]
    if not structures:
        raise DataError("there are no structures to test; check the file")
    try:
        paths = group_paths([structure.info for structure in structures])
    except ValueError as error:
        raise DataError(str(error), structures[0].source) from None
    for structure in structures:
        structure.validate(require=("energy",))
    energies = {}
    for reaction, frames in progress(list(paths.items()), "evaluate", "reaction"):
        images = [structures[frame] for frame in frames]
        predicted = [calculator.get_potential_energy(one.to_ase()) for one in images]
        energies[reaction] = np.array([one.energy for one in images]), np.array(predicted)
    labels, predicted = zip(*energies.values(), strict=True)
    return PathReliability(path_errors(labels, predicted), energies)


def _has_place(structure: Structure) -> bool:
    """Whether it is in a path: not so isolated atoms and steps of a search."""
    if structure.is_isolated_atom:
        return False
    return "image" in structure.info or structure.info.get("role") != "path"
