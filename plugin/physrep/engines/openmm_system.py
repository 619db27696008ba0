"""What an exported file, an OpenMM Topology and an OpenMM System say about one system, compared."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from physrep.engines.metadata import ExportError, TopologyInfo

FORGOTTEN_BOX = 2.0 * np.eye(3)  # nm: what OpenMM takes where a System was given no box
SAME_BOX = 1e-3  # nm: three decimals in A of a PDB file, and its angles
NEAR_BOX = 0.1  # of the longest vector: another frame of a run at constant pressure


def compare_topology(
    bound: TopologyInfo, symbols: Sequence[str | None], periodic: bool, path: str | Path
) -> None:
    """Number of atoms, elements in order (None for no element), and whether there is a box.

    Raises:
        ExportError: another system than the one that the file is bound to.
    """
    if len(symbols) != bound.n_atoms:
        raise ExportError(
            f"{path}: exported for {bound.n_atoms} atoms, the topology has {len(symbols)}"
            f"{_merged(len(symbols), bound.n_atoms)}; export again with the topology of this "
            "system, or without --topology for PythonForce, which then serves any system"
        )
    for k, (ours, theirs) in enumerate(zip(bound.symbols, symbols, strict=True)):
        if ours != theirs:
            raise ExportError(
                f"{path}: atom {k} (counted from 0) is {ours} in the file and "
                f"{theirs or 'no element'} in the topology; bring the atoms into the order of the "
                "file, or export again with this topology"
            )
    if bound.periodic and not periodic:
        raise ExportError(
            f"{path}: exported for a periodic system, the topology has no box; call "
            "topology.setPeriodicBoxVectors(...), or export again with an isolated topology"
        )


def _merged(n_found: int, n_wanted: int) -> str:
    """A hint where OpenMM may have read atoms of one name as one atom."""
    if n_found >= n_wanted:
        return ""
    return (
        " (OpenMM reads atoms of one residue that share a name as one, and ASE writes such PDB "
        "files: make the topology with physrep.engines.openmm.topology_from_atoms)"
    )


def elements_of(topology: Any, atoms: list[int] | None, path: str | Path) -> list[str]:
    """Elements of the particles that the potential serves.

    Raises:
        ExportError: one of them has none, as virtual sites do.
    """
    everything = list(topology.atoms())
    symbols = []
    for k in range(len(everything)) if atoms is None else atoms:
        if everything[k].element is None:
            raise ExportError(
                f"{path}: atom {k} ({everything[k].name}, counted from 0) has no element, as "
                "virtual sites have none; give atoms=[...], the numbers of the atoms that the "
                "potential is for"
            )
        symbols.append(everything[k].element.symbol)
    return symbols


def checked_atoms(atoms: Iterable[int] | None, n_particles: int) -> list[int] | None:
    """Numbers of the particles as a list; None where they are all particles in order.

    Raises:
        ExportError: none, a number that is not there, or one twice.
    """
    if atoms is None:
        return None
    chosen = [int(k) for k in atoms]
    if not chosen:
        raise ExportError("atoms = []: give at least one atom, or leave atoms out for all of them")
    wrong = [k for k in chosen if not 0 <= k < n_particles]
    if wrong:
        raise ExportError(
            f"atoms: {wrong[0]} is not an atom of this System, which has 0 to {n_particles - 1}"
        )
    number, times = Counter(chosen).most_common(1)[0]
    if times > 1:
        raise ExportError(f"atoms: {number} is given {times} times")
    return None if chosen == list(range(n_particles)) else chosen


def box_of(topology: Any) -> np.ndarray | None:
    """Box vectors of an OpenMM Topology, (3, 3) nm, None where it has none."""
    vectors = topology.getPeriodicBoxVectors()
    return None if vectors is None else np.array([list(row) for row in vectors._value])


def compare_system(system: Any, topology: Any) -> None:
    """Number of particles, and the box where the topology has one.

    Raises:
        ExportError: they differ. Boxes of other frames of a run at constant pressure may.
    """
    n_particles, n_atoms = system.getNumParticles(), topology.getNumAtoms()
    if n_particles != n_atoms:
        raise ExportError(
            f"the System has {n_particles} particles, the topology {n_atoms} atoms; add a particle "
            "for each atom, in this order, before the potential"
        )
    wanted = box_of(topology)
    if wanted is None:
        return
    found = np.array([list(row._value) for row in system.getDefaultPeriodicBoxVectors()])
    refuse_forgotten_box(found, wanted)
    if np.abs(found - wanted).max() > NEAR_BOX * np.linalg.norm(wanted, axis=1).max():
        raise ExportError(
            f"the System's default box is {_lengths(found)} and the topology's "
            f"{_lengths(wanted)}: they belong to different systems; call "
            "system.setDefaultPeriodicBoxVectors(*topology.getPeriodicBoxVectors())"
        )


def refuse_forgotten_box(found: np.ndarray, wanted: np.ndarray) -> None:
    """Raise ExportError where ``found`` is OpenMM's box for want of one and ``wanted`` another.

    found, wanted: (3, 3) nm.
    """
    if np.abs(found - FORGOTTEN_BOX).max() < 1e-9 and np.abs(found - wanted).max() > SAME_BOX:
        raise ExportError(
            f"the System's default box is {_lengths(found)}, what OpenMM takes where none is "
            f"given, and the topology's {_lengths(wanted)}: call "
            "system.setDefaultPeriodicBoxVectors(*topology.getPeriodicBoxVectors()) before the "
            "Context is made"
        )


def _lengths(box: np.ndarray) -> str:
    """For a message: lengths of the vectors, or all of them where they are not orthogonal."""
    if np.abs(box - np.diag(np.diag(box))).max() < SAME_BOX:
        return " x ".join(f"{x:.4g}" for x in np.diag(box)) + " nm"
    return f"{box.round(4).tolist()} nm"
