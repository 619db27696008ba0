"""Motion along the stream: displacements, velocities, charge current, temperature."""

from dataclasses import dataclass

import numpy as np

from physrep.analysis.motion.conductivity import (
    ChargeCurrentSums,
    GreenKubo,
    einstein,
    nernst_einstein,
)
from physrep.analysis.motion.msd import (
    CHARGE,
    Diffusion,
    Displacements,
    DisplacementSums,
    diffusion,
)
from physrep.analysis.motion.transference import ChargeFlowSums, Transference, haven_ratio
from physrep.analysis.motion.unwrapping import Unwrapper
from physrep.analysis.motion.van_hove import VanHove, VanHoveSums
from physrep.analysis.motion.velocity import (
    Spectrum,
    VelocityCorrelation,
    VelocitySums,
    spectrum,
)
from physrep.analysis.statistics.blocks import BlockSums, Estimate
from physrep.analysis.structure.distributions import cell_heights
from physrep.analysis.structure.rdf import GroupCentres, centre_weights
from physrep.io.trajectories.frames import Frame
from physrep.studies.analyze.given import charge_gap
from physrep.studies.analyze.lags import (
    COARSEST,
    CURRENT,
    DENSE,
    FEWEST_LAGS,
    NUMBERS_HELD,
    VIBRATION,
    fast_lags,
    folded,
)
from physrep.studies.analyze.settings import Settings
from physrep.studies.analyze.stream import Answer, Stream, resolved
from physrep.studies.analyze.system import System
from physrep.units import AVOGADRO, BOLTZMANN_IN_EV, ELEMENTARY_CHARGE

AMU_A2_PER_PS2_IN_EV = 10.0 / (AVOGADRO * ELEMENTARY_CHARGE)
NO_CELL = np.zeros((3, 3)), np.zeros(3, dtype=bool)
LAGS_OF_VAN_HOVE = (0.0, 0.01, 0.1, 0.3, 1.0)  # of the longest lag
BINS_OF_VAN_HOVE = 60
RANGE_OF_VAN_HOVE = (0.48, 10.0)  # of the smallest height of the cell; A
LAGS_OF_MSD = 800  # lags up to a tenth of the run, no more of them than this


@dataclass(frozen=True, eq=False)
class MotionResults:
    """displacements: of the centres of mass of molecules by label, with "charge"; every: frames
    between those it used; lines: label -> fitted diffusion. velocities, spectrum: of atoms by
    element. temperature: K with its source in its reason. nernst_einstein, einstein: S/m;
    green_kubo. transference: shares of the current; haven: ratio; van_hove: of centres of mass.
    charged: the sum of all charges in e, None where one is unknown.
    """

    displacements: Answer[Displacements]
    every: int
    lines: dict[str, Diffusion]
    velocities: Answer[VelocityCorrelation]
    spectrum: Answer[Spectrum]
    temperature: Answer[Estimate]
    nernst_einstein: Answer[Estimate]
    einstein: Answer[Estimate]
    green_kubo: Answer[GreenKubo]
    transference: Answer[Transference]
    haven: Answer[Estimate]
    van_hove: Answer[VanHove]
    charged: float | None


