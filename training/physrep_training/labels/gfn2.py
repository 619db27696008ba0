"""Labels with GFN2-xTB: energies and forces by tblite."""

from ase import Atoms

from physrep_training.labels.electrons import Electrons, electrons_of

METHOD = "GFN2-xTB"
PREFIX = "REF_"  # of every label that physrep writes
PLAIN_LABELS = ("energy", "free_energy", "forces", "virial", "virials", "stress")


def with_calculator(atoms: Atoms, electrons: Electrons | None = None) -> Atoms:
    """A copy that computes with GFN2-xTB; the number of threads must be set before.

    electrons: charge and spin; by default those that the atoms state (`electrons_of`).
    """
    from tblite.ase import TBLite  # after the number of threads is set

    electrons = electrons or electrons_of(atoms)
    atoms = atoms.copy()
    atoms.calc = TBLite(
        method=METHOD,
        charge=electrons.charge,
        multiplicity=electrons.multiplicity,
        verbosity=0,
    )
    return atoms


def label(atoms: Atoms, electrons: Electrons | None = None) -> Atoms:
    """A copy with REF_energy (eV), REF_forces (eV/A), charge and multiplicity.

    Labels of other methods under physrep's names are removed (see `earlier_labels`).

    Raises:
        RuntimeError: the self-consistent cycle does not converge.
    """
    electrons = electrons or electrons_of(atoms)
    atoms = with_calculator(atoms, electrons)
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    atoms.calc = None
    for name in earlier_labels(atoms):
        atoms.info.pop(name, None)
        atoms.arrays.pop(name, None)
    atoms.info.update(
        REF_energy=energy,
        method=METHOD,
        charge=electrons.charge,
        multiplicity=electrons.multiplicity,
    )
    atoms.new_array("REF_forces", forces)
    return atoms


def earlier_labels(atoms: Atoms) -> list[str]:
    """Names of labels that are there and that physrep would read next to new ones."""
    names = [*atoms.info, *atoms.arrays, *(atoms.calc.results if atoms.calc else ())]
    return [name for name in names if name.startswith(PREFIX) or name in PLAIN_LABELS]
