"""``physrep analyze``."""

import argparse
import json
import sys
from pathlib import Path


def add_analyze(verbs: argparse._SubParsersAction) -> None:
    """The verb and its options."""
    verb = verbs.add_parser("analyze", help="structure, motion and reactions of a trajectory")
    verb.add_argument("trajectory", help="LAMMPS dump, DCD, XTC, extxyz, or what ASE reads")
    verb.add_argument("--topology", metavar="FILE", help="PDB or GRO with the elements (DCD, XTC)")
    verb.add_argument("--timestep", type=float, metavar="FS", help="between frames of the file")
    verb.add_argument("--start", type=int, default=0, metavar="N", help="first frame, from 0")
    verb.add_argument("--stop", type=int, metavar="N", help="frame to stop before")
    verb.add_argument("--stride", type=int, default=1, metavar="N", help="every Nth frame")
    verb.add_argument("--units", choices=["metal", "real"], help="of a LAMMPS dump")
    verb.add_argument("--elements", nargs="+", metavar="X", help="of LAMMPS types 1, 2, ...")
    images = verb.add_mutually_exclusive_group()
    images.add_argument("--wrapped", action="store_true", help="positions are wrapped: unwrap them")
    images.add_argument("--unwrapped", action="store_true", help="they are not: take as they are")
    verb.add_argument(
        "--every", type=int, default=1, metavar="N", help="structure: Nth frames only"
    )
    verb.add_argument("--r-max", type=float, metavar="A", help="of the radial distributions")
    verb.add_argument("--intramolecular", action="store_true", help="g(r) within molecules, too")
    verb.add_argument("--tau", type=float, default=50.0, metavar="FS", help="rattling (default 50)")
    verb.add_argument("--temperature", type=float, metavar="K", help="for conductivities")
    verb.add_argument("-o", "--output", default="out/analysis", metavar="DIR")
    verb.add_argument("--json", action="store_true")
    verb.set_defaults(run=_analyze)


def _analyze(parsed: argparse.Namespace) -> int:
    # Only now: matplotlib, and what reads trajectories.
    from physrep.studies.analyze.analyze_files import analyze, lines, write_analysis
    from physrep.studies.analyze.record import as_dict
    from physrep.studies.analyze.settings import Settings

    wrapped = True if parsed.wrapped else False if parsed.unwrapped else None
    arguments = (parsed.r_max, parsed.every, 1e-3 * parsed.tau, parsed.temperature, wrapped)
    settings = Settings(*arguments, parsed.intramolecular)
    frames = (parsed.start, parsed.stop, parsed.stride)
    elements = dict(enumerate(parsed.elements or [], 1))
    reading = (parsed.timestep, parsed.units, elements)
    results = analyze(parsed.trajectory, parsed.topology, settings, *frames, *reading)
    title, command = Path(parsed.trajectory).name, ["physrep", *sys.argv[1:]]
    write_analysis(results, Path(parsed.output), title, command)
    if parsed.json:
        print(json.dumps(as_dict(results), indent=1))
    else:
        print(f"{lines(results)}\n{parsed.output}/report.html")
    return 0
