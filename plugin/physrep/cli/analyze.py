"""Structure, motion and reactions of a trajectory.

Examples:
  physrep analyze md.dcd --topology ean.pdb --timestep 10 --temperature 300 -o out/analysis
  physrep analyze dump.lammpstrj --units metal --elements C H N O --timestep 10 --json
  physrep analyze salt.xtc --topology salt.gro --charges Li=1,PF6=-1 --temperature 330
  physrep analyze md.dcd --topology ean.pdb --timestep 1 --temperature 300 --charges ean.pt
"""

import argparse
import json
import sys
from pathlib import Path

from physrep.cli.verb import add_number, add_report_options, check_inputs, check_number
from physrep.errors import UserError
from physrep.output import check_output_folder

FILES = ("analysis.json", "report.html")


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument(
        "trajectory", help="LAMMPS dump, DCD, XTC, extxyz, or any format that ASE reads"
    )
    verb.add_argument(
        "--topology", metavar="FILE", help="PDB or GRO with the elements, for DCD and XTC"
    )
    verb.add_argument(
        "--timestep", type=float, metavar="FS", help="between frames of the file, in fs"
    )
    add_number(verb, "--start", "first frame, counted from 0", least=0, default=0)
    add_number(verb, "--stop", "first frame not to read")
    add_number(verb, "--stride", "every Nth frame", default=1)
    verb.add_argument("--units", choices=["metal", "real"], help="unit style of a LAMMPS dump")
    verb.add_argument(
        "--elements", nargs="+", metavar="X", help="elements of LAMMPS types 1, 2, ..."
    )
    images = verb.add_mutually_exclusive_group()
    images.add_argument("--wrapped", action="store_true", help="positions are wrapped: unwrap them")
    images.add_argument(
        "--unwrapped", action="store_true", help="positions are not wrapped: use them as they are"
    )
    add_number(verb, "--every", "use every Nth frame for structure", default=1)
    verb.add_argument("--r-max", type=float, metavar="A", help="largest distance of g(r), in A")
    verb.add_argument(
        "--intramolecular", action="store_true", help="include pairs within molecules in g(r)"
    )
    verb.add_argument(
        "--tau",
        type=float,
        default=50.0,
        metavar="FS",
        help="time of rattling displacements, in fs (default 50)",
    )
    verb.add_argument("--temperature", type=float, metavar="K", help="in K, for conductivities")
    verb.add_argument(
        "--charges",
        metavar="FILE|X=Q,...",
        help="charges of molecules by formula or name in e, e.g. Li=1,PF6=-1, or a file of them; "
        "or of atoms: a file with one in each line, or a model (.ckpt, .pt) that computes them",
    )
    verb.add_argument(
        "--total-charge",
        type=float,
        metavar="E",
        help="of all atoms in e, for a model that computes charges (default 0)",
    )
    verb.add_argument(
        "--quantum-correction",
        choices=["harmonic", "standard", "schofield", "none"],
        default="harmonic",
        help="factor of the infrared spectrum (default harmonic)",
    )
    verb.add_argument(
        "--molecules", metavar="FILE", help="one line for each atom: the molecule that it is in"
    )
    add_report_options(verb, "out/analysis", "text")


def _check(parsed: argparse.Namespace) -> None:
    """Options, before anything is read."""
    check_inputs(parsed.trajectory, parsed.topology, parsed.molecules)
    check_number("--timestep", parsed.timestep, "fs")
    check_number("--tau", parsed.tau, "fs", zero=True)
    check_number("--r-max", parsed.r_max, "A")
    check_number("--temperature", parsed.temperature, "K")
    if parsed.stop is not None and parsed.stop <= parsed.start:
        raise UserError(
            f"--start {parsed.start} --stop {parsed.stop}: no frame is between them; --stop must "
            "be above --start"
        )


def run(parsed: argparse.Namespace) -> int:
    """Analyze, print the results, write the report."""
    _check(parsed)
    read = (parsed.trajectory, parsed.topology, parsed.molecules, parsed.charges)
    check_output_folder(parsed.output, read, FILES)
    # Only now: matplotlib, and what reads trajectories.
    from physrep.studies.analyze.analyze_files import analyze, lines, write_analysis
    from physrep.studies.analyze.given import atom_charges, read_charges, read_molecules
    from physrep.studies.analyze.record import as_dict
    from physrep.studies.analyze.settings import Settings

    wrapped = True if parsed.wrapped else False if parsed.unwrapped else None
    arguments = (parsed.r_max, parsed.every, 1e-3 * parsed.tau, parsed.temperature, wrapped)
    of_atoms = atom_charges(parsed.charges, parsed.total_charge)
    charges = read_charges(parsed.charges) if parsed.charges and of_atoms is None else {}
    together = read_molecules(parsed.molecules) if parsed.molecules else None
    given = charges, together, parsed.quantum_correction
    settings = Settings(*arguments, parsed.intramolecular, *given)
    frames = (parsed.start, parsed.stop, parsed.stride)
    elements = dict(enumerate(parsed.elements or [], 1))
    reading = (parsed.timestep, parsed.units, elements)
    inputs = parsed.trajectory, parsed.topology, settings
    results = analyze(*inputs, *frames, *reading, charges=of_atoms)
    title, command = Path(parsed.trajectory).name, ["physrep", *sys.argv[1:]]
    # Before it is written: a disk that is full by now must not take the results with it.
    print(json.dumps(as_dict(results), indent=1) if parsed.json else lines(results), flush=True)
    write_analysis(results, Path(parsed.output), title, command)
    if not parsed.json:
        print(f"{parsed.output}/report.html")
    return 0
