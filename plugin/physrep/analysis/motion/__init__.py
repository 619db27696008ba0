"""Displacements, velocities, charge transport."""
