"""All settings of a fit with types, limits, defaults, units and meaning: as JSON
schema, with which editors complete and check config files, or as a page. A config file
names its schema in its first line: # yaml-language-server: $schema=physrep.schema.json

Examples:
  physrep schema -o physrep.schema.json
  physrep schema --markdown -o configuration.md
"""

import argparse
import json
from pathlib import Path

from physrep.output import check_output_file, write_file


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("--markdown", action="store_true", help="a page instead of JSON schema")
    verb.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="file to write (default: print)"
    )


def run(parsed: argparse.Namespace) -> int:
    """Print or write the settings."""
    if parsed.output is not None:
        check_output_file(parsed.output)
    from physrep_training.fit.schema import reference_page, settings_schema

    page = parsed.markdown
    text = reference_page() if page else json.dumps(settings_schema(), indent=1) + "\n"
    if parsed.output is None:
        print(text, end="")
    else:
        write_file(parsed.output, text)
        print(f"{parsed.output}: written")
    return 0
