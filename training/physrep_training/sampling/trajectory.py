"""MD of one run, step by step, with an eye on contacts; it can be stopped and continued."""

from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import PropertyNotImplementedError
from ase.md.langevinbaoab import LangevinBAOAB
from ase.optimize import FIRE

from physrep.analysis.structure.near_pairs import pairs_within
from physrep.errors import UserError
from physrep.progress import say
from physrep_training.sampling.md_settings import TIME_STEP, TOO_CLOSE, Run

RELAXATION_TIME = 50.0  # fs, of the velocities by friction
LARGEST_FORCE = 10.0  # eV/A; MD at 1000 K hardly has larger ones
RELAXING_STEPS = 200
# Of the barostat: the volume swings in 0.5 ps if the liquid is as stiff as most ionic liquids are.
BULK_MODULUS = 3.0 * units.GPa
VOLUME_PERIOD = 500.0  # fs
# Temperatures and volumes, in units of what was asked for, at which a potential has failed.
TOO_HOT, TOO_LARGE = 10.0, 2.0


def relaxed_start(atoms: Atoms) -> None:
    """Take the largest forces out of atoms that were packed, not simulated; others do not move.

    Raises:
        UserError: energy or forces are not finite.
    """
    largest = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
    if not np.isfinite(largest + atoms.get_potential_energy()):
        raise UserError("energy or forces of the start are not finite; choose another --with")
    if largest > LARGEST_FORCE:
        with FIRE(atoms, logfile=None, maxstep=0.05) as search:
            search.run(fmax=LARGEST_FORCE, steps=RELAXING_STEPS)
        say("sample", f"the start has a force of {largest:.0f} eV/A: relaxed to {LARGEST_FORCE:g}")


class Trajectory:
    """Langevin dynamics at the temperature of a run: BAOAB (B. Leimkuhler, C. Matthews, J. Chem.
    Phys. 138 (2013) 174102), and with a pressure the barostat of D. Quigley and M. I. J. Probert
    (J. Chem. Phys. 120 (2004) 11432), which keeps the shape of the cell. Both are ASE's.

    Attributes:
        atoms: with their calculator; they move. n_steps: done.
    """

    def __init__(
        self,
        atoms: Atoms,
        run: Run,
        rng: np.random.Generator,
        n_steps: int = 0,
        first_volume: float | None = None,
    ) -> None:
        """Velocities are those of the atoms; first_volume: A^3, by default that of the atoms.

        Raises:
            UserError: a pressure, and a potential without stress.
        """
        self.atoms, self.run, self.rng, self.n_steps = atoms, run, rng, n_steps
        if run.pressure is not None:
            first_volume = first_volume or atoms.get_volume()
        self.first_volume = first_volume
        try:
            self.integrator = LangevinBAOAB(
                atoms,
                TIME_STEP * units.fs,
                temperature_K=run.temperature,
                T_tau=RELAXATION_TIME * units.fs,
                rng=rng,
                **self._barostat(),
            )
        except PropertyNotImplementedError:
            raise UserError(
                f"--pressure {run.pressure:g}: the potential has no stress; leave --pressure out, "
                "or choose another --with"
            ) from None

    def _barostat(self) -> dict[str, Any]:
        """Its mass W = 9 B V (period / 2 pi)^2: W d2(ln L)/dt2 = 3 V (P - P0) = -9 B V ln(L/L0)."""
        if self.run.pressure is None or self.first_volume is None:
            return {}
        period = VOLUME_PERIOD * units.fs
        return {
            "externalstress": -self.run.pressure * units.bar,
            "hydrostatic": True,
            "P_tau": period,
            "P_mass": 9.0 * BULK_MODULUS * self.first_volume * (period / (2.0 * np.pi)) ** 2,
        }

    def step(self) -> None:
        """One time step."""
        self.integrator.step()
        self.n_steps += 1

    def failure(self) -> str:
        """Why there is no sense in going on; "" where there is."""
        atoms, run = self.atoms, self.run
        if not np.isfinite(atoms.positions).all() or not np.isfinite(atoms.get_potential_energy()):
            return "positions or energy are no longer finite"
        pairs = pairs_within(atoms.positions, atoms.cell.array, TOO_CLOSE, atoms.pbc)
        if len(pairs.vectors):
            return f"{np.linalg.norm(pairs.vectors, axis=1).min():.2f} A between atoms"
        temperature = 2.0 * atoms.get_kinetic_energy() / (3 * len(atoms) * units.kB)
        if temperature > TOO_HOT * max(run.temperature, 100.0):
            return f"the atoms are at {temperature:.0f} K"
        if self.first_volume is None:
            return ""
        ratio = atoms.get_volume() / self.first_volume
        far = not 1.0 / TOO_LARGE < ratio < TOO_LARGE
        return f"the box has {ratio:.2f} times its first volume" if far else ""

    def state(self) -> dict[str, Any]:
        """All that `restore` needs, for JSON."""
        return {
            "n_steps": self.n_steps,
            "positions": self.atoms.positions.tolist(),
            "momenta": self.atoms.get_momenta().tolist(),
            "cell": self.atoms.cell.array.tolist(),
            "barostat": getattr(self.integrator, "p_eps", 0.0),
            "first_volume": self.first_volume,
            "generator": self.rng.bit_generator.state,
        }

    @classmethod
    def restore(cls, atoms: Atoms, run: Run, state: dict[str, Any]) -> "Trajectory":
        """A run as it was; atoms: of the same system, with the calculator."""
        atoms.set_cell(state["cell"])
        atoms.positions = state["positions"]
        atoms.set_momenta(state["momenta"])
        rng = np.random.default_rng()
        rng.bit_generator.state = state["generator"]
        restored = cls(atoms, run, rng, state["n_steps"], state["first_volume"])
        if run.pressure is not None:
            restored.integrator.p_eps = state["barostat"]
        return restored
