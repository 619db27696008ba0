"""Structure recovery: does a perturbed molecule relax back to its stable structure?"""

from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from physrep.analysis.structure.superposition import structure_rmsd
from physrep.probes.relaxation import FMAX, STEPS, relax

NOISE = 0.1  # A, standard deviation of every coordinate
RECOVERED_WITHIN = 0.1  # A


class Recovery(NamedTuple):
    """stable_energy (eV) and stable_forces (n_atoms, 3) (eV/A): the model's at the stable
    structure; delta_p: RMSD in A from the stable to the relaxed structure after optimal
    superposition; delta_e: |E_relaxed - E_stable| in eV, by the model. Both NaN where the
    relaxation failed, and ``failure`` describes how.
    """

    stable_energy: float
    stable_forces: np.ndarray
    delta_p: float
    delta_e: float
    n_steps: int
    converged: bool
    failure: str

    @property
    def recovered(self) -> bool:
        """Back within RECOVERED_WITHIN; never where the relaxation failed."""
        return self.delta_p < RECOVERED_WITHIN


def perturbed(atoms: Atoms, rng: np.random.Generator, noise: float = NOISE) -> Atoms:
    """A copy with Gaussian noise, standard deviation in A, on every coordinate."""
    moved = atoms.copy()
    moved.positions += rng.normal(0.0, noise, moved.positions.shape)
    return moved


def recover(
    calculator: Calculator,
    stable: Atoms,
    rng: np.random.Generator,
    noise: float = NOISE,
    fmax: float = FMAX,
    steps: int = STEPS,
) -> Recovery:
    """Perturb a stable structure, relax it at fixed cell, compare.

    Source: "Towards Physically Reliable Molecular Representation Learning" (UAI 2023), Fig. 2b, c.

    Args:
        stable: not changed; noise: A; fmax: eV/A.

    Raises:
        Exception: whatever the calculator raises at the stable structure; later errors are
            reported as ``failure``.
    """
    at_rest = stable.copy()
    at_rest.calc = calculator
    energy, forces = float(at_rest.get_potential_energy()), at_rest.get_forces().copy()
    found = relax(calculator, perturbed(stable, rng, noise), fmax, steps)
    delta_p = delta_e = np.nan
    if not found.failure:
        delta_p = structure_rmsd(found.atoms, stable)
        delta_e = abs(float(found.energies[-1]) - energy)
    n_steps = max(len(found.energies) - 1, 0)
    return Recovery(energy, forces, delta_p, delta_e, n_steps, found.converged, found.failure)
