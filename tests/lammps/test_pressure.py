"""Pressure is minus the slope of the energy along every change of the box, in LAMMPS itself."""

from collections.abc import Callable

import numpy as np
import pytest
from lammps_run import NKTV2P, Run, head, style

STEP = 2e-3  # A, of a box length or tilt
CHANGES = ("x", "y", "z", "xy", "xz", "yz")
COLUMNS = "step pe pxx pyy pzz pxy pxz pyz lx ly lz xy xz yz"


def change(name: str, by: float) -> str:
    delta = f"{-by / 2} {by / 2}" if len(name) == 1 else f"{by}"
    return f"change_box all {name} delta {delta} remap\n"


def cell_of(row: np.ndarray) -> np.ndarray:
    lx, ly, lz, xy, xz, yz = row[8:14]
    return np.array([[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]])


def assert_pressure_is_the_slope(run: Callable[[str, int], Run], start: str, ranks: int) -> None:
    """``start``: commands up to the pair style; a run by ``run`` changes the box both ways."""
    section = f"thermo_style custom {COLUMNS}\nthermo_modify format float %22.16g\nrun 0\n"
    for name in CHANGES:
        for by in (STEP, -2 * STEP):
            section += change(name, by) + "run 0\n"
        section += change(name, STEP)
    rows = run(start + section, ranks).thermo()
    cell, volume = cell_of(rows[0]), np.linalg.det(cell_of(rows[0]))
    xx, yy, zz, xy, xz, yz = rows[0][2:8] * volume / NKTV2P
    virial = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])  # eV
    assert np.abs(virial).max() > 1.0
    for k, name in enumerate(CHANGES):
        up, down = rows[1 + 2 * k], rows[2 + 2 * k]
        strain = np.linalg.solve(cell, cell_of(up) - cell_of(down))
        # Central differences: the error is of the third order in a strain of 1e-4.
        slope = (up[1] - down[1]) / STEP / 2
        assert slope == pytest.approx(-np.sum(virial * strain) / STEP / 2, abs=1e-5), name


@pytest.mark.parametrize("ranks", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_pressure_is_the_slope_of_the_energy(lammps, potentials, systems, tmp_path, ranks):
    start = head(systems["sheared"], tmp_path) + style(potentials["float64"])
    assert_pressure_is_the_slope(lammps, start, ranks)


@pytest.mark.parametrize("ranks", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_with_charges(lammps, charged_pt, liquid_box, tmp_path, ranks):
    start = head(liquid_box, tmp_path) + style(charged_pt, "charge 1")
    assert_pressure_is_the_slope(lammps, start, ranks)


@pytest.mark.slow
@pytest.mark.parametrize("keywords", ["", "edges device"])
def test_with_charges_beside_another_style(lammps, charged_pt, systems, tmp_path, keywords):
    """Under pair hybrid LAMMPS would take the virial from forces and positions, if it could."""
    overlay = (
        f"pair_style hybrid/overlay physrep charge 1 {keywords} lj/cut 5.0\n"
        f"pair_coeff * * physrep {charged_pt} C H N O\npair_coeff * * lj/cut 0.001 1.5\n"
        "pair_modify shift yes\n"  # no jump where a pair crosses its cutoff
    )
    start = head(systems["sheared"], tmp_path) + overlay
    assert_pressure_is_the_slope(lammps, start, 2)
