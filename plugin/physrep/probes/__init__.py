"""Experiments on a potential with any ASE calculator: relaxations, bond scans, short dynamics."""
