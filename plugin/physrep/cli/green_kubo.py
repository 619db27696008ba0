"""Viscosity and thermal conductivity from what LAMMPS wrote of pressure and heat flux.

The file is a log of LAMMPS or what 'fix ave/time' wrote, of a run at equilibrium without
thermostat or barostat; lammps/in.heatflux is an input that writes both files.

Examples:
  physrep green-kubo viscosity pressure.dat --timestep 0.5 --volume 2147 --temperature 300
  physrep green-kubo conductivity heatflux.dat --timestep 0.5 --volume 2147 --temperature 300
  physrep green-kubo viscosity log.lammps --timestep 0.5 --cutoff 5 --json
"""

import argparse
import json

from physrep.cli.verb import check_inputs, check_number
from physrep.output import check_output_file, write_file


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("quantity", choices=["viscosity", "conductivity"], help="what to compute")
    verb.add_argument("file", help="log of LAMMPS, or file of fix ave/time")
    verb.add_argument(
        "--timestep", type=float, required=True, metavar="FS", help="of the run, in fs"
    )
    verb.add_argument("--volume", type=float, metavar="A3", help="in A^3; default: column Volume")
    verb.add_argument("--temperature", type=float, metavar="K", help="in K; default: column Temp")
    verb.add_argument(
        "--units", choices=["metal", "real"], default="metal", help="unit style (default metal)"
    )
    verb.add_argument(
        "--columns",
        nargs="+",
        metavar="NAME",
        help="of the six pressures (xx yy zz xy xz yz) or of the heat flux; c_flux stands for "
        "c_flux[1] c_flux[2] ...; default: Pxx Pyy ..., or the first columns of the file",
    )
    verb.add_argument(
        "--currents",
        nargs="+",
        metavar="NAME",
        help="for the conductivity of a mixture: columns of currents, three for each",
    )
    verb.add_argument(
        "--cutoff",
        type=float,
        metavar="PS",
        help="of the integral, in ps; default: where the correlation has become noise",
    )
    verb.add_argument(
        "-o", "--output", metavar="FILE", help="also write all curves to this JSON file"
    )
    verb.add_argument("--json", action="store_true", help="print the JSON instead of a line")


def run(parsed: argparse.Namespace) -> int:
    """Read, integrate, print."""
    check_inputs(parsed.file)
    check_number("--timestep", parsed.timestep, "fs")
    check_number("--volume", parsed.volume, "A^3")
    check_number("--temperature", parsed.temperature, "K")
    check_number("--cutoff", parsed.cutoff, "ps")
    if parsed.output:
        check_output_file(parsed.output, (parsed.file,))
    from physrep.studies.analyze.green_kubo_files import as_dict, integrate, line

    result = integrate(
        parsed.quantity,
        parsed.file,
        1e-3 * parsed.timestep,
        parsed.volume,
        parsed.temperature,
        parsed.units,
        parsed.columns,
        parsed.currents,
        parsed.cutoff,
    )
    text = json.dumps(as_dict(parsed.quantity, result), indent=1)
    print(text if parsed.json else line(parsed.quantity, result), flush=True)
    if parsed.output:
        write_file(parsed.output, text + "\n")
    return 0
