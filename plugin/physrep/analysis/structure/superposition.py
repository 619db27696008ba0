"""Distance of two structures after their whole-body motion is removed."""

import warnings

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from scipy.spatial.transform import Rotation


def superposed(positions: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """``positions`` shifted and rotated, never mirrored, onto ``reference`` by least squares.

    Source: W. Kabsch, Acta Cryst. A34 (1978) 827.

    Args and returns: (n_atoms, 3) each, any unit; atoms in the same order, all weighing the same.

    Raises:
        ValueError: shapes that do not belong together.
    """
    positions, reference = np.asarray(positions, dtype=float), np.asarray(reference, dtype=float)
    _check_shapes(positions, reference)
    centre = reference.mean(axis=0)
    moved, fixed = positions - positions.mean(axis=0), reference - centre
    if not (moved.any() and fixed.any()):  # one atom: no direction to align
        return moved + centre
    with warnings.catch_warnings():
        # Of a linear molecule any turn about its axis is as good.
        warnings.filterwarnings("ignore", "Optimal rotation is not uniquely", UserWarning)
        rotation, _ = Rotation.align_vectors(fixed, moved)
    return rotation.apply(moved) + centre


def rmsd(positions: np.ndarray, reference: np.ndarray) -> float:
    """Root mean square distance per atom after optimal superposition.

    Args: as :func:`superposed`. Returns: in the unit of the positions.

    Raises:
        ValueError: shapes that do not belong together.
    """
    apart = superposed(positions, reference) - np.asarray(reference)
    return float(np.sqrt((apart**2).sum(axis=1).mean()))


def periodic_rmsd(
    positions: np.ndarray, reference: np.ndarray, cell: np.ndarray, pbc: np.ndarray
) -> float:
    """Root mean square minimum-image distance per atom, without the mean displacement.

    A cell has no rotational symmetry, so no rotation is removed.

    Args:
        positions, reference: (n_atoms, 3) in A, wrapped or not; cell: (3, 3) in A, rows, the same
            for both; pbc: (3,) bool.

    Raises:
        ValueError: shapes that do not belong together.
    """
    positions, reference = np.asarray(positions, dtype=float), np.asarray(reference, dtype=float)
    _check_shapes(positions, reference)
    apart, _ = find_mic(positions - reference, cell, pbc)
    apart -= apart.mean(axis=0)
    return float(np.sqrt((apart**2).sum(axis=1).mean()))


def structure_rmsd(atoms: Atoms, reference: Atoms) -> float:
    """:func:`periodic_rmsd` where any direction of ``reference`` repeats, else :func:`rmsd`; A."""
    if reference.pbc.any():
        return periodic_rmsd(
            atoms.positions, reference.positions, reference.cell.array, reference.pbc
        )
    return rmsd(atoms.positions, reference.positions)


def _check_shapes(positions: np.ndarray, reference: np.ndarray) -> None:
    if positions.shape != reference.shape or positions.ndim != 2 or positions.shape[1] != 3:
        raise ValueError(
            f"positions {positions.shape} and reference {reference.shape}: give (n_atoms, 3) of "
            "the same atoms in the same order"
        )
