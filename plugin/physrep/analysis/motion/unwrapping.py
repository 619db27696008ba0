"""Continuous positions of atoms in a periodic cell, fixed or changing."""

import numpy as np
from ase.geometry import complete_cell

from physrep.analysis.statistics.blocks import check_positions
from physrep.analysis.structure.distributions import ReducedCell

LARGEST_STEP = 0.4  # of the cell between two frames; 0.5 cannot be distinguished from -0.5


class Unwrapper:
    """Positions that diffuse as the atoms do, also where a barostat changes the cell.

    Displacements are taken between positions wrapped into the cell of their frame, plus a lattice
    vector of the later frame for each face that was passed, and are added up. This is the
    toroidal-view-preserving scheme (S. von Bülow, J. T. Bullerjahn, G. Hummer, J. Chem. Phys. 153
    (2020) 021101; J. T. Bullerjahn et al., J. Chem. Theory Comput. 19 (2023) 3406). Unwrapped
    positions as a program writes them (LAMMPS' xu, or x + ix lx) are not right there: whenever the
    cell changes, an atom n cells away moves n times as far as the cell changes.
    """

    def __init__(self) -> None:
        self._last = np.zeros((0, 3))
        self._cell = np.eye(3)
        self._unwrapped = np.zeros((0, 3))
        self._pbc, self._lattice = np.zeros(3, dtype=bool), ReducedCell()
        self.n_frames = 0

    def add(
        self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, wrapped: bool = True
    ) -> np.ndarray:
        """(n_atoms, 3) in A, the first frame as it came.

        Args: positions (n_atoms, 3) in A; cell (3, 3) in A; pbc (3,), also none; wrapped: whether
            they may have been put back into the cell, so that the nearest image is taken. Of
            unwrapped ones the images are known, however far an atom moves between two frames.

        Raises:
            ValueError: an atom that moved by more than 0.4 of the cell since the last frame
                (wrapped ones only); a cell that changes too much between two frames;
                another number of atoms; positions that are not finite; changed periodicity.
        """
        pbc = np.broadcast_to(np.asarray(pbc, dtype=bool), 3)
        n_atoms = len(self._last) if self.n_frames else len(positions)
        # A copy: the caller may move its atoms in place.
        positions = check_positions(positions, n_atoms, self.n_frames).copy()
        if self.n_frames and (pbc != self._pbc).any():
            raise ValueError(
                f"frame {self.n_frames} has periodicity {pbc.tolist()}, the one before "
                f"{self._pbc.tolist()}: one trajectory has one periodicity"
            )
        whole = complete_cell(np.where(pbc[:, None], cell, 0.0)) if pbc.any() else np.eye(3)
        placed = positions
        if wrapped and pbc.any():
            self._lattice.of(cell, pbc)
            placed = self._lattice.fold(positions)
        if not self.n_frames:
            self._unwrapped = positions.copy()
        elif wrapped:
            self._unwrapped = self._unwrapped + self._nearest_steps(placed)
        else:
            self._unwrapped = self._unwrapped + self._known_steps(placed, whole)
        self._last, self._cell, self._pbc = placed, whole, pbc
        self.n_frames += 1
        return self._unwrapped

    def _known_steps(self, positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """Steps of unwrapped positions: without what the cells between change by themselves.

        With w = x - n L the wrapped positions, n = floor(x / L) and L the cell, the step is
        w' - w + (n' - n) L' = x' - x - n (L' - L).
        """
        steps = positions - self._last
        if not self._pbc.any() or np.array_equal(cell, self._cell):
            return steps
        images = np.floor(self._last @ np.linalg.inv(self._cell)) * self._pbc
        return steps - images @ (self._same_vectors(cell) - self._cell)

    def _same_vectors(self, cell: np.ndarray) -> np.ndarray:
        """The lattice of this frame in the vectors that continue those of the frame before.

        LAMMPS replaces a cell that has become too skewed by another one of the same lattice.
        """
        turned = np.rint(cell @ np.linalg.inv(self._cell))
        if abs(abs(np.linalg.det(turned)) - 1.0) > 0.5:
            raise ValueError(
                f"the cell changes from {self._cell.tolist()} to {cell.tolist()} A between frames "
                f"{self.n_frames - 1} and {self.n_frames}, too much to follow it; record more "
                "often"
            )
        return np.linalg.solve(turned, cell)

    def _nearest_steps(self, wrapped: np.ndarray) -> np.ndarray:
        steps = wrapped - self._last
        if not self._pbc.any():
            return steps
        steps, fractional = self._lattice.images(steps)
        left = np.abs(fractional)
        if left.max() > LARGEST_STEP:
            atom = int(left.argmax()) // 3
            raise ValueError(
                f"atom {atom} moved by {left.max():.2f} of the cell along one of its vectors "
                f"between frames {self.n_frames - 1} and {self.n_frames} (at most "
                f"{LARGEST_STEP:g}): the image it moved to is ambiguous. The frames are too far "
                "apart, or the run blew up; record more often, or give unwrapped positions "
                "(--unwrapped; wrapped=False in Python)"
            )
        return steps
