"""One MD run of a round: what it has seen so far and how it goes on, in one file."""

import json
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from ase import Atoms

from physrep.config import StrictModel
from physrep.output import replacing

WHOLE = "whole"


class Condition(StrictModel):
    """What a run is for."""

    temperature: float
    """K"""
    density: float | None
    """g/cm3; None: that of the frame it starts from."""
    number: int
    """Of the run at this temperature and density, from 0."""

    @property
    def label(self) -> str:
        """For people: ``300 K, 1.21 g/cm3``."""
        density = "" if self.density is None else f", {self.density:g} g/cm3"
        return f"{self.temperature:g} K{density}"

    @property
    def file_name(self) -> str:
        """Without folder: ``300K_1.21_0.npz``."""
        density = "" if self.density is None else f"_{self.density:g}"
        return f"{self.temperature:g}K{density}_{self.number}.npz"


class Look(NamedTuple):
    """A line of a run, the first one before its first step. time: ps; largest, mean: eV/A, force
    deviation over the atoms; temperature: K.
    """

    time: float
    largest: float
    mean: float
    temperature: float


class ExploredRun(NamedTuple):
    """A run so far.

    condition: what it is for; atoms: now, with momenta and stated charge; generator: state of the
    random numbers; looks: all; candidates: (look, positions (n_atoms, 3) in A) of the frames worth
    a label; ended: empty while it runs, WHOLE where all of its length was run, else what went
    wrong.
    """

    condition: Condition
    atoms: Atoms
    generator: dict[str, Any]
    looks: list[Look]
    candidates: list[tuple[int, np.ndarray]]
    ended: str

    @property
    def whole(self) -> bool:
        """Whether it ran to its end."""
        return self.ended == WHOLE

    @property
    def largest(self) -> float:
        """eV/A, of all looks."""
        return max((look.largest for look in self.looks), default=0.0)

    @property
    def survived(self) -> float:
        """ps until it failed, or its length."""
        return self.looks[-1].time if self.looks else 0.0

    def frame(self, candidate: int) -> Atoms:
        """A candidate as atoms with what it is, and the charge and spin of the run."""
        k, positions = self.candidates[candidate]
        atoms = self.atoms.copy()
        atoms.set_momenta(None)
        atoms.positions = positions
        look = self.looks[k]
        atoms.info.update(
            temperature=self.condition.temperature,
            time_ps=round(look.time, 6),
            force_deviation=look.largest,
        )
        return atoms

    def save(self, path: Path) -> None:
        """Whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        info = {k: v for k, v in self.atoms.info.items() if np.ndim(v) == 0}
        words = {
            "condition": self.condition.model_dump(),
            "generator": self.generator,
            "ended": self.ended,
            "info": info,
        }
        charges = self.atoms.get_initial_charges()
        positions = [positions for _, positions in self.candidates]
        with replacing(path) as partial:
            np.savez(
                partial,
                words=np.array(json.dumps(words)),
                numbers=self.atoms.numbers,
                cell=self.atoms.cell.array,
                pbc=self.atoms.pbc,
                positions=self.atoms.positions,
                momenta=self.atoms.get_momenta(),
                initial_charges=charges,
                looks=np.array(self.looks, dtype=float).reshape(-1, len(Look._fields)),
                candidates=np.array([k for k, _ in self.candidates], dtype=int),
                candidate_positions=np.array(positions).reshape(-1, len(self.atoms), 3),
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `save` wrote."""
        with np.load(path) as data:
            words = json.loads(str(data["words"]))
            atoms = Atoms(
                data["numbers"], data["positions"], cell=data["cell"], pbc=data["pbc"],
                momenta=data["momenta"], info=words["info"],
            )  # fmt: skip
            if data["initial_charges"].any():
                atoms.set_initial_charges(data["initial_charges"])
            candidates = zip(data["candidates"].tolist(), data["candidate_positions"], strict=True)
            return cls(
                Condition.parse(words["condition"]),
                atoms,
                words["generator"],
                [Look(*row) for row in data["looks"].tolist()],
                list(candidates),
                words["ended"],
            )
