"""Chosen frames of files as new files of extended XYZ, read and written one by one."""

import gzip
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from physrep.io.structures.write_extxyz import extxyz_text
from physrep.output import replacing
from physrep.progress import progress
from physrep_training.dataset.read_frames_of import Source, iter_frames

Place = tuple[str, int]  # file and frame


def write_frames(
    sources: Sequence[Source],
    outputs: Mapping[Path, set[Place]],
    total: int,
    stated: Mapping[str, str] | None = None,
) -> None:
    """Copy frames in the order of their files. All outputs appear together at the end, whole.

    Args:
        outputs: file -> frames; gzipped where its name ends in .gz.
        total: number of frames in the sources, for the progress.
        stated: what frames that lack it are given in their comment line.

    Raises:
        OutputError: an output cannot be written; what it held before is kept.
    """
    with ExitStack() as stack:
        parts = [(stack.enter_context(replacing(path)), places) for path, places in outputs.items()]
        # Closed before the files take their names.
        with ExitStack() as open_files:
            files = [(open_files.enter_context(_open(path)), places) for path, places in parts]
            for structure in progress(iter_frames(sources), "dataset", "frame", total):
                place = structure.source, structure.frame
                for name, value in (stated or {}).items():
                    structure.info.setdefault(name, value)
                for file, places in files:
                    if place in places:
                        file.write(extxyz_text(structure))


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "wt", encoding="utf-8")
    return open(path, "w", encoding="utf-8")