class MotionSums:
    """Feeds the accumulators of motion; frames must be evenly spaced in time.

    Attributes:
        points: (n_groups, 3) A, continuous centres of mass of all molecules in the last frame
            relative to that of all atoms, None where they are not known; every: frames between
            those that displacements use; n_lags: the longest lag of these, 0 for none.
    """

    def __init__(
        self, system: System, frame: Frame, n_frames: int, interval: float, settings: Settings
    ) -> None:
        """Args: frame: the first one; n_frames: that will come; interval: ps between them."""
        self.system, self.interval, self.settings = system, interval, settings
        self.n_seen, self.has_velocities = 0, frame.velocities is not None
        self.charge_gap = charge_gap(system)
        self.weights = centre_weights(system.groups, system.masses)
        self.unwrapper = Stream(Unwrapper)
        self._prepare_displacements(n_frames)
        self._prepare_van_hove(frame)
        self.velocities = self._velocity_stream(n_frames)
        self.current = self._current_stream(n_frames)
        self.energies = BlockSums(())
        self.points: np.ndarray | None = None
        self._last: np.ndarray | None = None

    def add(self, frame: Frame, where: str) -> None:
        """One frame; where: in words."""
        if self.has_velocities and frame.velocities is None:
            for stream in (self.velocities, self.current):
                stream.stop(f"{where}: it has no velocities, the frames before had")
        moved = self._unwrapped(frame, where)
        self.points = None if moved is None else self._of_molecules(moved)
        if moved is None:
            for stream in (*self._of_displacements(), *self._from_positions()):
                stream.stop(self.unwrapper.reason)
        elif self.n_seen % self.every == 0:
            self._add_displacements(moved, frame, where)
        if self.has_velocities:
            self._add_velocities(frame.velocities, where)
        elif moved is not None:
            self._add_differences(moved, where)
        self.n_seen += 1

    def stop(self, reason: str) -> None:
        """No further frames."""
        for stream in (*self._of_displacements(), self.velocities, self.current):
            stream.stop(reason)

    def result(self, volume: float | None) -> MotionResults:
        """The answers so far; volume: its mean in A^3, None without a cell."""
        displacements = self.displacements.answer(lambda sums: sums.result())
        moved = displacements.value
        lines = {} if moved is None else {kind: diffusion(moved, kind) for kind in moved.kinds}
        velocities = self.velocities.answer(lambda sums: sums.result())
        temperature = self._temperature()
        found = self._conductivities(displacements, lines, temperature, volume)
        return MotionResults(
            displacements,
            self.every,
            lines,
            velocities,
            self._spectrum(velocities),
            temperature,
            *found,
            self.flows.answer(lambda sums: sums.result()),
            self._haven(lines),
            self.van_hove.answer(lambda sums: sums.result()),
            _number(self.system.charges.sum()),
        )

    def _prepare_displacements(self, n_frames: int) -> None:
        """Lags up to a tenth of the run; long runs are thinned, with no loss of information: what
        neighbouring frames add is the same displacement once more.
        """
        groups, charges = self.system.groups, None if self.charge_gap else self.system.charges
        most = min(LAGS_OF_MSD, NUMBERS_HELD // (6 * (len(groups) + 1)))
        self.every = max(1, -(-n_frames // (10 * most)))
        n_lags = n_frames // self.every // 10
        self.n_lags = n_lags if n_lags >= FEWEST_LAGS else 0
        if n_lags < FEWEST_LAGS:
            reason = f"{n_frames} frames are too few for displacements (at least"
            reason += f" {10 * FEWEST_LAGS}); run longer"
            self.displacements = Stream[DisplacementSums](None, reason)
            self.flows = Stream[ChargeFlowSums](None, reason)
            return
        arguments = self.system.kinds, self.system.masses, self.interval * self.every, n_lags
        self.displacements = Stream(lambda: DisplacementSums(*arguments, groups, charges))
        self.flows = Stream(None, self.charge_gap)
        if charges is not None:
            flow = self.system.kinds, charges, self.interval * self.every, n_lags
            self.flows = Stream(lambda: ChargeFlowSums(*flow))

    def _prepare_van_hove(self, frame: Frame) -> None:
        """Lags are shares of the longest one of the displacements."""
        self.centres = GroupCentres(self.system.groups, self.system.masses)
        sums = self.displacements.sums
        gap = "" if np.all(frame.pbc) else "the trajectory has no cell, so no density of molecules"
        if sums is None or gap:
            self.van_hove = Stream[VanHoveSums](None, self.displacements.reason or gap)
            return
        lags = [round(share * sums.n_lags) for share in LAGS_OF_VAN_HOVE]
        share, most = RANGE_OF_VAN_HOVE
        r_max = min(most, share * float(cell_heights(frame.cell, frame.pbc).min()))
        arguments = self.system.kinds, self.interval * self.every, lags, r_max
        self.van_hove = Stream(lambda: VanHoveSums(*arguments, n_bins=BINS_OF_VAN_HOVE))

    def _of_displacements(self) -> tuple[Stream, ...]:
        return self.displacements, self.flows, self.van_hove

    def _add_displacements(self, moved: np.ndarray, frame: Frame, where: str) -> None:
        self.displacements.feed(lambda sums: sums.add(moved, *NO_CELL), where)
        points = self.points
        assert points is not None  # known where the positions are
        self.flows.feed(lambda sums: sums.add(points), where)

        def look(sums: VanHoveSums) -> None:
            if sums.wants():
                place = frame.cell, frame.pbc
                sums.add(points, self.centres.of(frame.positions, *place), *place)
            else:
                sums.skip()

        self.van_hove.feed(look, where)

    def _velocity_stream(self, n_frames: int) -> Stream[VelocitySums]:
        limit = COARSEST if self.has_velocities else DENSE
        n_lags, gap = self._lags(n_frames, VIBRATION, len(self.system.species), limit)
        if gap:
            return Stream(None, gap)
        arguments = self.system.symbols, self.system.masses, self.interval, n_lags
        return Stream(lambda: VelocitySums(*arguments))

    def _current_stream(self, n_frames: int) -> Stream[ChargeCurrentSums]:
        n_lags, gap = self._lags(n_frames, CURRENT, 1, COARSEST)
        if self.charge_gap or gap:
            return Stream(None, self.charge_gap or gap)
        charges = self.system.charges
        return Stream(lambda: ChargeCurrentSums(charges, self.interval, n_lags))

    def _lags(
        self, n_frames: int, lengths: tuple[float, float], n_series: int, coarsest: float
    ) -> tuple[int, str]:
        source = "" if self.has_velocities else ", without velocities in the file,"
        return fast_lags(n_frames, self.interval, lengths, n_series, coarsest, source)

    def _from_positions(self) -> tuple[Stream, ...]:
        return () if self.has_velocities else (self.velocities, self.current)

    def _unwrapped(self, frame: Frame, where: str) -> np.ndarray | None:
        wrapped = frame.wrapped if self.settings.wrapped is None else self.settings.wrapped
        place = frame.positions, frame.cell, frame.pbc, wrapped
        return self.unwrapper.feed(lambda sums: sums.add(*place), where)

    def _add_velocities(self, velocities: np.ndarray | None, where: str) -> None:
        if velocities is None:
            return
        masses = self.system.masses
        self.velocities.feed(lambda sums: sums.add(velocities), where)
        self.current.feed(lambda sums: sums.add(self._of_molecules(velocities)), where)
        self.energies.add(masses @ np.einsum("nk,nk->n", velocities, velocities))

    def _add_differences(self, moved: np.ndarray, where: str) -> None:
        self.velocities.feed(lambda sums: sums.add_positions(moved, *NO_CELL), where)
        if self._last is not None and self.current.running:
            steps = (moved - self._last) / self.interval
            self.current.feed(lambda sums: sums.add(self._of_molecules(steps)), where)
        self._last = moved

    def _of_molecules(self, velocities: np.ndarray) -> np.ndarray:
        """(n_groups, 3) of velocities or continuous positions, relative to the centre of mass."""
        masses = self.system.masses
        return self.weights @ (velocities - masses @ velocities / masses.sum())

    def _temperature(self) -> Answer[Estimate]:
        if self.settings.temperature is not None:
            return given_temperature(self.settings)
        if not self.energies.n_values:
            return Answer(None, "the trajectory has no velocities; give the temperature in K")
        degrees = max(1, 3 * len(self.system.species) - 3)
        per = AMU_A2_PER_PS2_IN_EV / (degrees * BOLTZMANN_IN_EV)
        mean = self.energies.estimate()
        found = Estimate(per * mean.value, per * mean.error, mean.reason)
        return Answer(found, "from the velocities, 3 N - 3 degrees of freedom, no constraints")

    def _spectrum(self, velocities: Answer[VelocityCorrelation]) -> Answer[Spectrum]:
        if velocities.value is None:
            return Answer(None, velocities.reason)
        if folded(self.interval):
            return Answer(None, folded(self.interval))
        try:
            return Answer(spectrum(velocities.value), velocities.reason)
        except ValueError as error:
            return Answer(None, str(error))

    def _conductivities(
        self,
        displacements: Answer[Displacements],
        lines: dict[str, Diffusion],
        temperature: Answer[Estimate],
        volume: float | None,
    ) -> tuple[Answer[Estimate], Answer[Estimate], Answer[GreenKubo]]:
        gap = self.charge_gap or ("no cell, so no volume" if volume is None else "")
        gap = gap or (temperature.reason if temperature.value is None else "")
        if gap or volume is None or temperature.value is None:
            return Answer(None, gap), Answer(None, gap), Answer(None, gap)
        at = volume, float(temperature.value.value)
        green_kubo = self.current.answer(lambda sums: sums.result(*at))
        if displacements.value is None:
            nothing = Answer[Estimate](None, displacements.reason)
            return nothing, nothing, green_kubo
        alone = self._nernst_einstein(lines, *at)
        together = einstein(displacements.value, *at)[0]
        return resolved(alone), resolved(together), green_kubo

    def _ions(self, lines: dict[str, Diffusion]) -> dict[str, tuple[int, float]]:
        """Number and charge of the ions of each kind that is charged."""
        kinds, charges = np.array(self.system.kinds), self.system.charges
        of = {k: charges[kinds == k] for k in lines if k != CHARGE and charges[kinds == k].any()}
        # Of one label all are the same.
        return {k: (len(q), float(np.sqrt((q**2).mean()))) for k, q in of.items()}

    def _nernst_einstein(
        self, lines: dict[str, Diffusion], volume: float, temperature: float
    ) -> Estimate:
        ions = self._ions(lines)
        return nernst_einstein(
            np.array([lines[k].coefficient for k in ions]),
            np.array([lines[k].error for k in ions]),
            np.array([number for number, _ in ions.values()]),
            np.array([charge for _, charge in ions.values()]),
            volume,
            temperature,
        )

    def _haven(self, lines: dict[str, Diffusion]) -> Answer[Estimate]:
        if self.charge_gap or not lines:
            return Answer(None, self.charge_gap or self.displacements.reason)
        ions = self._ions(lines)
        numbers = {k: number for k, (number, _) in ions.items()}
        return resolved(haven_ratio(lines, numbers, {k: q for k, (_, q) in ions.items()}))


def given_temperature(settings: Settings) -> Answer[Estimate]:
    """In K, without an error; a gap where none is given."""
    if settings.temperature is None:
        return Answer(None, "no temperature is known; give it in K (--temperature)")
    return Answer(Estimate(np.float64(settings.temperature), np.float64(0.0), "given"), "given")


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
