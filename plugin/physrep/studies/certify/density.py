"""The density that a potential gives a liquid: a short run at constant pressure."""

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.md.nose_hoover_chain import IsotropicMTKNPT

from physrep.analysis.structure.distributions import mean_density
from physrep.probes.dynamics import prepared
from physrep.studies.certify.check import Check, at_most

TIMESTEP, EVERY = 0.5, 20  # fs, steps
THERMOSTAT, BAROSTAT = 50.0, 500.0  # fs, 100 and 1000 timesteps
SETTLING = 0.3  # of the run, discarded
SOUND, POOR = 0.05, 0.2  # relative


def density_check(
    name: str,
    calculator: Calculator,
    atoms: Atoms,
    temperature: float,
    duration: float,
    seed: int,
) -> Check:
    """Relative deviation of the density at 1 bar from that of the structure.

    Martyna, Tobias and Klein's isotropic barostat (J. Chem. Phys. 101 (1994) 4177) of ASE.

    Args:
        temperature: K; duration: ps.

    Raises:
        Exception: whatever the calculator raises, also if it provides no stress.
    """
    rng = np.random.default_rng([seed, round(temperature)])
    moving = prepared(calculator, atoms, temperature, rng)
    integrator = IsotropicMTKNPT(
        moving,
        TIMESTEP * units.fs,
        temperature_K=temperature,
        pressure_au=units.bar,
        tdamp=THERMOSTAT * units.fs,
        pdamp=BAROSTAT * units.fs,
    )
    cells = []
    for _ in range(max(10, round(1000.0 * duration / (TIMESTEP * EVERY)))):
        integrator.run(EVERY)
        cells.append(moving.cell.array.copy())
    kept = np.array(cells[round(SETTLING * len(cells)) :])
    masses = moving.get_masses()
    found, start = mean_density(kept, masses), mean_density(atoms.cell.array[None], masses)
    apart = abs(float(found.value / start.value) - 1.0)
    error = f" +- {float(found.error):.3f}" if np.isfinite(found.error) else ""
    note = (
        f"{float(found.value):.3f}{error} g/cm3 at 1 bar, {temperature:g} K, "
        f"{duration:g} ps; {float(start.value):.3f} in the structure"
    )
    return at_most(name, apart, "relative", SOUND, POOR, note)
