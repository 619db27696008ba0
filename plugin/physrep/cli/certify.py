"""The verb ``physrep certify``. Imports what it needs when it runs, as every verb does."""

import argparse
import json
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path


def add_certify(verbs: argparse._SubParsersAction) -> None:
    """The verb and its options."""
    verb = verbs.add_parser("certify", help="is a potential fit for MD? checks and a report")
    verb.add_argument("model", help=".ckpt, .pt, or ase:MODULE:CLASS")
    verb.add_argument("structure", help="the system, any format ASE reads")
    verb.add_argument("--level", default="quick", help="quick (default), standard or full")
    verb.add_argument("--reference", metavar="DATA", help="data behind the potential")
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument(
        "--bonds", metavar="KINDS", help="bonds to pull, e.g. N-O,N-H; default: every kind"
    )
    verb.add_argument(
        "--scan-reference",
        default="gfn2",
        metavar="MODEL",
        help="what bond scans are compared with: gfn2 (default), none, or a model",
    )
    verb.add_argument(
        "--periodic-scans", action="store_true", help="pull the bonds in the periodic box, too"
    )
    verb.add_argument(
        "--committee", nargs="+", default=[], metavar="MODEL", help="further models of one fit"
    )
    verb.add_argument(
        "--survival", type=float, metavar="PS", help="length of the NVT runs; default: the level's"
    )
    verb.add_argument(
        "--stamp", action="store_true", help="write the verdict into the model's file"
    )
    verb.add_argument("-o", "--output", default="out/certificate", metavar="DIR")
    verb.add_argument("--json", action="store_true")
    verb.set_defaults(run=_certify)


def _certify(parsed: argparse.Namespace) -> int:
    from physrep.studies.certify.certificate import certify, write_certificate
    from physrep.studies.certify.context import Options
    from physrep.studies.certify.stamp_model import Stamp

    bonds = tuple(parsed.bonds.split(",")) if parsed.bonds else ()
    options = Options(
        bonds,
        parsed.scan_reference,
        parsed.periodic_scans,
        tuple(parsed.committee),
        parsed.survival,
    )
    stamp = Stamp(parsed.model) if parsed.stamp else None
    # Some calculators print (TBLite its cycles); the output is the answer alone.
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        found = certify(
            parsed.model, parsed.structure, parsed.level, parsed.reference, parsed.seed, options
        )
    write_certificate(found, Path(parsed.output), ["physrep", *sys.argv[1:]])
    if stamp is not None:
        stamp.write(found)
    if parsed.json:
        print(json.dumps(found.as_dict(), indent=1))
    else:
        stamped = f"\n{parsed.model}: verdict written" if stamp is not None else ""
        print(f"{parsed.model}: {found.line()}\n{parsed.output}/report.html{stamped}")
    return 1 if found.verdict == "fail" else 0
