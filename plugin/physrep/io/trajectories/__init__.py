"""Trajectories, one frame at a time."""
