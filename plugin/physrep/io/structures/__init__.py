"""Labelled structures: every supported file format, read into eV and Angstrom."""
