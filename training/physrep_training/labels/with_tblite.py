"""Structures that compute with GFN1-xTB or GFN2-xTB, by tblite."""

from typing import Any

from ase import Atoms

METHOD = "GFN2-xTB"


def with_tblite(
    atoms: Atoms,
    charge: int,
    multiplicity: int,
    accuracy: float = 1.0,
    name: str = METHOD,
    **settings: Any,
) -> Atoms:
    """A copy that computes with tblite; the number of threads must be set before.

    Each self-consistent cycle begins where the last one of this copy ended.

    Args:
        charge: in e; multiplicity: 2 S + 1; accuracy: of tblite's thresholds, smaller is stricter;
        name: of the method, as tblite has it; settings: others of tblite's calculator.
    """
    from tblite.ase import TBLite  # after the number of threads is set

    atoms = atoms.copy()
    atoms.calc = TBLite(
        method=name,
        charge=charge,
        multiplicity=multiplicity,
        accuracy=accuracy,
        verbosity=0,
        **settings,
    )
    return atoms
