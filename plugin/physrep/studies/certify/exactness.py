"""Do forces and stress follow from the energy, and is it the same in every frame of reference?"""

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from ase.calculators.calculator import Calculator, PropertyNotImplementedError
from ase.stress import voigt_6_to_full_3x3_stress
from scipy.spatial.transform import Rotation

from physrep.io.structures.total_charge import state_charge, stated_by, total_charge
from physrep.studies.certify.check import Check, at_most, skipped

STEP = 0.01  # A; single precision has 1e-5 eV of noise, which this step turns into 1e-3 eV/A
STRAIN = 2e-3
N_DIRECTIONS = 6
FAR = 40.0  # A


def exactness(calculator: Calculator, atoms: Atoms, seed: int = 0) -> Iterator[Check]:
    """Forces and virial against finite differences; invariance; size extensivity.

    Args:
        atoms: the system, periodic or not; not changed.
    """
    rng = np.random.default_rng(seed)
    yield forces_check(calculator, atoms, rng)
    yield virial_check(calculator, atoms, rng)
    yield from invariance_checks(calculator, atoms, rng)
    yield extensivity_check(calculator, atoms)


def energy_and_forces(calculator: Calculator, atoms: Atoms) -> tuple[float, np.ndarray]:
    """eV and (n_atoms, 3) eV/A of a copy, so that no result is kept with the caller's atoms."""
    copy = atoms.copy()
    copy.calc = calculator
    return float(copy.get_potential_energy()), copy.get_forces()


def _slope(energies: list[float], step: float) -> float:
    """Central difference of fourth order from energies at -2, -1, 1, 2 steps."""
    a, b, c, d = energies
    return (8.0 * (c - b) - (d - a)) / (12.0 * step)


def forces_check(calculator: Calculator, atoms: Atoms, rng: np.random.Generator) -> Check:
    """Along random directions of all atoms at once, each of length 1 per atom."""
    _, forces = energy_and_forces(calculator, atoms)
    worst = 0.0
    for _ in range(N_DIRECTIONS):
        direction = rng.normal(size=forces.shape)
        direction /= np.sqrt((direction**2).sum(axis=1).mean())
        energies = []
        for k in (-2, -1, 1, 2):
            moved = atoms.copy()
            moved.positions += k * STEP * direction
            energies.append(energy_and_forces(calculator, moved)[0])
        found = _slope(energies, STEP) + float((forces * direction).sum())
        worst = max(worst, abs(found) / np.sqrt(len(atoms)))
    return at_most("exactness: forces", worst, "eV/A", 2e-3, 1e-2, "finite differences")


def virial_check(calculator: Calculator, atoms: Atoms, rng: np.random.Generator) -> Check:
    """Stress times volume along random strains."""
    name = "exactness: virial"
    if atoms.cell.rank < 3:
        return skipped(name, "the system has no volume")
    copy = atoms.copy()
    copy.calc = calculator
    try:
        stress = voigt_6_to_full_3x3_stress(copy.get_stress()) * atoms.get_volume()
    except (PropertyNotImplementedError, NotImplementedError):
        return skipped(name, "the calculator does not provide a stress")
    worst = 0.0
    for _ in range(N_DIRECTIONS // 2):
        strain = rng.normal(size=(3, 3))
        strain = (strain + strain.T) / np.linalg.norm(strain + strain.T)
        energies = []
        for k in (-2, -1, 1, 2):
            strained = atoms.copy()
            cell = atoms.cell.array @ (np.eye(3) + k * STRAIN * strain)
            strained.set_cell(cell, scale_atoms=True)
            energies.append(energy_and_forces(calculator, strained)[0])
        worst = max(worst, abs(_slope(energies, STRAIN) - float((stress * strain).sum())))
    per_atom = worst / len(atoms)
    return at_most(name, per_atom, "eV/atom", 2e-3, 1e-2, "finite differences of strain")


def invariance_checks(
    calculator: Calculator, atoms: Atoms, rng: np.random.Generator
) -> Iterator[Check]:
    """Translation, rotation, order of the atoms, choice of the periodic image."""
    energy, forces = energy_and_forces(calculator, atoms)
    q = Rotation.random(random_state=rng).as_matrix()
    order = rng.permutation(len(atoms))
    moved, turned, imaged = atoms.copy(), atoms.copy(), atoms.copy()
    moved.positions += rng.uniform(-5.0, 5.0, 3)
    turned.set_cell(atoms.cell.array @ q)
    turned.positions = atoms.positions @ q
    images = rng.integers(-2, 3, size=(len(atoms), 3)) * atoms.pbc
    imaged.positions += images @ atoms.cell.array
    cases = {
        "translation": (moved, forces),
        "rotation": (turned, forces @ q),
        "order of atoms": (atoms[order], forces[order]),
    }
    if atoms.pbc.any():
        cases["periodic image"] = (imaged, forces)
    for name, (other, expected) in cases.items():
        found, other_forces = energy_and_forces(calculator, other)
        apart = max(abs(found - energy) / len(atoms), float(np.abs(other_forces - expected).max()))
        yield at_most(f"exactness: {name}", apart, "eV/atom, eV/A", 1e-3, 1e-2)


def extensivity_check(calculator: Calculator, atoms: Atoms) -> Check:
    """Two cells, or two copies far apart, have twice the energy."""
    name, charge = "exactness: size extensivity", total_charge(stated_by(atoms)) or 0.0
    if charge and not atoms.pbc.any():
        why = (
            f"the structure has a charge of {charge:g} e: two of them repel each other, however far"
        )
        return skipped(name, why)
    energy, _ = energy_and_forces(calculator, atoms)
    if atoms.pbc.any():
        doubled = np.diag([2 if repeats else 1 for repeats in atoms.pbc])
        double, times = make_supercell(atoms, doubled), int(np.linalg.det(doubled).round())
    else:
        other = atoms.copy()
        other.positions += np.ptp(atoms.positions, axis=0).max() + FAR
        double, times = atoms + other, 2
    if charge:
        state_charge(double, times * charge)
    found, _ = energy_and_forces(calculator, double)
    apart = abs(found - times * energy) / len(double)
    return at_most(name, apart, "eV/atom", 1e-4, 1e-3)
