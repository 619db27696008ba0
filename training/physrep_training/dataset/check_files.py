"""Is a data set sound? Frames that cannot be used, repeated geometries, outliers, mixed levels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ase.data import chemical_symbols

from physrep.io import DataError
from physrep.progress import plural, progress
from physrep_training.dataset.environments_of import CUTOFF
from physrep_training.dataset.outlying import Outlier, outliers
from physrep_training.dataset.read_frames_of import iter_frames, sources_of
from physrep_training.dataset.repeated import Repeat, repeats
from physrep_training.dataset.summarized import Summary, shortest_of, summarize

SHOWN = 10  # of each kind of finding


class Findings(NamedTuple):
    """What a check found. levels: number of frames by method, None for those that state none."""

    frames: list[Summary]
    refused: list[DataError]
    repeats: list[Repeat]
    outliers: list[Outlier]
    levels: Counter[str | None]

    @property
    def contradictions(self) -> list[Repeat]:
        """Repeated geometries with labels that contradict each other."""
        return [repeat for repeat in self.repeats if repeat.contradiction]

    @property
    def mixes_levels(self) -> bool:
        """Whether there is more than one level of theory, a missing statement aside."""
        return len(self.levels.keys() - {None}) > 1

    @property
    def is_sound(self) -> bool:
        """Whether a fit may use all of it; repeats and outliers alone are for the user to judge."""
        return not (self.refused or self.contradictions or self.mixes_levels)


def check(
    files: Sequence[str | Path], tolerance: float, options: Mapping[str, Any] | None = None
) -> Findings:
    """Read the files frame by frame and say what is wrong with them.

    Args:
        tolerance: A, within which two geometries are one; options: of `iter_structures`.

    Raises:
        DataError: a file is damaged, or holds no frame that can be used.
    """
    sources = sources_of(files, options or {})
    refused: list[DataError] = []
    stream = iter_frames(sources, refused.append, warn=True)
    frames = [summarize(structure) for structure in progress(stream, "dataset", "frame")]
    if not frames:
        raise refused[0]
    return Findings(
        frames,
        refused,
        repeats(sources, frames, tolerance, lambda _: None),
        outliers(frames),
        Counter(frame.level for frame in frames),
    )


def finding_lines(found: Findings, tolerance: float) -> list[str]:
    """The findings in words, the worst first, and what to do."""
    frames = found.frames
    alike = [repeat for repeat in found.repeats if not repeat.contradiction]
    lines = [
        f"{len(frames)} {plural('frame', len(frames))} of {_compositions(frames)}",
        *_listed("cannot be used; correct or remove them", [str(error) for error in found.refused]),
        *_listed(
            "repeat a geometry with other labels; they may be of two levels of theory",
            [
                f"{one.second.where} and {one.first.where}: {one.contradiction}"
                for one in found.contradictions
            ],
        ),
        *_level_lines(found),
        *_listed(
            f"repeat a geometry (within {tolerance:g} A); 'physrep dataset merge' drops them",
            [f"{one.second.where} repeats {one.first.where}" for one in alike],
        ),
        *_listed(
            "are unusual; look at them",
            [f"{where}: {'; '.join(what)}" for where, what in _by_frame(found.outliers).items()],
        ),
        "shortest distances: " + _contacts(frames),
    ]
    return [*lines, "sound" if found.is_sound else "not sound: a fit should not use it as it is"]


def _by_frame(found: Sequence[Outlier]) -> dict[str, list[str]]:
    """Where -> all that is unusual of the frame there."""
    frames: dict[str, list[str]] = {}
    for one in found:
        frames.setdefault(one.frame.where, []).append(one.what)
    return frames


def _compositions(frames: Sequence[Summary]) -> str:
    counts = Counter(frame.formula for frame in frames).most_common()
    words = [f"{formula} ({n})" for formula, n in counts[:SHOWN]]
    more = f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
    return ", ".join(words) + more


def _listed(what: str, items: Sequence[str]) -> list[str]:
    if not items:
        return []
    more = [f"  ... and {len(items) - SHOWN} more (--json lists all)"] if len(items) > SHOWN else []
    head = f"{len(items)} {plural('frame', len(items))} {what}:"
    return [head, *(f"  {item}" for item in items[:SHOWN]), *more]


def _level_lines(found: Findings) -> list[str]:
    stated = {level: n for level, n in found.levels.items() if level is not None}
    if not stated:
        return ["level of theory: no frame states its method"]
    words = ", ".join(f"{level} ({n})" for level, n in stated.items())
    silent = found.levels[None]
    rest = f"; {silent} state none" if silent else ""
    if found.mixes_levels:
        return [f"levels of theory are mixed: {words}{rest}; divide the files by method"]
    return [f"level of theory: {words}{rest}"]


def _contacts(frames: Sequence[Summary]) -> str:
    found = shortest_of(frames)
    return ", ".join(
        f"{chemical_symbols[a]}-{chemical_symbols[b]} {r:.3f}" for (a, b), (r, _) in found.items()
    ) + (" A" if found else f"none below {CUTOFF:g} A")


def findings_dict(found: Findings) -> dict[str, Any]:
    """The findings for JSON; distances in A, places as [file, frame]."""
    return {
        "sound": found.is_sound,
        "frames": len(found.frames),
        "refused": [str(error) for error in found.refused],
        "repeats": [
            {
                "frame": [one.second.source, one.second.frame],
                "repeats": [one.first.source, one.first.frame],
                "off": one.off,
                "contradiction": one.contradiction,
            }
            for one in found.repeats
        ],
        "outliers": [
            {"frame": [one.frame.source, one.frame.frame], "what": one.what}
            for one in found.outliers
        ],
        "methods": {level or "": n for level, n in found.levels.items()},
        "shortest_distances": {
            f"{chemical_symbols[a]}-{chemical_symbols[b]}": {
                "distance": r,
                "frame": [frame.source, frame.frame],
            }
            for (a, b), (r, frame) in shortest_of(found.frames).items()
        },
    }
