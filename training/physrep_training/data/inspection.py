"""What a file of labelled structures holds, before anything is fitted to it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase.data import chemical_symbols

from physrep.io import DataError, Structure, read_structures
from physrep.io.structures.label_candidates import other_quantities
from physrep_training.data.isolated_atoms import set_apart_isolated_atoms
from physrep_training.data.label_names import find_label_names, named_keys, names_read_by_default

LABELS = ("energy", "forces", "virial")  # as physrep.io reads them; a stress becomes a virial
USUAL_FORCES = (0.02, 20.0)  # eV/A, RMS


class Sizes(NamedTuple):
    """How large the labels are; NaN if there are none. Frames of one atom do not count."""

    energy: float  # mean, eV/atom
    energy_spread: float  # standard deviation, eV/atom
    force: float  # root mean square of the components, eV/A
    largest_force: float  # largest component, eV/A


class DataSummary(NamedTuple):
    """What a file holds."""

    path: Path
    names: dict[str, str]  # label -> its name in the file, where it must be given
    usual_names: dict[str, str]  # the same, where physrep reads it without being told
    other_names: dict[str, list[str]]  # label -> further names that may be this label
    symbols: list[str]  # elements, by atomic number
    n_frames: int
    n_atoms: tuple[int, int]  # of the smallest and the largest frame; frames of one atom aside
    n_periodic: int  # frames that are periodic in some direction; frames of one atom aside
    n_molecular: int  # frames that are not periodic; frames of one atom aside
    n_labelled: dict[str, int]  # label of LABELS -> frames that have it
    sizes: Sizes
    isolated_atoms: dict[str, float]  # element -> energy of its frame of one atom, eV
    marked_atoms: set[str]  # those whose frame says config_type=IsolatedAtom; not in n_frames
    other_quantities: list[str]  # dipoles and the like, which no model is fitted to
    trajectory_lengths: list[int]  # frames of each value of the key trajectory
    names_trajectories: bool  # whether every frame has the key trajectory
    one_composition: bool  # all frames have the same atoms in the same order


def inspect_data(path: Path) -> DataSummary:
    """Read a file and describe it; labels under unusual names are found by name and shape.

    Raises:
        DataError: the file cannot be read, or holds neither energies nor forces.
    """
    names, other_names = find_label_names(path)
    structures, marked = set_apart_isolated_atoms(read_structures(path, **named_keys(names)))
    if not structures:
        raise DataError("holds isolated atoms alone (config_type=IsolatedAtom)", path)
    n_labelled = {label: sum(getattr(s, label) is not None for s in structures) for label in LABELS}
    if not n_labelled["energy"] and not n_labelled["forces"]:
        known = ", ".join(sorted(structures[0].info)) or "positions only"
        raise DataError(f"holds neither energies nor forces that physrep recognises: {known}", path)
    several = [s for s in structures if len(s) > 1] or structures
    n_atoms = [len(s) for s in several]
    n_periodic = sum(bool(np.any(s.pbc)) for s in several)
    trajectories = [str(s.info.get("trajectory", "")) for s in structures]
    return DataSummary(
        path=path,
        names=names,
        usual_names={} if names else names_read_by_default(path),
        other_names=other_names,
        symbols=[chemical_symbols[z] for z in sorted({z for s in structures for z in s.species})],
        n_frames=len(structures),
        n_atoms=(min(n_atoms), max(n_atoms)),
        n_periodic=n_periodic,
        n_molecular=len(several) - n_periodic,
        n_labelled=n_labelled,
        sizes=_sizes(several),
        isolated_atoms=_isolated_atoms(structures, marked),
        marked_atoms={chemical_symbols[z] for z in marked},
        other_quantities=other_quantities(
            {**structures[0].info, **structures[0].unread}, len(structures[0])
        ),
        trajectory_lengths=[trajectories.count(name) for name in dict.fromkeys(trajectories)],
        names_trajectories="" not in trajectories,
        one_composition=len({s.species.tobytes() for s in several}) == 1,
    )


def _sizes(structures: Sequence[Structure]) -> Sizes:
    energies = [s.energy / len(s) for s in structures if s.energy is not None] or [np.nan]
    forces = [s.forces.ravel() for s in structures if s.forces is not None] or [np.array([np.nan])]
    components = np.concatenate(forces)
    return Sizes(
        energy=float(np.mean(energies)),
        energy_spread=float(np.std(energies)),
        force=float(np.sqrt(np.mean(components**2))),
        largest_force=float(np.abs(components).max()),
    )


def _isolated_atoms(
    structures: Sequence[Structure], marked: Mapping[int, float]
) -> dict[str, float]:
    single = {
        int(s.species[0]): s.energy for s in structures if len(s) == 1 and s.energy is not None
    }
    return {chemical_symbols[z]: energy for z, energy in {**single, **marked}.items()}


def summary_lines(summary: DataSummary) -> list[str]:
    """The summary as text, a line for each subject."""
    smallest, largest = summary.n_atoms
    atoms = f"{largest} atoms" if smallest == largest else f"{smallest} to {largest} atoms"
    lines = [
        f"{summary.path}: {summary.n_frames} frames of {atoms}, {periodicity(summary)}",
        f"elements: {' '.join(summary.symbols)}",
        *(_label_line(summary, label) for label in LABELS),
        f"isolated atoms: {_isolated_in_words(summary)}",
    ]
    for label, names in summary.other_names.items():
        if names:
            lines.append(f"note: other names that may be {label}: {', '.join(names)}")
    if summary.other_quantities:
        lines.append(f"note: not used in a fit: {', '.join(summary.other_quantities)}")
    low, high = USUAL_FORCES
    if summary.n_labelled["forces"] and not low < summary.sizes.force < high:
        lines.append(
            f"note: an RMS force of {summary.sizes.force:.3g} eV/A is unusual; if the labels have "
            "other units, set data.units"
        )
    return lines


def periodicity(summary: DataSummary) -> str:
    """``periodic``, ``not periodic``, or how many are what."""
    if not summary.n_periodic:
        return "not periodic"
    if not summary.n_molecular:
        return "periodic"
    return f"{summary.n_periodic} periodic, {summary.n_molecular} not periodic"


def _label_line(summary: DataSummary, label: str) -> str:
    count, sizes = summary.n_labelled[label], summary.sizes
    if not count:
        return f"{label}: none"
    names = {**summary.usual_names, **summary.names}
    name = names.get(label) or (names.get("stress") if label == "virial" else None)
    named = f" ({name})" if name else ""
    frames = "all frames" if count == summary.n_frames else f"{count} of {summary.n_frames} frames"
    spread = f"{1000 * sizes.energy_spread:.3g} meV/atom"
    size = {
        "energy": f"; mean {sizes.energy:.6g} eV/atom, standard deviation {spread}",
        "forces": f"; RMS {sizes.force:.3g} eV/A, largest {sizes.largest_force:.3g} eV/A",
    }
    return f"{label}{named}: {frames}{size.get(label, '')}"


def _isolated_in_words(summary: DataSummary) -> str:
    if not summary.isolated_atoms:
        return "none"
    energies = [f"{symbol} {energy:.6g} eV" for symbol, energy in summary.isolated_atoms.items()]
    missing = [symbol for symbol in summary.symbols if symbol not in summary.isolated_atoms]
    if summary.marked_atoms:
        energies[-1] += f" ({', '.join(sorted(summary.marked_atoms))}: config_type=IsolatedAtom)"
    return ", ".join(energies) + (f"; missing: {', '.join(missing)}" if missing else "")
