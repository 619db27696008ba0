"""OpenMM's forces of an exported file that this environment has."""

import pytest

from physrep.engines.openmm import TorchForce, import_openmmtorch, python_force

try:
    import_openmmtorch()
    MISSING = ""
except ImportError as error:
    MISSING = str(error)

needs_openmmtorch = pytest.mark.skipif(bool(MISSING), reason=MISSING)
FORCES = [python_force] if MISSING else [TorchForce, python_force]
force_of = FORCES[0]
