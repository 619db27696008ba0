"""What a data set holds, in numbers and as a page of histograms."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase.data import atomic_masses, chemical_symbols
from ase.units import _amu

from physrep.analysis.structure.contacts import FURTHER, SEARCH_RADIUS, shortest_contacts
from physrep.figures.dataset_plots import forces_figure, values_figure
from physrep.figures.page import Block, Paragraph, Picture, Section, Table, html_page
from physrep.io import Structure
from physrep.progress import progress
from physrep_training.data.inspection import inspect_data, summary_lines
from physrep_training.dataset.environments_of import Pair
from physrep_training.dataset.outlying import excess_energies
from physrep_training.dataset.read_frames_of import iter_frames, sources_of
from physrep_training.dataset.summarized import Summary, shortest_of, summarize

SHOWN = 30  # rows of a table
MOST_GROUPS = 6  # outlines in a figure
GRAMS_PER_AMU_A3 = _amu * 1e3 * 1e24  # g/cm3 of amu/A^3


class Statistics(NamedTuple):
    """frames: all; lines: each file in words; not_bonded: for each pair of elements the shortest
    distance (A) of atoms more than two bonds apart, below SEARCH_RADIUS.
    """

    frames: list[Summary]
    lines: list[str]
    not_bonded: dict[Pair, float]


def statistics(files: Sequence[str | Path], options: Mapping[str, Any] | None = None) -> Statistics:
    """Read the files and describe them.

    Args:
        options: of `iter_structures`.

    Raises:
        DataError: a file cannot be read, has no labels, or a frame cannot be used.
    """
    sources = sources_of(files, options or {})
    lines = [line for path in files for line in summary_lines(inspect_data(Path(path)))]
    frames, not_bonded = [], dict[Pair, float]()
    for structure in progress(iter_frames(sources, warn=True), "dataset", "frame"):
        frames.append(summarize(structure))
        _add_contacts(not_bonded, structure)
    return Statistics(frames, lines, dict(sorted(not_bonded.items())))


def _add_contacts(shortest: dict[Pair, float], structure: Structure) -> None:
    table = shortest_contacts([structure])
    for (a, b), r in np.ndenumerate(table.shortest[FURTHER]):
        pair = int(table.elements[a]), int(table.elements[b])
        if a <= b and r < shortest.get(pair, SEARCH_RADIUS):
            shortest[pair] = float(r)


def as_dict(found: Statistics) -> dict[str, Any]:
    """For JSON: numbers of frames, and of the labels 0, 5, 50, 95, 100 % quantiles."""
    several = _several(found.frames)
    energies = _energies(several)
    return {
        "frames": len(found.frames),
        "files": dict(Counter(frame.source for frame in found.frames)),
        "compositions": dict(Counter(frame.formula for frame in found.frames)),
        "trajectories": dict(Counter(_trajectory(frame) for frame in found.frames)),
        "methods": dict(Counter(frame.level or "" for frame in found.frames)),
        "excess_energy_mev_per_atom": _quantiles(np.concatenate(list(energies.values())))
        if energies
        else None,
        "force_ev_per_a": {
            chemical_symbols[z]: _quantiles(norms) for z, norms in _forces(several).items()
        },
        "density_g_per_cm3": _quantiles(np.array(_densities(several))) if _dense(several) else None,
        "shortest_a": {_named(pair): r for pair, (r, _) in shortest_of(found.frames).items()},
        "shortest_not_bonded_a": {_named(pair): r for pair, r in found.not_bonded.items()},
    }


def _quantiles(values: np.ndarray) -> dict[str, float]:
    shares = (0, 5, 50, 95, 100)
    return dict(zip(map(str, shares), np.percentile(values, shares).tolist(), strict=True))


def page(found: Statistics, files: Sequence[str | Path], command: Sequence[str]) -> str:
    """The report as HTML."""
    several = _several(found.frames)
    sections = [
        Section("Contents", _contents(found)),
        Section("Energies", _energy_blocks(several)),
        Section("Forces", _force_blocks(several)),
    ]
    if _dense(several):
        sections.append(Section("Densities", _density_blocks(several)))
    sections.append(Section("Shortest distances", _distance_blocks(found)))
    n_files = f"{len(files)} files" if len(files) > 1 else Path(files[0]).name
    return html_page(
        f"Data set: {n_files}", sections, command, f"{len(found.frames)} labelled frames."
    )


def _several(frames: Sequence[Summary]) -> list[Summary]:
    return [frame for frame in frames if not frame.is_isolated_atom and frame.n_atoms > 1]


def _trajectory(frame: Summary) -> str:
    return str(frame.info.get("trajectory", frame.source))


def _contents(found: Statistics) -> list[Block]:
    groups = Counter(
        (Path(frame.source).name, _short(_trajectory(frame)), frame.formula, frame.level or "")
        for frame in found.frames
    )
    rows = [[*key, count] for key, count in list(groups.items())[:SHOWN]]
    more = len(groups) - len(rows)
    caption = f"Frames by file, trajectory, composition, method{f'; {more} more' if more else ''}."
    header = ["File", "Trajectory", "Composition", "Method", "Frames"]
    return [*map(Paragraph, found.lines), Table(header, rows, caption)]


def _short(name: str) -> str:
    return Path(name).name if "/" in name else name


def _grouped(frames: Sequence[Summary]) -> dict[str, list[Summary]]:
    """By file, or of one file by trajectory, where these are few."""
    by_file: dict[str, list[Summary]] = {}
    by_trajectory: dict[str, list[Summary]] = {}
    for frame in frames:
        by_file.setdefault(Path(frame.source).name, []).append(frame)
        by_trajectory.setdefault(_short(_trajectory(frame)), []).append(frame)
    for groups in (by_file, by_trajectory):
        if 1 < len(groups) <= MOST_GROUPS:
            return groups
    return {"all": list(frames)}


def _energies(frames: Sequence[Summary]) -> dict[str, np.ndarray]:
    """meV/atom beyond what the composition explains, by group."""
    labelled = [frame for frame in frames if frame.energy is not None]
    if not labelled:
        return {}
    excess = excess_energies(labelled)
    known = {frame.place: 1000.0 * value for frame, value in zip(labelled, excess, strict=True)}
    return {
        name: np.array([known[frame.place] for frame in members])
        for name, members in _grouped(labelled).items()
    }


def _energy_blocks(frames: Sequence[Summary]) -> list[Block]:
    energies = _energies(frames)
    if not energies:
        return [Paragraph("No frame has an energy.")]
    rows = [
        [name, len(values), *(f"{value:+.1f}" for value in _quantiles(values).values())]
        for name, values in energies.items()
    ]
    header = ["", "Frames", "Lowest", "5 %", "Median", "95 %", "Highest"]
    label = "Energy beyond that of the composition (meV/atom)"
    return [
        Picture(values_figure(energies, label), f"{label}."),
        Table(header, rows, f"{label}; energies of the elements by least squares."),
    ]


def _forces(frames: Sequence[Summary]) -> dict[int, np.ndarray]:
    """(n,) eV/A of all atoms of each element."""
    parts: dict[int, list[np.ndarray]] = {}
    for frame in frames:
        if frame.force_norms is not None:
            for z, _ in frame.composition:
                parts.setdefault(z, []).append(frame.force_norms[frame.species == z])
    return {z: np.concatenate(parts[z]) for z in sorted(parts)}


def _force_blocks(frames: Sequence[Summary]) -> list[Block]:
    forces = _forces(frames)
    if not forces:
        return [Paragraph("No frame has forces.")]
    rows = [
        [
            chemical_symbols[z],
            len(norms),
            f"{np.sqrt(np.mean(norms**2) / 3.0):.3f}",
            *(f"{value:.3f}" for value in np.percentile(norms, (50, 95, 100))),
        ]
        for z, norms in forces.items()
    ]
    header = ["Element", "Atoms", "RMS component", "Median", "95 %", "Largest"]
    return [
        Picture(forces_figure(forces), "Size of the force on an atom, by element."),
        Table(header, rows, "Forces in eV/Å: RMS of the components, and the size of the force."),
    ]


def _dense(frames: Sequence[Summary]) -> bool:
    return any(frame.volume for frame in frames)


def _densities(frames: Sequence[Summary]) -> list[float]:
    return [
        GRAMS_PER_AMU_A3 * float(atomic_masses[frame.species].sum()) / frame.volume
        for frame in frames
        if frame.volume
    ]


def _density_blocks(frames: Sequence[Summary]) -> list[Block]:
    periodic = [frame for frame in frames if frame.volume]
    groups = {name: np.array(_densities(one)) for name, one in _grouped(periodic).items()}
    label = "Density (g/cm³)"
    return [Picture(values_figure(groups, label), "Densities of the periodic frames.")]


def _named(pair: Pair) -> str:
    return f"{chemical_symbols[pair[0]]}-{chemical_symbols[pair[1]]}"


def _distance_blocks(found: Statistics) -> list[Block]:
    rows = []
    for pair, (r, frame) in shortest_of(found.frames).items():
        apart = found.not_bonded.get(pair)
        place = f"{Path(frame.source).name}, {frame.frame}"
        rows.append([_named(pair), f"{r:.3f}", place, "" if apart is None else f"{apart:.3f}"])
    header = ["Pair", "Shortest (Å)", "File, frame", "More than two bonds apart (Å)"]
    return [Table(header, rows, "A potential has no data below these distances.")]
