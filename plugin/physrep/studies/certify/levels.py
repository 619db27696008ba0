"""How thorough a certificate is."""

from typing import NamedTuple

from physrep.config import ConfigError


class Level(NamedTuple):
    """Lengths and numbers of the runs.

    temperatures: K; seeds: runs at each temperature; survival, conservation, equilibration: ps;
    perturbed: how many times the ions are perturbed and relaxed; scan_points: of a relaxed bond
    scan; samples: frames of the runs that are compared with the data; ion_pair: whether an ion pair
    is tested next to the single ions; npt: ps at constant pressure, 0 for none.
    """

    temperatures: tuple[float, ...]
    seeds: int
    survival: float
    conservation: float
    equilibration: float
    perturbed: int
    scan_points: int = 13
    samples: int = 10
    ion_pair: bool = False
    npt: float = 0.0


LEVELS = {
    "quick": Level((300.0,), 1, 0.5, 0.1, 0.05, 1),
    "standard": Level((300.0, 400.0), 2, 5.0, 0.5, 0.5, 3, 26, 60, True),
    "full": Level((300.0, 400.0, 500.0), 3, 20.0, 4.0, 2.0, 10, 51, 200, True, 20.0),
}


def level_of(name: str, survival: float | None = None) -> tuple[Level, str]:
    """A level and its name; the name tells where the NVT runs have another length (ps).

    Raises:
        ConfigError: there is no level of that name, or the length is not positive.
    """
    if name not in LEVELS:
        raise ConfigError(f"level = {name!r}: choose one of {', '.join(LEVELS)}")
    level = LEVELS[name]
    if survival is None or survival == level.survival:
        return level, name
    if not 0.0 < survival < float("inf"):
        raise ConfigError(f"survival = {survival:g}: must be positive, in ps")
    return level._replace(survival=survival), f"{name}, NVT of {survival:g} ps"
