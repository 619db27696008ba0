"""Where the compiled parts of physrep lie. Imports nothing heavy: ``lmp`` asks at every start."""

import importlib.metadata
import os
from pathlib import Path

PLUGIN_FILE = "physrepplugin.so"  # LAMMPS loads what ends in plugin.so by itself
OPERATORS_FILE = "libphysrep_ops.so"
DIRECTORY = Path(__file__).resolve().parent / "lib"  # where a wheel puts them


def find_built(file: str) -> Path | None:
    """The compiled file of that name, None where it is not installed; never raises.

    A build by hand that LAMMPS_PLUGIN_PATH names goes before the installed one: LAMMPS keeps the
    first plugin of a name that it meets and ignores later ones.
    """
    named = [Path(place) for place in os.environ.get("LAMMPS_PLUGIN_PATH", "").split(":") if place]
    places = [place / file for place in (*named, DIRECTORY)]
    return next((path for path in [*places, *files_of("physrep", file)] if path.is_file()), None)


def files_of(distribution: str, name: str) -> list[Path]:
    """Files of that name in an installed distribution: those of an editable install lie apart."""
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [Path(str(file.locate())) for file in files if file.name == name]
