"""C6 coefficients of DFT-D3 for a potential with dispersion, averaged over structures.

S. Grimme, J. Antony, S. Ehrlich, H. Krieg, J. Chem. Phys. 132 (2010) 154104, by the package dftd3.
There C6 depends on the surroundings of both atoms; a potential takes one weight w for each element,
C6_ab = w_a w_b. For C, H, N and O that holds within 4 %.
"""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
from ase.data import chemical_symbols
from ase.units import Bohr, Hartree

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.chemistry.whole_molecules import whole_molecules
from physrep.config import ConfigError
from physrep.io import Structure
from physrep.potential import Potential

N_STRUCTURES = 20


def set_dispersion(
    potential: Potential, structures: Sequence[Structure], elements: Sequence[int]
) -> None:
    """Fill the weights of these elements (atomic numbers); nothing without dispersion.

    Raises:
        ConfigError: dftd3 is not installed, or it knows no coefficients of an element.
    """
    if potential.dispersion is None:
        return
    chosen = np.linspace(0, len(structures) - 1, min(N_STRUCTURES, len(structures))).astype(int)
    weights = d3_weights([structures[k] for k in chosen], elements)
    for z, weight in weights.items():
        potential.dispersion.weights[potential.species.index(z)] = weight


def d3_weights(structures: Sequence[Structure], elements: Sequence[int]) -> dict[int, float]:
    """Atomic number -> w in eV^(1/2) A^3, by least squares of log C6 over all pairs of elements.

    Raises:
        ConfigError: see :func:`set_dispersion`.
    """
    logs: dict[tuple[int, int], list[float]] = {}
    for structure in structures:
        c6 = d3_coefficients(structure)
        present = np.unique(structure.species).tolist()
        for a, b in combinations_with_replacement(present, 2):
            block = c6[np.ix_(structure.species == a, structure.species == b)]
            block = block[block > 0.0]  # without the diagonal
            if block.size:
                logs.setdefault((a, b), []).append(float(np.log(block).mean()))
    species = sorted({z for pair in logs for z in pair})
    rows = [[float((z == a) + (z == b)) for z in species] for a, b in logs]
    means = [np.mean(values) for values in logs.values()]
    solution = np.linalg.lstsq(np.array(rows), np.array(means), rcond=None)[0]
    found = dict(zip(species, np.exp(solution).tolist(), strict=True))
    return {z: found[z] for z in elements if z in found}


def d3_coefficients(structure: Structure) -> np.ndarray:
    """C6 of every pair of atoms in eV A^6, (n_atoms, n_atoms), 0 on the diagonal.

    Molecules are made whole and taken without their images: D3 counts neighbours of covalent bonds.
    """
    try:
        from dftd3.interface import DispersionModel, RationalDampingParam
    except ImportError:
        raise ConfigError(
            "electrostatics.dispersion = d3: dftd3 is not installed; pip install "
            '"physrep[labels]", or set dispersion to none'
        ) from None
    species, cell = structure.species, structure.cell
    pairs = find_bonds(structure.positions, species, cell, structure.pbc).pairs
    positions = whole_molecules(structure.positions, pairs, cell, structure.pbc)
    try:
        model = DispersionModel(species, positions / Bohr)
    except RuntimeError as error:
        names = ", ".join(chemical_symbols[z] for z in np.unique(species))
        raise ConfigError(
            f"electrostatics.dispersion = d3: dftd3 says of {names}: {error}; set dispersion to "
            "none"
        ) from None
    model.set_realspace_cutoff(*3 * [10.0 + np.ptp(positions, axis=0).sum() / Bohr])
    undamped = RationalDampingParam(s6=1.0, s8=0.0, s9=0.0, a1=0.0, a2=0.0)
    energies = model.get_pairwise_dispersion(undamped)["additive pairwise energy"]
    apart = np.linalg.norm(positions[:, None] - positions, axis=2)
    return -2.0 * energies * Hartree * apart**6
