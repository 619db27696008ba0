"""Time series that LAMMPS writes as text: logs (thermo output) and files of ``fix ave/time``."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from physrep.io.structures.structure import DataError

STEP = ("Step", "TimeStep")  # first column of a log's tables and of fix ave/time


@dataclass(frozen=True, eq=False)
class LammpsTable:
    """steps: (n,) evenly spaced; names of the other columns; values: (n, n_columns)."""

    path: Path
    steps: np.ndarray
    names: list[str]
    values: np.ndarray

    def columns(self, wanted: list[str]) -> np.ndarray:
        """(n, n_wanted): columns by name; ``c_flux`` stands for c_flux[1], c_flux[2], ...

        Raises:
            DataError: no such column; names those that there are.
        """
        found: list[int] = []
        for name in wanted:
            parts = [k for k, one in enumerate(self.names) if one.startswith(f"{name}[")]
            found += [self.names.index(name)] if name in self.names else parts
            if name not in self.names and not parts:
                there = " ".join(self.names)
                raise DataError(f"has no column {name}; there are {there}", self.path)
        return self.values[:, found]


def read_lammps_table(path: str | Path) -> LammpsTable:
    """The last run of a log, or a file of ``fix ave/time`` (scalars, ``mode scalar``).

    Lines that are not finished or not numbers are skipped: warnings, the last of a stopped job.

    Raises:
        DataError: no table, no row, or steps that are not evenly spaced.
        FileNotFoundError: there is no such file.
    """
    path = Path(path)
    tables: list[tuple[list[str], list[list[float]]]] = []
    reading = False
    for line in path.read_text(errors="replace").splitlines():
        words = line.removeprefix("#").split()
        if words and words[0] in STEP:
            tables.append((words[1:], []))
            reading = True
        elif line.startswith("Loop time"):
            reading = False
        elif reading:
            row = _numbers(words)
            if len(row) == 1 + len(tables[-1][0]):
                tables[-1][1].append(row)
    tables = [one for one in tables if one[1]]
    if not tables:
        raise DataError(
            "has no table of LAMMPS: give a log, or what 'fix ave/time ... file' wrote", path
        )
    names, rows = tables[-1]
    table = np.array(rows)
    return LammpsTable(path, _even(table[:, 0], path), names, table[:, 1:])


def _numbers(words: list[str]) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError:
        return []


def _even(steps: np.ndarray, path: Path) -> np.ndarray:
    gaps = np.diff(steps)
    if len(gaps) and (gaps[0] <= 0 or (gaps != gaps[0]).any()):
        k = int(np.flatnonzero((gaps != gaps[0]) | (gaps <= 0))[0])
        raise DataError(
            f"has steps {steps[k]:.0f} and {steps[k + 1]:.0f} {gaps[k]:.0f} apart, the first two "
            f"{gaps[0]:.0f}: correlations need samples at even times; write a file for each run",
            path,
        )
    return steps
