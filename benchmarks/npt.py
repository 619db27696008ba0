"""Constant pressure with one file in two engines: density of ethylammonium nitrate, 300 K, 1 bar.

``python benchmarks/npt.py openmm --ps 100`` and ``... lammps ...`` write a row every 0.1 ps to
results/npt-ENGINE.csv; ``... compare`` reads both, leaves out the first fifth, and prints means,
standard errors from blocks of several lengths, and the difference of the densities.
"""

import argparse
import csv
import tempfile
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from lammps_process import run_lammps
from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.statistics.blocks import block_average
from physrep.engines.lammps import write_data

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SPECIES = ["C", "H", "N", "O"]
EVERY = 200  # steps of 0.5 fs
DALTON_PER_NM3 = 1.66053906660e-3  # in g/cm3
ROW = 0.1  # ps between rows
SETTLE = 0.2  # share of the run that does not count
BLOCKS = (1.0, 2.5, 5.0, 10.0)  # ps

LAMMPS_INPUT = """
units metal
atom_style atomic
read_data data
pair_style physrep
pair_coeff * * {file} {species}
neighbor 1.0 bin
neigh_modify every 1 delay 0 check yes
velocity all create 300 2026 mom yes
timestep 0.0005
fix ensemble all npt temp 300 300 0.1 iso 1.01325 1.01325 1.0
variable density equal density
variable picoseconds equal step*dt
variable temperature equal temp
fix rows all print {every} "${{picoseconds}},${{density}},${{temperature}}" &
  file rows.csv title "" screen no
thermo 10000
run {steps}
"""


def lammps(file: Path, start: Atoms, picoseconds: float, output: Path) -> None:
    """Nose-Hoover thermostat and barostat (fix npt)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(start, folder / "data", SPECIES)
        steps = round(picoseconds / 0.0005)
        text = LAMMPS_INPUT.format(
            file=file.resolve(), species=" ".join(SPECIES), every=EVERY, steps=steps
        )
        run_lammps(text.replace("rows.csv", str(output.resolve())), folder)


def openmm(file: Path, start: Atoms, picoseconds: float, output: Path) -> None:
    """Langevin thermostat, Monte Carlo barostat that moves whole ions."""
    import torch  # noqa: F401  before openmm
    from openmm import HarmonicBondForce, LangevinMiddleIntegrator, MonteCarloBarostat, System, app
    from openmm.unit import bar, femtosecond, kelvin, nanometer, picosecond

    from physrep.engines.openmm import TorchForce

    topology = app.PDBFile(str(ROOT / "md_examples" / "ean.pdb")).topology
    system = System()
    for mass in start.get_masses():
        system.addParticle(mass)
    system.setDefaultPeriodicBoxVectors(*(start.cell.array * 0.1))
    system.addForce(TorchForce(file, topology))
    # Without energy: they tell OpenMM which atoms the barostat has to move together.
    bonds = HarmonicBondForce()
    pairs = find_bonds(start.positions, start.numbers, start.cell.array, start.pbc).pairs
    for i, j in pairs:
        bonds.addBond(int(i), int(j), 0.1, 0.0)
    bonds.setUsesPeriodicBoundaryConditions(True)
    system.addForce(bonds)
    system.addForce(MonteCarloBarostat(1.0 * bar, 300 * kelvin, 25))
    integrator = LangevinMiddleIntegrator(300 * kelvin, 1 / picosecond, 0.5 * femtosecond)
    integrator.setRandomNumberSeed(2026)
    simulation = app.Simulation(topology, system, integrator)
    simulation.context.setPositions(start.positions * 0.1)
    simulation.context.setVelocitiesToTemperature(300 * kelvin, 2026)
    total = sum(start.get_masses())
    freedom = 1.5 * len(start) * 0.00831446261815324  # kJ/mol/K
    with output.open("w") as rows:
        for step in range(EVERY, round(picoseconds / 0.0005) + 1, EVERY):
            simulation.step(EVERY)
            state = simulation.context.getState(getEnergy=True)
            volume = state.getPeriodicBoxVolume().value_in_unit(nanometer**3)
            density = total / volume * DALTON_PER_NM3
            temperature = state.getKineticEnergy()._value / freedom
            print(f"{step * 0.0005:.4f},{density:.6f},{temperature:.2f}", file=rows, flush=True)


def read_rows(path: Path) -> np.ndarray:
    """(n, 3): ps, g/cm3, K."""
    with path.open() as file:
        rows = [row for row in csv.reader(file) if row and not row[0].startswith("#")]
    return np.array(rows, dtype=float)


def block_errors(values: np.ndarray) -> dict[float, float]:
    """Block length in ps -> standard error of the mean from blocks of that length; what rises with
    the length is still correlated.
    """
    errors = {}
    for length in BLOCKS:
        n = int(len(values) * ROW // length)
        size = round(length / ROW)
        means = values[len(values) - n * size :].reshape(n, size).mean(axis=1)
        errors[length] = float(means.std(ddof=1) / np.sqrt(n))
    return errors


def compare() -> None:
    """Density and temperature of each engine, without the start, and the difference of the
    densities; the error is the largest of those by blocks and by the statistical inefficiency.
    """
    found = {}
    for engine in ("openmm", "lammps"):
        rows = read_rows(RESULTS / f"npt-{engine}.csv")
        rows = rows[int(SETTLE * len(rows)) :]
        density, temperature = block_average(rows[:, 1]), block_average(rows[:, 2])
        by_blocks = block_errors(rows[:, 1])
        error = float(np.nanmax([density.error, *by_blocks.values()]))
        found[engine] = float(density.value), error
        print(
            f"{engine}: {density.value:.4f} +- {error:.4f} g/cm3 "
            f"(statistical inefficiency: {density.error:.4f}; "
            + ", ".join(f"blocks of {k:g} ps: {e:.4f}" for k, e in by_blocks.items())
            + f"), {temperature.value:.1f} +- {temperature.error:.1f} K, "
            f"last {len(rows) * ROW:.0f} ps"
        )
    (one, e1), (two, e2) = found.values()
    apart, error = one - two, float(np.hypot(e1, e2))
    print(f"difference: {apart:.4f} +- {error:.4f} g/cm3, {abs(apart) / error:.1f} sigma")


def main() -> None:
    """Run one engine, or compare both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["openmm", "lammps", "compare"])
    parser.add_argument("file", type=Path, nargs="?", help="exported for md_examples/ean.pdb")
    parser.add_argument("--ps", type=float, default=100.0)
    parser.add_argument("-o", "--output", type=Path)
    parsed = parser.parse_args()
    if parsed.what == "compare":
        compare()
        return
    start = next(ase.io.iread(ROOT / "md_examples" / "ean.pdb"))
    output = parsed.output or RESULTS / f"npt-{parsed.what}.csv"
    {"openmm": openmm, "lammps": lammps}[parsed.what](parsed.file, start, parsed.ps, output)


if __name__ == "__main__":
    main()
