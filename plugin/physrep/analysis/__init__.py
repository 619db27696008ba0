"""Trajectories as NumPy arrays in, numbers and figures out; no torch, no engine."""
