"""Reference energies and forces from electronic structure methods."""
