"""What the file of labelled frames holds already: resumed, never mixed, repaired after a kill."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from physrep.io import DataError
from physrep.progress import say
from physrep_training.labels.electrons import Electrons
from physrep_training.labels.frame_file import cut_unfinished
from physrep_training.labels.level import LabelMethod
from physrep_training.labels.read_frames import read_frames
from physrep_training.labels.separate_ions import SEPARATE

INDEX = "label_index"


def labelled_before(output: Path, electrons: Sequence[Electrons], method: LabelMethod) -> set[int]:
    """Numbers of the frames that the output holds; a last frame that a killed run left unfinished
    is cut off.

    Raises:
        DataError: it holds frames that were not labelled here, of other frames, by another method,
            or with other settings, charge or spin.
    """
    if not output.exists() or not output.stat().st_size:
        return set()
    if cut_unfinished(output, INDEX):
        say("label", f"{output}: the last frame was not finished and is labelled again")
    done: set[int] = set()
    programs: set[str] = set()
    for number, atoms in enumerate(read_frames(output)):
        index = atoms.info.get(INDEX)
        if index is None:
            raise DataError("holds frames without label_index, not from 'physrep label'", output)
        if index >= len(electrons):
            raise DataError(
                f"label_index is {index}, and there are {len(electrons)} frames to label: it was "
                f"made from another file; give another -o",
                output,
                number,
            )
        _check_method(atoms.info, method, output, number)
        _check_state(atoms.info, electrons[index], output, number)
        programs.add(str(atoms.info.get("method_program", method.program)))
        done.add(int(index))
    for program in sorted(programs - {method.program}):
        say("label", f"frames of {output} were labelled by {program}, and this is {method.program}")
    return done


def _check_method(info: dict[str, Any], method: LabelMethod, output: Path, number: int) -> None:
    """Frames of earlier versions state no settings: they had the defaults."""
    name = str(info.get("method")).removesuffix(SEPARATE)
    settings = info.get("method_settings", method.settings)
    if (name, str(settings)) == (method.name, method.settings):
        return
    found = f"{name} ({settings})" if name == method.name else name
    wanted = f"{method.name} ({method.settings})" if name == method.name else method.name
    raise DataError(
        f"was labelled by {found}, and now this is {wanted}; give another -o", output, number
    )


def _check_state(info: dict[str, Any], wanted: Electrons, output: Path, number: int) -> None:
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
