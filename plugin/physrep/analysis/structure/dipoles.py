"""Charges and dipoles of molecules from the charges of their atoms."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from physrep.analysis.structure.rdf import GroupCentres


class Dipoles(NamedTuple):
    """charges: (n_groups,) in e; dipoles: (n_groups, 3) in e A, relative to the centre of mass of
    each molecule.
    """

    charges: np.ndarray
    dipoles: np.ndarray


class MoleculeDipoles:
    """Molecules are made whole across the faces of the cell, frame by frame."""

    def __init__(self, groups: Sequence[np.ndarray], masses: np.ndarray) -> None:
        """Args and errors: as :class:`physrep.analysis.structure.rdf.GroupCentres`."""
        self._centres = GroupCentres(groups, masses)
        rows = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        ones, atoms = np.ones(len(rows)), np.concatenate(groups)
        self._members = csr_array((ones, (rows, atoms)), (len(groups), len(masses)))

    def of(
        self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, charges: np.ndarray
    ) -> Dipoles:
        """Of one frame: positions (n_atoms, 3) in A, wrapped or not; cell (3, 3) in A; pbc (3,);
        charges (n_atoms,) in e, which may differ from frame to frame.

        Raises:
            ValueError: as :meth:`GroupCentres.of`; another number of charges.
        """
        if np.shape(charges) != (len(positions),):
            raise ValueError(f"{len(charges)} charges for {len(positions)} atoms: give one of each")
        whole = self._centres.whole(positions, cell, pbc)
        centres = self._centres.weights @ whole
        total = self._members @ charges
        moments = self._members @ (charges[:, None] * whole)
        return Dipoles(total, moments - total[:, None] * centres)
