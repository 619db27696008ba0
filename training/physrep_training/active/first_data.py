"""Stage start: the first data of a liquid, from its SMILES: boxes, MD of each, labels."""

from pathlib import Path

import ase.io
from ase import Atoms

from physrep.config import ConfigError
from physrep.io import iter_structures
from physrep.output import make_folder, replacing
from physrep.progress import progress
from physrep_training.active.active_config import StartConfig
from physrep_training.active.active_layout import Work
from physrep_training.active.add_labelled import write_in_order
from physrep_training.active.label_chosen import label
from physrep_training.boxes.assemble import BoxSettings, frames_of
from physrep_training.boxes.composition import check_neutral, read_parts
from physrep_training.labels.methods import method_of
from physrep_training.labels.read_frames import read_frames
from physrep_training.labels.sample_frames import sample_frames
from physrep_training.labels.separate_ions import SEPARATE
from physrep_training.sampling.md_settings import MDSettings


def make_first_data(work: Work) -> None:
    """Boxes, MD, labels, data; where the user gives data, a look at their level of theory.

    Raises:
        ConfigError: molecules of which no box is made, no frame that is worth a label, data by
            another method than label.method. UserError: as `label_frames`.
    """
    settings, layout, given = work.config.start, work.layout, work.config.label
    method = method_of(given.method, given.words)  # before hours of work: is it there at all?
    if settings is None:
        check_level([*work.config.first_files, *work.config.extra_files], method.name)
        return
    if layout.first_data.exists():
        return
    folder = make_folder(layout.start)
    boxes, frames, labelled = (
        folder / f"{name}.extxyz" for name in ("boxes", "frames", "labelled")
    )
    if not boxes.exists():
        _write(boxes, made_boxes(settings, work.config.seed))
    if not frames.exists():
        _write(frames, _sampled(boxes, folder, settings, work.config.seed))
    label(frames, labelled, given)
    if not labelled.exists() or not labelled.stat().st_size:
        raise ConfigError(
            f"no frame of {frames} has labels by label.method = {given.method}; see "
            "the reasons above, and give another start or method"
        )
    write_in_order([labelled], layout.first_data)


def check_level(files: list[Path], method: str) -> None:
    """Refuse data whose frames state another level of theory; isolated atoms may have any.

    Raises:
        ConfigError: naming the file. DataError: it cannot be read.
    """
    for file in files:
        frames = (one for one in iter_structures(file, unread="ignore") if len(one) > 1)
        stated = {str(one.info["method"]) for one in frames if "method" in one.info}
        other = {name for name in stated if name.removesuffix(SEPARATE) != method}
        if other:
            raise ConfigError(
                f"{file} states the method {min(other)}, and label.method gives {method}: one fit "
                "needs labels of one method; change label, or the data"
            )


def made_boxes(settings: StartConfig, seed: int) -> list[Atoms]:
    """Boxes, or clusters, of the molecules."""
    parts = read_parts(settings.molecules, settings.count)
    if not settings.cluster:
        check_neutral(parts)
    made = []
    for k in range(settings.boxes):
        for density in settings.densities or (None,):
            box = BoxSettings(density=density, cluster=settings.cluster, seed=seed + k)
            made += [frame.atoms for frame in frames_of(parts, box)]
    return made


def _sampled(boxes: Path, folder: Path, settings: StartConfig, seed: int) -> list[Atoms]:
    """Frames of MD of every box at every temperature; what is done is not done again."""
    runs = [
        (k, temperature)
        for k in range(len(read_frames(boxes)))
        for temperature in settings.temperatures
    ]
    frames = []
    for number, (k, temperature) in enumerate(progress(runs, "active", "run")):
        box = folder / f"box_{k}.extxyz"
        output = folder / f"md_{k}_{temperature:g}K.extxyz"
        if not box.exists():
            _write(box, [read_frames(boxes)[k]])
        sample(box, output, settings, temperature, seed + number)
        if output.exists():
            frames += read_frames(output)
    if not frames:
        raise ConfigError(
            f"no MD of {boxes} gives a frame that is worth a label: give start.model something "
            "that knows these molecules, or a lower density"
        )
    return frames


def sample(box: Path, output: Path, settings: StartConfig, temperature: float, seed: int) -> None:
    """The one place where frames are sampled; goes on where it was."""
    md = MDSettings((temperature,), ps=settings.ps, every_fs=settings.every_fs, seed=seed)
    sample_frames(box, settings.model, output, md)


def _write(path: Path, frames: list[Atoms]) -> None:
    with replacing(path) as partial:
        ase.io.write(partial, frames, format="extxyz")
