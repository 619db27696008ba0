"""Show what a checkpoint or an exported file holds.

Examples:
  physrep inspect ean.pt
  physrep inspect best.ckpt --json
"""

import argparse
import json

from physrep.cli.verb import check_models


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("file", help=".ckpt of a fit, or an exported .pt")
    verb.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(parsed: argparse.Namespace) -> int:
    """Print what the file holds."""
    check_models(parsed.file, calculators=False)
    from physrep.engines.inspect import describe_file, format_description

    described = describe_file(parsed.file)
    print(json.dumps(described, indent=1) if parsed.json else format_description(described))
    return 0
