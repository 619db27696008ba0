"""Labels with GFN2-xTB: energies and forces by tblite."""

from ase import Atoms

METHOD = "GFN2-xTB"


def with_calculator(atoms: Atoms) -> Atoms:
    """A copy that computes with GFN2-xTB; the number of threads must be set before."""
    from tblite.ase import TBLite  # after the number of threads is set

    atoms = atoms.copy()
    atoms.calc = TBLite(method=METHOD, verbosity=0)
    return atoms


def label(atoms: Atoms) -> Atoms:
    """A copy with REF_energy (eV) and REF_forces (eV/A).

    Raises:
        RuntimeError: the self-consistent cycle does not converge.
    """
    atoms = with_calculator(atoms)
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    atoms.calc = None
    atoms.info.update(REF_energy=energy, method=METHOD)
    atoms.new_array("REF_forces", forces)
    return atoms
