"""physrep: machine-learned potentials for ionic liquids, in OpenMM, LAMMPS and ASE."""

import sys

__version__ = "0.2.0"

# LAMMPS imports this package at every start, whatever it is used for, and must not pay for PyTorch.
if "torch" in sys.modules:
    import physrep.ops  # noqa: F401 (registers the operators that exported files may need)
