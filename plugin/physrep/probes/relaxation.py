"""Structures relaxed by a calculator, and IS2RE: relaxed energy from an initial structure."""

from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.constraints import FixAtoms
from ase.geometry import find_mic
from ase.optimize import FIRE
from ase.optimize.optimize import Optimizer

FMAX, STEPS = 0.01, 500  # eV/A; the paper's optimisations (Fig. 2, 3)
# OC20 relaxes to 0.03 eV/A (L. Chanussot et al., ACS Catal. 11 (2021) 6059).
IS2RE_FMAX, IS2RE_STEPS = 0.03, 300
ENERGY_WITHIN = 0.02  # eV, of OC20's EwT


class Relaxation(NamedTuple):
    """atoms: where it ended; energies: (n_steps + 1,) eV, the start first; converged: forces
    below the limit; failure: what broke it off, empty where nothing did.
    """

    atoms: Atoms
    energies: np.ndarray
    converged: bool
    failure: str


def relax(
    calculator: Calculator,
    atoms: Atoms,
    fmax: float = FMAX,
    steps: int = STEPS,
    optimizer: type[Optimizer] = FIRE,
) -> Relaxation:
    """FIRE at fixed cell, constraints kept, until no force is above ``fmax`` (eV/A).

    A calculator that raises, or gives an energy or force that is not finite, ends the relaxation:
    no error leaves this function; ``failure`` describes it.

    Args:
        atoms: the start, not changed; optimizer: of ASE. BFGS needs fewer steps from nearby.
    """
    moving = atoms.copy()
    moving.calc = calculator
    energies, converged, failure = [], False, ""
    try:
        for reached in optimizer(moving, logfile=None).irun(fmax=fmax, steps=steps):
            energy = float(moving.get_potential_energy())
            # A NaN compares as "not converged": without this, all steps would run on NaN.
            if not (np.isfinite(energy) and np.isfinite(moving.get_forces()).all()):
                failure = f"energy {energy:g} eV or a force is not finite"
                break
            energies.append(energy)
            converged = bool(reached)
    # Foreign calculators raise what they like where a structure flies apart or collapses.
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
    if failure:
        failure = f"step {len(energies)}: {' '.join(failure.split())[:200]}"
    moving.calc = None
    return Relaxation(moving, np.array(energies), converged and not failure, failure)


class Is2re(NamedTuple):
    """One relaxation and its reference: positions (n_atoms, 3) in A where it ended; energies in
    eV; mean distances of the free atoms to the reference's relaxed places in A, at the end and at
    the start. Energy and displacement are NaN where the relaxation failed.
    """

    positions: np.ndarray
    energy: float
    reference_energy: float
    displacement: float
    start_displacement: float
    n_steps: int
    converged: bool
    failure: str


class Is2reErrors(NamedTuple):
    """Means over the relaxations that did not fail, NaN where all did; ``within`` is a share of
    all, a failed one counts as outside.
    """

    energy_mae: float  # eV
    within: float
    displacement: float  # A
    start_displacement: float  # A, over all: what doing nothing gives
    failed: int


def is2re(
    calculator: Calculator, atoms: Atoms, fmax: float = IS2RE_FMAX, steps: int = IS2RE_STEPS
) -> Is2re:
    """Relax one initial structure and compare with the relaxed one.

    Source: Table 1 of "Towards Physically Reliable Molecular Representation Learning" (UAI 2023)
    and OC20 (L. Chanussot et al., ACS Catal. 11 (2021) 6059).

    Args:
        atoms: with info ``relaxed_energy`` (eV), arrays ``relaxed_pos`` (n_atoms, 3) in A and
            ``free`` (n_atoms,), 1 where an atom may move and 0 where it is held.

    Raises:
        ValueError: one of the three is missing or unusable.
        Exception: whatever the calculator raises at the initial structure; later errors are
            reported as ``failure``.
    """
    reference_energy, relaxed, free = is2re_labels(atoms)
    start = atoms.copy()
    start.calc = calculator
    start.get_potential_energy()  # an element that the calculator does not know is no failure
    start.set_constraint(FixAtoms(mask=~free))
    found = relax(calculator, start, fmax, steps)
    energy, displacement = np.nan, np.nan
    if not found.failure:
        energy = found.energies[-1]
        displacement = _mean_distance(found.atoms, relaxed, free)
    return Is2re(
        found.atoms.positions,
        float(energy),
        reference_energy,
        displacement,
        _mean_distance(atoms, relaxed, free),
        max(len(found.energies) - 1, 0),
        found.converged,
        found.failure,
    )


def is2re_errors(results: list[Is2re]) -> Is2reErrors:
    """Energy MAE, share of energies within ENERGY_WITHIN (EwT) and mean displacements."""
    errors = np.array([abs(one.energy - one.reference_energy) for one in results])
    done = np.isfinite(errors)
    ends = np.array([one.displacement for one in results])
    return Is2reErrors(
        float(errors[done].mean()) if done.any() else np.nan,
        float((errors <= ENERGY_WITHIN).mean()),
        float(ends[done].mean()) if done.any() else np.nan,
        float(np.mean([one.start_displacement for one in results])),
        int((~done).sum()),
    )


def is2re_labels(atoms: Atoms) -> tuple[float, np.ndarray, np.ndarray]:
    """Relaxed energy (eV), relaxed positions (n_atoms, 3) in A, and (n_atoms,) bool: may move.

    Raises:
        ValueError: as :func:`is2re`.
    """
    missing = [] if "relaxed_energy" in atoms.info else ["info relaxed_energy"]
    missing += [f"array {name}" for name in ("relaxed_pos", "free") if name not in atoms.arrays]
    if missing:
        raise ValueError(
            f"{atoms.get_chemical_formula()} lacks {', '.join(missing)}; add relaxed_energy (eV) "
            "to the comment line, relaxed_pos:R:3 (A) and free:I:1 (1 free, 0 held) to the columns"
        )
    energy, relaxed = atoms.info["relaxed_energy"], atoms.arrays["relaxed_pos"]
    free = np.asarray(atoms.arrays["free"])
    if not isinstance(energy, (int, float, np.number)) or not np.isfinite(energy):
        raise ValueError(f"relaxed_energy = {energy!r} is not a finite number; give it in eV")
    if relaxed.shape != (len(atoms), 3) or not np.isfinite(relaxed).all():
        raise ValueError(
            f"relaxed_pos of shape {relaxed.shape} must be finite and of shape {(len(atoms), 3)}; "
            "write it as relaxed_pos:R:3"
        )
    if not np.isin(free, (0, 1)).all() or not free.any():
        raise ValueError(
            f"free holds {np.unique(free).tolist()}; give 1 to atoms that move, 0 to those held, "
            "at least one 1"
        )
    return float(energy), relaxed, free.astype(bool)


def _mean_distance(atoms: Atoms, places: np.ndarray, chosen: np.ndarray) -> float:
    apart = atoms.positions[chosen] - places[chosen]
    _, lengths = find_mic(apart, atoms.cell, atoms.pbc)
    return float(lengths.mean())
