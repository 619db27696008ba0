"""Collect frames of MD with a potential, to be labelled and added to the training data.
The run starts from a random frame of the data and stops where two atoms come closer
than 0.6 A: such frames are not worth a label.

Examples:
  physrep sample ase:tblite.ase:TBLite molecules.xyz --ps 0.5 -o new.extxyz
  physrep sample best.ckpt data/ean_gfn2.extxyz.gz --temperature 450 --ps 1.5 -o new.extxyz
"""

import argparse

from physrep.cli.verb import add_number, answer_alone, check_inputs, check_models, check_number
from physrep.output import check_output_file


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("model", help="checkpoint, exported file, or ase:MODULE:CLASS")
    verb.add_argument("data", help="frames to start from, in any format that ASE reads")
    verb.add_argument(
        "--temperature", type=float, default=300.0, metavar="K", help="in K (default 300)"
    )
    verb.add_argument("--ps", type=float, default=1.0, help="length of the MD in ps (default 1)")
    verb.add_argument(
        "--every-fs", type=float, default=100.0, metavar="FS", help="between frames (default 100)"
    )
    verb.add_argument(
        "--scale-cell",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="of the cell lengths, e.g. 1.02 for a density 6 %% lower (default 1)",
    )
    add_number(verb, "--seed", "of frame and velocities (default 0)", least=0, default=0)
    verb.add_argument("-o", "--output", required=True, help="extxyz file to write")


def run(parsed: argparse.Namespace) -> int:
    """Run MD and write its frames; exit code 1 where no frame is worth a label."""
    check_models(parsed.model)
    check_inputs(parsed.data)
    check_number("--temperature", parsed.temperature, "K", zero=True)
    check_number("--ps", parsed.ps, "ps")
    check_number("--every-fs", parsed.every_fs, "fs")
    check_number("--scale-cell", parsed.scale_cell)
    check_output_file(parsed.output, (parsed.model, parsed.data))
    from physrep_training.labels.sample_frames import MDSettings, sample_frames

    settings = MDSettings(
        parsed.temperature, parsed.ps, parsed.every_fs, parsed.scale_cell, parsed.seed
    )
    with answer_alone():
        n_frames = sample_frames(parsed.model, parsed.data, parsed.output, settings)
    print(f"sample: {n_frames} frames in {parsed.output}")
    return 0 if n_frames else 1
