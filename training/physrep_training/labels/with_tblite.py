"""Structures that compute with GFN2-xTB, by tblite."""

from ase import Atoms

METHOD = "GFN2-xTB"


def with_tblite(atoms: Atoms, charge: int, multiplicity: int, accuracy: float = 1.0) -> Atoms:
    """A copy that computes with GFN2-xTB; the number of threads must be set before.

    Each self-consistent cycle begins where the last one of this copy ended.

    Args:
        charge: in e; multiplicity: 2 S + 1; accuracy: of tblite's thresholds, smaller is stricter.
    """
    from tblite.ase import TBLite  # after the number of threads is set

    atoms = atoms.copy()
    atoms.calc = TBLite(
        method=METHOD,
        charge=charge,
        multiplicity=multiplicity,
        accuracy=accuracy,
        verbosity=0,
    )
    return atoms
