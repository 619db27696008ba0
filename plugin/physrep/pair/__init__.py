"""Pair energies: one equation each, tensors in, energies out."""
