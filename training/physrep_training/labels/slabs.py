"""Slabs of a liquid with vacuum above them, and pairs of ions above a slab."""

from collections.abc import Sequence

import numpy as np

from physrep.config import ConfigError
from physrep_training.labels.ions import Ion


def slab(
    ions: Sequence[Ion],
    cell: np.ndarray,
    n_pairs: int,
    vacuum: float,
    rng: np.random.Generator,
) -> tuple[list[Ion], np.ndarray]:
    """The lower part of a periodic box, with vacuum on top of it.

    Args:
        ions: all of an orthorhombic box, cell: (3, 3) in A; one of its three directions, drawn at
            random, becomes z, and the surface is at a height drawn at random.
        n_pairs: ions of each sign that stay; vacuum: A, from its highest to its lowest atom.

    Returns:
        the ions, and the cell (3, 3) in A with z along the vacuum.

    Raises:
        ConfigError: the box is not orthorhombic, or has too few ions.
    """
    edges = np.diagonal(cell)
    if not np.allclose(cell, np.diag(edges)) or not edges.all():
        raise ConfigError(
            f"slabs are made of orthorhombic boxes, and the cell is {cell.round(3).tolist()}; give "
            "--slabs 0 --above 0 or frames with such a box"
        )
    turn = int(rng.integers(3))
    edges = np.roll(edges, turn)
    offset = edges * rng.random(3)
    turned = [
        ion._replace(
            positions=np.roll(ion.positions, turn, axis=1),
            centre=(np.roll(ion.centre, turn) + offset) % edges,
        )
        for ion in ions
    ]
    turned.sort(key=lambda ion: ion.centre[2])
    kept = [_lowest(turned, sign, n_pairs) for sign in (1, -1)]
    chosen = [ion for part in kept for ion in part]
    low, high = (limit([limit(ion.places[:, 2]) for ion in chosen]) for limit in (min, max))
    moved = [ion.moved_to(ion.centre - [0, 0, low]) for ion in chosen]
    return moved, np.diag([*edges[:2], high - low + vacuum])


def _lowest(ions: Sequence[Ion], sign: int, n: int) -> list[Ion]:
    found = [ion for ion in ions if ion.charge * sign > 0][:n]
    if len(found) < n:
        raise ConfigError(
            f"a slab of {n} pairs needs as many ions of each sign, and a frame has {len(found)} of "
            f"sign {sign:+d}; give --slabs 0 --above 0 or larger boxes"
        )
    return found


def above(
    host: Sequence[Ion],
    guest: Sequence[Ion],
    cell: np.ndarray,
    gap: float,
    rng: np.random.Generator,
) -> list[Ion]:
    """Ions moved over a slab: their lowest atom is ``gap`` A above its highest one, x and y are
    drawn at random.
    """
    top = max(ion.places[:, 2].max() for ion in host)
    bottom = min(ion.places[:, 2].min() for ion in guest)
    shift = [*(rng.random(2) * np.diagonal(cell)[:2]), top + gap - bottom]
    return [ion.moved_to(ion.centre + shift) for ion in guest]
