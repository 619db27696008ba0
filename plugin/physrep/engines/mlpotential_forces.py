"""openmm-ml: the forces of an exported file for the atoms that it names."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from openmmml.mlpotential import MLPotentialImpl

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
        """Add the Force to ``system``; args: ``device``, see ``add_potential``.

        Raises:
            As :func:`physrep.engines.openmm.add_potential`.
        """
        device = args.get("device")
        if system.getNumParticles() > 0:
            force = add_potential(system, topology, self.path, atoms, device=device)
        else:  # with interpolate=True openmm-ml collects forces in an empty System
            force = python_force(self.path, topology, device, atoms)
            system.addForce(force)
        force.setForceGroup(forceGroup)

    def getMLLongRange(self) -> bool:  # noqa: N802 (of openmm-ml)
        """Interactions end at the cutoff."""
        return False
