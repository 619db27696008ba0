"""Structure along the stream: radial distributions, hydrogen bonds, bonds and angles, density."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from physrep.analysis.statistics.blocks import Estimate
from physrep.analysis.structure.angular import BondMapSums, NeighborAngleSums, RadiusAngleMaps
from physrep.analysis.structure.distributions import (
    Distribution,
    DistributionSums,
    cell_heights,
    mean_density,
)
from physrep.analysis.structure.rdf import (
    GroupCentres,
    HydrogenBondSums,
    RadialDistributions,
    RadialSums,
)
from physrep.analysis.structure.scattering import StructureFactors, StructureFactorSums
from physrep.io.trajectories.frames import Frame
from physrep.studies.analyze.settings import Settings
from physrep.studies.analyze.stream import Answer, Stream
from physrep.studies.analyze.system import System

BIN_WIDTH = 0.05  # A
SHARE_OF_HEIGHT = 0.48  # of the smallest height of the cell; room for a barostat
LARGEST_R_MAX = 10.0  # A
LARGEST_HYDROGEN_BOND = 5.0  # A, of the map around hydrogens
NEIGHBORS = 40  # within the range of angles between neighbours: their number grows as its square
# Structure factors and maps take longer than the rest: of long runs this many frames, evenly.
FRAMES_OF_MAPS = 2000
NO_CELL = (
    "the trajectory has no cell periodic in three directions, so no density of atoms: store it "
    "with its cell (LAMMPS dump, XTC, DCD and extended XYZ hold it)"
)


@dataclass(frozen=True, eq=False)
class StructureResults:
    """elements, ions: radial distributions of atoms and of centres of mass of molecules;
    hydrogen: of donated hydrogens "H(N)" with acceptors, without pairs within a molecule; hydrogen_
    pairs: the two kinds of each of its curves; hydrogen_bonds: mean number in a frame; bonds in A,
    angles in degrees; density in g/cm^3; volume: mean in A^3. n_frames: number of frames used.
    scattering: structure factors of all atoms; neighbors: angles between neighbours of molecules,
    by their centres of mass; hydrogen_map: acceptors around donated hydrogens, by distance and
    angle.
    """

    elements: Answer[RadialDistributions]
    ions: Answer[RadialDistributions]
    hydrogen: Answer[RadialDistributions]
    hydrogen_pairs: list[tuple[str, str]]
    hydrogen_bonds: Answer[Estimate]
    bonds: Answer[Distribution]
    angles: Answer[Distribution]
    scattering: Answer[StructureFactors]
    neighbors: Answer[RadiusAngleMaps]
    hydrogen_map: Answer[RadiusAngleMaps]
    density: Answer[Estimate]
    volume: float | None
    intermolecular: bool
    n_frames: int


class StructureSums:
    """Feeds the accumulators of structure.

    Attributes:
        centres_found: (n_groups, 3) A, centres of mass of all molecules in the last frame, None
            once they have stopped; bonds_found: (n_bonds, 3), its hydrogen bonds D, H, A, alike.
    """

    def __init__(self, system: System, frame: Frame, settings: Settings, n_frames: int) -> None:
        """Args: frame: the first one; n_frames: that will be used."""
        self.every_map = max(1, n_frames // FRAMES_OF_MAPS)
        self.system, self.every, self.n_frames = system, settings.every, 0
        self.gap = "" if np.all(frame.pbc) else NO_CELL
        self.r_max = settings.r_max
        if self.r_max is None and not self.gap:
            height = float(cell_heights(frame.cell, frame.pbc).min())
            self.r_max = min(LARGEST_R_MAX, np.floor(10.0 * SHARE_OF_HEIGHT * height) / 10.0)
        # All of a crystal or of one molecule is bonded: nothing would be left between molecules.
        self.intermolecular = not settings.intramolecular and len(system.groups) > 1
        others = system.molecules if self.intermolecular else None
        self.elements = self._radial(system.symbols, others)
        self.centres = Stream(lambda: GroupCentres(system.groups, system.masses), self.gap)
        self.ions = self._radial(system.kinds)
        factors = None if self.gap else lambda: StructureFactorSums(system.symbols)
        self.scattering: Stream[StructureFactorSums] = Stream(factors, self.gap)
        self.neighbors = self._neighbor_stream(frame)
        self._prepare_hydrogen_bonds()
        self.bonds, self.angles = self._distributions()
        self.cells: list[np.ndarray] = []
        self.centres_found: np.ndarray | None = None
        self.bonds_found: np.ndarray | None = None

    def add(self, frame: Frame, where: str) -> None:
        """One frame; where: in words."""
        frame_of = frame.cell, frame.pbc
        maps = self.n_frames % self.every_map == 0
        self.n_frames += 1
        self.elements.feed(lambda sums: sums.add(frame.positions, *frame_of), where)
        centres = self.centres.feed(lambda sums: sums.of(frame.positions, *frame_of), where)
        self.centres_found = centres
        if centres is None:
            self.ions.stop(self.centres.reason)
            self.neighbors.stop(self.centres.reason)
        else:
            self.ions.feed(lambda sums: sums.add(centres, *frame_of), where)
            if maps:
                self.neighbors.feed(lambda sums: sums.add(centres, *frame_of), where)
        if maps:
            self.scattering.feed(lambda sums: sums.add(frame.positions, *frame_of), where)
            self.hydrogen_map.feed(lambda sums: sums.add(frame.positions, *frame_of), where)
        near = frame.positions[self._hydrogen_atoms]
        self.hydrogen.feed(lambda sums: sums.add(near, *frame_of), where)
        self.bonds_found = self.hydrogen_bonds.feed(
            lambda sums: sums.add(frame.positions, *frame_of), where
        )
        for stream in (self.bonds, self.angles):
            stream.feed(lambda sums: sums.add(frame.positions, *frame_of), where)
        if not self.gap and np.all(frame.pbc):
            self.cells.append(frame.cell)

    @property
    def possible_hydrogen_bonds(self) -> int:
        """Pairs of a donated hydrogen and an acceptor."""
        sums = self.hydrogen_bonds.sums
        return 0 if sums is None else sums.n_possible

    def result(self) -> StructureResults:
        """The answers so far."""
        volume, density = None, Answer[Estimate](None, self.gap)
        if self.cells:
            cells = np.array(self.cells)
            volume = float(np.abs(np.linalg.det(cells)).mean())
            density = Answer(mean_density(cells, self.system.masses))
        return StructureResults(
            self.elements.answer(lambda sums: sums.result()),
            self.ions.answer(lambda sums: sums.result()),
            self.hydrogen.answer(lambda sums: sums.result()),
            self.hydrogen_pairs,
            self.hydrogen_bonds.answer(lambda sums: sums.result()),
            self.bonds.answer(lambda sums: sums.result()),
            self.angles.answer(lambda sums: sums.result()),
            self.scattering.answer(lambda sums: sums.result()),
            self.neighbors.answer(lambda sums: sums.result()),
            self.hydrogen_map.answer(lambda sums: sums.result()),
            density,
            volume,
            self.intermolecular,
            self.n_frames,
        )

    def _radial(
        self, kinds: Sequence[str], molecules: np.ndarray | None = None
    ) -> Stream[RadialSums]:
        r_max = self.r_max
        if r_max is None:
            return Stream(None, self.gap)
        n_bins = max(1, round(r_max / BIN_WIDTH))
        return Stream(lambda: RadialSums(kinds, r_max, n_bins, molecules))

    def _neighbor_stream(self, frame: Frame) -> Stream[NeighborAngleSums]:
        """As far as NEIGHBORS molecules around one."""
        r_max, kinds = self.r_max, self.system.kinds
        if r_max is None:
            return Stream(None, self.gap)
        density = len(kinds) / abs(float(np.linalg.det(frame.cell)))
        reach = min(r_max, (3.0 * NEIGHBORS / (4.0 * np.pi * density)) ** (1.0 / 3.0))
        return Stream(lambda: NeighborAngleSums(kinds, reach))

    def _prepare_hydrogen_bonds(self) -> None:
        """g(r) of H(D) and acceptors, and the number of bonds."""
        system, symbols = self.system, self.system.symbols
        donors, acceptors = system.donors(), system.acceptors()
        kinds = {int(h): f"H({symbols[d]})" for d, h in donors}
        kinds |= {int(a): symbols[a] for a in acceptors}
        self._hydrogen_atoms = np.array(sorted(kinds), dtype=np.int64)
        names = [kinds[atom] for atom in self._hydrogen_atoms.tolist()]
        given, taken = (sorted({kinds[a] for a in atoms}) for atoms in (donors[:, 1], acceptors))
        self.hydrogen_pairs = [(a, b) for a in given for b in taken]
        if not self.hydrogen_pairs:
            text = f"{len(donors)} hydrogens on N, O or F, {len(acceptors)} acceptors"
            reason = f"no hydrogen bonds are possible: {text} in the first frame"
            self.hydrogen = Stream[RadialSums](None, reason)
            self.hydrogen_bonds = Stream[HydrogenBondSums](None, reason)
            self.hydrogen_map = Stream[BondMapSums](None, reason)
            return
        molecule_of = system.molecules
        self.hydrogen = self._radial(names, molecule_of[self._hydrogen_atoms])
        self.hydrogen_bonds = Stream(
            lambda: HydrogenBondSums(donors, acceptors, molecules=molecule_of)
        )
        around = donors, [kinds[h] for h in donors[:, 1].tolist()]
        partners = acceptors, [kinds[a] for a in acceptors.tolist()]
        if self.r_max is None:
            self.hydrogen_map = Stream(None, self.gap)
            return
        reach = min(self.r_max, LARGEST_HYDROGEN_BOND)
        self.hydrogen_map = Stream(lambda: BondMapSums(*around, *partners, reach, molecule_of))

    def _distributions(self) -> tuple[Stream[DistributionSums], Stream[DistributionSums]]:
        system = self.system
        none = "no {} in the first frame"
        bonds = Stream[DistributionSums](None, none.format("bonds"))
        angles = Stream[DistributionSums](None, none.format("angles"))
        if len(system.bonds):
            bonds = Stream(
                lambda: DistributionSums(system.bonds, system.bond_kinds(), 0.5, 3.5, 600)
            )
        if len(system.angles):
            kinds = system.angle_kinds()
            angles = Stream(lambda: DistributionSums(system.angles, kinds, 0.0, 180.0, 180))
        return bonds, angles
