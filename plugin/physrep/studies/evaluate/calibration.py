"""What the deviation of a committee's members says about the error of their mean.

The error is taken as normal with a width of ``factor`` times the deviation. The factor of largest
likelihood is factor^2 = mean(error^2 / deviation^2) (Musil, Willatt, Langovoy, Ceriotti, J. Chem.
Theory Comput. 15, 906 (2019)). The rank correlation is Spearman's.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from ase.calculators.calculator import BaseCalculator
from scipy.stats import spearmanr

from physrep.config import ConfigError
from physrep.io import Structure
from physrep.progress import progress
from physrep.studies.evaluate.label_errors import without_isolated_atoms

FEWEST_ENERGIES = 3  # frames: one number is taken by their mean offset


@dataclass(frozen=True)
class Calibration:
    """force_factor: error of the force on an atom, per its deviation; force_rank_correlation: of
    the two over all atoms; energy_factor: the same of the energies of frames, whose mean offset per
    atom is removed, None where too few have labels; n_structures, n_atoms: how many were compared;
    data: name of the file.
    """

    force_factor: float
    force_rank_correlation: float
    energy_factor: float | None
    n_structures: int
    n_atoms: int
    data: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As checkpoints and exported files keep it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For people."""
        energy = "none" if self.energy_factor is None else f"{self.energy_factor:.3g}"
        return [
            f"force error = {self.force_factor:.3g} x force deviation of an atom",
            f"rank correlation of the two {self.force_rank_correlation:.2f} ({self.n_atoms} atoms "
            f"of {self.n_structures} frames)",
            f"energy error = {energy} x energy deviation",
        ]


class Compared(NamedTuple):
    """deviations, errors: (n_atoms,) eV/A, of the forces on the atoms of all frames; the error is
    the length of the difference of two vectors.
    """

    deviations: np.ndarray
    errors: np.ndarray


def calibrate(
    calculator: BaseCalculator, structures: Iterable[Structure], data: str = ""
) -> tuple[Calibration, Compared]:
    """Compare deviations with errors on labelled frames that no member was fitted to.

    Args:
        calculator: of a committee, with ``forces_comm`` in its results.

    Raises:
        ConfigError: one potential, no forces among the labels, members that agree everywhere.
    """
    deviations, errors, energies = [], [], []
    for one in progress(without_isolated_atoms(structures), "calibrate", "structure", None):
        if one.forces is None:
            continue
        atoms = one.to_ase()
        atoms.calc = calculator
        away = np.linalg.norm(atoms.get_forces() - one.forces, axis=1)
        found = calculator.results
        if "forces_deviation" not in found:
            raise ConfigError("calibration needs a committee, and this is one potential")
        deviations.append(found["forces_deviation"])
        errors.append(away)
        if one.energy is not None:
            shift = found["energy"] - one.energy
            energies.append((shift, found["energy_deviation"], len(atoms)))
    if not errors:
        raise ConfigError("calibration needs frames with forces among their labels: there is none")
    compared = Compared(np.concatenate(deviations), np.concatenate(errors))
    if not compared.deviations.any():
        raise ConfigError("the members agree exactly on all forces: are they the same fit?")
    ranks = spearmanr(compared.deviations, compared.errors).statistic
    factor = likeliest_factor(compared.deviations, compared.errors)
    sizes = len(errors), len(compared.errors)
    found_of_energies = _energy_factor(np.array(energies))
    return Calibration(factor, float(ranks), found_of_energies, *sizes, data), compared


def likeliest_factor(deviations: np.ndarray, errors: np.ndarray) -> float:
    """See the head of this module; where there is no deviation nothing is learned."""
    known = deviations > 0.0
    return float(np.sqrt(np.mean((errors[known] / deviations[known]) ** 2)))


def _energy_factor(rows: np.ndarray) -> float | None:
    """rows: (n_frames, 3): difference of the energy, deviation, number of atoms."""
    if len(rows) < FEWEST_ENERGIES or not rows[:, 1].all():
        return None
    shift, spread, n_atoms = rows.T
    errors = shift - n_atoms * np.mean(shift / n_atoms)
    return likeliest_factor(spread, np.abs(errors))
