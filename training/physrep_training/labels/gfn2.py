"""Labels with GFN2-xTB, by tblite, as it is by default."""

from ase import Atoms

from physrep_training.labels.electrons import Electrons, electrons_of
from physrep_training.labels.labelled import labelled
from physrep_training.labels.tblite_method import TbliteMethod
from physrep_training.labels.with_tblite import METHOD


def label(atoms: Atoms, electrons: Electrons | None = None) -> Atoms:
    """A copy with labels, see `labelled`; electrons: by default those that the frame states.

    Raises:
        RuntimeError: the self-consistent cycle does not converge, or charge leaks between ions
            (`leaked_charge`).
        ValueError: ``ions_apart`` is stated of something else than two ions in vacuum.
    """
    return labelled(atoms, electrons or electrons_of(atoms), TbliteMethod(METHOD))
