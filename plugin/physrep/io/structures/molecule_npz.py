"""npz files of one molecule or box: frames along the first axis, the species given once."""

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from physrep.io.structures.npz import load_arrays
from physrep.io.structures.raw import LabelKeys, RawFrame, require_names, resolve_keys
from physrep.io.structures.structure import DataError


class TrajectoryLayout(NamedTuple):
    """The array names of one such format."""

    species: str  # (n_atoms,) atomic numbers
    positions: str  # (n_frames, n_atoms, 3), A
    labels: LabelKeys  # energy (n_frames,), forces (n_frames, n_atoms, 3)
    info: dict[str, str]  # array (n_frames,) -> its name in `info`
    cell_length: str | None = None  # (n_frames,), A: the edge of a cubic periodic box
    other_level: tuple[str, ...] = ()  # labels that belong to something else, and are not missed

    @property
    def required(self) -> frozenset[str]:
        """Arrays that a file of this format must have."""
        names = (self.species, self.positions, self.cell_length)
        return frozenset(name for name in names if name)


# Revised MD17 (A. S. Christensen and O. A. von Lilienfeld, Mach. Learn. Sci. Technol. 1 (2020)
# 045018): molecules in vacuum, kcal/mol. `old_energies`, `old_forces` are MD17's own labels.
RMD17 = TrajectoryLayout(
    species="nuclear_charges",
    positions="coords",
    labels=LabelKeys(energy="energies", forces="forces"),
    info={"old_indices": "old_index"},
    other_level=("old_energies", "old_forces"),
)

# Ethylammonium nitrate boxes labelled with the published NeuralIL parameters, eV.
EAN_DISTILLED = TrajectoryLayout(
    species="atomic_numbers",
    positions="positions",
    labels=LabelKeys(energy="energies", forces="forces"),
    info={"temperature": "temperature"},
    cell_length="cell_length",
)


def trajectory_reader(layout: TrajectoryLayout) -> Callable[[Path, LabelKeys], Generator[RawFrame]]:
    """A reader for files of this layout; it raises DataError where the arrays do not match."""

    def read(path: Path, asked: LabelKeys) -> Generator[RawFrame]:
        arrays = load_arrays(path)
        require_names(sorted(layout.required), arrays, path)
        keys = resolve_keys(asked, layout.labels, arrays, path)
        labels = keys.select(arrays)
        info = {new: arrays[name] for name, new in layout.info.items() if name in arrays}
        n_frames = len(arrays[layout.positions])
        cells = _cubic_cells(layout, arrays)
        _check_lengths({"cells": cells, **labels, **info}, n_frames, path)
        unread = {
            name: values
            for name, values in arrays.items()
            if name not in {*layout.required, *keys, *layout.other_level}
            and values.shape[:1] == (n_frames,)
        }
        for frame in range(n_frames):
            yield RawFrame(
                positions=arrays[layout.positions][frame],
                species=arrays[layout.species],
                info={name: values[frame].item() for name, values in info.items()},
                cell=cells[frame],
                pbc=layout.cell_length is not None,
                unread={name: values[frame] for name, values in unread.items()},
                **{label: values[frame] for label, values in labels.items()},
            )

    return read


def _cubic_cells(layout: TrajectoryLayout, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """(n_frames, 3, 3) cells in A, zeros for molecules."""
    if layout.cell_length is None:
        return np.zeros((len(arrays[layout.positions]), 3, 3))
    return np.multiply.outer(arrays[layout.cell_length], np.eye(3))


def _check_lengths(per_frame: Mapping[str, np.ndarray], n_frames: int, path: Path) -> None:
    for name, values in per_frame.items():
        if values.shape[:1] != (n_frames,):
            raise DataError(
                f"{name} has shape {values.shape} for {n_frames} frames of positions; the file is "
                f"damaged, fetch it again",
                path,
            )
