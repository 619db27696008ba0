"""Stage add: what was labelled becomes a file of the data, in the order in which it was chosen."""

from pathlib import Path

import ase.io

from physrep.output import make_folder, replacing
from physrep_training.active.active_layout import Work
from physrep_training.labels.label_output import INDEX
from physrep_training.labels.read_frames import read_frames


def add(work: Work) -> None:
    """Write what the round adds to the data, if anything."""
    if work.labelled.exists() and work.labelled.stat().st_size:
        write_in_order([work.labelled], work.layout.added(work.round_number))


def write_in_order(files: list[Path], output: Path) -> None:
    """Labelled frames of each file by their number, whatever the order in which they were
    computed; whole or not at all.
    """
    frames = []
    for file in files:
        frames += sorted(read_frames(file), key=lambda atoms: atoms.info[INDEX])
    for atoms in frames:
        del atoms.info[INDEX]
    make_folder(output.parent)
    with replacing(output) as partial:
        ase.io.write(partial, frames, format="extxyz")
