"""Lifetimes of ion pairs and hydrogen bonds along the stream."""

from dataclasses import dataclass

import numpy as np

from physrep.analysis.motion.pair_lifetimes import PairCorrelation, PairSums, nearest_partners
from physrep.analysis.structure.distributions import ReducedCell
from physrep.io.trajectories.frames import Frame
from physrep.studies.analyze.stream import Answer, Stream
from physrep.studies.analyze.system import System

FEWEST_LAGS = 10
CODES_HELD = 3_000_000  # pairs of all frames held at a time, 8 bytes each


@dataclass(frozen=True, eq=False)
class LifetimeResults:
    """ions: each cation with the anion nearest to it, centre to centre; hydrogen: the hydrogens and
    acceptors of hydrogen bonds. Times in ps, between frames that structure is taken from.
    """

    ions: Answer[PairCorrelation]
    hydrogen: Answer[PairCorrelation]


class LifetimeSums:
    """Feeds the correlations of pairs with what structure finds in a frame."""

    def __init__(self, system: System, n_frames: int, interval: float, n_possible: int) -> None:
        """Args: n_frames: that will come, at most; interval: ps between them; n_possible: hydrogen
        bonds there could be.
        """
        charges = system.charges
        self.cations = np.flatnonzero(charges > 0.0)
        self.anions = np.flatnonzero(charges < 0.0)
        self._lattice = ReducedCell()
        n_ions = len(self.cations), len(self.anions)
        gap = "" if n_ions[0] and n_ions[1] > 1 else f"{n_ions[0]} cations and {n_ions[1]} anions"
        self.ions = self._stream(gap, n_ions[0] * n_ions[1], n_ions[0], n_frames, interval)
        gap = "" if n_possible > 1 else "no hydrogen bonds are possible"
        self.hydrogen = self._stream(gap, n_possible, len(system.donors()), n_frames, interval)

    def add(
        self, frame: Frame, centres: np.ndarray | None, bonds: np.ndarray | None, where: str
    ) -> None:
        """One frame; centres: (n_groups, 3) A, of all molecules; bonds: (n_bonds, 3) atom indices
        D, H, A of its hydrogen bonds; None: structure has stopped.
        """
        if centres is None:
            self.ions.stop(f"{where}: the centres of the molecules are no longer known, see ions")
        elif self.ions.running:
            self._lattice.of(frame.cell, frame.pbc)
            apart = centres[self.anions][None] - centres[self.cations][:, None]
            pairs = nearest_partners(self._lattice.nearest(apart))
            self.ions.feed(lambda sums: sums.add(pairs), where)
        if bonds is None:
            self.hydrogen.stop(f"{where}: hydrogen bonds are no longer counted, see hydrogen bonds")
        else:
            self.hydrogen.feed(lambda sums: sums.add(bonds[:, 1:]), where)

    def stop(self, reason: str) -> None:
        """No further frames."""
        for stream in (self.ions, self.hydrogen):
            stream.stop(reason)

    def result(self) -> LifetimeResults:
        """The answers so far."""
        found = (stream.answer(lambda sums: sums.result()) for stream in (self.ions, self.hydrogen))
        return LifetimeResults(*found)

    @staticmethod
    def _stream(
        gap: str, n_possible: int, expected: int, n_frames: int, interval: float
    ) -> Stream[PairSums]:
        """Lags up to a tenth of the run, fewer where there are very many pairs."""
        n_lags = min(n_frames // 10, CODES_HELD // (2 * max(expected, 1)))
        if not gap and n_lags < FEWEST_LAGS:
            gap = f"{n_frames} frames are too few (at least {10 * FEWEST_LAGS}); run longer"
        if gap:
            return Stream(None, gap)
        return Stream(lambda: PairSums(n_possible, interval, n_lags))
