"""Figures and pages: arrays in, matplotlib figures and HTML out."""
