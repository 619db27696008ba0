"""Charges of atoms along the stream: of molecules, their dipoles, the dipole of the whole.

The dipole of a periodic cell is split as M = M_D + M_J (C. Schröder, O. Steinhauser, J. Chem. Phys.
131 (2009) 114504): dipoles of the molecules relative to their centres of mass, with the charges of
each frame; and mean charges of the kinds of molecules at the continuous centres of mass. What the
charge of a molecule changes by from frame to frame has no part in M_J: neighbours exchange it, and
at continuous positions, which spread without limit, it would seem to travel between ions that are
far apart. A molecule that keeps its atoms carries the same charge per displacement in the long run
(F. Grasselli and S. Baroni, Nat. Phys. 15 (2019) 967). Means are known at the end of the run alone,
so kinds are kept apart until then.
"""

from dataclasses import dataclass

import numpy as np

from physrep.analysis.motion.dielectric import DipoleSums
from physrep.analysis.motion.infrared import Infrared
from physrep.analysis.statistics.blocks import Estimate
from physrep.analysis.statistics.lag_matrix import LagMatrix, LagMatrixSums
from physrep.analysis.statistics.scalars import Scalars, ScalarSums
from physrep.analysis.structure.dipoles import MoleculeDipoles
from physrep.config import ConfigError
from physrep.errors import UserError
from physrep.io.trajectories.frames import Frame
from physrep.studies.analyze.charge_sources import ChargeSource, source_of
from physrep.studies.analyze.lags import DENSE, VIBRATION, fast_lags, folded
from physrep.studies.analyze.motion_stream import MotionSums
from physrep.studies.analyze.stream import Answer, Stream
from physrep.studies.analyze.system import MOST_KINDS, OTHERS, System

CHARGE_BINS = (-3.0, 3.0, 600)  # e
DIPOLE_BINS = (0.0, 10.0, 1000)  # e A
NO_CELL = "the trajectory has no cell periodic in three directions"


@dataclass(frozen=True, eq=False)
class ChargeResults:
    """source: of the charges in words, "" where there are none; atoms: charges in e by element and
    molecule; molecules: charges of molecules; dipoles: sizes of their dipoles in e A; whole: size
    of the dipole of all (of a cell: of all molecules together, without mobile charges). infrared:
    of the whole; rotational, static: eps - eps_inf of the molecules alone and of all;
    nernst_einstein, einstein: S/m with mean charges of molecules.
    """

    source: str
    atoms: Answer[Scalars]
    molecules: Answer[Scalars]
    dipoles: Answer[Scalars]
    whole: Answer[Scalars]
    infrared: Answer[Infrared]
    rotational: Answer[Estimate]
    static: Answer[Estimate]
    nernst_einstein: Answer[Estimate]
    einstein: Answer[Estimate]


