"""From SMILES to a file of frames, and what to say about them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from physrep.progress import plural, progress
from physrep_training.boxes.assemble import BoxSettings, Frame, frames_of
from physrep_training.boxes.between_molecules import FARTHEST
from physrep_training.boxes.box_files import elements_of, write_frames
from physrep_training.boxes.composition import Part, check_neutral, read_parts, total_charge
from physrep_training.boxes.densities import how_good
from physrep_training.boxes.shapes import force_field


def make_boxes(
    words: Sequence[str],
    output: Path,
    settings: BoxSettings,
    n_each: int = 1,
    many: int = 1,
    names: Sequence[str] = (),
) -> str:
    """Write the frames and return what the user should know, in lines.

    Args:
        words, n_each, names: as in :func:`physrep_training.boxes.composition.read_parts`.
        many: frames (of pairs: at each distance), with seeds from that of the settings on.

    Raises:
        ConfigError: a mistake of the user. OutputError: as usual.
    """
    parts = read_parts(words, n_each, names)
    if not (settings.cluster or settings.distances):
        check_neutral(parts)
    seeds = range(settings.seed, settings.seed + many)
    frames = [
        frame
        for seed in progress(seeds, "box", "frame")
        for frame in frames_of(parts, settings._replace(seed=seed))
    ]
    write_frames(output, [frame.atoms for frame in frames], parts)
    return "\n".join(f"box: {line}" for line in _lines(frames, parts, output))


def _lines(frames: Sequence[Frame], parts: Sequence[Part], output: Path) -> list[str]:
    first = frames[0].atoms
    contents = ", ".join(f"{part.copies} {part.molecule.label}" for part in parts)
    charge = total_charge(parts)
    lines = [f"{contents}: {len(first)} atoms, charge {f'{charge:+d}' if charge else 0} e"]
    lines += _shape_lines(parts)
    if frames[0].density is not None:
        lines.append(_room_line(frames[0], parts))
    contacts = [frame.contact for frame in frames if frame.contact is not None]
    nearest = str(min(contacts)) if contacts else f"more than {FARTHEST:g} A"
    lines.append(f"shortest distance between molecules {nearest}")
    n = len(frames)
    written = f"{n} {plural('frame', n)} in {output}"
    if output.suffix.lower() == ".data":
        written += f"; pair_coeff * * FILE {' '.join(elements_of(first))}"
    return [*lines, written]


def _shape_lines(parts: Sequence[Part]) -> list[str]:
    """Which force field gave the shapes."""
    by_field = Counter(force_field(part.molecule) for part in parts)
    if set(by_field) <= {"", "MMFF94"}:
        return []
    lines = []
    for field in by_field:
        if field not in ("", "MMFF94"):
            names = [p.molecule.label for p in parts if force_field(p.molecule) == field]
            lines.append(f"shape of {', '.join(names)}: {field} (MMFF94 has no parameters)")
    return lines


def _room_line(frame: Frame, parts: Sequence[Part]) -> str:
    edges = frame.atoms.cell.lengths()
    text = " x ".join(f"{edge:.3f}" for edge in edges) + f" A, {frame.density:.3f} g/cm3"
    if frame.atoms.info["kind"] == "slab":
        text += f" in the slab of {_slab_height(frame):.2f} A"
    if frame.guessed:
        good = how_good(part.molecule.charge for part in parts)
        text += f", guessed from the volumes of the molecules ({good}); --density sets it"
    return text


def _slab_height(frame: Frame) -> float:
    return float(np.ptp(frame.atoms.positions[:, 2]))
