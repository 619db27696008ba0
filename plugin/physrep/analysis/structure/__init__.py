"""Radial distributions, neighbours, geometries."""
