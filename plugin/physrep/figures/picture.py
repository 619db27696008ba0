"""A picture of a box: whole molecules as balls and sticks, shaded, sorted by depth."""

import numpy as np
from ase.data import chemical_symbols
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.chemistry.whole_molecules import whole_molecules
from physrep.covalent import radii_of
from physrep.figures.style import GREEN, GREY, ORANGE, PURPLE, SERIES, in_house_style, new_figure

# Chemists' colours, in shades that colour-blind readers can distinguish.
BALL_COLORS = {
    1: "#F0F0F0",
    6: "#5A5A5A",
    7: "#1F6FD0",
    8: "#D8401F",
    9: GREEN,
    15: ORANGE,
    16: PURPLE,
}
OUTLINE = "#303030"
BALL_SIZE = 0.62  # of the covalent radius
STICK_WIDTH = 0.22  # A
TILT, TURN = 14.0, -22.0  # degrees: from above, from the left


@in_house_style
def box_figure(
    positions: np.ndarray, species: np.ndarray, cell: np.ndarray, pbc: np.ndarray
) -> Figure:
    """Orthographic view of the atoms, their bonds and the cell.

    Args:
        positions: (n_atoms, 3) in A, wrapped or not; species: (n_atoms,) atomic numbers;
            cell: (3, 3) in A, rows; pbc: (3,) bool. Molecules are drawn whole, their centres in
            the cell.
    """
    species = np.asarray(species)
    bonds = find_bonds(positions, species, cell, pbc).pairs
    whole = whole_molecules(positions, bonds, cell, pbc)
    centre = cell.sum(axis=0) / 2.0 if np.any(pbc) else whole.mean(axis=0)
    view = _rotation()
    seen = (whole - centre) @ view
    figure, axes = new_figure(5.4, 5.4)
    if np.all(pbc):
        _draw_cell(axes, cell, centre, view)
    _draw_molecules(axes, seen, species, bonds)
    for z in np.unique(species):
        axes.scatter([], [], s=70, color=_color(z), ec=OUTLINE, lw=0.6, label=chemical_symbols[z])
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 1.0), handletextpad=0.2)
    axes.set(aspect="equal")
    axes.autoscale_view()
    axes.axis("off")
    return figure


def _rotation() -> np.ndarray:
    """(3, 3), applied from the right: columns are right, up and towards the reader."""
    tilt, turn = np.radians([TILT, TURN])
    about_y = np.array(
        [[np.cos(turn), 0, -np.sin(turn)], [0, 1, 0], [np.sin(turn), 0, np.cos(turn)]]
    )
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]]
    )
    return about_y @ about_x


def _draw_cell(axes: Axes, cell: np.ndarray, centre: np.ndarray, view: np.ndarray) -> None:
    """The twelve edges; those that meet in the far corner lie behind the atoms, thin."""
    corners = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    places = (corners @ cell - centre) @ view
    far = int(places[:, 2].argmin())
    for a in range(8):
        for b in range(a):
            if np.abs(corners[a] - corners[b]).sum() == 1:
                behind = far in (a, b)
                style = {"lw": 0.8, "ls": (0, (3, 3))} if behind else {"lw": 1.1}
                ends = places[[a, b]]
                axes.plot(
                    ends[:, 0], ends[:, 1], color=GREY, zorder=-1e3 if behind else 1e3, **style
                )


def _draw_molecules(axes: Axes, seen: np.ndarray, species: np.ndarray, bonds: np.ndarray) -> None:
    """Everything in one pass of rising depth; what is far is paler."""
    depth = seen[:, 2]
    near = (depth - depth.min()) / max(float(np.ptp(depth)), 1e-9)
    for i, j in bonds:
        middle = (seen[i] + seen[j]) / 2.0
        for atom in (i, j):
            _draw_stick(axes, seen[atom], middle, _shade(_color(species[atom]), near[atom]))
    for place, z, nearness in zip(seen, species, near, strict=True):
        _draw_ball(axes, place, int(z), nearness)


def _draw_stick(axes: Axes, start: np.ndarray, end: np.ndarray, color: np.ndarray) -> None:
    along = (end - start)[:2]
    across = np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-9)
    side = 0.5 * STICK_WIDTH * across
    corners = np.array([start[:2] + side, end[:2] + side, end[:2] - side, start[:2] - side])
    axes.fill(
        *corners.T,
        fc=color,
        ec=OUTLINE,
        lw=0.3,
        zorder=float(start[2] + end[2]) / 2.0,
        rasterized=True,
    )


def _draw_ball(axes: Axes, place: np.ndarray, z: int, nearness: float) -> None:
    """Rings towards the light give a round look."""
    radius, color = float(BALL_SIZE * radii_of(z)), _shade(_color(z), nearness)
    zorder = float(place[2] + radius / 2.0)
    rim = Circle((place[0], place[1]), radius, fc=0.78 * color, ec=OUTLINE, lw=0.4, zorder=zorder)
    rim.set_rasterized(True)
    axes.add_patch(rim)
    for step in range(1, 7):
        share = step / 6.0
        lit = np.clip((0.8 + 0.2 * share) * color + 0.35 * share**3, 0.0, 1.0)
        at = place[:2] + 0.32 * radius * share * np.array([-0.7, 0.7])
        ring = Circle((at[0], at[1]), radius * (0.96 - 0.84 * share), fc=lit, lw=0, zorder=zorder)
        ring.set_rasterized(True)
        axes.add_patch(ring)


def _shade(color: str, nearness: float) -> np.ndarray:
    """Mixed with grey by up to 45 % at the back."""
    haze = 0.45 * (1.0 - nearness)
    return (1.0 - haze) * np.array(to_rgb(color)) + haze * np.array(to_rgb("#B8B8B8"))


def _color(z: int) -> str:
    return BALL_COLORS.get(int(z), SERIES[int(z) % len(SERIES)])
