"""Labels with GFN2-xTB: energies, forces, stresses, charges and dipoles by tblite."""

from ase import Atoms

from physrep_training.labels.charge_leak import leaked_charge
from physrep_training.labels.electrons import Electrons, electrons_of
from physrep_training.labels.separate_ions import Labels, label_separate_ions, stated_apart
from physrep_training.labels.with_tblite import METHOD, with_tblite

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


def label(atoms: Atoms, electrons: Electrons | None = None) -> Atoms:
    """A copy with REF_energy (eV), REF_forces (eV/A), REF_charges (e), charge and multiplicity.

    If it is not periodic, REF_dipole (e A, about the centre of mass); if it is periodic in three
    directions, REF_stress (six numbers in ASE's order and sign, eV/A^3).

    Labels of other methods under physrep's names are removed (see `earlier_labels`). Two ions that
    say so (``ions_apart``) are computed one by one (`label_separate_ions`).

    Raises:
        RuntimeError: the self-consistent cycle does not converge, or charge leaks between ions
            (`leaked_charge`).
        ValueError: ``ions_apart`` is stated of something else than two ions in vacuum.
    """
    electrons = electrons or electrons_of(atoms)
    apart = stated_apart(atoms, electrons)
    labels = label_separate_ions(atoms) if apart else _computed(atoms, electrons)
    atoms = atoms.copy()
    for name in earlier_labels(atoms):
        atoms.info.pop(name, None)
        atoms.arrays.pop(name, None)
    if not atoms.pbc.any():
        # tblite has it about the origin, in e A.
        atoms.info["REF_dipole"] = labels.dipole - electrons.charge * atoms.get_center_of_mass()
    if labels.stress is not None:
        atoms.info["REF_stress"] = labels.stress
    atoms.info.update(
        REF_energy=labels.energy,
        method=f"{METHOD}, ion by ion" if apart else METHOD,
        charge=electrons.charge,
        multiplicity=electrons.multiplicity,
    )
    atoms.new_array("REF_forces", labels.forces)
    atoms.new_array("REF_charges", labels.charges)
    return atoms


def _computed(atoms: Atoms, electrons: Electrons) -> Labels:
    atoms = with_tblite(atoms, electrons.charge, electrons.multiplicity)
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    results = atoms.calc.results
    leak = leaked_charge(atoms, results["charges"])
    if leak:
        raise RuntimeError(f"{leak:.2f} e have leaked from an ion to others")
    stress = atoms.get_stress() if atoms.pbc.all() else None
    return Labels(energy, forces, results["charges"], results["dipole"], stress)


def earlier_labels(atoms: Atoms) -> list[str]:
    """Names of labels that are there and that physrep would read next to new ones."""
    names = [*atoms.info, *atoms.arrays, *(atoms.calc.results if atoms.calc else ())]
    return [name for name in names if name.startswith(PREFIX) or name in PLAIN_LABELS]
