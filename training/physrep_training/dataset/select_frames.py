"""A few frames that cover a data set, by farthest points."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from physrep.errors import UserError
from physrep_training.dataset.environments_of import as_rows
from physrep_training.dataset.merge_files import summaries
from physrep_training.dataset.read_frames_of import sources_of
from physrep_training.dataset.write_frames_of import write_frames

RANDOM_DRAWS = 20


class Chosen(NamedTuple):
    """order: (n,) frames as they were chosen; covered: the largest distance of a frame to the
    nearest chosen one; covered_at_random: the same of as many frames drawn at random, on average.
    """

    order: np.ndarray
    covered: float
    covered_at_random: float


def select(
    files: Sequence[str | Path],
    output: Path,
    n: int,
    have: Sequence[str | Path] = (),
    options: Mapping[str, Any] | None = None,
) -> str:
    """Write ``n`` frames that cover the others best.

    Args:
        have: files of frames that are there already: what lies near these is not chosen.
        options: of `iter_structures`.

    Returns:
        a line that sums up.

    Raises:
        UserError: there are not more than n frames. DataError: a frame cannot be used.
    """
    sources = sources_of([*files, *have], options or {})
    frames = summaries(sources, features=True)
    names = {str(Path(path)) for path in have}
    known = np.array([frame.source in names for frame in frames])
    offered = [frame for frame, k in zip(frames, known, strict=True) if not k]
    if n >= len(offered):
        raise UserError(f"-n {n}: there are {len(offered)} frames to choose from; give fewer")
    rows = scaled(as_rows([frame.features for frame in frames if frame.features is not None]))
    chosen = farthest_points(rows[~known], n, rows[known])
    places = {offered[k].place for k in chosen.order}
    write_frames(sources[: len(files)], {output: places}, len(offered))
    return (
        f"select: {n} of {len(offered)} frames in {output}; each frame is within "
        f"{chosen.covered:.3g} of one of them, of as many at random within "
        f"{chosen.covered_at_random:.3g} (RMS of the features, in standard deviations)"
    )


def scaled(rows: np.ndarray) -> np.ndarray:
    """Features in units of their standard deviations, and so that the distance of two rows is the
    RMS over the features. A feature that few frames have, such as O-H at 1.1 A where a proton moves
    over, then counts as much as the density.

    Args and returns: (n_frames, n_features), those that are equal in all frames left out.
    """
    spread = rows.std(axis=0)
    varies = spread > 1e-6
    if not varies.any():
        return np.zeros((len(rows), 1))
    return rows[:, varies] / spread[varies] / np.sqrt(varies.sum())


def farthest_points(rows: np.ndarray, n: int, have: np.ndarray, seed: int = 0) -> Chosen:
    """Each time the row that is farthest from all chosen before.

    Source: T. F. Gonzalez, Theor. Comput. Sci. 38 (1985) 293: no choice of n covers more than
    twice as well.

    Args:
        rows: (n_frames, n_features), what to choose from; have: (n_have, n_features), chosen
            before; without any the first is the row nearest to the mean. seed: of the random
            choices that it is compared with.
    """
    nearest = _nearest(rows, have)
    order = []
    for _ in range(n):
        if np.isfinite(nearest[0]):
            k = int(nearest.argmax())
        else:
            k = int(np.linalg.norm(rows - rows.mean(axis=0), axis=1).argmin())
        order.append(k)
        nearest = np.minimum(nearest, np.linalg.norm(rows - rows[k], axis=1))
    rng = np.random.default_rng(seed)
    draws = [rng.choice(len(rows), n, replace=False) for _ in range(RANDOM_DRAWS)]
    random = [float(_nearest(rows, np.vstack([have, rows[draw]])).max()) for draw in draws]
    return Chosen(np.array(order), float(nearest.max()), float(np.mean(random)))


def _nearest(rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(n_frames,) distance to the nearest of ``chosen``; infinite where there is none."""
    nearest = np.full(len(rows), np.inf)
    for one in chosen:
        nearest = np.minimum(nearest, np.linalg.norm(rows - one, axis=1))
    return nearest
