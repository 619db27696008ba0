"""Make one committee of several fits: its energy is the mean of theirs, and where they
disagree none of them is to be trusted. Members are fits that differ in run.seed ('physrep
repeat' makes them and writes their committee too). With --calibrate the deviation of the
members is compared with the errors on labelled frames that none of them was fitted to, and
the factor between the two is kept in the file. A committee given alone is calibrated again.

Examples:
  physrep committee seed_0/best.ckpt seed_1/best.ckpt seed_2/best.ckpt -o committee.ckpt
  physrep committee a.ckpt b.ckpt --calibrate test.extxyz --figure calibration.png -o ab.ckpt
  physrep committee ab.ckpt --calibrate new.extxyz --forces-key REF_forces -o ab-new.ckpt
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from physrep.cli.verb import answer_alone, check_inputs, check_models
from physrep.errors import UserError
from physrep.output import check_output_file

if TYPE_CHECKING:
    from physrep.checkpoint import Checkpoint
    from physrep.studies.evaluate.calibration import Calibration

LABELS = ("format", "units", "energy_key", "forces_key")
OF_CALIBRATION = (*LABELS, "figure")


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("members", nargs="+", metavar="CKPT", help=".ckpt of each member")
    verb.add_argument(
        "--calibrate",
        metavar="FRAMES",
        help="labelled structures with forces that no member was fitted to: extxyz, npz, ...",
    )
    verb.add_argument("--figure", metavar="PNG", help="picture of the calibration")
    verb.add_argument("--format", help="of the frames, if their name does not show it")
    verb.add_argument("--units", help="of the frames' energies, if not those of the format")
    verb.add_argument("--energy-key", help="name of the energies in the frames, e.g. REF_energy")
    verb.add_argument("--forces-key", help="name of the forces in the frames, e.g. REF_forces")
    verb.add_argument("-o", "--output", required=True, help="file to write, e.g. committee.ckpt")
    verb.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(parsed: argparse.Namespace) -> int:
    """Check, calibrate, write; say what the file holds."""
    check_models(*parsed.members, exported=False, calculators=False)
    check_inputs(parsed.calibrate)
    inputs = (*parsed.members, parsed.calibrate)
    check_output_file(parsed.output, inputs)
    if parsed.figure:
        check_output_file(parsed.figure, (*inputs, parsed.output))
    for name in OF_CALIBRATION if parsed.calibrate is None else ():
        if getattr(parsed, name) is not None:
            raise UserError(f"--{name.replace('_', '-')} means nothing without --calibrate FRAMES")
    from physrep.checkpoint import save_checkpoint

    committee = _committee(parsed.members)
    found = None
    if parsed.calibrate:
        with answer_alone():
            found = _calibrated(committee, parsed)
        committee.calibration = found.as_dict()
    save_checkpoint(committee, parsed.output)
    print(_answer(committee, found, parsed))
    return 0


def _committee(paths: list[str]) -> "Checkpoint":
    from physrep.checkpoint import load_checkpoint, members_of, new_committee

    read = [load_checkpoint(path) for path in paths]
    if len(read) == 1:
        members = members_of(read[0])
        if len(members) < 2:
            raise UserError(f"{paths[0]}: one potential, and a committee needs two or more")
        return new_committee(members)
    for path, one in zip(paths, read, strict=True):
        if len(members_of(one)) > 1:
            raise UserError(f"{path}: is a committee itself; give the checkpoints of its members")
    return new_committee(read, paths)


def _calibrated(committee: "Checkpoint", parsed: argparse.Namespace) -> "Calibration":
    from physrep.checkpoint import save_checkpoint
    from physrep.engines.ase import PhysRepCalculator
    from physrep.figures.calibration_plots import calibration_figure
    from physrep.figures.save import save_figure
    from physrep.io import iter_structures
    from physrep.studies.evaluate.calibration import calibrate

    labels = {name: getattr(parsed, name) for name in LABELS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "committee.ckpt"
        save_checkpoint(committee, path)
        calculator = PhysRepCalculator(path, check_contacts=False)
        frames = iter_structures(parsed.calibrate, **labels)
        found, compared = calibrate(calculator, frames, Path(parsed.calibrate).name)
    if parsed.figure:
        save_figure(calibration_figure(*compared, found.force_factor), Path(parsed.figure))
    return found


def _answer(
    committee: "Checkpoint", found: "Calibration | None", parsed: argparse.Namespace
) -> str:
    from physrep.checkpoint import members_of

    models = [one.model_name for one in members_of(committee)]
    if parsed.json:
        about = {"output": parsed.output, "members": models, "calibration": committee.calibration}
        return json.dumps(about, indent=1)
    species = " ".join(committee.model.symbols)
    head = f"{parsed.output}: committee of {len(models)} ({', '.join(models)}), {species}"
    return "\n".join([head, *(found.lines() if found else ["not calibrated: --calibrate FRAMES"])])
