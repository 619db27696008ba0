"""A number of every point in every frame, such as a charge: mean and spread of each kind."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from physrep.analysis.statistics.blocks import BlockSums, Estimate


@dataclass(frozen=True, eq=False)
class Scalars:
    """kinds: (n_kinds,) names; sizes: (n_kinds,) points of each; mean: (n_kinds,) over points and
    frames; spread: (n_kinds,) standard deviation of single values; edges: (n_bins + 1,); density:
    (n_kinds, n_bins), integral 1 less what lies outside. NaN of a kind of which a value is unknown.
    """

    kinds: list[str]
    sizes: np.ndarray
    mean: Estimate
    spread: np.ndarray
    edges: np.ndarray
    density: np.ndarray
    n_frames: int

    @property
    def unknown(self) -> list[str]:
        """Kinds without a mean."""
        return [kind for kind, mean in zip(self.kinds, self.mean.value, strict=True)
                if not np.isfinite(mean)]  # fmt: skip

    @property
    def centres(self) -> np.ndarray:
        """(n_bins,) middles of the bins."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])


class ScalarSums:
    """``add`` the values of each frame, ``result`` at any time."""

    def __init__(self, kinds: Sequence[str], low: float, high: float, n_bins: int) -> None:
        """Args: kinds: (n_points,) name of each point's kind; low, high: of the histogram, in the
        unit of the values.

        Raises:
            ValueError: no point, or an empty range.
        """
        if not len(kinds) or not low < high or n_bins < 1:
            raise ValueError(
                f"{len(kinds)} points, {n_bins} bins from {low:g} to {high:g}: give a kind for "
                "each point, and a range that is not empty"
            )
        names, self._of = np.unique(np.asarray(kinds, dtype=str), return_inverse=True)
        self.kinds, self.sizes = names.tolist(), np.bincount(self._of)
        self.edges = np.linspace(low, high, n_bins + 1)
        self._moments = BlockSums((2, len(self.kinds)))
        self._counts = np.zeros((len(self.kinds), n_bins), dtype=np.int64)
        self._unknown = np.zeros(len(self.kinds), dtype=bool)

    def add(self, values: np.ndarray) -> None:
        """One frame: (n_points,); NaN: not known.

        Raises:
            ValueError: another number of points.
        """
        values = np.asarray(values, dtype=float)
        if values.shape != self._of.shape:
            raise ValueError(
                f"frame {self._moments.n_values} has {len(values)} values, expected "
                f"{len(self._of)}: one for each point"
            )
        self._unknown[self._of[np.isnan(values)]] = True
        values = np.nan_to_num(values)
        n = len(self.kinds)
        sums = [np.bincount(self._of, values**power, n) / self.sizes for power in (1, 2)]
        self._moments.add(np.array(sums))
        n_bins = self._counts.shape[1]
        bins = np.floor((values - self.edges[0]) / (self.edges[1] - self.edges[0]))
        inside = (bins >= 0) & (bins < n_bins)
        codes = self._of[inside] * n_bins + bins[inside].astype(np.int64)
        self._counts += np.bincount(codes, minlength=n * n_bins).reshape(n, n_bins)

    def result(self) -> Scalars:
        """The numbers so far.

        Raises:
            ValueError: no frame was added.
        """
        found, n_frames = self._moments.estimate(), self._moments.n_values
        mean, square = (np.where(self._unknown, np.nan, row) for row in found.value)
        error = np.where(self._unknown, np.nan, found.error[0])
        spread = np.sqrt(np.maximum(square - mean**2, 0.0))
        width = self.edges[1] - self.edges[0]
        density = self._counts / (self.sizes[:, None] * n_frames * width)
        density = np.where(self._unknown[:, None], np.nan, density)
        numbers = Estimate(mean, error, found.reason), spread, self.edges, density, n_frames
        return Scalars(self.kinds, self.sizes, *numbers)
