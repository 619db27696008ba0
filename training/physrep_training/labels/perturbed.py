"""Displaced atoms, stretched bonds, protons handed over, rigid molecules at other volumes: frames
that MD at one temperature does not visit. A potential fitted without them guesses there.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import ase.io
import networkx as nx
import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.geometry import find_mic

from physrep.analysis.chemistry.bond_tracking import molecules
from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.chemistry.whole_molecules import whole_molecules
from physrep.config import ConfigError
from physrep.covalent import radii_of
from physrep.io.structures.total_charge import keep_state
from physrep.output import replacing
from physrep.progress import progress
from physrep_training.boxes.densities import density_of
from physrep_training.labels.read_frames import read_frames

POLAR = (7, 8, 9)  # elements that give and take protons: N, O, F
LONGEST_BOND = 2.5  # A, from a proton to the atom that takes it


class Perturbations(NamedTuple):
    """What is done to each frame; an empty one is not done.

    displace: A, standard deviations of each coordinate. stretch: two atomic numbers; lengths: A, of
    one such bond, drawn at random. transfer: shares of the way of one proton, drawn at random, from
    its own atom (0) to the nearest one of another molecule (1). scale: factors of the cell lengths,
    with molecules as they are.
    """

    displace: tuple[float, ...] = ()
    stretch: tuple[int, int] | None = None
    lengths: tuple[float, ...] = ()
    transfer: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    seed: int = 0


def write_perturbed(frames: str | Path, output: Path, wanted: Perturbations) -> int:
    """Write the perturbed frames of a file; returns how many.

    Raises:
        ConfigError: a frame has no such bond, no proton that another molecule could take, or no
            cell to scale. DataError, OutputError: as usual.
    """
    starts = read_frames(frames)
    made = [
        atoms
        for k, start in enumerate(progress(starts, "perturb", "frame"))
        for atoms in perturbed(start, wanted, np.random.default_rng((wanted.seed, k)))
    ]
    with replacing(output) as partial:
        ase.io.write(partial, made, format="extxyz")
    return len(made)


def perturbed(start: Atoms, wanted: Perturbations, rng: np.random.Generator) -> Iterator[Atoms]:
    """Copies of one frame, each with its ``kind`` and what was done; charge and spin are kept."""
    bonds = find_bonds(start.positions, start.numbers, start.cell.array, start.pbc).pairs
    whole = Atoms(start.numbers, start.positions, cell=start.cell, pbc=start.pbc)
    whole.positions = whole_molecules(start.positions, bonds, start.cell.array, start.pbc)
    keep_state(start, whole)
    for size in wanted.displace:
        atoms = whole.copy()
        atoms.positions += rng.normal(scale=size, size=atoms.positions.shape)
        yield _marked(atoms, "displaced", size)
    if wanted.stretch is not None:
        bond = _chosen_bond(whole, bonds, wanted.stretch, rng)
        for length in wanted.lengths:
            yield _marked(stretched(whole, bonds, bond, length), "stretched", length)
    if wanted.transfer:
        proton = _chosen_proton(whole, bonds, rng)
        for share in wanted.transfer:
            yield _marked(transferred(whole, proton, share), "transferred", share)
    for factor in wanted.scale:
        yield _marked(scaled(whole, bonds, factor), "scaled", factor)


def _marked(atoms: Atoms, kind: str, value: float) -> Atoms:
    atoms.info.update({"kind": kind, kind: value})
    return atoms


def stretched(atoms: Atoms, bonds: np.ndarray, bond: tuple[int, int], length: float) -> Atoms:
    """With the smaller side of a bond moved along it until the bond is ``length`` A long.

    Args:
        atoms: molecules are whole; bonds: (n, 2) indices; bond: one of them, in no ring.
    """
    graph: nx.Graph = nx.Graph(bonds.tolist())
    graph.remove_edge(*bond)
    sides = [nx.node_connected_component(graph, end) for end in bond]
    still, moved = (0, 1) if len(sides[1]) <= len(sides[0]) else (1, 0)
    along = atoms.positions[bond[moved]] - atoms.positions[bond[still]]
    now = float(np.linalg.norm(along))
    atoms = atoms.copy()
    atoms.positions[sorted(sides[moved])] += along * (length - now) / now
    return atoms


def transferred(atoms: Atoms, proton: tuple[int, int, int], share: float) -> Atoms:
    """With a proton on the line from its atom to another one.

    At share 0 it is as far from its own atom as before, at 1 a covalent bond from the other one.

    Args:
        proton: indices of its atom, of itself, of the atom that takes it.
    """
    donor, hydrogen, acceptor = proton
    line = find_mic(atoms.positions[acceptor] - atoms.positions[donor], atoms.cell, atoms.pbc)[0]
    apart = float(np.linalg.norm(line))
    own = find_mic(atoms.positions[hydrogen] - atoms.positions[donor], atoms.cell, atoms.pbc)[1]
    start, end = float(own), apart - float(radii_of(atoms.numbers[[hydrogen, acceptor]]).sum())
    atoms = atoms.copy()
    atoms.positions[hydrogen] = (
        atoms.positions[donor] + line / apart * (start + share * (end - start))
    )  # fmt: skip
    return atoms


def scaled(atoms: Atoms, bonds: np.ndarray, factor: float) -> Atoms:
    """With cell lengths and centres of mass of the molecules times ``factor``.

    Raises:
        ConfigError: the frame is not periodic.
    """
    if not atoms.pbc.all():
        raise ConfigError(
            f"--scale changes the volume of a cell, and a frame has pbc = {atoms.pbc.tolist()}; "
            "give periodic frames or leave --scale out"
        )
    numbers = molecules(bonds, len(atoms))
    masses = atoms.get_masses()
    sums = np.stack([np.bincount(numbers, masses * x) for x in atoms.positions.T], axis=1)
    centres = sums / np.bincount(numbers, masses)[:, None]
    atoms = atoms.copy()
    atoms.positions += ((factor - 1.0) * centres)[numbers]
    atoms.set_cell(atoms.cell * factor)
    return atoms


def at_density(atoms: Atoms, density: float) -> Atoms:
    """With the cell at a density in g/cm3, and molecules as they are."""
    bonds = find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc).pairs
    whole = atoms.copy()
    whole.positions = whole_molecules(atoms.positions, bonds, atoms.cell.array, atoms.pbc)
    now = density_of(atoms.get_masses().sum(), atoms.get_volume())
    return scaled(whole, bonds, (now / density) ** (1.0 / 3.0))


def _chosen_bond(
    atoms: Atoms, bonds: np.ndarray, elements: Sequence[int], rng: np.random.Generator
) -> tuple[int, int]:
    open_bonds = set(nx.bridges(nx.Graph(bonds.tolist())))
    found = [
        (i, j)
        for i, j in bonds.tolist()
        if sorted(atoms.numbers[[i, j]]) == sorted(elements)
        and ((i, j) in open_bonds or (j, i) in open_bonds)
    ]
    if not found:
        name = "-".join(chemical_symbols[z] for z in elements)
        raise ConfigError(
            f"--stretch {name}: a frame ({atoms.get_chemical_formula()}) has no such bond outside "
            "a ring; choose another"
        )
    return found[int(rng.integers(len(found)))]


def _chosen_proton(
    atoms: Atoms, bonds: np.ndarray, rng: np.random.Generator
) -> tuple[int, int, int]:
    """Atom, proton and taker, of another molecule and nearest to it."""
    numbers = molecules(bonds, len(atoms))
    polar = np.flatnonzero(np.isin(atoms.numbers, POLAR))
    partner = {k: other for i, j in bonds.tolist() for k, other in ((i, j), (j, i))}
    found = []
    for hydrogen in np.flatnonzero(atoms.numbers == 1).tolist():
        donor = partner.get(hydrogen, -1)
        takers = polar[numbers[polar] != numbers[hydrogen]]
        if donor not in polar or not len(takers):
            continue
        lengths = atoms.get_distances(hydrogen, takers, mic=True)
        if lengths.min() < LONGEST_BOND:
            found.append((donor, hydrogen, int(takers[lengths.argmin()])))
    if not found:
        raise ConfigError(
            f"--transfer: a frame ({atoms.get_chemical_formula()}) has no proton on N, O or F with "
            f"such an atom of another molecule within {LONGEST_BOND:g} A; leave --transfer out"
        )
    return found[int(rng.integers(len(found)))]
