"""From a checkpoint to a simulation: export, metadata, OpenMM, ASE."""
