"""Figures of droplets and of a slab, from the results of interfaces.py."""

import numpy as np
from matplotlib.figure import Figure

from physrep.figures.style import BLUE, GREEN, INK, VERMILION, in_house_style, new_figure
from physrep.units import COULOMB_CONSTANT

COLORS = (VERMILION, BLUE, GREEN)
SMOOTHING = 1.0  # A, of the charge density drawn


@in_house_style
def draw_droplets(seen: dict[str, dict]) -> Figure:
    """Ions that hold together, and the size of the droplet, by time."""
    figure, (left, right) = new_figure(8.0, 3.2, columns=2)
    for color, (name, rows) in zip(COLORS, seen.items(), strict=False):
        left.plot(rows["time_ps"], rows["together"], color=color, label=name)
        right.plot(rows["time_ps"], rows["radius_a"], color=color, label=name)
    left.set(xlabel="time (ps)", ylabel="ions in the largest droplet")
    right.set(xlabel="time (ps)", ylabel="radius of gyration (A)")
    for axes in (left, right):
        axes.set_ylim(0.0, 1.1 * axes.dataLim.y1)
    left.legend()
    left.set_title("15 ion pairs in vacuum, 400 K")
    return figure


@in_house_style
def draw_slab(seen: dict) -> Figure:
    """Density, charge density and potential across the slab; its thickness by time."""
    figure = Figure(figsize=(7.0, 8.0), layout="constrained")
    density, charge, potential, thickness = figure.subplots(4, 1)
    z, rho = np.array(seen["z_a"]), np.array(seen["charge_e_per_a3"])
    density.plot(z, seen["cations_per_nm3"], color=BLUE, label="cations")
    density.plot(z, seen["anions_per_nm3"], color=VERMILION, label="anions")
    density.set(ylabel="ions per nm$^3$")
    density.legend()
    density.set_title("60 ion pairs with two surfaces, 350 K")
    charge.plot(z, 1000.0 * smoothed(z, rho), color=INK)
    charge.set(ylabel="charge (e per nm$^3$)")
    potential.plot(z, potential_of(z, rho), color=GREEN)
    potential.set(ylabel="potential (V)", xlabel="distance from the middle (A)")
    for axes in (density, charge, potential):
        axes.set_xlim(z[0], z[-1])
    thickness.plot(seen["time_ps"], seen["thickness_a"], color=INK)
    thickness.set(xlabel="time (ps)", ylabel="thickness (A)")
    thickness.set_ylim(0.0, 1.1 * max(seen["thickness_a"]))
    return figure


def smoothed(z: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """With a Gaussian of SMOOTHING."""
    kernel = np.exp(-0.5 * ((z[:, None] - z) / SMOOTHING) ** 2)
    return kernel @ rho / kernel.sum(axis=1)


def potential_of(z: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """V along z, 0 at its start: -4 pi k_C times the double integral of rho (e per A^3)."""
    step = z[1] - z[0]
    field = 4.0 * np.pi * COULOMB_CONSTANT * (np.cumsum(rho) - 0.5 * rho) * step
    return -(np.cumsum(field) - 0.5 * field) * step
