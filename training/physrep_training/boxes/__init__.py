"""Boxes, slabs, clusters and pairs of molecules from their SMILES."""
