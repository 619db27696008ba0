"""Bonds, molecules and reactions along a trajectory."""
