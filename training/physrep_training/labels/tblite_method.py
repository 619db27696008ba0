"""GFN1-xTB and GFN2-xTB, by tblite."""

from collections.abc import Sequence
from importlib.metadata import version

from ase import Atoms

from physrep.config import StrictModel
from physrep_training.bounds import Count, Positive
from physrep_training.labels.charge_leak import leaked_charge
from physrep_training.labels.electrons import Electrons
from physrep_training.labels.level import LabelMethod, Labels
from physrep_training.labels.separate_ions import label_separate_ions, stated_apart
from physrep_training.labels.with_tblite import METHOD, with_tblite

NAMES = {"gfn2": METHOD, "gfn1": "GFN1-xTB"}


class TbliteSettings(StrictModel):
    """What tblite is told."""

    accuracy: Positive = 1.0
    """[1] Of its thresholds; smaller is stricter."""
    electronic_temperature: Positive = 300.0
    """[K] Of the occupations."""
    max_iterations: Count = 250
    """[1] Self-consistent cycles."""


class TbliteMethod(LabelMethod):
    """Energies, forces, charges (Mulliken), dipoles or stresses.

    Two ions that say so (``ions_apart``) are computed one by one (`label_separate_ions`); frames in
    which charge leaks between ions have no labels (`leaked_charge`).
    """

    def __init__(self, name: str, settings: TbliteSettings | None = None) -> None:
        """name: as tblite has it, see NAMES."""
        self.values = (settings or TbliteSettings()).model_dump()
        self.name = name
        self.program = f"tblite {version('tblite')}"
        self.settings = " ".join(f"{key}={value:g}" for key, value in self.values.items())

    def check(self, atoms: Atoms, electrons: Electrons) -> None:
        stated_apart(atoms, electrons)

    def remarks(self, frames: Sequence[Atoms]) -> list[str]:
        n_cells = sum(bool(atoms.pbc.any()) for atoms in frames)
        if n_cells in (0, len(frames)):
            return []
        return [
            f"warning: {n_cells} of {len(frames)} frames are periodic; of ions, energies by "
            f"{self.program} of periodic cells and of isolated structures do not fit together, see "
            "docs/tutorials/sampling.md, 'Cells and isolated ions'"
        ]

    def compute(self, atoms: Atoms, electrons: Electrons) -> Labels:
        if stated_apart(atoms, electrons):
            return label_separate_ions(atoms, self.name)
        state = electrons.charge, electrons.multiplicity
        atoms = with_tblite(atoms, *state, name=self.name, **self.values)
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        results = atoms.calc.results
        leak = leaked_charge(atoms, results["charges"])
        if leak:
            raise RuntimeError(f"{leak:.2f} e have leaked from an ion to others")
        stress = atoms.get_stress() if atoms.pbc.all() else None
        dipole = None if atoms.pbc.any() else results["dipole"]
        return Labels(energy, forces, results["charges"], dipole, stress)
