"""Systems of ethylammonium nitrate, and potentials with random parameters exported for them."""

from pathlib import Path

import pytest
import torch
from ase import Atoms
from physrep.checkpoint import Checkpoint, save_checkpoint
from physrep.deploy.export import export_potential
from physrep.io import iter_structures
from systems import make_checkpoint

REPOSITORY = Path(__file__).resolve().parents[2]
SHEARED_CELL = [[12.9, 0.0, 0.0], [3.0, 12.9, 0.0], [-2.0, 4.0, 12.9]]  # reduced, as OpenMM asks
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def ean_box() -> Atoms:
    """225 atoms, cubic, 12.9 A."""
    first = next(iter_structures(REPOSITORY / "data" / "ean_gfn2.extxyz.gz"))
    return Atoms(
        numbers=first.species, positions=first.positions, cell=first.cell, pbc=first.pbc
    )


def sheared_box() -> Atoms:
    """The same, triclinic."""
    atoms = ean_box()
    atoms.set_cell(SHEARED_CELL, scale_atoms=True)
    return atoms


def ion_pair() -> Atoms:
    """One cation and the anion nearest to it, isolated."""
    atoms = ean_box()
    distances = [atoms.get_distance(0, 165 + 4 * k, mic=True) for k in range(15)]
    k = distances.index(min(distances))
    pair = atoms[[*range(11), *range(165 + 4 * k, 169 + 4 * k)]]
    pair.positions = pair.positions[0] + pair.get_distances(0, range(15), mic=True, vector=True)
    pair.pbc, pair.cell = False, None
    return pair


SYSTEMS = {
    "box": ean_box,
    "sheared": sheared_box,
    "2x2x2": lambda: ean_box().repeat(2),
    "pair": ion_pair,
}


class Exports:
    """One checkpoint per precision, one file per precision and system; made when asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def checkpoint(self, dtype: str = "float64") -> Checkpoint:
        return make_checkpoint(dtype=DTYPES[dtype])

    def ckpt(self, dtype: str = "float64") -> Path:
        path = self.folder / f"{dtype}.ckpt"
        if not path.exists():
            save_checkpoint(self.checkpoint(dtype), path)
        return path

    def pt(self, system: str | None, dtype: str = "float64") -> Path:
        path = self.folder / f"{system}-{dtype}.pt"
        if not path.exists():
            topology = None if system is None else SYSTEMS[system]()
            export_potential(self.checkpoint(dtype), path, topology, dtype)
        return path


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """Files that several tests read."""
    return Exports(tmp_path_factory.mktemp("exports"))
