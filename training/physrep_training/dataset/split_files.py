"""Training, validation and test files, so that no trajectory and no geometry is in two of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from physrep.config import ConfigError
from physrep.errors import UserError
from physrep.output import make_folder
from physrep_training.data.data_config import SplitConfig
from physrep_training.data.splits import PARTS, groups, save_split, split_structures
from physrep_training.dataset.merge_files import summaries
from physrep_training.dataset.read_frames_of import sources_of
from physrep_training.dataset.repeated import repeats
from physrep_training.dataset.summarized import Summary
from physrep_training.dataset.write_frames_of import write_frames

FILES = tuple(f"{part}.extxyz" for part in PARTS)
SPLIT = "split.json"


def split(
    files: Sequence[str | Path],
    folder: Path,
    config: SplitConfig,
    seed: int,
    tolerance: float,
    options: Mapping[str, Any] | None = None,
) -> str:
    """Write train.extxyz, validation.extxyz, test.extxyz and split.json (where each frame was).

    Isolated atoms (`Structure.is_isolated_atom`) go to the training part.

    Args:
        config: how; seed: of random choices; tolerance: A, within which two geometries are one;
            options: of `iter_structures`.

    Returns:
        a line that sums up.

    Raises:
        UserError: a part is empty, or a geometry would be in two parts. DataError: a frame cannot
            be used.
    """
    sources = sources_of(files, options or {})
    everything = summaries(sources)
    frames = [frame for frame in everything if not frame.is_isolated_atom]
    isolated = [frame for frame in everything if frame.is_isolated_atom]
    try:
        chosen = split_structures(frames, _with_whole_groups(frames, config), seed)
    except ConfigError as error:
        raise UserError(_in_words_of_the_verb(str(error))) from None
    chosen = {part: sorted(members) for part, members in chosen.items()}
    part_of = {frames[k].place: part for part in PARTS for k in chosen[part]}
    for repeat in repeats(sources, frames, tolerance):
        _refuse_leak(repeat.first, repeat.second, part_of)
    part_of |= {frame.place: "train" for frame in isolated}
    make_folder(folder)
    outputs = {
        folder / name: {place for place, one in part_of.items() if one == part}
        for name, part in zip(FILES, PARTS, strict=True)
    }
    outputs = {path: places for path, places in outputs.items() if places}
    write_frames(sources, outputs, len(everything))
    save_split(chosen, frames, folder / SPLIT)
    counts = ", ".join(f"{len(places)} in {path.name}" for path, places in outputs.items())
    unused = len(everything) - len(part_of)
    return f"split: {counts}" + (f", {unused} left out between them" if unused else "")


def _with_whole_groups(frames: Sequence[Summary], config: SplitConfig) -> SplitConfig:
    """Shares of at least one group, where there are few.

    Raises:
        UserError: there are fewer groups than parts.
    """
    if config.method != "groups":
        return config
    n_groups = len(groups(frames, config.group_key))
    shares = {name: getattr(config, name) for name in ("validation", "test")}
    wanted = 1 + sum(share > 0.0 for share in shares.values())
    if n_groups < wanted:
        raise UserError(
            f"there {'is' if n_groups == 1 else 'are'} {n_groups} with another "
            f"{config.group_key!r}, too few for {wanted} parts: give --by time_blocks, which "
            f"divides each trajectory in time, or --validation 0"
        )
    least = {name: max(share, 0.51 / n_groups) for name, share in shares.items() if share > 0.0}
    return config.model_copy(update=least)


def _in_words_of_the_verb(message: str) -> str:
    """What a fit calls data.split.NAME is --NAME here."""
    for name, option in (("data.split.group_key = ", "--group-key "), ("data.split", "the split")):
        message = message.replace(name, option)
    return message


def _refuse_leak(one: Summary, other: Summary, part_of: Mapping[tuple[str, int], str]) -> None:
    parts = [part_of.get(frame.place) for frame in (one, other)]
    if None in parts or parts[0] == parts[1]:
        return
    raise UserError(
        f"{other.where} repeats the geometry of {one.where}, and they would be in {parts[1]} and "
        f"{parts[0]}: drop repeated geometries first, by 'physrep dataset merge'"
    )
