"""Molecules of a structure and the ions among them."""

from ase import Atoms
from ase.build import bulk, molecule
from ean_systems import ean_box

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.chemistry.named_pieces import ions_in, named_pieces


def given(atoms: Atoms) -> tuple:
    return atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc


def test_ions_of_a_liquid_across_its_boundaries():
    liquid = ean_box()
    assert ions_in(*given(liquid)) == {"C2H8N+": 1, "NO3-": -1}
    liquid.wrap()
    assert ions_in(*given(liquid)) == {"C2H8N+": 1, "NO3-": -1}


def test_pieces_cover_all_atoms_once():
    liquid = ean_box()
    numbers, positions, cell, pbc = given(liquid)
    pieces = named_pieces(numbers, find_bonds(positions, numbers, cell, pbc).pairs)
    assert len(pieces) == 30
    assert sorted(k for piece in pieces for k in piece.indices) == list(range(225))


def test_salts_have_ions_metals_and_molecules_have_none():
    assert ions_in(*given(bulk("CaF2", "fluorite", a=5.46, cubic=True))) == {"F-": -1, "Ca(2+)": 2}
    assert ions_in(*given(bulk("Al", cubic=True))) == {}
    assert ions_in(*given(molecule("CH3OH"))) == {}
