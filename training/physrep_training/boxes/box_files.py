"""Frames of molecules as files: PDB with bonds and charges, extended XYZ, LAMMPS' data file."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from physrep.config import ConfigError
from physrep.engines.lammps import write_data
from physrep.output import replacing
from physrep_training.boxes.composition import Part

BONDS_A_LINE = 4  # of a CONECT record
MOST_RESIDUES = 10_000  # their numbers begin again


def write_frames(path: Path, frames: Sequence[Atoms], parts: Sequence[Part]) -> None:
    """Write the file that the suffix tells, whole or not at all.

    Raises:
        ConfigError: several frames, or no box, for a format that has none. OutputError: as usual.
    """
    writers: dict[str, Callable[[Path, Sequence[Atoms]], None]] = {
        ".pdb": partial(_write_pdb, parts),
        ".data": _write_data,
        ".xyz": _write_extxyz,
        ".extxyz": _write_extxyz,
    }
    suffix = path.suffix.lower()
    if len(frames) > 1 and suffix in (".pdb", ".data"):
        raise ConfigError(
            f"-o {path}: a {suffix} file holds one frame, and there are {len(frames)}; give a name "
            "that ends in .extxyz"
        )
    with replacing(path) as unfinished:
        writers[suffix](unfinished, frames)


def _write_extxyz(path: Path, frames: Sequence[Atoms]) -> None:
    ase.io.write(path, list(frames), format="extxyz")


def _write_data(path: Path, frames: Sequence[Atoms]) -> None:
    """Elements in alphabetical order are LAMMPS' types 1, 2, ..."""
    if not frames[0].cell.volume:
        raise ConfigError(
            "LAMMPS' data files hold a box; write a cluster or a pair to .extxyz or .pdb"
        )
    write_data(frames[0], path, elements_of(frames[0]))


def elements_of(atoms: Atoms) -> list[str]:
    """In alphabetical order."""
    return sorted(set(atoms.get_chemical_symbols()))


def _write_pdb(parts: Sequence[Part], path: Path, frames: Sequence[Atoms]) -> None:
    path.write_text("\n".join([*pdb_lines(frames[0], parts), "END"]) + "\n")


def pdb_lines(atoms: Atoms, parts: Sequence[Part]) -> list[str]:
    """Records of the PDB format 3.3: each molecule a residue with names of atoms of its own, formal
    charges in columns 79 and 80, every bond as CONECT.
    """
    lines = [f"REMARK   1 {text}" for text in _remarks(atoms)]
    if atoms.cell.volume:
        lengths = "".join(f"{edge:9.3f}" for edge in atoms.cell.lengths())
        lines.append(f"CRYST1{lengths}  90.00  90.00  90.00 P 1           1")
    connections: list[str] = []
    serial, residue = 0, 0
    for part in parts:
        names = _atom_names(part)
        for _ in range(part.copies):
            connections += _connections(part.molecule.bonds + serial + 1)
            for k, name in enumerate(names):
                lines.append(_atom_line(atoms, serial, name, part, k, residue))
                serial += 1
            residue += 1
    return lines + connections


def _remarks(atoms: Atoms) -> list[str]:
    """At most 68 characters each."""
    words = [f"MADE BY PHYSREP BOX, SEED {atoms.info['seed']}"]
    words += [f"SMILES {part}" for part in atoms.info["molecules"].split()]
    return [text[k : k + 68] for text in words for k in range(0, len(text), 68)]


def _atom_names(part: Part) -> list[str]:
    """C1, C2, ...: a number for each atom of an element."""
    counts: dict[str, int] = {}
    names = []
    for atom in part.molecule.graph.GetAtoms():
        symbol = atom.GetSymbol()
        counts[symbol] = counts.get(symbol, 0) + 1
        names.append(f"{symbol}{counts[symbol]}")
    if max(map(len, names)) > 4:
        raise ConfigError(
            f"{part.molecule.smiles} is too large for a PDB file, whose names of atoms have four "
            f"characters ({max(names, key=len)}); give a name that ends in .extxyz"
        )
    return names


def _atom_line(
    atoms: Atoms, serial: int, name: str, part: Part, k: int, residue: int
) -> str:  # fmt: skip
    symbol = atoms.symbols[serial]
    charge = int(part.molecule.formal_charges[k])
    text = f"{abs(charge)}{'+' if charge > 0 else '-'}" if charge else "  "
    padded = name if len(symbol) == 2 or len(name) == 4 else f" {name}"
    x, y, z = atoms.positions[serial]
    number = (residue + 1) % MOST_RESIDUES
    return (
        f"HETATM{serial + 1:5d} {padded:<4s} {part.residue:>3s} A{number:4d}    "
        f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {symbol:>2s}{text}"
    )


def _connections(bonds: np.ndarray) -> list[str]:
    """bonds: serial numbers; each bond stands with both of its atoms."""
    partners: dict[int, list[int]] = {}
    for i, j in bonds.tolist():
        partners.setdefault(i, []).append(j)
        partners.setdefault(j, []).append(i)
    return [
        f"CONECT{serial:5d}" + "".join(f"{other:5d}" for other in others[k : k + BONDS_A_LINE])
        for serial, others in sorted(partners.items())
        for k in range(0, len(others), BONDS_A_LINE)
    ]
