"""Reactions along a trajectory: events, populations of species, lifetimes with censoring.

    tracker = EventTracker(species)
    for frame in trajectory:
        tracker.observe(frame.time, frame.positions, frame.cell, frame.pbc)
    reactions = tracker.result()

Memory grows with the number of bond changes, not with the number of frames. A change of a bond
that is undone within tau is rattling and not counted; a hydrogen that is free for no longer than
tau on its way to another atom makes one transfer, at the time it arrives.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from physrep.analysis.chemistry.bond_tracking import BondTracker
from physrep.analysis.chemistry.bonds import bond_kinds
from physrep.analysis.chemistry.species_names import SpeciesBook, SpeciesName
from physrep.analysis.statistics.lifetimes import Lifetime, censored_lifetime

TAU = 0.05  # ps
ROUNDING = 1e-9  # ps; times are sums of floats
PROTON_TRANSFER, RECOMBINATION = "proton transfer", "recombination"


class Change(NamedTuple):
    """One bond, i < j, at the time (ps) of the first frame that shows the change."""

    time: float
    i: int
    j: int
    formed: bool


@dataclass(frozen=True)
class Event:
    """time: ps; kind: "proton transfer" (a hydrogen passes from one atom to another; whether as
    H+ or H is not in the graph), "N-O break" and the like, elements in alphabetical order,
    "recombination" (two atoms bond that both lost a partner of such an element before) or
    "H-O formation" and the like; atoms: indices, of a transfer donor, hydrogen, acceptor;
    before, after: labels of the molecules that take part; confirmed: False within tau of the end
    of the trajectory, where the change may yet be undone.
    """

    time: float
    kind: str
    atoms: tuple[int, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    confirmed: bool

    @property
    def reaction(self) -> str:
        """For example "C2H8N+ + NO3- -> C2H7N + HNO3"."""
        return " + ".join(self.before) + " -> " + " + ".join(self.after)


@dataclass(frozen=True)
class Reactions:
    """What happened.

    events: by time. times: (n_times,) ps, the start, every change of a population, the end;
    populations: label -> (n_times,) int, from that time on. lifetimes: label -> Lifetime. names:
    label -> formula, charge guess, name. n_undone: bond changes skipped as rattling. note: what
    limits the answer, "" if nothing does.
    """

    events: list[Event]
    times: np.ndarray
    populations: dict[str, np.ndarray]
    lifetimes: dict[str, Lifetime]
    names: dict[str, SpeciesName]
    n_frames: int
    tau: float
    n_undone: int
    note: str

    def dissociated(self, label: str) -> np.ndarray:
        """(n_times,) share of the molecules of the start that are missing; 0 where more are there.

        Molecules are not distinguished: an ion that gets another proton back is an ion again.

        Raises:
            ValueError: no such molecule at the start.
        """
        counts = self.populations.get(label)
        if counts is None or counts[0] == 0:
            known = ", ".join(k for k, v in self.populations.items() if v[0])
            raise ValueError(f"label={label!r}: not there at the start; choose from {known}")
        return np.maximum(0.0, 1.0 - counts / counts[0])

    def at(self, times: np.ndarray) -> dict[str, np.ndarray]:
        """Populations at any times (n,) in ps within the trajectory.

        Raises:
            ValueError: a time before the start or after the end.
        """
        times = np.asarray(times, dtype=float)
        if len(times) and (times.min() < self.times[0] or times.max() > self.times[-1]):
            span = f"{self.times[0]:g} to {self.times[-1]:g} ps"
            raise ValueError(f"times {times.min():g} to {times.max():g} ps: known are {span}")
        place = np.searchsorted(self.times, times, side="right") - 1
        return {label: counts[place] for label, counts in self.populations.items()}

    def as_dict(self) -> dict[str, Any]:
        """Events, populations and lifetimes for JSON; without survival curves."""
        shown = ("n", "ended", "exposure", "mean", "error", "longer_than")
        return {
            "events": [vars(event) | {"reaction": event.reaction} for event in self.events],
            "times": self.times.tolist(),
            "populations": {label: counts.tolist() for label, counts in self.populations.items()},
            "lifetimes": {
                label: {name: getattr(one, name) for name in shown}
                for label, one in self.lifetimes.items()
            },
            "names": {label: name._asdict() for label, name in self.names.items()},
            "n_frames": self.n_frames,
            "tau": self.tau,
            "n_undone": self.n_undone,
            "note": self.note,
        }


class EventTracker:
    """``observe`` each frame, ``result`` at the end."""

    def __init__(
        self, species: np.ndarray, tau: float = TAU, book: SpeciesBook | None = None
    ) -> None:
        """species: (n_atoms,) atomic numbers; tau: ps, see above; book: of the names.

        Raises:
            ValueError: tau is negative.
        """
        if not tau >= 0.0:
            raise ValueError(f"tau={tau}: must be 0 or more (ps)")
        self.species, self.tau = np.asarray(species), tau
        self.book = book or SpeciesBook()
        self.bonds = BondTracker(self.species)
        self.start_pairs: np.ndarray | None = None
        self.changes: list[Change] = []
        self.first_time = self.time = 0.0
        self.n_frames, self.longest_step = 0, 0.0

    def observe(
        self, time: float | None, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray
    ) -> None:
        """Look at one frame. time: ps; the others as `BondTracker.update`.

        Raises:
            ValueError: no time, or one that is not after the frame before.
        """
        if time is None or not np.isfinite(time):
            raise ValueError(f"time of frame {self.n_frames} is {time}: give ps between frames, dt")
        if self.n_frames and not time > self.time:
            text = f"time of frame {self.n_frames} is {time:g} ps, of the one before {self.time:g}"
            raise ValueError(f"{text}: times must rise; cut the trajectory or give dt")
        changes = self.bonds.update(positions, cell, pbc)
        if self.n_frames:
            self.longest_step = max(self.longest_step, time - self.time)
        else:
            self.first_time, self.start_pairs = time, self.bonds.pairs.copy()
        self.time, self.n_frames = time, self.n_frames + 1
        for pairs, formed in ((changes.broken, False), (changes.formed, True)):
            self.changes += [Change(time, i, j, formed) for i, j in pairs.tolist()]

    def result(self) -> Reactions:
        """All that happened so far.

        Raises:
            ValueError: no frame was observed.
        """
        if self.start_pairs is None:
            raise ValueError("0 frames observed: no events; give at least one frame")
        kept = settle(self.changes, self.species, self.tau)
        replay = _Replay(self.species, self.start_pairs, self.first_time, self.book)
        replay.run(kept, self.time - self.tau)
        times, populations = replay.populations(self.time)
        note = ""
        if self.n_frames < 2 or self.longest_step > self.tau + ROUNDING:
            note = (
                f"frames are up to {self.longest_step:g} ps apart, tau is {self.tau:g} ps: what "
                "happens and is undone between frames is not seen, and every change that is "
                "seen counts; store frames more often than tau to separate rattling from reactions"
            )
        return Reactions(
            events=replay.events,
            times=times,
            populations=populations,
            lifetimes=replay.lifetimes(self.time),
            names=replay.book.names,
            n_frames=self.n_frames,
            tau=self.tau,
            n_undone=len(self.changes) - len(kept),
            note=note,
        )


def find_events(frames: Iterable[Any], species: np.ndarray, tau: float = TAU) -> Reactions:
    """Reactions of frames with the attributes time (ps), positions, cell (A) and pbc."""
    tracker = EventTracker(species, tau)
    for frame in frames:
        tracker.observe(frame.time, frame.positions, frame.cell, frame.pbc)
    return tracker.result()


def settle(changes: Iterable[Change], species: np.ndarray, tau: float) -> list[Change]:
    """Changes, in the order of time, without those undone within tau (ps); hops are joined.

    Two changes of one bond no further apart than tau cancel. A hydrogen that left one atom and
    arrived at another within tau did both when it arrived.
    """
    stacks: dict[tuple[int, int], list[Change]] = defaultdict(list)
    for change in changes:
        stack = stacks[change.i, change.j]
        if stack and change.time - stack[-1].time <= tau + ROUNDING:
            stack.pop()
        else:
            stack.append(change)
    kept = sorted(change for stack in stacks.values() for change in stack)
    left: dict[int, int] = {}  # hydrogen -> place of its last break
    for place, change in enumerate(kept):
        for atom in (change.i, change.j):
            if species[atom] != 1:
                continue
            if not change.formed:
                left[atom] = place
            elif atom in left and change.time - kept[left[atom]].time <= tau + ROUNDING:
                earlier = left.pop(atom)
                kept[earlier] = kept[earlier]._replace(time=change.time)
    return sorted(kept, key=lambda change: (change.time, change.formed, change.i, change.j))


@dataclass(frozen=True, eq=False)
class _Molecule:
    atoms: frozenset[int]
    bonds: frozenset[tuple[int, int]]
    label: str
    born: float


class _Replay:
    """Applies settled changes to the graph; only molecules that change are visited."""

    def __init__(
        self, species: np.ndarray, pairs: np.ndarray, time: float, book: SpeciesBook
    ) -> None:
        self.species, self.book = species, book
        self.around: list[set[int]] = [set() for _ in species]
        for i, j in pairs.tolist():
            self.around[i].add(j)
            self.around[j].add(i)
        self.of: dict[int, _Molecule] = {}
        self.lives: dict[str, list[tuple[float, bool]]] = defaultdict(list)
        self.events: list[Event] = []
        self.open: Counter[tuple[int, int]] = Counter()  # (atom, element) -> partners lost
        for atom in range(len(species)):
            if atom not in self.of:
                self._found(self._connected(atom), time)
        self.snapshots = [(time, self._counts())]

    def run(self, changes: list[Change], confirmed_until: float) -> None:
        """Apply all changes, in order."""
        by_time: dict[float, list[Change]] = defaultdict(list)
        for change in changes:
            by_time[change.time].append(change)
        for time, together in by_time.items():
            parts = [(kind, atoms, self._labels(atoms)) for kind, atoms in self._kinds(together)]
            self._apply(together, time)
            confirmed = time <= confirmed_until + ROUNDING
            self.events += [
                Event(time, kind, atoms, before, self._labels(atoms), confirmed)
                for kind, atoms, before in parts
            ]
            self.snapshots.append((time, self._counts(self.snapshots[-1][1])))

    def populations(self, end: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Times (n_times,) and label -> (n_times,)."""
        shown = [*self.snapshots, (end, self.snapshots[-1][1])]
        labels = dict.fromkeys(label for _, counts in shown for label in counts)
        times = np.array([time for time, _ in shown])
        return times, {k: np.array([counts[k] for _, counts in shown]) for k in labels}

    def lifetimes(self, end: float) -> dict[str, Lifetime]:
        """Of all molecules that there were."""
        lives = {label: list(ended) for label, ended in self.lives.items()}
        for molecule in self._all():
            lives.setdefault(molecule.label, []).append((end - molecule.born, False))
        return {
            label: censored_lifetime(
                np.array([age for age, _ in molecules]), np.array([e for _, e in molecules])
            )
            for label, molecules in lives.items()
        }

    def _all(self) -> list[_Molecule]:
        """By their lowest atoms."""
        return list(dict.fromkeys(self.of[atom] for atom in range(len(self.species))))

    def _counts(self, before: Counter[str] | None = None) -> Counter[str]:
        """Molecules of each label; from the counts before, what changed since."""
        if before is None:
            return Counter(molecule.label for molecule in self._all())
        counts = before + self.gained
        counts.subtract(self.lost)
        return counts

    def _found(self, atoms: frozenset[int], time: float) -> _Molecule:
        order = sorted(atoms)
        place = {atom: k for k, atom in enumerate(order)}
        bonds = frozenset((i, j) for i in order for j in self.around[i] if i < j)
        pairs = [(place[i], place[j]) for i, j in bonds]
        label = self.book.name(self.species[order], pairs).label
        molecule = _Molecule(atoms, bonds, label, time)
        self.of.update(dict.fromkeys(order, molecule))
        return molecule

    def _apply(self, changes: list[Change], time: float) -> None:
        """Change the graph and look at the molecules of all atoms of old ones that it touches."""
        touched = {atom for change in changes for atom in (change.i, change.j)}
        old = {self.of[atom] for atom in touched}
        for _, i, j, formed in changes:
            for a, b in ((i, j), (j, i)):
                (self.around[a].add if formed else self.around[a].discard)(b)
        new, waiting = set(), set().union(*(molecule.atoms for molecule in old))
        while waiting:
            atoms = self._connected(waiting.pop())
            waiting -= atoms
            new.add(self._found(atoms, time))
        same = {(molecule.atoms, molecule.bonds): molecule for molecule in old}
        for molecule in list(new):  # nothing happened to this one
            kept = same.get((molecule.atoms, molecule.bonds))
            if kept is not None:
                self.of.update(dict.fromkeys(kept.atoms, kept))
                old.discard(kept)
                new.discard(molecule)
        for molecule in old:
            self.lives[molecule.label].append((time - molecule.born, True))
        self.lost = Counter(molecule.label for molecule in old)
        self.gained = Counter(molecule.label for molecule in new)

    def _connected(self, atom: int) -> frozenset[int]:
        found, waiting = {atom}, [atom]
        while waiting:
            fresh = self.around[waiting.pop()] - found
            found |= fresh
            waiting += fresh
        return frozenset(found)

    def _labels(self, atoms: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(sorted(molecule.label for molecule in {self.of[atom] for atom in atoms}))

    def _kinds(self, changes: list[Change]) -> list[tuple[str, tuple[int, ...]]]:
        """Events of one time: a bond lost and one gained by a hydrogen are one."""
        rest, found = list(changes), []
        for lost in [change for change in changes if not change.formed]:
            transfer = next(filter(None, (self._transfer(lost, one) for one in rest)), None)
            if transfer is not None:
                gained, atoms = transfer
                rest = [change for change in rest if change not in (lost, gained)]
                found.append((PROTON_TRANSFER, atoms))
                self._count_partners(lost)
                self._count_partners(gained)
        for change in rest:
            again = self._count_partners(change)
            (elements,) = bond_kinds(self.species, np.array([[change.i, change.j]]))
            made = RECOMBINATION if again else f"{elements} formation"
            found.append((made if change.formed else f"{elements} break", (change.i, change.j)))
        return found

    def _transfer(self, lost: Change, other: Change) -> tuple[Change, tuple[int, ...]] | None:
        """(the bond gained, (donor, hydrogen, acceptor)) if the two changes are one transfer."""
        if not other.formed:
            return None
        for hydrogen, donor in ((lost.i, lost.j), (lost.j, lost.i)):
            for atom, acceptor in ((other.i, other.j), (other.j, other.i)):
                if atom == hydrogen and self.species[atom] == 1:
                    return other, (donor, hydrogen, acceptor)
        return None

    def _count_partners(self, change: Change) -> bool:
        """Keep account of lost partners; whether both atoms of a bond formed had lost one."""
        ends = [
            (change.i, int(self.species[change.j])),
            (change.j, int(self.species[change.i])),
        ]
        if not change.formed:
            self.open.update(ends)
            return False
        had = [self.open[end] > 0 for end in ends]
        self.open.subtract(end for end, lost in zip(ends, had, strict=True) if lost)
        return all(had)
