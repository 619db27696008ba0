"""Collect frames of Langevin MD (0.5 fs), to be labelled and added to the training data: one
run for every temperature, density and seed, at constant volume or, with --pressure, at
constant pressure. The potential is what is there: --with auto chooses and says why. A frame
is taken when its potential energy is independent of that of the last one, or every so many
fs. A run stops where atoms come closer than 0.6 A, get far too hot or the potential fails:
such frames are not worth a label. Resumable, after a kill too: the same call goes on; it
keeps its state in OUTPUT.state.

Examples:
  physrep sample ean.pdb --temperature 300,400 --ps 5 -o md.extxyz
  physrep sample box.extxyz --with gfn2 --density 1.0:1.3:0.1 --seeds 3 -o md.extxyz
  physrep sample best.extxyz --with best.ckpt --pressure 1 --every-fs 250 --ps 20 -o md.extxyz
  physrep sample molecules.xyz --with ase:tblite.ase:TBLite --ps 0.5 -o md.extxyz
"""

import argparse
from pathlib import Path

from physrep.cli.verb import (
    add_number,
    answer_alone,
    check_inputs,
    check_models,
    check_number,
    number_list,
)
from physrep.errors import UserError
from physrep.output import check_output_file

WORDS = ("auto", "gfn2", "gfn1")  # of --with; else a file or a calculator of ASE
SUFFIXES = (".extxyz", ".extxyz.gz")
LEAST_FS = 0.5  # one time step


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument(
        "start", help="frames to start from, in any format that ASE reads; each seed draws one"
    )
    verb.add_argument(
        "--with",
        dest="potential",
        default="auto",
        metavar="POTENTIAL",
        help="what moves the atoms: auto (default), gfn2 or gfn1 (tblite), a checkpoint, an "
        "exported file, or ase:MODULE:CLASS",
    )
    lists = {
        "--temperature": ("K", "in K (default 300)"),
        "--density": ("D", "of periodic frames, in g/cm3, at the start (default: theirs)"),
    }
    for name, (unit, about) in lists.items():
        verb.add_argument(name, metavar=f"{unit},...", help=f"{about}; x,y,z or FROM:TO:STEP")
    verb.add_argument(
        "--pressure", type=float, metavar="BAR", help="constant, in bar (default: constant volume)"
    )
    verb.add_argument("--ps", type=float, default=1.0, help="length of each run in ps (default 1)")
    verb.add_argument(
        "--every-fs",
        type=float,
        metavar="FS",
        help="between frames (default: when energies are independent)",
    )
    add_number(verb, "--seed", "of frame, velocities and forces (default 0)", least=0, default=0)
    add_number(verb, "--seeds", "how many, from --seed on (default 1)", default=1)
    verb.add_argument("-o", "--output", type=Path, required=True, help="extxyz file to append to")


def run(parsed: argparse.Namespace) -> int:
    """Run MD and write its frames; exit code 1 where no frame is worth a label."""
    _check_files(parsed)
    temperatures = _numbers("--temperature", parsed.temperature or "300", "K", zero=True)
    densities = _numbers("--density", parsed.density, "g/cm3") if parsed.density else ()
    if parsed.pressure is not None and not abs(parsed.pressure) < float("inf"):
        raise UserError(f"--pressure {parsed.pressure:g}: must be a number, in bar")
    check_number("--ps", parsed.ps, "ps")
    check_number("--every-fs", parsed.every_fs, "fs")
    _check_length(parsed)
    from physrep_training.labels.sample_frames import sample_frames
    from physrep_training.sampling.md_settings import MDSettings

    settings = MDSettings(
        temperatures,
        densities,
        parsed.pressure,
        parsed.ps,
        parsed.every_fs,
        parsed.seed,
        parsed.seeds,
    )
    with answer_alone():
        sampled = sample_frames(parsed.start, parsed.potential, parsed.output, settings)
    stopped = f"; stopped: {', '.join(sampled.stopped)}" if sampled.stopped else ""
    print(f"sample: {sampled.n_frames} frames in {parsed.output}{stopped}")
    return 0 if sampled.n_frames else 1


def _check_files(parsed: argparse.Namespace) -> None:
    """Those that are read, and the one that is written."""
    check_inputs(parsed.start)
    name = parsed.potential
    if name in WORDS or name.startswith("ase:"):
        files: tuple[str, ...] = (parsed.start,)
    elif not Path(name).exists():
        words = ", ".join(WORDS)
        raise UserError(f"--with {name}: no such file; give {words}, a file, or ase:MODULE:CLASS")
    else:
        check_models(name)
        files = (parsed.start, name)
    check_output_file(parsed.output, files)
    if not parsed.output.name.lower().endswith(SUFFIXES):
        raise UserError(f"-o {parsed.output}: end the name in {' or '.join(SUFFIXES)}")


def _numbers(option: str, text: str, unit: str, zero: bool = False) -> tuple[float, ...]:
    """Each once: runs have their names by them."""
    numbers = number_list(option, text, unit, zero)
    for number in numbers:
        if numbers.count(number) > 1:
            raise UserError(f"{option} {text}: {number:g} is there twice; give it once")
    return numbers


def _check_length(parsed: argparse.Namespace) -> None:
    """Whole steps, and a run that is long enough for a frame."""
    every, length = parsed.every_fs, 1000.0 * parsed.ps
    if every is not None and abs(every / LEAST_FS - round(every / LEAST_FS)) > 1e-6:
        raise UserError(f"--every-fs {every:g}: give a multiple of the time step, {LEAST_FS:g} fs")
    least = 100.0 if every is None else every
    if length < least:
        raise UserError(
            f"--ps {parsed.ps:g}: is shorter than the {least:g} fs to the first frame; run longer"
            + ("" if every is not None else ", or give --every-fs")
        )
