"""Systems and potentials that many tests need. Everything is small and made from a seed."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from ase import Atoms

from physrep.checkpoint import Checkpoint, new_checkpoint, new_committee
from physrep.geometry import Geometry
from physrep.io import Structure
from physrep.neighbors import Neighbors, neighbor_list
from physrep.pair.electrostatics_config import ElectrostaticsConfig
from physrep.potential import Potential
from physrep.prediction import Prediction, predict

SPECIES = [6, 1, 7, 8]
# Every model in every form that differs in its equations. The physics suite runs over all of them.
SMALL = {
    "n_layers": 2,
    "features": 16,
    "attention_features": 8,
    "cutoff": 3.5,
    "angular_features": 0,
}
TINY = {"name": "jat", "n_layers": 1, "features": 8, "cutoff": 3.0, "angular_features": 0}
PHYSREP = {"n_layers": 2, "features": 16, "heads": 2, "n_basis": 8, "cutoff": 3.5}
FORMS = {
    "jat-gated-sum": ("jat", SMALL),
    "jat-heads": ("jat", {**SMALL, "heads": 4}),
    "jat-softmax": ("jat", {**SMALL, "aggregation": "softmax"}),
    "jat-softmax-heads-gru": (
        "jat",
        {**SMALL, "aggregation": "softmax", "heads": 2, "update": "gru", "readout": "shallow"},
    ),
    "jat-distance": ("jat", {**SMALL, "edge_features": "distance"}),
    "jat-distance-squared": (
        "jat",
        {**SMALL, "edge_features": "distance_squared", "aggregation": "softmax", "filters": False},
    ),
    "jat-inverse-smooth": ("jat", {**SMALL, "edge_features": "inverse_smooth", "filters": False}),
    "jat-angular": ("jat", {**SMALL, "angular_features": 4}),
    "jat-vectors": ("jat", {**SMALL, "angular_features": 4, "vectors": True}),
    "jat-angular-softmax": (
        "jat",
        {
            **SMALL,
            "angular_features": 4,
            "degree": 1,
            "aggregation": "softmax",
            "heads": 2,
            "edge_features": "distance",
        },
    ),
    "jat-published": (
        "jat",
        {
            **SMALL,
            "attention_features": 16,
            "edge_features": "distance_squared",
            "aggregation": "softmax",
            "filters": False,
            "smooth": False,
        },
    ),
    "jat-published-heads": (
        "jat",
        {
            **SMALL,
            "heads": 3,
            "attention_features": 16,
            "edge_features": "inverse_smooth",
            "aggregation": "softmax",
            "filters": False,
            "update": "gru",
            "smooth": False,
        },
    ),
    "physrep": ("physrep", PHYSREP),
    "physrep-atoms-cosine": ("physrep", {**PHYSREP, "head": "atoms", "envelope": "cosine"}),
    "physrep-published-pairs": ("physrep", {**PHYSREP, "published_pairs": True}),
    "physrep-adjacency": ("physrep", {**PHYSREP, "adjacency": True, "masking": True}),
    "physrep-cls": ("physrep", {**PHYSREP, "cls": True}),
    "physrep-molecule": ("physrep", {**PHYSREP, "cls": True, "head": "molecule"}),
    "neuralil": ("neuralil", {"cutoff": 3.5}),
    "neuralil-morse": ("neuralil", {"cutoff": 3.2, "n_max": 3, "widths": [16, 8]}),
    "neuralil-published": ("neuralil", {"published": True}),
}
# Exempt, by name, from the rule that an isolated atom has its reference energy ...
PUBLISHED = {"jat-published", "jat-published-heads", "neuralil-published"}
JUMPS = {"jat-published", "jat-published-heads"}  # ... and from smoothness at the cutoff
KINKS = {"physrep-atoms-cosine"}  # the paper's envelope: only the force derivative jumps
MOLECULAR = {"physrep-cls", "physrep-molecule"}  # of whole molecules: no rule that needs locality
REPULSIONS = {"neuralil-morse": "morse", "neuralil-published": "morse"}
REPULSIONS |= dict.fromkeys(JUMPS, "none")


# Larger than those of DFT-D3 for C, H, N, O (4, 1.5, 3.5, 3), so that an error would be seen.
ROOTS_OF_C6 = [12.0, 4.0, 10.0, 9.0]  # eV^(1/2) A^3


def make_checkpoint(
    form: str = "jat-gated-sum",
    dtype: torch.dtype = torch.float64,
    electrostatics: ElectrostaticsConfig | None = None,
    seed: int = 7,
) -> Checkpoint:
    """A potential with random parameters and physically sized scale, shift and references."""
    name, settings = FORMS[form]
    torch.manual_seed(seed)
    repulsion = REPULSIONS.get(form, "zbl")
    checkpoint = new_checkpoint(name, settings, SPECIES, repulsion, electrostatics)
    potential = checkpoint.potential.eval()
    potential.set_dtype(dtype)
    potential.shift.copy_(torch.tensor([-1.0, -0.5, -1.5, -2.0]))
    potential.reference_energies.copy_(torch.tensor([-48.0, -10.0, -70.0, -100.0]))
    potential.scale.fill_(2.0)
    if electrostatics is not None and electrostatics.polarization is not None:
        torch.nn.init.normal_(potential.charge_readout.polarizability.last.weight)
    if potential.dispersion is not None:
        potential.dispersion.weights.copy_(torch.tensor(ROOTS_OF_C6))
    return checkpoint


def make_committee(
    forms: Sequence[str] = ("jat-gated-sum",) * 3,
    dtype: torch.dtype = torch.float64,
    electrostatics: ElectrostaticsConfig | None = None,
) -> Checkpoint:
    """A committee of such potentials, each with parameters of its own."""
    return new_committee(
        [make_checkpoint(form, dtype, electrostatics, seed=k) for k, form in enumerate(forms)]
    )


def random_atoms(n_atoms: int, cell: np.ndarray, seed: int = 0, smallest: float = 0.9) -> Atoms:
    """Atoms of all species in a periodic cell, none nearer than ``smallest`` A."""
    rng = np.random.default_rng(seed)
    numbers = [SPECIES[k % 4] for k in range(n_atoms)]
    atoms = Atoms(cell=cell, pbc=True)
    while len(atoms) < n_atoms:
        trial = Atoms([numbers[len(atoms)]], positions=[rng.uniform(size=3) @ cell])
        longer = atoms + trial
        if (
            len(atoms) == 0
            or longer.get_distances(-1, range(len(atoms)), mic=True).min() > smallest
        ):
            atoms = longer
    return atoms


def liquid(seed: int = 0) -> Atoms:
    """24 atoms in a triclinic cell that is smaller than twice the cutoff."""
    cell = np.array([[6.0, 0.0, 0.0], [1.5, 5.5, 0.0], [-0.8, 0.9, 6.3]])
    return random_atoms(24, cell, seed)


def molecule(seed: int = 0) -> Atoms:
    """10 atoms, not periodic."""
    atoms = random_atoms(10, np.eye(3) * 4.0, seed)
    atoms.pbc = False
    atoms.cell = None
    return atoms


def types_of(atoms: Atoms) -> torch.Tensor:
    """Types of the atoms for the species of these tests."""
    return torch.tensor([SPECIES.index(z) for z in atoms.numbers])


def neighbors_of(atoms: Atoms, cutoff: float) -> Neighbors:
    """Neighbour list in float64."""
    positions = torch.from_numpy(atoms.positions)
    return neighbor_list(
        positions, torch.from_numpy(atoms.cell.array.copy()), torch.from_numpy(atoms.pbc), cutoff
    )


def geometry_of(structures: list[Atoms]) -> Geometry:
    """Where the atoms are; total charges as ``info["charge"]`` states them."""
    charges = [float(atoms.info.get("charge", 0.0)) for atoms in structures]
    return Geometry(
        torch.from_numpy(np.concatenate([atoms.positions for atoms in structures])),
        torch.from_numpy(np.stack([atoms.cell.array for atoms in structures])),
        torch.from_numpy(np.stack([atoms.pbc for atoms in structures])),
        torch.tensor(charges, dtype=torch.float64),
    )


def compute(potential: Potential, atoms: Atoms) -> Prediction:
    """Energy, forces, virial of the potential (or of what else has a cutoff and is called so)."""
    found = neighbors_of(atoms, potential.cutoff)
    edges = types_of(atoms), found.edge_index, found.vectors
    return predict(potential, *edges, geometry=geometry_of([atoms]))


def compute_batch(potential: Potential, structures: list[Atoms]) -> Prediction:
    """As :func:`compute`, all structures in one call."""
    offsets = np.cumsum([0] + [len(atoms) for atoms in structures])
    found = [neighbors_of(atoms, potential.cutoff) for atoms in structures]
    return predict(
        potential,
        torch.cat([types_of(atoms) for atoms in structures]),
        torch.cat([n.edge_index + k for n, k in zip(found, offsets.tolist(), strict=False)], dim=1),
        torch.cat([n.vectors for n in found]),
        torch.repeat_interleave(torch.tensor([len(atoms) for atoms in structures])),
        len(structures),
        geometry=geometry_of(structures),
    )


def labelled_frames(n_frames: int) -> list[Structure]:
    """Frames of 9 to 12 atoms (compositions of full rank), labelled by a random potential."""
    teacher = make_checkpoint().potential
    frames = []
    for k in range(n_frames):
        atoms = random_atoms(9 + k % 4, np.eye(3) * 5.0, seed=k)
        labels = compute(teacher, atoms)
        frames.append(
            Structure(
                positions=atoms.positions,
                species=atoms.numbers,
                cell=atoms.cell.array,
                pbc=True,
                energy=float(labels.energy),
                forces=labels.forces.numpy(),
                virial=labels.virial[0].numpy(),
            )
        )
    return frames


def force_by_difference(
    energy: Callable[[Atoms], float], atoms: Atoms, index: int, axis: int, step: float
) -> float:
    """Minus the slope of the energy, eV/A, from an atom moved by ``step`` (A) to either side."""
    ends = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[index, axis] += sign * step
        ends.append(energy(moved))
    return (ends[1] - ends[0]) / (2 * step)
