"""Frames that mean nothing are named by their atoms."""

import numpy as np
import pytest
from ase import Atoms
from ean_systems import SYSTEMS
from systems import neighbors_of

from physrep.engines.ase import PhysRepCalculator
from physrep.engines.frame_checks import FrameError, check_apart, check_contacts, check_finite
from physrep.units import NM_IN_ANGSTROM

SHORTEST = {"H-H": 1.5, "C-H": 1.0, "C-C": 1.4, "H-N": 0.96, "C-N": 1.4, "N-N": 2.8, "H-O": 1.3}


@pytest.mark.case
@pytest.mark.parametrize("periods", [0, 1])
def test_two_atoms_at_one_place_are_named(exports, periods):
    atoms = SYSTEMS["box"]()
    atoms.calc = PhysRepCalculator(exports.pt(None))
    atoms.positions[40] = atoms.positions[7] + periods * atoms.cell[1]
    words = f"atoms 7 .{atoms.symbols[7]}. and 40 .{atoms.symbols[40]}., .* are at the same place"
    with pytest.raises(FrameError, match=words):
        atoms.get_potential_energy()


@pytest.mark.case
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_positions_that_are_no_numbers_are_named(exports, value):
    atoms = SYSTEMS["pair"]()
    atoms.calc = PhysRepCalculator(exports.pt(None))
    atoms.positions[3, 1] = value
    with pytest.raises(FrameError, match=rf"NaN or infinity: 1 of .* atom 3 \({atoms.symbols[3]},"):
        atoms.get_forces()


def contacts_of(atoms: Atoms, shortest: dict[str, float]) -> None:
    found = neighbors_of(atoms, 2.0)
    symbols = atoms.get_chemical_symbols()
    check_contacts(symbols, found.edge_index, found.distances, shortest)


@pytest.mark.parametrize("name", SYSTEMS)
def test_ordinary_frames_pass(name):
    atoms = SYSTEMS[name]()
    found, symbols = neighbors_of(atoms, 2.0), atoms.get_chemical_symbols()
    check_finite(symbols, atoms.positions)
    check_apart(symbols, found.edge_index, found.distances)
    contacts_of(atoms, SHORTEST)


@pytest.mark.case
def test_nm_for_angstrom_is_a_contact_with_its_limit():
    atoms = SYSTEMS["pair"]()
    atoms.positions /= NM_IN_ANGSTROM
    message = r"atoms \d+ \(\w\) and \d+ \(\w\), .*far nearer than .*limit .* A\): check the unit"
    with pytest.raises(FrameError, match=message):
        contacts_of(atoms, SHORTEST)


def test_the_limit_is_half_the_shortest_distance_of_the_two_elements():
    pair = Atoms("HC", [[0, 0, 0], [0, 0, 0.501]])
    contacts_of(pair, SHORTEST)
    pair.positions[1, 2] = 0.499
    with pytest.raises(FrameError, match=r"atoms 0 \(H\) and 1 \(C.* 0.499 A apart.*limit 0.5 A"):
        contacts_of(pair, SHORTEST)
    contacts_of(pair, {})  # nothing is known: 0.2 A
