"""From structures to batches: types, neighbour lists, labels, as torch_geometric graphs."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from ase.data import atomic_masses
from torch import Tensor
from torch.utils.data import Dataset, Sampler
from torch_geometric.data import Data

from physrep.config import ConfigError
from physrep.io import DataError, Structure
from physrep.neighbors import neighbor_list
from physrep_training.data.conformers import ConformerView

LABELS = ("energy", "forces", "virial")
TERM_OF_LABEL = {"energy": "energy", "forces": "force"}  # of the loss
ALL_PAIRS = 100  # atoms of an isolated structure
SAMPLE = 20_000  # conformers that stand for all of a part that is kept on disk
DRAWN_AT_ONCE = 65_536  # indices; a list of all of 10^7 would take a gigabyte


def evenly_drawn(structures: Sequence[Structure]) -> Sequence[Structure]:
    """The structures; of conformers on disk at most SAMPLE, at even distances."""
    return structures.evenly(SAMPLE) if isinstance(structures, ConformerView) else structures


class GraphDataset(Dataset):
    """Structures as graphs; neighbour lists are made once, at first use, and kept.

    Those of conformers on disk are made again each time: kept lists would fill the memory.

    A graph holds types (n_atoms,), edge_index (2, n_edges), vectors (n_edges, 3) in A and the
    labels energy (1,) eV, forces (n_atoms, 3) eV/A, virial (1, 3, 3) eV; NaN where a label is
    missing, which no loss term may meet; charges (n_atoms,) e and dipole (1, 3) e A, NaN where
    missing, which their loss terms leave out. equilibrium (1,) bool: the structure is at rest;
    place (1,): its index in this set; positions (n_atoms, 3) A, origin (1, 3) A: the centre of mass
    of an isolated structure, about which dipoles are taken; cell (1, 3, 3) A, pbc (1, 3),
    total_charge (1,) e, 0 where the structure states none.
    """

    def __init__(
        self,
        structures: Sequence[Structure],
        species: list[int],
        cutoff: float,
        dtype: torch.dtype,
        equilibrium: str = "none",
    ) -> None:
        """cutoff: of the neighbour lists; equilibrium: see DataConfig."""
        self.structures = structures
        self.equilibrium = equilibrium
        self.species = species
        self.cutoff = cutoff
        self.dtype = dtype
        kept = 0 if isinstance(structures, ConformerView) else len(structures)
        self._graphs: list[Data | None] = [None] * kept

    def __len__(self) -> int:
        return len(self.structures)

    def __getitem__(self, index: int) -> Data:
        if not self._graphs:
            return self._make(index)
        graph = self._graphs[index]
        if graph is None:
            graph = self._graphs[index] = self._make(index)
        return graph

    def sample(self) -> "GraphDataset":
        """Graphs that stand for all; see :func:`evenly_drawn`."""
        structures = evenly_drawn(self.structures)
        if structures is self.structures:
            return self
        return GraphDataset(structures, self.species, self.cutoff, self.dtype, self.equilibrium)

    def _make(self, index: int) -> Data:
        structure = self.structures[index]
        graph = make_graph(structure, self.species, self.cutoff, self.dtype)
        marked = self.equilibrium == "marked" and bool(structure.info.get("equilibrium", False))
        graph.place = torch.tensor([index])
        graph.equilibrium = torch.tensor([self.equilibrium == "all" or marked])
        if graph.equilibrium and structure.forces is None:
            graph.forces.zero_()  # what is known of them without a label
        return graph


def make_graph(structure: Structure, species: list[int], cutoff: float, dtype: torch.dtype) -> Data:
    """One structure as a graph; see :class:`GraphDataset`.

    Raises:
        DataError: an element that is not among ``species``.
    """
    unknown = sorted(set(structure.species.tolist()) - set(species))
    if unknown:
        raise DataError(
            f"holds atomic number {unknown[0]}, but the model knows {species}; add the element to "
            "the fit or remove the frame",
            structure.source,
            structure.frame,
        )
    types = np.searchsorted(np.sort(species), structure.species)
    order = torch.from_numpy(np.argsort(species, kind="stable"))
    edge_index, vectors = edges_of(structure, cutoff)
    n_atoms = len(structure.species)
    nan = float("nan")
    forces = np.full((n_atoms, 3), nan) if structure.forces is None else structure.forces
    virial = np.full((3, 3), nan) if structure.virial is None else structure.virial
    energy = nan if structure.energy is None else structure.energy
    charges = np.full(n_atoms, nan) if structure.charges is None else structure.charges
    dipole = np.full(3, nan) if structure.dipole is None else structure.dipole
    return Data(
        types=order[torch.from_numpy(types)],
        edge_index=edge_index,
        vectors=vectors.to(dtype),
        positions=torch.from_numpy(structure.positions),
        origin=torch.from_numpy(center_of_mass(structure))[None],
        cell=torch.from_numpy(structure.cell)[None],
        pbc=torch.from_numpy(structure.pbc)[None],
        total_charge=torch.tensor([structure.total_charge or 0.0], dtype=torch.float64),
        charges=torch.from_numpy(charges),
        dipole=torch.from_numpy(dipole)[None],
        energy=torch.tensor([energy], dtype=torch.float64),
        forces=torch.from_numpy(forces).to(dtype),
        virial=torch.from_numpy(virial)[None].to(dtype),
        num_nodes=n_atoms,
        source=structure.source,
        frame=structure.frame,
    )


def edges_of(structure: Structure, cutoff: float) -> tuple[Tensor, Tensor]:
    """Both ends (2, n_edges) of every pair within the cutoff (A), sorted by centre, and the vectors
    (n_edges, 3) between them in A, float64.

    Of a small isolated structure all pairs are tried, in a tenth of the time that bins take.
    """
    positions = structure.positions
    if structure.pbc.any() or len(structure) > ALL_PAIRS or not np.isfinite(positions).all():
        cell, pbc = torch.from_numpy(structure.cell), torch.from_numpy(structure.pbc)
        neighbors = neighbor_list(torch.from_numpy(positions), cell, pbc, cutoff)
        return neighbors.edge_index, neighbors.vectors
    apart = positions - positions[:, None]
    near = (apart**2).sum(axis=2) < cutoff**2
    np.fill_diagonal(near, False)
    return torch.from_numpy(np.stack(np.nonzero(near))), torch.from_numpy(apart[near])


def center_of_mass(structure: Structure) -> np.ndarray:
    """(3,) A, of the positions as they are; the origin of dipoles (of isolated structures)."""
    masses = atomic_masses[structure.species]
    return masses @ structure.positions / masses.sum()


def check_labels(structures: Sequence[Structure], weights: dict[str, float]) -> None:
    """Every label whose loss has a weight must be there.

    Of conformers on disk, which all have the same labels, a sample is checked.

    Raises:
        DataError: naming the first frame without it.
    """
    for label, weight in weights.items():
        for structure in evenly_drawn(structures) if weight else ():
            if getattr(structure, label) is None:
                term = TERM_OF_LABEL[label]
                raise DataError(
                    f"has no {label}, but the loss gives {label} the weight {weight}; "
                    f"{structure.what_may_be(label)}; or set loss.{term}.weight=0, or remove the "
                    f"frame",
                    structure.source,
                    structure.frame,
                )


def check_partial_labels(structures: Sequence[Structure], weights: dict[str, float]) -> list[str]:
    """Virials, charges and dipoles may be labelled in some structures alone, but not in none.

    Returns:
        a line for each label that counts and that some structures lack.

    Raises:
        ConfigError: a label whose loss has a weight and that no structure has.
    """
    lines = []
    for label, weight in weights.items():
        sample = evenly_drawn(structures) if weight else ()
        n_labelled = sum(getattr(structure, label) is not None for structure in sample)
        if weight and not n_labelled:
            raise ConfigError(
                f"loss.{label}.weight is {weight}, but none of {len(structures)} structures has "
                f"{label}; {structures[0].what_may_be(label)}; or set loss.{label}.weight=0"
            )
        if n_labelled < len(sample):
            lines.append(f"{label}: labelled in {n_labelled} of {len(sample)} structures")
    return lines


def species_of(*parts: Sequence[Structure]) -> list[int]:
    """Atomic numbers that occur, with carbon first as in Hill's system, then ascending."""
    numbers = sorted(set().union(*(_elements(part) for part in parts)))
    if not numbers:
        raise ConfigError("the data holds no structures")
    return ([6] if 6 in numbers else []) + [z for z in numbers if z != 6]


def _elements(structures: Sequence[Structure]) -> set[int]:
    if isinstance(structures, ConformerView):
        return structures.elements()
    return {int(z) for s in structures for z in np.unique(s.species)}


class EpochSampler(Sampler[int]):
    """A new order every epoch, drawn from (seed, epoch) alone, so that a resumed fit meets the
    same batches as an uninterrupted one. Lightning calls ``set_epoch``.

    Of several processes each draws every ``processes``-th of that order; what is left over, fewer
    than there are processes, waits for another epoch.
    """

    def __init__(self, length: int, seed: int, rank: int = 0, processes: int = 1) -> None:
        self.length = length
        self.seed = seed
        self.rank = rank
        self.processes = processes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called before every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length // self.processes

    def __iter__(self) -> Iterator[int]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.length)
        order = order[self.rank :: self.processes][: len(self)]
        for start in range(0, len(self), DRAWN_AT_ONCE):
            yield from order[start : start + DRAWN_AT_ONCE].tolist()
