"""Frames of ions outside their liquid: single, in pairs, in clusters, as slabs with vacuum."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import ase.io
import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from physrep.config import ConfigError
from physrep.output import replacing
from physrep.progress import progress, say
from physrep_training.labels.ions import (
    Ion,
    UnknownCharge,
    as_frame,
    ions_of,
    split_by_sign,
    too_close,
    touch,
)
from physrep_training.labels.read_frames import read_frames
from physrep_training.labels.slabs import above, slab

TRIES = 300  # orientations, before a distance is widened
WIDER = 0.1  # A
PACKING = 3.0, 6.0  # A, from each ion of a packed cluster to the nearest one
NEAR = 1.5  # power of a uniform number: more pairs near than far
APART = 9.0  # A; beyond it, unlike ions are labelled one by one
SHIFT = 3  # frames of one host that a pair is put above


class IonCounts(NamedTuple):
    """How many frames of each kind.

    pairs: unlike; like: pairs of equal sign, cations and anions by turns; above: pairs above a
    slab, each with two more frames: the slab alone (for SHIFT pairs), the pair alone.
    """

    singles: int = 60
    pairs: int = 400
    like: int = 150
    clusters: int = 200
    slabs: int = 10
    above: int = 0


class IonSettings(NamedTuple):
    """Distances of the centres of mass in A; sizes in ions and in pairs of ions."""

    distances: tuple[float, float] = (3.0, 20.0)
    cluster_sizes: tuple[int, int] = (2, 6)
    slab_pairs: tuple[int, int] = (8, 15)
    gaps: tuple[float, float] = (2.0, 8.0)  # A, from a slab to the pair above it
    vacuum: float = 20.0  # A, between the periodic images of a slab
    seed: int = 0


class Liquid(NamedTuple):
    """Where ions come from.

    boxes: the ions of each frame, with its cell (3, 3) in A; cations, anions: of all frames.
    """

    boxes: list[tuple[list[Ion], np.ndarray]]
    cations: list[Ion]
    anions: list[Ion]


def write_ion_frames(
    start: str | Path,
    output: Path,
    counts: IonCounts,
    settings: IonSettings,
    chosen: Sequence[slice] = (slice(None),),
    charges: Mapping[str, float] | None = None,
) -> int:
    """Write frames to be labelled; returns how many.

    Args:
        start: frames of a liquid whose ions are used; chosen: which of them.
        charges: of molecules by formula or name, where their bonds do not tell.

    Raises:
        ConfigError: an ion's charge is not known, there are no cations or no anions, or there is
            nothing to make a slab of. DataError, OutputError: as usual.
    """
    frames = read_frames(start)
    picked = [frame for part in chosen for frame in frames[part]]
    if not picked:
        raise ConfigError(f"--frames: none of the {len(frames)} frames of {start} is chosen")
    liquid = read_liquid(picked, charges)
    made = list(progress(ion_frames(liquid, counts, settings), "ions", "frame"))
    with replacing(output) as partial:
        ase.io.write(partial, made, format="extxyz")
    return len(made)


def read_liquid(frames: Sequence[Atoms], charges: Mapping[str, float] | None = None) -> Liquid:
    """The ions of some frames; frames with a molecule of unknown charge are not used, if there are
    others.
    """
    boxes, unknown = [], []
    for atoms in frames:
        try:
            boxes.append((ions_of(atoms, charges), atoms.cell.array))
        except UnknownCharge as error:
            unknown.append(error)
    if not boxes:
        raise unknown[0]
    if unknown:
        say("ions", f"{len(unknown)} of {len(frames)} frames are not used: {unknown[0]}")
    cations, anions = split_by_sign(ion for ions, _ in boxes for ion in ions)
    return Liquid(boxes, cations, anions)


def ion_frames(liquid: Liquid, counts: IonCounts, settings: IonSettings) -> Iterator[Atoms]:
    """All frames, kind by kind; ``kind`` and ``seed`` stand in their info.

    Each kind has random numbers of its own, so that its frames do not depend on the counts of the
    other kinds.
    """
    makers = {
        "single": (_singles, counts.singles),
        "pair_unlike": (_unlike_pairs, counts.pairs),
        "pair_like": (_like_pairs, counts.like),
        "cluster": (_clusters, counts.clusters),
        "slab": (_slabs, counts.slabs),
        "above": (_above, counts.above),
    }
    for number, (kind, (make, n)) in enumerate(makers.items()):
        rng = np.random.default_rng((settings.seed, number))
        for atoms in make(liquid, n, settings, rng):
            atoms.info.setdefault("kind", kind)
            atoms.info["seed"] = settings.seed
            yield atoms


def _singles(liquid: Liquid, n: int, _: IonSettings, rng: np.random.Generator) -> Iterator[Atoms]:
    for k in range(n):
        ion = _one_of(liquid.anions if k % 2 else liquid.cations, rng)
        yield as_frame([ion.turned(rng).moved_to(np.zeros(3))])


def _unlike_pairs(
    liquid: Liquid, n: int, settings: IonSettings, rng: np.random.Generator
) -> Iterator[Atoms]:
    for distance in _spread(n, settings.distances, rng):
        ions = pair(_one_of(liquid.cations, rng), _one_of(liquid.anions, rng), distance, rng)
        apart = float(np.linalg.norm(ions[1].centre - ions[0].centre))
        atoms = as_frame(ions, distance=apart)
        if apart > APART:
            atoms.info["ions_apart"] = True
        yield atoms


def _like_pairs(
    liquid: Liquid, n: int, settings: IonSettings, rng: np.random.Generator
) -> Iterator[Atoms]:
    for k, distance in enumerate(_spread(n, settings.distances, rng)):
        source = liquid.anions if k % 2 else liquid.cations
        ions = pair(_one_of(source, rng), _one_of(source, rng), distance, rng)
        yield as_frame(ions, distance=float(np.linalg.norm(ions[1].centre - ions[0].centre)))


def _clusters(
    liquid: Liquid, n: int, settings: IonSettings, rng: np.random.Generator
) -> Iterator[Atoms]:
    """Packed at random and cut from the liquid by turns, all sizes alike."""
    smallest, largest = settings.cluster_sizes
    for k in range(n):
        size = smallest + k // 2 % (largest - smallest + 1)
        ions = packed(liquid, size, rng) if k % 2 else cut(liquid, size, rng)
        yield as_frame(ions, made="packed" if k % 2 else "cut")


def _slabs(
    liquid: Liquid, n: int, settings: IonSettings, rng: np.random.Generator
) -> Iterator[Atoms]:
    for k in range(n):
        n_pairs = _size(settings.slab_pairs, k, n)
        ions, cell = _box_with(n_pairs, liquid, rng)
        kept, longer = slab(ions, cell, n_pairs, settings.vacuum, rng)
        yield as_frame(kept, longer, n_pairs=n_pairs)


def _above(
    liquid: Liquid, n: int, settings: IonSettings, rng: np.random.Generator
) -> Iterator[Atoms]:
    """For each pair: the slab (if it is another one), the pair, both; ``group`` counts them."""
    gaps = np.sort(_spread(n, settings.gaps, rng))
    gaps = gaps[rng.permutation(n)]
    for k, gap in enumerate(gaps.tolist()):
        if k % SHIFT == 0:
            ions, cell = _box_with(settings.slab_pairs[0], liquid, rng)
            height = settings.vacuum + settings.gaps[1]
            host, cell = slab(ions, cell, settings.slab_pairs[0], height, rng)
            yield as_frame(host, cell, kind="above_slab", host=k // SHIFT)
        for _ in range(TRIES):
            near = rng.uniform(3.5, 5.5)
            guest = pair(_one_of(liquid.cations, rng), _one_of(liquid.anions, rng), near, rng)
            guest = above(host, guest, cell, gap, rng)
            if not touch(host, guest, cell):
                break
        yield as_frame(guest, kind="above_pair", host=k // SHIFT, group=k, gap=gap)
        yield as_frame([*host, *guest], cell, host=k // SHIFT, group=k, gap=gap)


def pair(first: Ion, second: Ion, distance: float, rng: np.random.Generator) -> list[Ion]:
    """Two ions, turned at random, their centres of mass this far apart (A).

    Where no orientation keeps their atoms apart, the distance grows by WIDER.
    """
    while True:
        for _ in range(TRIES):
            one = first.turned(rng).moved_to(np.zeros(3))
            other = second.turned(rng).moved_to(distance * _direction(rng))
            if not too_close([one, other]):
                return [one, other]
        distance += WIDER


def packed(liquid: Liquid, size: int, rng: np.random.Generator) -> list[Ion]:
    """Ions of alternating sign, each PACKING from one that is there and no nearer to the others."""
    cluster: list[Ion] = []
    while len(cluster) < size:
        source = _next_source(liquid, cluster, rng)
        for _ in range(TRIES):
            ion = _one_of(source, rng).turned(rng)
            if not cluster:
                cluster.append(ion.moved_to(np.zeros(3)))
                break
            step = rng.uniform(*PACKING) * _direction(rng)
            ion = ion.moved_to(_one_of(cluster, rng).centre + step)
            nearest = min(np.linalg.norm(ion.centre - there.centre) for there in cluster)
            if nearest >= PACKING[0] and not too_close([*cluster, ion]):
                cluster.append(ion)
                break
        else:
            cluster = []  # no room: begin again
    return cluster


def cut(liquid: Liquid, size: int, rng: np.random.Generator) -> list[Ion]:
    """An ion of the liquid and those nearest to it, of signs that balance each other."""
    while True:
        ions, cell = liquid.boxes[rng.integers(len(liquid.boxes))]
        charged = [ion for ion in ions if ion.charge]
        first = charged[rng.integers(len(charged))]
        shifts = [_nearest_image(ion.centre - first.centre, cell) for ion in charged]
        order = np.argsort([np.linalg.norm(shift) for shift in shifts])
        cluster: list[Ion] = []
        for k in order:
            total = sum(ion.charge for ion in cluster)
            if len(cluster) < size and (total == 0 or total * charged[k].charge < 0):
                cluster.append(charged[k].moved_to(shifts[k]))
        if len(cluster) == size:
            return cluster


def _box_with(
    n_pairs: int, liquid: Liquid, rng: np.random.Generator
) -> tuple[list[Ion], np.ndarray]:
    """A frame that has so many ions of each sign; any, if none has."""
    enough = [
        box
        for box in liquid.boxes
        if min(sum(ion.charge * sign > 0 for ion in box[0]) for sign in (1, -1)) >= n_pairs
    ]
    boxes = enough or liquid.boxes
    return boxes[rng.integers(len(boxes))]


def _next_source(liquid: Liquid, cluster: list[Ion], rng: np.random.Generator) -> list[Ion]:
    """The ions whose sign balances what is there."""
    total = sum(ion.charge for ion in cluster)
    if total == 0:
        return liquid.cations if rng.random() < 0.5 else liquid.anions
    return liquid.anions if total > 0 else liquid.cations


def _nearest_image(vector: np.ndarray, cell: np.ndarray) -> np.ndarray:
    return find_mic(vector, cell, pbc=True)[0]


def _one_of(ions: Sequence[Ion], rng: np.random.Generator) -> Ion:
    return ions[int(rng.integers(len(ions)))]


def _direction(rng: np.random.Generator) -> np.ndarray:
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)


def _spread(n: int, limits: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """(n,) numbers that cover the range, more of them near its beginning, one in each n-th."""
    parts = (np.arange(n) + rng.random(n)) / max(n, 1)
    return limits[0] + (limits[1] - limits[0]) * parts**NEAR


def _size(limits: tuple[int, int], k: int, n: int) -> int:
    """Sizes from the smallest to the largest over n frames."""
    return round(np.linspace(*limits, n)[k]) if n > 1 else limits[1]
