"""OpenMM's forces of an exported file that this environment has, and Systems for them."""

import openmm
import pytest
from ase import Atoms

from physrep.engines.openmm import TorchForce, import_openmmtorch, python_force
from physrep.units import NM_IN_ANGSTROM

try:
    import_openmmtorch()
    MISSING = ""
except ImportError as error:
    MISSING = str(error)

needs_openmmtorch = pytest.mark.skipif(bool(MISSING), reason=MISSING)
FORCES = [python_force] if MISSING else [TorchForce, python_force]
force_of = FORCES[0]


def bare_system(atoms: Atoms) -> openmm.System:
    """Particles with their masses, and the box; no forces."""
    system = openmm.System()
    for mass in atoms.get_masses():
        system.addParticle(mass)
    if atoms.pbc.all():
        system.setDefaultPeriodicBoxVectors(*(atoms.cell.array / NM_IN_ANGSTROM))
    return system
