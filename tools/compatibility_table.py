"""Write the table of versions into README.md: what the tested environments hold, what is accepted.

``python tools/compatibility_table.py`` rewrites it, with ``--check`` it only compares.
"""

import re
import sys
from pathlib import Path

from physrep.install.compatibility import REQUIREMENTS, Requirement

REPOSITORY = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- versions: written by make requirements -->\n", "<!-- versions: end -->"
ENVIRONMENTS = {"make setup": "requirements.txt", "make latest": "requirements-latest.txt"}


def read_pins(text: str) -> dict[str, str]:
    """Package -> version of a requirements file."""
    return dict(re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==(\S+)", text, re.MULTILINE))


def format_table(pins: dict[str, dict[str, str]]) -> str:
    """Markdown; ``pins``: environment -> package -> version."""
    rows = [["package", "accepted", *(f"tested, `{name}`" for name in pins), "for", "install"]]
    rows += [["---"] * len(rows[0])]
    rows += [_row(requirement, list(pins.values())) for requirement in REQUIREMENTS]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(requirement: Requirement, environments: list[dict[str, str]]) -> list[str]:
    name = requirement.name
    tested = ["3.11" if name == "python" else pins.get(name, "-") for pins in environments]
    needs = f", torch {requirement.torch}" if requirement.torch else ""
    extra = f"`physrep[{requirement.extra}]`" if requirement.extra else "`physrep`"
    accepted = f"`{requirement.specifier}`{needs}"
    return [name, accepted, *tested, requirement.needed_for, "" if name == "python" else extra]


def updated(readme: str) -> str:
    """The README with the table as it should be. Raises ValueError where its marks are missing."""
    if BEGIN not in readme or END not in readme:
        raise ValueError(f"README.md lacks the marks {BEGIN.strip()} and {END}")
    pins = {name: read_pins((REPOSITORY / file).read_text()) for name, file in ENVIRONMENTS.items()}
    before, after = readme.partition(BEGIN)[0], readme.partition(END)[2]
    return f"{before}{BEGIN}{format_table(pins)}{END}{after}"


if __name__ == "__main__":
    file = REPOSITORY / "README.md"
    old = file.read_text()
    new = updated(old)
    if "--check" in sys.argv[1:]:
        sys.exit(0 if new == old else "README.md: the table of versions is old: make requirements")
    file.write_text(new)
