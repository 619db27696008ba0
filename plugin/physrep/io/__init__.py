"""Structures with labels: reading every supported file format into eV and Angstrom."""

from physrep.io.npz import write_npz
from physrep.io.readers import FORMATS, iter_structures, read_structures
from physrep.io.structures import DataError, Structure

__all__ = [
    "FORMATS",
    "DataError",
    "Structure",
    "iter_structures",
    "read_structures",
    "write_npz",
]
