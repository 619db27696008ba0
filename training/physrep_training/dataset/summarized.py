"""What is kept in memory of each frame of a data set: its labels in few numbers, not its atoms."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from ase.data import chemical_symbols
from ase.formula import Formula

from physrep.io import Structure
from physrep.io.structures.structure import LABELS
from physrep_training.dataset.environments_of import (
    CUTOFF,
    Pair,
    distances_of,
    frame_features,
    ranked_distances,
)
from physrep_training.labels.separate_ions import SEPARATE


class Summary(NamedTuple):
    """One frame.

    Attributes:
        source, frame: where it is.
        info: what the file says of it, single values only.
        species: (n_atoms,) atomic numbers.
        n_labels: how many labels it has.
        composition: (atomic number, count), ascending.
        pbc: 3 bool.
        volume: A^3; None unless it is periodic in three directions.
        energy: eV, or None.
        force_norms: (n_atoms,) eV/A, or None.
        net_force: eV/A, or None.
        ranked: see `ranked_distances`.
        features: see `frame_features`, or None.
        is_isolated_atom: see `Structure`.
    """

    source: str
    frame: int
    info: Mapping[str, Any]
    species: np.ndarray
    n_labels: int
    composition: tuple[Pair, ...]
    pbc: tuple[bool, ...]
    volume: float | None
    energy: float | None
    force_norms: np.ndarray | None
    net_force: float | None
    ranked: dict[Pair, np.ndarray]
    features: dict[Pair, np.ndarray] | None
    is_isolated_atom: bool

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.species)

    @property
    def place(self) -> tuple[str, int]:
        """File and frame."""
        return self.source, self.frame

    @property
    def where(self) -> str:
        """File and frame, for a message."""
        return f"{self.source} frame {self.frame}"

    @property
    def formula(self) -> str:
        """In Hill's order, as C2H8N2O3."""
        counts = {chemical_symbols[z]: n for z, n in self.composition}
        return str(Formula.from_dict(counts).format("hill"))

    @property
    def level(self) -> str | None:
        """Level of theory of the labels that the frame states as ``method``, or None."""
        method = self.info.get("method")
        return None if method is None else str(method).removesuffix(SEPARATE)


def summarize(structure: Structure, features: bool = False) -> Summary:
    """What is kept of a frame; features: whether `frame_features` are."""
    elements, counts = np.unique(structure.species, return_counts=True)
    distances = distances_of(structure)
    forces = structure.forces
    return Summary(
        source=structure.source,
        frame=structure.frame,
        info={name: value for name, value in structure.info.items() if np.ndim(value) == 0},
        species=structure.species,
        n_labels=sum(getattr(structure, label) is not None for label in LABELS),
        composition=tuple(zip(elements.tolist(), counts.tolist(), strict=True)),
        pbc=tuple(structure.pbc.tolist()),
        volume=abs(float(np.linalg.det(structure.cell))) if structure.pbc.all() else None,
        energy=structure.energy,
        force_norms=None if forces is None else np.linalg.norm(forces, axis=1),
        net_force=None if forces is None else float(np.linalg.norm(forces.sum(axis=0))),
        ranked=ranked_distances(structure, distances),
        features=frame_features(structure, distances) if features else None,
        is_isolated_atom=structure.is_isolated_atom,
    )


def shortest_of(frames: Iterable[Summary]) -> dict[Pair, tuple[float, Summary]]:
    """For each pair of elements that come within the cutoff the shortest distance (A) and the frame
    that has it.
    """
    found: dict[Pair, tuple[float, Summary]] = {}
    for frame in frames:
        for pair, lengths in frame.ranked.items():
            if lengths[0] < found.get(pair, (CUTOFF,))[0]:
                found[pair] = (float(lengths[0]), frame)
    return dict(sorted(found.items()))
