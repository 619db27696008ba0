"""From a checkpoint to a simulation: export, metadata, OpenMM, LAMMPS, ASE."""
