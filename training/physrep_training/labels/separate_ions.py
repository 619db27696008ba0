"""Labels of two ions that are far apart, from GFN2-xTB of each ion alone.

A closed-shell calculation of a cation and an anion far apart lets the electron of the anion spread
over the cation, because fractional charges cost too little there: with the shapes of a liquid at
300 K the anion of ethylammonium nitrate has -1.00 e at 8 A, -0.94 e at 14 A and -0.88 e at 20 A,
and the energy is up to 0.16 eV too low; often the self-consistent cycle does not converge at all.
Apart from that, the interaction is Coulomb's law of the two charge distributions. So here

    E = E(cation) + E(anion) + sum_ij k q_i q_j / r_ij + dipole terms

with the charges of each ion alone, and with the dipole that its charges lack (GFN2-xTB has dipoles
on atoms) as a point dipole in its centre of mass. Induction, quadrupoles and the damping of
GFN2-xTB's Coulomb law, which partly cancel, are left out: for ethylammonium nitrate, where nothing
leaks, the energy differs from that of the pair by 13, 10 and 6 meV (RMS) at 8, 9 and 10 A, and the
forces by 5 to 3 meV/A (mean).
"""

from typing import NamedTuple

import numpy as np
from ase import Atoms

from physrep.units import COULOMB_CONSTANT
from physrep_training.labels.electrons import Electrons
from physrep_training.labels.level import Labels
from physrep_training.labels.with_tblite import METHOD, with_tblite

STEP = 0.01  # A, of the central differences of the interaction
SEPARATE = ", ion by ion"  # after the name of the method
ACCURACY = 0.1  # of thresholds, see `with_tblite`


class Distribution(NamedTuple):
    """Charges (n,) in e at positions (n, 3) in A, and a point dipole (3,) in e A at centre (3,)."""

    positions: np.ndarray
    charges: np.ndarray
    centre: np.ndarray
    dipole: np.ndarray


class IonLabels(NamedTuple):
    """Of one ion alone: energy (eV), forces (n, 3; eV/A), charge distribution."""

    energy: float
    forces: np.ndarray
    distribution: Distribution


def label_separate_ions(atoms: Atoms, name: str = METHOD) -> Labels:
    """Labels of the two ions that the column ``ion`` tells apart, with ``ion_charges``; name: of
    the method, see `with_tblite`.

    Raises:
        RuntimeError: the self-consistent cycle of an ion does not converge.
    """
    rows = [np.flatnonzero(atoms.arrays["ion"] == k) for k in (0, 1)]
    charges = [int(charge) for charge in atoms.info["ion_charges"]]
    ions = [with_tblite(atoms[rows[k]], charges[k], 1, ACCURACY, name) for k in (0, 1)]
    alone = [label_ion(ion) for ion in ions]
    clouds = [ion.distribution for ion in alone]
    forces = np.zeros((len(atoms), 3))
    for k, other in ((0, clouds[1]), (1, clouds[0])):
        forces[rows[k]] = alone[k].forces + interaction_forces(ions[k], other)
    atomic = np.empty(len(atoms))
    atomic[rows[0]], atomic[rows[1]] = (cloud.charges for cloud in clouds)
    return Labels(
        sum(ion.energy for ion in alone) + interaction(*clouds),
        forces,
        atomic,
        sum(cloud.dipole + cloud.charges @ cloud.positions for cloud in clouds),
        way=SEPARATE,
    )


def label_ion(ion: Atoms) -> IonLabels:
    """Labels of one ion; ion: with a calculator, see `with_tblite`."""
    energy, forces = ion.get_potential_energy(), ion.get_forces()
    charges = ion.calc.results["charges"]
    missing = ion.calc.results["dipole"] - charges @ ion.positions
    cloud = Distribution(ion.positions.copy(), charges, ion.get_center_of_mass(), missing)
    return IonLabels(float(energy), forces, cloud)


def interaction(one: Distribution, other: Distribution) -> float:
    """Coulomb energy of two distributions, eV."""
    apart = other.positions[None] - one.positions[:, None]
    charges = one.charges[:, None] * other.charges / np.linalg.norm(apart, axis=2)
    energy = charges.sum() + _of_dipole(one, other) + _of_dipole(other, one)
    apart = other.centre - one.centre
    r = np.linalg.norm(apart)
    energy += one.dipole @ other.dipole / r**3
    energy -= 3.0 * (one.dipole @ apart) * (other.dipole @ apart) / r**5
    return float(COULOMB_CONSTANT * energy)


def _of_dipole(one: Distribution, other: Distribution) -> float:
    """The dipole of one with the charges of the other, in e^2/A."""
    apart = other.positions - one.centre
    return float((other.charges * (apart @ one.dipole) / np.linalg.norm(apart, axis=1) ** 3).sum())


def interaction_forces(ion: Atoms, other: Distribution) -> np.ndarray:
    """Minus the derivative of the interaction by the positions of one ion, (n, 3) eV/A.

    By central differences, since its charges change with its shape.
    """
    forces, start = np.empty((len(ion), 3)), ion.positions.copy()
    for atom in range(len(ion)):
        for axis in range(3):
            energies = []
            for step in (STEP, -STEP):
                ion.positions = start
                ion.positions[atom, axis] += step
                energies.append(interaction(label_ion(ion).distribution, other))
            forces[atom, axis] = -(energies[0] - energies[1]) / (2.0 * STEP)
    ion.positions = start
    return forces


def stated_apart(atoms: Atoms, electrons: Electrons) -> bool:
    """Whether a frame asks for these labels: ``ions_apart`` is true, and it has two closed-shell
    ions.

    Raises:
        ValueError: it asks for them and does not tell the ions apart.
    """
    if not atoms.info.get("ions_apart"):
        return False
    charges = np.atleast_1d(atoms.info.get("ion_charges", ()))
    ions = atoms.arrays.get("ion")
    if ions is None or len(charges) != 2 or set(ions.tolist()) != {0, 1}:
        raise ValueError(
            "ions_apart needs a column ion of 0 and 1 and ion_charges of two numbers, as 'physrep "
            "ions' writes them; remove ions_apart or add them"
        )
    if charges.sum() != electrons.charge or electrons.multiplicity != 1 or atoms.pbc.any():
        raise ValueError(
            f"ions_apart is for two closed-shell ions in vacuum; the charges are "
            f"{charges.tolist()}, the total is {electrons.charge:+d}, the multiplicity is "
            f"{electrons.multiplicity}, pbc is {atoms.pbc.tolist()}: remove ions_apart"
        )
    return True
