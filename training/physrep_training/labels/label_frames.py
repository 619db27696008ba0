"""Label the frames of a file with GFN2-xTB, frame by frame, resumable."""

import gzip
import io
from pathlib import Path

import ase.io
from ase import Atoms

from physrep.io import DataError
from physrep.output import append_to_file
from physrep.progress import progress, say
from physrep_training.labels.electrons import Electrons, charge_lines, electrons_of_all
from physrep_training.labels.gfn2 import earlier_labels, label
from physrep_training.labels.read_frames import read_frames
from physrep_training.labels.separate_ions import stated_apart


def label_frames(
    frames_file: str | Path, output: Path, charge: int | None = None, spin: int | None = None
) -> str:
    """Append to ``output`` (extxyz) every frame that it lacks, with REF_energy, REF_forces,
    REF_charges and REF_dipole or, if it is periodic, REF_stress (`label`).

    A frame carries its number in ``frames_file`` as ``label_index``, its ``charge`` and its
    ``multiplicity``. Frames whose self-consistent cycle does not converge, or whose ions lose
    charge that they should keep (`leaked_charge`), are skipped and reported.

    Args:
        charge, spin: of frames that state none (`electrons_of`); by default neutral, lowest spin.

    Returns:
        a line that sums up.

    Raises:
        DataError: a frame's charge or spin contradicts itself or what is given; the output holds
            frames that were not labelled here, or labelled with another charge or spin.
        OutputError: the disk is full; frames labelled before are kept.
    """
    frames = read_frames(frames_file)
    electrons = electrons_of_all(frames, Path(frames_file), charge, spin)
    _check_separate_ions(frames, electrons, Path(frames_file))
    for line in charge_lines(frames, electrons):
        say("label", line)
    earlier = dict.fromkeys(name for atoms in frames for name in earlier_labels(atoms))
    if earlier:
        say("label", f"labels of {frames_file} are replaced: {', '.join(earlier)}")
    labelled_before = _labelled_before(output, electrons)
    if labelled_before:
        say("label", f"{len(labelled_before)} of {len(frames)} frames are labelled already")
    missing = [index for index in range(len(frames)) if index not in labelled_before]
    for index in progress(missing, "label", "frame"):
        try:
            labelled = label(frames[index], electrons[index])
        except RuntimeError as error:
            say("label", f"frame {index} skipped: {error}")
            continue
        labelled.info["label_index"] = index
        text = io.StringIO()
        ase.io.write(text, labelled, format="extxyz")
        contents = text.getvalue().encode()
        append_to_file(output, gzip.compress(contents) if output.suffix == ".gz" else contents)
    return f"label: done, {output}"


def _check_separate_ions(frames: list[Atoms], electrons: list[Electrons], path: Path) -> None:
    for index, (atoms, state) in enumerate(zip(frames, electrons, strict=True)):
        try:
            stated_apart(atoms, state)
        except ValueError as error:
            raise DataError(str(error), path, index) from None


def _labelled_before(output: Path, electrons: list[Electrons]) -> set[int]:
    if not output.exists() or not output.stat().st_size:
        return set()
    done = set()
    for number, atoms in enumerate(read_frames(output)):
        index = atoms.info.get("label_index")
        if index is None:
            raise DataError("holds frames without label_index, not from 'physrep label'", output)
        if index >= len(electrons):
            raise DataError(
                f"label_index is {index}, and there are {len(electrons)} frames to label: it was "
                f"made from another file; give another -o",
                output,
                number,
            )
        _check_state(atoms.info, electrons[index], output, number)
        done.add(int(index))
    return done


def _check_state(info: dict, wanted: Electrons, output: Path, number: int) -> None:
    """Frames of earlier versions say nothing: they were neutral and of the lowest spin."""
    lowest = 1 + (wanted.n_electrons + wanted.charge) % 2
    found = info.get("charge", 0), info.get("multiplicity", lowest)
    if found != (wanted.charge, wanted.multiplicity):
        raise DataError(
            f"was labelled with charge {found[0]:+d} and multiplicity {found[1]}, and now these "
            f"are {wanted.charge:+d} and {wanted.multiplicity}; give another -o",
            output,
            number,
        )
