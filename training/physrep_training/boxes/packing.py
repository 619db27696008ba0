"""Molecules packed by packmol (L. Martinez et al., J. Comput. Chem. 2009, 30, 2157)."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase.data import chemical_symbols
from packmol.cli import get_binary_path

from physrep.config import ConfigError

LOOPS = 60  # of packmol's optimisation; a box that packs at all needs far fewer
SECONDS = 1800  # of one packing
NOT_CONVERGED = 173  # packmol's exit code


class Lot(NamedTuple):
    """Copies of one rigid shape. numbers: (n_atoms,); shape: (n_atoms, 3) A; copies: how many."""

    numbers: np.ndarray
    shape: np.ndarray
    copies: int


class Room(NamedTuple):
    """Where molecules go.

    edges: A, of a periodic box with a corner at the origin; None: not periodic.
    height: A, the part of the box along z that is filled; None: all of it.
    radius: A, of a sphere about the origin; None: no sphere.
    """

    edges: tuple[float, float, float] | None = None
    height: float | None = None
    radius: float | None = None


class NoRoom(ConfigError):
    """packmol has found no packing."""


def pack(lots: Sequence[Lot], room: Room, tolerance: float, seed: int) -> list[np.ndarray]:
    """Positions of every molecule in the order of the lots, (n_atoms, 3) A each; molecules are
    whole, whatever the boundary.

    Args:
        tolerance: A, the least distance between atoms of different molecules.

    Raises:
        NoRoom: packmol does not succeed in LOOPS loops or SECONDS. ConfigError: it fails.
    """
    with tempfile.TemporaryDirectory(prefix="physrep-box-") as folder:
        place = Path(folder)
        for k, lot in enumerate(lots):
            (place / f"{k}.xyz").write_text(_xyz(lot))
        (place / "packmol.inp").write_text(_instructions(lots, room, tolerance, seed))
        _run(place)
        positions = np.loadtxt(place / "packed.xyz", skiprows=2, usecols=(1, 2, 3), ndmin=2)
    sizes = [len(lot.numbers) for lot in lots for _ in range(lot.copies)]
    return np.split(positions, np.cumsum(sizes)[:-1])


def _run(place: Path) -> None:
    """packmol reads its input twice: it takes a file, no pipe."""
    try:
        with (place / "packmol.inp").open() as instructions:
            done = subprocess.run(
                [str(get_binary_path())],
                stdin=instructions,
                cwd=place,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise NoRoom(f"none in {SECONDS} s") from None
    if done.returncode == NOT_CONVERGED:
        raise NoRoom(f"none in {LOOPS} loops")
    if done.returncode or "Success!" not in done.stdout:
        said = (done.stdout + done.stderr).splitlines()
        errors = [line.strip() for line in said if "error" in line.lower()]
        reason = errors[0] if errors else f"exit code {done.returncode}"
        raise ConfigError(f"packmol stopped: {reason}; 'physrep doctor' shows its version")


def _instructions(lots: Sequence[Lot], room: Room, tolerance: float, seed: int) -> str:
    """packmol takes a seed of 1 or more; -1 is the time of the day."""
    lines = [
        f"tolerance {tolerance:.6f}",
        "filetype xyz",
        "output packed.xyz",
        f"seed {seed + 1}",
        f"nloop {LOOPS}",
    ]
    if room.edges is not None:
        lines.append("pbc " + " ".join(f"{edge:.6f}" for edge in room.edges))
    where = []
    if room.height is not None:
        where += ["above plane 0. 0. 1. 0.", f"below plane 0. 0. 1. {room.height:.6f}"]
    if room.radius is not None:
        where.append(f"inside sphere 0. 0. 0. {room.radius:.6f}")
    for k, lot in enumerate(lots):
        lines += [f"structure {k}.xyz", f"  number {lot.copies}", *where, "end structure"]
    return "\n".join(lines) + "\n"


def _xyz(lot: Lot) -> str:
    rows = zip(lot.numbers.tolist(), lot.shape.tolist(), strict=True)
    lines = [f"{chemical_symbols[z]} {x:.6f} {y:.6f} {w:.6f}" for z, (x, y, w) in rows]
    return "\n".join([str(len(lines)), "", *lines]) + "\n"
