"""Averages with errors, and survival curves."""
