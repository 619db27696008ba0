"""Structures with labels: reading every supported file format into eV and Angstrom."""

from physrep.io.structures.npz import write_npz
from physrep.io.structures.readers import FORMATS, iter_structures, read_structures
from physrep.io.structures.structure import DataError, Structure

__all__ = [
    "FORMATS",
    "DataError",
    "Structure",
    "iter_structures",
    "read_structures",
    "write_npz",
]
