"""``physrep green-kubo``: a log or a file of ``fix ave/time`` in, a transport coefficient out."""

from pathlib import Path
from typing import Any

import numpy as np

from physrep.analysis.motion.green_kubo import FluxIntegral, thermal_conductivity, viscosity
from physrep.config import ConfigError
from physrep.io import DataError
from physrep.io.lammps_table import LammpsTable, read_lammps_table
from physrep.units import KCAL_PER_MOL_IN_EV

PRESSURES = ["Pxx", "Pyy", "Pzz", "Pxy", "Pxz", "Pyz"]
N_COLUMNS = {"viscosity": 6, "conductivity": 3}
UNITS = {"viscosity": "mPa s", "conductivity": "W/(m K)"}
# What turns LAMMPS' pressure into bar and its heat flux into eV A/ps.
FACTORS = {
    "metal": {"viscosity": 1.0, "conductivity": 1.0},
    "real": {"viscosity": 1.01325, "conductivity": 1e3 * KCAL_PER_MOL_IN_EV},
}


def integrate(
    quantity: str,
    path: str | Path,
    timestep: float,
    volume: float | None = None,
    temperature: float | None = None,
    units: str = "metal",
    columns: list[str] | None = None,
    currents: list[str] | None = None,
    cutoff: float | None = None,
) -> FluxIntegral:
    """Viscosity in mPa s or thermal conductivity in W/(m K).

    Args:
        quantity: ``viscosity`` or ``conductivity``; timestep: ps; volume: A^3; temperature: K;
            units: ``metal`` or ``real``; columns, currents: names in the file; cutoff: ps.

    Raises:
        ConfigError: an argument that makes no sense. DataError: the file is not what it should be.
        FileNotFoundError: there is no such file.
    """
    if currents and quantity == "viscosity":
        raise ConfigError("--currents are for the conductivity; a viscosity has none")
    table = read_lammps_table(path)
    flux = FACTORS[units][quantity] * _flux(table, quantity, columns)
    volume = _mean(table, "Volume", volume, "--volume, in A^3")
    temperature = _mean(table, "Temp", temperature, "--temperature, in K")
    interval = timestep * float(table.steps[1] - table.steps[0]) if len(table.steps) > 1 else 0.0
    try:
        if quantity == "viscosity":
            return viscosity(flux, interval, volume, temperature, cutoff)
        given = None if currents is None else _currents(table, currents)
        return thermal_conductivity(flux, interval, volume, temperature, cutoff, given)
    except DataError:
        raise
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def _flux(table: LammpsTable, quantity: str, columns: list[str] | None) -> np.ndarray:
    n = N_COLUMNS[quantity]
    if columns is None and quantity == "viscosity" and set(PRESSURES) <= set(table.names):
        columns = PRESSURES
    if columns is None:
        columns = table.names[:n]
        bases = {name.partition("[")[0] for name in columns}
        numbers = [name.partition("[")[2] for name in columns]
        if len(bases) > 1 or numbers != [f"{k}]" for k in range(1, n + 1)]:
            raise DataError(
                f"begins with the columns {' '.join(columns)}, not with the {n} of one compute: "
                f"name those of the {'pressure' if n == 6 else 'heat flux'} with --columns",
                table.path,
            )
    found = table.columns(columns)
    if quantity == "conductivity" and found.shape[1] == 6 and len(columns) == 1:
        return found[:, :3]  # compute heat/flux: the convective part follows
    if found.shape[1] != n:
        raise DataError(
            f"gives {found.shape[1]} columns for {' '.join(columns)}, not {n}", table.path
        )
    return found


def _currents(table: LammpsTable, names: list[str]) -> np.ndarray:
    found = table.columns(names)
    if found.shape[1] % 3:
        raise DataError(
            f"gives {found.shape[1]} columns for {' '.join(names)}: a current has three", table.path
        )
    return found.reshape(len(found), -1, 3)


def _mean(table: LammpsTable, name: str, given: float | None, option: str) -> float:
    if given is not None:
        return given
    if name not in table.names:
        raise ConfigError(f"{table.path}: no column {name}: give {option}")
    return float(table.columns([name]).mean())


def line(quantity: str, result: FluxIntegral) -> str:
    """For a terminal."""
    name = {"viscosity": "viscosity", "conductivity": "thermal conductivity"}[quantity]
    if result.value.reason:
        return f"{name}: {result.value.reason}"
    value = f"{result.value.value:.4g} +- {result.value.error:.2g} {UNITS[quantity]}"
    return f"{name} {value} (integral up to {result.cutoff:.4g} ps)"


def as_dict(quantity: str, result: FluxIntegral) -> dict[str, Any]:
    """For JSON: value, error, unit, reason, cutoff in ps, and the curves."""
    value = None if result.value.reason else float(result.value.value)
    return {
        "quantity": quantity,
        "value": value,
        "error": None if value is None else float(result.value.error),
        "unit": UNITS[quantity],
        "reason": result.value.reason,
        "cutoff_ps": result.cutoff if np.isfinite(result.cutoff) else None,
        "lags_ps": result.lags.tolist(),
        "correlation": result.correlation.value.tolist(),
        "integral": result.running.value.tolist(),
        "integral_error": _finite(result.running.error),
    }


def _finite(values: np.ndarray) -> list[float | None]:
    return [float(x) if np.isfinite(x) else None for x in values]
