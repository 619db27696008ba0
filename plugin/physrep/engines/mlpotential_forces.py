"""openmm-ml: the forces of an exported file for the atoms that it names."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from openmmml.mlpotential import MLPotentialImpl

from physrep.engines.metadata import read_metadata
from physrep.engines.openmm import add_potential, python_force


class PhysRepPotential(MLPotentialImpl):
    """An exported file for the atoms that openmm-ml names, by PythonForce."""

    def __init__(self, path: str | Path) -> None:
        """path: of the exported file; one without a topology serves any atoms."""
        self.path = path

    def addForces(  # noqa: N802 (of openmm-ml)
        self,
        topology: Any,
        system: Any,
        atoms: Iterable[int] | None,
        forceGroup: int,  # noqa: N803
        **args: Any,
    ) -> None:
        """Add the Force to ``system``; args: ``device`` and ``total_charge``, see
        ``add_potential``.

        Raises:
            As :func:`physrep.engines.openmm.add_potential`.
        """
        device, charge = args.get("device"), args.get("total_charge")
        if system.getNumParticles() > 0:
            force = add_potential(
                system, topology, self.path, atoms, device=device, total_charge=charge
            )
        else:  # with interpolate=True openmm-ml collects forces in an empty System
            force = python_force(self.path, topology, device, atoms, charge)
            system.addForce(force)
        force.setForceGroup(forceGroup)

    def getMLLongRange(self) -> bool:  # noqa: N802 (of openmm-ml)
        """Whether the potential has charges; without, interactions end at the cutoff."""
        return read_metadata(self.path).electrostatics is not None
