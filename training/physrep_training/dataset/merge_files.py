"""Several data sets as one, of one level of theory, each geometry once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from physrep.errors import UserError
from physrep.progress import plural, progress
from physrep_training.dataset.read_frames_of import Source, iter_frames, sources_of
from physrep_training.dataset.repeated import Repeat, best_of_repeats, repeats
from physrep_training.dataset.summarized import Summary, summarize
from physrep_training.dataset.write_frames_of import write_frames


def merge(
    files: Sequence[str | Path],
    output: Path,
    tolerance: float,
    method: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> str:
    """Write the frames of all files to one, without repeated geometries.

    Args:
        tolerance: A, within which two geometries are one; of these the frame with the most labels
            stays. method: of frames that state none; options: of `iter_structures`.

    Returns:
        a line that sums up.

    Raises:
        UserError: levels of theory are mixed, or not all frames state theirs. DataError: a file
            cannot be read, or a frame cannot be used.
    """
    sources = sources_of(files, options or {})
    frames = summaries(sources, method)
    require_one_level(frames)
    found = repeats(sources, frames, tolerance)
    _refuse_contradictions(found)
    chosen = best_of_repeats(frames, found)
    write_frames(sources, {output: chosen}, len(frames), {"method": method} if method else None)
    return (
        f"merge: {len(chosen)} of {len(frames)} frames of {len(files)} "
        f"{plural('file', len(files))}, {len(found)} repeated geometries dropped; {output}"
    )


def summaries(
    sources: Sequence[Source], method: str | None = None, features: bool = False
) -> list[Summary]:
    """Those of all frames; see `summarize`. method: of frames that state none.

    Raises:
        UserError: a file is given twice.
    """
    names = [str(source.path.resolve()) for source in sources]
    twice = [path for path, n in Counter(names).items() if n > 1]
    if twice:
        raise UserError(f"{twice[0]}: is given twice; give each file once")
    stream = iter_frames(sources, warn=True)
    frames = [summarize(one, features) for one in progress(stream, "dataset", "frame")]
    if method is None:
        return frames
    return [frame._replace(info={"method": method, **frame.info}) for frame in frames]


def require_one_level(frames: Sequence[Summary]) -> None:
    """Refuse frames whose labels are, or may be, of several levels of theory.

    Raises:
        UserError: naming a frame of each.
    """
    first: dict[str | None, Summary] = {}
    for frame in frames:
        first.setdefault(frame.level, frame)
    levels = [level for level in first if level is not None]
    if len(levels) > 1:
        one, other = (first[level] for level in levels[:2])
        raise UserError(
            f"levels of theory are mixed: {one.where} states method {one.level}, {other.where} "
            f"{other.level}; merge files of one level"
        )
    if levels and None in first:
        raise UserError(
            f"{first[None].where} states no method, {first[levels[0]].where} states {levels[0]}; "
            f"if both are of one level of theory, give --method {levels[0]!r}"
        )


def _refuse_contradictions(found: Sequence[Repeat]) -> None:
    for repeat in found:
        if repeat.contradiction:
            raise UserError(
                f"{repeat.second.where} repeats the geometry of {repeat.first.where} with other "
                f"labels: {repeat.contradiction}; they are of two levels of theory or one is "
                f"wrong: 'physrep dataset check' lists all"
            )
