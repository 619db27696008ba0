"""The wheel brings the native sources that `physrep build` compiles.

Not the editable install: that reads them in the checkout, where a copy would go stale.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = {"plugin/native": "physrep/native", "lammps": "physrep/native/lammps"}


class NativeSources(BuildHookInterface):
    """Called by hatchling for every wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"].update(SOURCES)
