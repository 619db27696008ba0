"""physrep: machine-learned potentials for ionic liquids, in OpenMM, LAMMPS and ASE."""

__version__ = "0.1.0"
