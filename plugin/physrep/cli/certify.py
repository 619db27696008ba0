"""Is a potential fit for MD? Checks, a verdict and a report.

Examples:
  physrep certify ean-jat.ckpt ean.pdb --level quick -o out/certificate
  physrep certify best.ckpt box.extxyz --reference data.extxyz --survival 20 --stamp
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from physrep.cli.verb import (
    add_number,
    add_report_options,
    answer_alone,
    check_inputs,
    check_models,
    check_number,
)
from physrep.output import OutputError, check_output_file, check_output_folder

if TYPE_CHECKING:
    from physrep.studies.certify.certificate import Certificate

FILES = ("certificate.json", "report.html")


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("model", help=".ckpt, .pt, or ase:MODULE:CLASS")
    verb.add_argument("structure", help="the system to simulate, in any format that ASE reads")
    verb.add_argument(
        "--level",
        default="quick",
        choices=("quick", "standard", "full"),
        help="how long and how strict: quick (default), standard or full",
    )
    verb.add_argument("--reference", metavar="DATA", help="data that the potential was fitted to")
    add_number(verb, "--seed", "of velocities and noise (default 0)", least=0, default=0)
    verb.add_argument(
        "--bonds", metavar="KINDS", help="bonds to stretch, e.g. N-O,N-H (default: every kind)"
    )
    verb.add_argument(
        "--scan-reference",
        default="gfn2",
        metavar="MODEL",
        help="what bond scans and ion pairs are compared with: gfn2 (default), none, or a model",
    )
    verb.add_argument(
        "--periodic-scans", action="store_true", help="also stretch the bonds in the periodic box"
    )
    verb.add_argument(
        "--committee",
        nargs="+",
        default=[],
        metavar="MODEL",
        help="more models of the same fit, for the spread of their forces",
    )
    verb.add_argument(
        "--survival",
        type=float,
        metavar="PS",
        help="length of the NVT runs in ps (default: the level's)",
    )
    verb.add_argument(
        "--stamp", action="store_true", help="write the verdict into the model's file"
    )
    add_report_options(verb, "out/certificate", "the verdict")


def run(parsed: argparse.Namespace) -> int:
    """Certify, write the report, print the verdict; exit code 1 where it is 'fail'."""
    _check(parsed)
    from physrep.studies.certify.certificate import write_certificate
    from physrep.studies.certify.stamp_model import Stamp

    stamp = Stamp(parsed.model) if parsed.stamp else None
    certificate = _certify(parsed)
    everything = json.dumps(certificate.as_dict(), indent=1)
    print(everything if parsed.json else f"{parsed.model}: {certificate.line()}", flush=True)
    try:
        write_certificate(certificate, Path(parsed.output), ["physrep", *sys.argv[1:]])
    except OutputError:
        if not parsed.json:
            print(everything, flush=True)  # hours of work, which the disk does not take
        raise
    if not parsed.json:
        print(f"{parsed.output}/report.html")
    if stamp is not None:
        stamp.write(certificate)
        if not parsed.json:
            print(f"{parsed.model}: verdict written")
    return 1 if certificate.verdict == "fail" else 0


def _check(parsed: argparse.Namespace) -> None:
    """Inputs and outputs, before PyTorch is imported."""
    check_models(parsed.model, *parsed.committee)
    check_inputs(parsed.structure, parsed.reference)
    check_number("--survival", parsed.survival, "ps")
    inputs = (parsed.model, *parsed.committee, parsed.structure, parsed.reference)
    check_output_folder(parsed.output, inputs, FILES)
    if parsed.stamp and Path(parsed.model).is_file():
        check_output_file(parsed.model, option="--stamp")


def _certify(parsed: argparse.Namespace) -> "Certificate":
    from physrep.studies.certify.certificate import certify
    from physrep.studies.certify.task import Options

    bonds = tuple(parsed.bonds.split(",")) if parsed.bonds else ()
    scans = (bonds, parsed.scan_reference, parsed.periodic_scans)
    options = Options(*scans, tuple(parsed.committee), parsed.survival)
    arguments = (parsed.level, parsed.reference, parsed.seed, options)
    with answer_alone():
        return certify(parsed.model, parsed.structure, *arguments)
