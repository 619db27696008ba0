"""Molecules as atomic numbers and bonds."""

import numpy as np
from ase.data import atomic_numbers

from physrep.analysis.chemistry.known_molecules import skeleton


def graph(text):
    symbols, bonds = skeleton(text)
    return np.array([atomic_numbers[s] for s in symbols]), np.array(bonds, int).reshape(-1, 2)


def ring(symbols, with_hydrogen=True):
    n = len(symbols)
    species = [atomic_numbers[s] for s in symbols] + [1] * n * with_hydrogen
    bonds = [(k, (k + 1) % n) for k in range(n)] + [(k, n + k) for k in range(n)] * with_hydrogen
    return np.array(species), np.array(bonds)


def shuffled(species, bonds, seed):
    order = np.random.default_rng(seed).permutation(len(species))
    place = np.argsort(order)
    return species[order], place[bonds][::-1, ::-1] if len(bonds) else bonds
