"""Show what is installed, whether it works, and what to do.

Examples:
  physrep doctor
  physrep doctor --json
"""

import argparse
import json
from dataclasses import asdict


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(parsed: argparse.Namespace) -> int:
    """Check everything; exit code 1 where something is wrong."""
    from physrep.install.doctor import all_ok, examine, format_table

    findings = examine()
    if parsed.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        print(format_table(findings))
    return 0 if all_ok(findings) else 1
