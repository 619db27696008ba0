"""Fits compared with each other."""
