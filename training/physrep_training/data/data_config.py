"""Settings of the data: files, labels, what is kept apart for validation and test."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from ase.data import atomic_numbers
from ase.formula import Formula
from pydantic import Field, field_validator, model_validator

from physrep.config import StrictModel
from physrep.io import FORMATS
from physrep.io.structures.raw import LabelKeys
from physrep_training.bounds import Count, CountOrNone, Share


class SplitConfig(StrictModel):
    """How training, validation and test structures are kept apart."""

    method: Literal["time_blocks", "trajectory", "random", "groups", "stated", "molecules"] = (
        "time_blocks"
    )
    """``time_blocks`` takes the end of every trajectory for validation and test; ``trajectory``
    keeps whole trajectories apart, by name; ``random`` suits unrelated structures only; ``groups``
    keeps structures with the same group_key together; ``stated`` takes the part that each
    structure states: its key ``part`` is train, validation or test; ``molecules`` goes with
    data.conformers: test is a share of the molecules, validation a share of the conformers of the
    others."""
    validation: Share = 0.1
    """[1] Share of the structures (groups: of the groups) for validation."""
    test: Share = 0.15
    """[1] Share of the structures (groups: of the groups; molecules: of the molecules) for the
    test."""
    gap: CountOrNone = 2
    """[frames] Frames left unused between the parts of a trajectory; time_blocks only."""
    validation_names: list[str] = []
    """Trajectories for validation; method trajectory only."""
    test_names: list[str] = []
    """Trajectories for the test; method trajectory only."""
    group_key: str = "reaction"
    """Key of the frames that names their group; method groups only."""


class ConformersConfig(StrictModel):
    """What is drawn from ANI-1 files, which hold all conformers of many molecules."""

    share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.05
    """[1] Share of the conformers of every molecule."""
    max_per_file: Count | None = None
    """[conformers] Limit of the training and validation conformers of one file; the other molecules
    of the file are skipped. Default: no limit."""
    held_out: list[str] = []
    """Chemical formulas (C2H6N2) that are kept out of all parts and tested one by one."""

    @field_validator("held_out")
    @classmethod
    def _known_compositions(cls, formulas: list[str]) -> list[str]:
        named: dict[tuple, str] = {}
        for formula in formulas:
            composition = tuple(sorted(composition_of(formula).items()))
            if composition in named:
                raise ValueError(
                    f"{named[composition]} and {formula} are one composition; keep one of them"
                )
            named[composition] = formula
        return formulas


def composition_of(formula: str) -> dict[int, int]:
    """Number of atoms by atomic number.

    Raises:
        ValueError: it is not a chemical formula.
    """
    try:
        counts = Formula(formula).count()
    except ValueError:
        counts = {}
    if not counts or any(atomic_numbers.get(symbol, 0) < 1 for symbol in counts):
        raise ValueError(f"{formula!r} is not a chemical formula; write it as C2H6N2")
    if min(counts.values()) < 1:
        raise ValueError(f"{formula!r} has an element 0 times; remove that element")
    return {atomic_numbers[symbol]: n for symbol, n in counts.items()}


class DataConfig(StrictModel):
    """Which structures are fitted, validated and tested. Paths are relative to the working folder.

    With one of the keys ``energy_key`` to ``dipole_key`` given, only the labels that they name are
    read.
    """

    files: Annotated[list[Path], Field(min_length=1)]
    """Files of labelled structures, which are split; formats: docs/formats.md."""
    extra_train_files: list[Path] = []
    """Files whose structures are all used for training."""
    isolated_atoms: Path | None = None
    """Energies of the isolated atoms at the level of the labels: JSON ``{"unit": "eV", "energies":
    {"H": ...}}``, or structures of one atom each. Default: the frames of the files with
    ``config_type=IsolatedAtom``; without these, least-squares energies per element."""
    energy_key: str | None = None
    """Name of the energies in the files; default: the usual name of the format."""
    forces_key: str | None = None
    """Name of the forces in the files."""
    virial_key: str | None = None
    """Name of the virials in the files, -dE/dstrain; nine numbers, or six in ASE's order."""
    stress_key: str | None = None
    """Name of the stresses in the files, with the sign of ASE; they are read as virials."""
    charges_key: str | None = None
    """Name of the charges of the atoms in the files, in e; frames may lack them."""
    dipole_key: str | None = None
    """Name of the dipoles in the files, e A or e times the length of units, about the centre of
    mass; frames may lack them, and those of periodic structures are not read."""
    units: str | None = None
    """Unit of the labels, if not that of the format: eV, Hartree, kcal/mol or kJ/mol (forces per
    A), or with a length, Hartree/Bohr."""
    cell_background: dict[str, float] = {}
    """[(eV A^3)^(1/2)] By element, b of an energy (sum of b over the atoms)^2 / volume, which is
    subtracted from the energies and virials of periodic cells, so that they fit to those of
    isolated structures. For ions labelled by tblite 0.8.0, docs/tutorials/sampling.md; default:
    none."""
    equilibrium: Literal["none", "all", "marked"] = "none"
    """Which structures are at equilibrium, where the forces vanish: ``marked`` are those whose
    ``equilibrium`` is true in the file (extxyz: a key of the frame)."""
    max_train: Count | None = None
    """[structures] Use only the first training structures; default: all."""
    conformers: ConformersConfig | None = None
    """Draw conformers from ANI-1 files. They are kept in the folder of the run, not in memory."""
    split: SplitConfig = SplitConfig()
    """How training, validation and test structures are kept apart."""

    @property
    def keys(self) -> dict[str, Any]:
        """Names and units of the labels, as `physrep.io.read_structures` takes them."""
        names = (*(f"{label}_key" for label in LabelKeys._fields), "units")
        return {name: getattr(self, name) for name in names}

    @model_validator(mode="after")
    def _conformers_go_with_molecules(self) -> Self:
        by_molecule = self.split.method == "molecules"
        if self.conformers is None:
            if by_molecule:
                raise ValueError(
                    "split.method molecules needs data.conformers, e.g. {share: 0.05}, and ANI-1 "
                    "files; choose another method for other data"
                )
            return self
        if not by_molecule:
            raise ValueError(
                f"split.method {self.split.method} would put conformers of one molecule into "
                "training and test; with data.conformers set split.method to molecules"
            )
        for name, advice in (
            ("extra_train_files", "give them in data.files"),
            ("max_train", "limit conformers.max_per_file or conformers.share"),
        ):
            if getattr(self, name):
                raise ValueError(f"{name} does not go with data.conformers; {advice}")
        return self

    @model_validator(mode="after")
    def _conformers_are_in_hdf5(self) -> Self:
        known = FORMATS["ani1"].suffixes
        for file in self.files if self.conformers is not None else ():
            if file.suffix.lower() not in known:
                raise ValueError(
                    f"data.conformers reads ANI-1 files ({', '.join(known)}) alone, not {file}; "
                    "remove data.conformers for other data"
                )
        return self
