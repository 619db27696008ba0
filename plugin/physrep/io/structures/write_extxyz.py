"""Structures as extended XYZ, under the names that physrep reads without being told."""

import io

import ase.io
import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from physrep.io.structures.extxyz import PREFIX
from physrep.io.structures.structure import LABELS, Structure

SET_ASIDE = "unread_"  # before a name that this frame's own label takes


def extxyz_text(structure: Structure) -> str:
    """One frame: labels as REF_energy (eV), REF_forces (eV/A), REF_charges (e), REF_dipole (e A),
    REF_stress (eV/A^3, six numbers in ASE's order and sign; of a structure that is periodic in
    three directions) or REF_virial (eV), and everything of `info`. Positions and forces have 8
    decimals.

    Something else in `info` under the name of a label, such as one of another level of theory, gets
    SET_ASIDE before its name.
    """
    atoms = _atoms(structure)
    text = io.StringIO()
    ase.io.write(text, atoms, format="extxyz")
    return text.getvalue()


def _atoms(structure: Structure) -> Atoms:
    atoms = Atoms(structure.species, structure.positions, cell=structure.cell, pbc=structure.pbc)
    taken = {PREFIX + label for label in (*LABELS, "stress")}
    for name, value in structure.info.items():
        free = SET_ASIDE + name if name in taken else name
        if name in structure.columns:
            atoms.set_array(free, np.asarray(value))
        else:
            atoms.info[free] = value
    for label in ("forces", "charges"):
        if getattr(structure, label) is not None:
            atoms.set_array(PREFIX + label, getattr(structure, label))
    for label in ("energy", "dipole"):
        if getattr(structure, label) is not None:
            atoms.info[PREFIX + label] = getattr(structure, label)
    _add_virial(atoms, structure)
    return atoms


def _add_virial(atoms: Atoms, structure: Structure) -> None:
    if structure.virial is None:
        return
    if structure.pbc.all():
        stress = -structure.virial / atoms.get_volume()
        atoms.info[f"{PREFIX}stress"] = full_3x3_to_voigt_6_stress(stress)
    else:
        atoms.info[f"{PREFIX}virial"] = structure.virial.ravel()
