"""Settings of the data: files, labels, what is kept apart for validation and test."""

from pathlib import Path
from typing import Annotated, Literal, Self

from ase.data import atomic_numbers
from ase.formula import Formula
from pydantic import Field, field_validator, model_validator

from physrep.config import StrictModel
from physrep.io import FORMATS
from physrep_training.bounds import Count, Share


class SplitConfig(StrictModel):
    """How structures are kept apart.

    ``time_blocks`` cuts the end of every trajectory off for validation and test, with ``gap``
    frames thrown away between the blocks; ``trajectory`` keeps whole trajectories (``test_names``,
    ``validation_names``) apart; ``random`` is for sets of unrelated molecules only.
    ``groups`` keeps whole groups apart, drawn at random: frames with the same ``group_key`` in the
    file (``reaction``); the shares are those of the groups.
    ``molecules`` goes with ``data.conformers``: test is a share of the molecules, all conformers
    of each; validation a share of the conformers of the others.
    """

    method: Literal["time_blocks", "trajectory", "random", "groups", "molecules"] = "time_blocks"
    validation: Share = 0.1
    test: Share = 0.15
    gap: Annotated[int, Field(ge=0)] = 2
    validation_names: list[str] = []
    test_names: list[str] = []
    group_key: str = "reaction"


class ConformersConfig(StrictModel):
    """What is drawn of ANI-1 files, which hold all conformers of many molecules.

    share: of the conformers of every molecule; max_per_file: training and validation conformers
    with which a file is full, the rest of its molecules being left out; held_out: compositions
    that are kept out of all parts and tested one by one, as chemical formulas of any notation.
    """

    share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.05
    max_per_file: Count | None = None
    held_out: list[str] = []

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
        ValueError: it is no chemical formula.
    """
    try:
        counts = Formula(formula).count()
    except ValueError:
        counts = {}
    if not counts or any(atomic_numbers.get(symbol, 0) < 1 for symbol in counts):
        raise ValueError(f"{formula!r} is no chemical formula; write it as C2H6N2")
    if min(counts.values()) < 1:
        raise ValueError(f"{formula!r} has an element 0 times; leave that element out")
    return {atomic_numbers[symbol]: n for symbol, n in counts.items()}


class DataConfig(StrictModel):
    """files are split; extra_train_files are trained on. Paths: from the working folder.

    With ``conformers``, files are ANI-1 files, of which conformers are drawn; they are kept in
    the run's folder, not in memory.

    energy_key, forces_key: names of the labels where they are not the usual ones (``U0_eV``); with
    one of them given, only those given are read. equilibrium: structures at rest, where the forces
    vanish: none, all, or those whose ``equilibrium`` is true in the file (a key of the frame in
    extxyz).
    """

    files: Annotated[list[Path], Field(min_length=1)]
    extra_train_files: list[Path] = []
    isolated_atoms: Path | None = None
    energy_key: str | None = None
    forces_key: str | None = None
    equilibrium: Literal["none", "all", "marked"] = "none"
    max_train: Count | None = None
    conformers: ConformersConfig | None = None
    split: SplitConfig = SplitConfig()

    @property
    def keys(self) -> dict[str, str | None]:
        """Names of the labels, as `physrep.io.read_structures` takes them."""
        return {"energy_key": self.energy_key, "forces_key": self.forces_key}

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
