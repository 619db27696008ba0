"""Systems of ethylammonium nitrate that the tests of the engines share."""

from ase import Atoms
from repository import REPOSITORY

from physrep.io import iter_structures

SHEARED_CELL = [[12.9, 0.0, 0.0], [3.0, 12.9, 0.0], [-2.0, 4.0, 12.9]]  # reduced, as OpenMM asks


def ean_box() -> Atoms:
    """225 atoms, cubic, 12.9 A."""
    return next(iter_structures(REPOSITORY / "data" / "ean_gfn2.extxyz.gz")).to_ase()


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
