"""Topologies that an export is bound to: elements in order, a frame, a box."""

from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from physrep.engines.metadata import ExportError, TopologyInfo


def read_topology(path: str | Path) -> Atoms:
    """Last frame of a PDB, GRO, xyz or extxyz file, or anything ASE reads.

    Raises:
        ExportError: unreadable file, no atoms, periodic in some directions only.
    """
    path = Path(path)
    if not path.is_file():
        raise ExportError(f"{path}: no such file")
    try:
        atoms = next(ase.io.iread(path, -1))
    except Exception as error:  # each of ASE's readers fails in its own way
        raise ExportError(f"{path}: not a structure that ASE can read: {error}") from None
    if len(atoms) == 0:
        raise ExportError(f"{path}: holds no atoms")
    return set_periodicity(atoms, path)


def set_periodicity(atoms: Atoms, name: str | Path) -> Atoms:
    """A cell that spans a volume means a periodic system (PDB files carry no flags)."""
    has_cell = bool(abs(atoms.cell.volume) > 1e-6)
    partly = atoms.pbc.any() and not atoms.pbc.all()
    if partly or (atoms.pbc.any() and not has_cell):
        raise ExportError(
            f"{name}: pbc = {atoms.pbc.tolist()} with cell volume {atoms.cell.volume:.3g} A^3; "
            "OpenMM knows systems that are periodic in all directions or in none: give such a "
            "topology (LAMMPS and ASE serve the rest, from an export without --topology)"
        )
    atoms = atoms.copy()
    atoms.pbc = has_cell
    return atoms


def refuse_periodic(atoms: Atoms, name: str | Path) -> None:
    """For models of whole molecules (``molecular``).

    Raises:
        ExportError: ``atoms`` are periodic.
    """
    if atoms.pbc.any():
        raise ExportError(
            f"{name}: pbc = {atoms.pbc.tolist()}, but this model sees all atoms of an isolated "
            "molecule at once (model.cls true); set pbc to False for a molecule, or fit a local "
            "model, with model.cls false, for a periodic system"
        )


def topology_info(atoms: Atoms) -> TopologyInfo:
    """Elements, number of atoms and periodicity of ``atoms``."""
    symbols = atoms.get_chemical_symbols()
    return TopologyInfo(n_atoms=len(atoms), symbols=symbols, periodic=bool(atoms.pbc.all()))


def types_of(symbols: list[str], species: list[str], name: str | Path) -> np.ndarray:
    """Index of every symbol in ``species``, (n_atoms,) int64.

    Raises:
        ExportError: an element the potential does not know.
    """
    unknown = sorted(set(symbols) - set(species))
    if unknown:
        raise ExportError(
            f"{name}: element {', '.join(unknown)} is unknown to this potential, which was fitted "
            f"for {' '.join(species)}"
        )
    index = {symbol: k for k, symbol in enumerate(species)}
    return np.array([index[symbol] for symbol in symbols], dtype=np.int64)
