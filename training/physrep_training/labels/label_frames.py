"""Label the frames of a file with GFN2-xTB, frame by frame, resumable."""

from pathlib import Path

import ase.io

from physrep.io import DataError
from physrep.progress import progress, say
from physrep_training.labels.gfn2 import label


def label_frames(frames_file: str | Path, output: Path) -> str:
    """Append to ``output`` (extxyz) every frame that it lacks, with REF_energy and REF_forces.

    A frame carries its number in ``frames_file`` as ``label_index``. Frames whose self-consistent
    cycle does not converge are skipped and reported.

    Returns:
        a line that sums up.

    Raises:
        DataError: the output holds frames that were not labelled here.
    """
    frames = list(ase.io.iread(frames_file))
    labelled_before = _labelled_before(output)
    if labelled_before:
        say("label", f"{len(labelled_before)} of {len(frames)} frames are labelled already")
    missing = [index for index in range(len(frames)) if index not in labelled_before]
    for index in progress(missing, "label", "frame"):
        try:
            labelled = label(frames[index])
        except RuntimeError as error:
            say("label", f"frame {index} skipped: {error}")
            continue
        labelled.info["label_index"] = index
        ase.io.write(output, labelled, append=True)
    return f"label: done, {output}"


def _labelled_before(output: Path) -> set[int]:
    if not output.exists():
        return set()
    frames = ase.io.read(output, ":")
    if not all("label_index" in atoms.info for atoms in frames):
        raise DataError("holds frames without label_index, not from 'physrep label'", output)
    return {int(atoms.info["label_index"]) for atoms in frames}
