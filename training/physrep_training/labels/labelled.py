"""A frame with its labels, and where they come from, under the names that physrep reads."""

import numpy as np
from ase import Atoms

from physrep_training.labels.electrons import Electrons
from physrep_training.labels.level import LabelMethod, Labels

PREFIX = "REF_"  # of every label that physrep writes
PLAIN_LABELS = (
    "energy",
    "free_energy",
    "forces",
    "virial",
    "virials",
    "stress",
    "charges",
    "dipole",
)


def labelled(atoms: Atoms, electrons: Electrons, method: LabelMethod) -> Atoms:
    """A copy with REF_energy (eV), REF_forces (eV/A) and, where the method has them, REF_charges
    (e), REF_dipole (e A, about the centre of mass; not periodic) or REF_stress (six numbers in
    ASE's order and sign, eV/A^3; periodic in three directions); with method, method_program,
    method_settings, charge and multiplicity.

    Labels of other methods under physrep's names are removed (see `earlier_labels`).

    Raises:
        RuntimeError, ValueError, ArithmeticError: the method has no labels for it.
    """
    labels = method.compute(atoms, electrons)
    _require_finite(labels)
    atoms = atoms.copy()
    for name in earlier_labels(atoms):
        atoms.info.pop(name, None)
        atoms.arrays.pop(name, None)
    if labels.dipole is not None:
        centre = atoms.get_center_of_mass()
        atoms.info["REF_dipole"] = labels.dipole - electrons.charge * centre
    if labels.stress is not None:
        atoms.info["REF_stress"] = labels.stress
    atoms.info.update(
        REF_energy=labels.energy,
        method=method.name + labels.way,
        method_program=method.program,
        method_settings=method.settings,
        charge=electrons.charge,
        multiplicity=electrons.multiplicity,
    )
    atoms.new_array("REF_forces", labels.forces)
    if labels.charges is not None:
        atoms.new_array("REF_charges", labels.charges)
    return atoms


def _require_finite(labels: Labels) -> None:
    for name, values in labels._asdict().items():
        if name != "way" and values is not None and not np.isfinite(values).all():
            raise RuntimeError(f"{name} is not finite")


def earlier_labels(atoms: Atoms) -> list[str]:
    """Names of labels that are there and that physrep would read next to new ones."""
    names = [*atoms.info, *atoms.arrays, *(atoms.calc.results if atoms.calc else ())]
    return [name for name in names if name.startswith(PREFIX) or name in PLAIN_LABELS]
