"""Where the compiled parts of physrep lie. Imports nothing heavy: ``lmp`` asks at every start."""

import importlib.metadata
import os
import sys
from pathlib import Path

PLUGIN_FILE = "physrepplugin.so"  # LAMMPS loads what ends in plugin.so by itself
OPERATORS_FILE = "libphysrep_ops.so"
# Where `physrep build` puts them: one directory for each environment, as what is in it was compiled
# for the torch and the LAMMPS of that environment.
DIRECTORY = Path(sys.prefix) / "lib" / "physrep"


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