class ChargeSums:
    """Feeds the accumulators of charges and dipoles.

    Attributes:
        source: of the charges, None where there are none; total: the dipole that stays bounded;
            moved, rates: squared displacements and products of rates of the series of the dipole;
            interval: ps between frames.
    """

    def __init__(
        self,
        system: System,
        frame: Frame,
        n_frames: int,
        given: ChargeSource | None,
        motion: MotionSums | None,
        motion_gap: str,
    ) -> None:
        """Args: frame: the first one; n_frames: that will come; given: by the user; motion: of the
        same frames, None where there is none, for the reason of motion_gap.
        """
        self.system, self.motion = system, motion
        self.source, self.gap = source_of(given, system, frame)
        self.periodic = bool(np.any(frame.pbc))
        self.interval = motion.interval if motion else 0.0
        self.n_seen, self._last = 0, np.zeros(0)
        self.kinds, of = np.unique(system.kinds, return_inverse=True)
        self._of_kind = np.eye(len(self.kinds))[of].T
        self.atoms = self._scalars(_atom_kinds(system), CHARGE_BINS)
        self.molecules = self._scalars(system.kinds, CHARGE_BINS)
        self.dipoles = self._scalars(system.kinds, DIPOLE_BINS)
        self.whole = self._scalars(["all"], DIPOLE_BINS)
        self.found = Stream(lambda: MoleculeDipoles(system.groups, system.masses), self.gap)
        still = "" if len(system.groups) < len(system.species) else "no molecule has two atoms"
        self.total = Stream(None if self.gap or still else DipoleSums, self.gap or still)
        self._prepare_motion(n_frames, self.gap or motion_gap)

    def add(self, frame: Frame, where: str) -> None:
        """One frame, after the motion; where: in words.

        Raises:
            UserError: a model that cannot compute charges.
        """
        charges = self._charges_of(frame, where)
        if charges is None:
            return
        self.atoms.feed(lambda sums: sums.add(charges), where)
        place = frame.positions, frame.cell, frame.pbc
        found = self.found.feed(lambda sums: sums.of(*place, charges), where)
        if found is None:
            self._stop(self.found.reason, self.molecules, self.dipoles, *self._of_all())
            return
        sizes = np.linalg.norm(found.dipoles, axis=1)
        self.molecules.feed(lambda sums: sums.add(found.charges), where)
        self.dipoles.feed(lambda sums: sums.add(sizes), where)
        unknown = sorted({self.system.labels[k] for k in np.flatnonzero(np.isnan(found.charges))})
        if unknown:
            text = f"the charges of atoms of {', '.join(unknown)} are not known"
            self._stop(text if not self.n_seen else f"{where}: {text}", *self._of_all())
        else:
            dipole = found.dipoles.sum(axis=0)
            if not self.periodic:
                centre = self.system.masses @ frame.positions / self.system.masses.sum()
                dipole = charges @ (frame.positions - centre)
            self._add_dipole(dipole, where)
        self.n_seen += 1

    def stop_motion(self, reason: str) -> None:
        """No further frames for what needs times."""
        self._stop(reason, self.moved, self.rates)

    def weights(self, molecules: Scalars) -> np.ndarray:
        """Of the series of the dipole: M_D, and the mean charge of each kind."""
        return np.append(1.0, molecules.mean.value if self.periodic else [])

    def matrix(self, stream: Stream[LagMatrixSums]) -> Answer[LagMatrix]:
        """What it holds so far."""
        return stream.answer(lambda sums: sums.result())

    def _add_dipole(self, dipole: np.ndarray, where: str) -> None:
        self.whole.feed(lambda sums: sums.add(np.array([np.linalg.norm(dipole)])), where)
        self.total.feed(lambda sums: sums.add(dipole), where)
        motion = self.motion
        if motion is None:
            return
        series = dipole[None]
        if self.periodic:
            if motion.points is None:
                self.stop_motion(motion.unwrapper.reason)
                return
            series = np.concatenate([series, self._of_kind @ motion.points])
        if self.n_seen % motion.every == 0:
            self.moved.feed(lambda sums: sums.add(series), where)
        if len(self._last):
            rates = (series - self._last) / self.interval
            self.rates.feed(lambda sums: sums.add(rates), where)
        self._last = series

    def _charges_of(self, frame: Frame, where: str) -> np.ndarray | None:
        if self.source is None or not self.atoms.running:
            return None
        try:
            charges = self.source.of(frame)
        except UserError:
            raise
        except ValueError as error:
            reason, own = f"{where}: {error}", (self.atoms, self.molecules, self.dipoles)
            self._stop(reason, *own, self.found, *self._of_all())
            return None
        if charges.shape != self.system.species.shape:
            raise ConfigError(
                f"{len(charges)} charges are given for {len(self.system.species)} atoms: give one "
                "for each, in the order of the trajectory"
            )
        return charges

    def _of_all(self) -> tuple[Stream, ...]:
        return self.whole, self.total, self.moved, self.rates

    def _scalars(self, kinds: list[str], bins: tuple[float, float, int]) -> Stream[ScalarSums]:
        return Stream(None if self.gap else lambda: ScalarSums(kinds, *bins), self.gap)

    def _prepare_motion(self, n_frames: int, gap: str) -> None:
        """Displacements as those of molecules; rates as velocities, in frames that hold every
        vibration.
        """
        n_series = 1 + (len(self.kinds) if self.periodic else 0)
        if self.periodic and OTHERS in self.kinds:
            gap = gap or f"there are more than {MOST_KINDS} kinds of molecules"
        motion = self.motion
        if gap or motion is None:
            self.moved, self.rates = (
                Stream[LagMatrixSums](None, gap),
                Stream[LagMatrixSums](None, gap),
            )
            return
        few = "" if motion.n_lags else motion.displacements.reason
        few = few if self.periodic else NO_CELL
        n_lags = motion.n_lags
        self.moved = Stream(None if few else lambda: LagMatrixSums(n_series, n_lags, True), few)
        fast, few = fast_lags(n_frames, self.interval, VIBRATION, n_series**2, DENSE)
        few = folded(self.interval) or few
        self.rates = Stream(None if few else lambda: LagMatrixSums(n_series, fast, False), few)

    @staticmethod
    def _stop(reason: str, *streams: Stream) -> None:
        for stream in streams:
            stream.stop(reason)


def _atom_kinds(system: System) -> list[str]:
    """(n_atoms,) "N in C2H8N+", of an ion of one atom its label."""
    names = np.empty(len(system.species), dtype=object)
    symbols = np.array(system.symbols, dtype=object)
    for group, kind in zip(system.groups, system.kinds, strict=True):
        names[group] = (
            kind if len(group) == 1 else [f"{symbol} in {kind}" for symbol in symbols[group]]
        )
    return names.tolist()
